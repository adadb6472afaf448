"""The authorization endpoint: RFC 6749 section 4.1.1, RFC 7636 and RFC 9207."""

import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox import consent
from tokensync_cli.sandbox.apps import App, origin
from tokensync_cli.sandbox.oauth2.metadata import NAME, issuer
from tokensync_cli.sandbox.pages import message
from tokensync_cli.sandbox.records import BadRecordError
from tokensync_cli.sandbox.service import Endpoints
from tokensync_cli.sandbox.state import Consent, Sandbox

# The base64url of a SHA-256, without padding.
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


def approve(sandbox: Sandbox, given: Consent) -> str:
    """Record a consent and return the callback.

    Raises:
        BadRecordError: the link has no challenge.
    """
    if not _is_challenged(given.link):
        raise BadRecordError("link.code_challenge must be an S256 challenge, and link.code_challenge_method S256")
    code = given.code(sandbox, refresh_expires_at=given.ends_at(sandbox))
    return _callback(given.app, given.origin, given.state, ("code", code))


def _callback(app: App, reached: str, state: str | None, *outcome: tuple[str, str]) -> str:
    return consent.callback(app, (*outcome, ("state", state), ("iss", issuer(app, reached))))


def _is_challenged(link: Mapping[str, str]) -> bool:
    is_hash = _CHALLENGE.fullmatch(link.get("code_challenge", "")) is not None
    return is_hash and link.get("code_challenge_method") == "S256"


class Authorize(Endpoints):
    """The page that a browser sees."""

    provider = NAME

    async def page(self, request: Request) -> Response:
        """Serve the link. Until client and redirect URI are known to fit, nobody is sent anywhere."""
        self.sandbox.ledger.count(NAME, "authorize")
        fields = await consent.fields(request)
        link = consent.link(request, fields)
        # The form's own boxes are all named scope.
        repeated = {n for n, values in fields.items() if len(values) > 1 and (n != "scope" or request.method == "GET")}
        app = self.sandbox.apps.find(NAME, link.get("client_id", ""))
        if app is None or repeated & {"client_id", "redirect_uri"} or link.get("redirect_uri") != app.redirect_uri:
            return message("This link does not work", "It needs a known client_id and its redirect_uri.", status=400)
        reached = origin(str(request.url))
        asked = tuple(link.get("scope", "").split()) or app.settings.scopes
        if wrong := _wrong(app, link, asked, repeated=bool(repeated)):
            return consent.away(_callback(app, reached, link.get("state"), *wrong))
        denied = _callback(app, reached, link.get("state"), ("error", "access_denied"))
        return await consent.serve(self.sandbox, app, request, thing="account", denied=denied, scopes=asked)


def _wrong(
    app: App, link: Mapping[str, str], asked: tuple[str, ...], *, repeated: bool
) -> tuple[tuple[str, str], tuple[str, str]] | None:
    """Return error and description of a link that cannot be served (RFC 6749 section 4.1.2.1)."""
    word, text = "", ""
    if repeated:
        word, text = "invalid_request", "a parameter is repeated"
    elif not link.get("response_type"):
        word, text = "invalid_request", "response_type is missing"
    elif link["response_type"] != "code":
        word, text = "unsupported_response_type", "response_type must be code"
    elif not _is_challenged(link):
        word, text = "invalid_request", "an S256 code_challenge is required"
    elif not set(asked) <= set(app.settings.scopes):
        word, text = "invalid_scope", "a scope is unknown"
    return (("error", word), ("error_description", text)) if word else None
