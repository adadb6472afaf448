"""The consent page of tiktok.com and its callback; the Accounts API sends its users to the same page."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from tokensync_cli.sandbox import consent
from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.pages import message
from tokensync_cli.sandbox.state import Consent, Sandbox

# Codes hold characters that a query must carry percent-encoded.
_ENDING = "*0!6310.va"


def approve(sandbox: Sandbox, given: Consent, *, names_scopes: bool) -> str:
    """Record a consent and return the callback; the code is tied to what the link said."""
    code = given.code(sandbox, refresh_expires_at=given.ends_at(sandbox), ending=_ENDING)
    scopes = ",".join(given.scopes) if names_scopes else None
    return consent.callback(given.app, (("code", code), ("scopes", scopes), ("state", given.state)))


def _refusal(app: App, error: str, description: str, state: str | None) -> str:
    return consent.callback(app, (("error", error), ("error_description", description), ("state", state)))


def pages(sandbox: Sandbox, name: str) -> list[BaseRoute]:
    """Return the page that a browser sees, for the provider of this name."""

    async def page(request: Request) -> Response:
        """Serve the link, which names client, scopes and redirect URI."""
        sandbox.ledger.count(name, "authorize")
        fields = await consent.fields(request)
        link = consent.link(request, fields)
        app = sandbox.apps.find(name, link.get("client_key", ""))
        if app is None:
            return message("This link does not work", "No app has this client_key.", status=400)
        uri = link.get("redirect_uri", "")
        # Somebody who does not own the address must not learn a code: the browser stays here.
        if uri != app.redirect_uri or "?" in uri:
            return message(
                "This link does not work",
                "redirect_uri must equal the registered one, byte for byte, and must have no query.",
                status=400,
            )
        # What a link without scopes meets is not documented: here the registration's (RFC 6749 section 3.3).
        scopes = tuple(link["scope"].split(",")) if "scope" in link else app.settings.scopes
        if refused := _mistake(app, link, scopes):
            return consent.away(_refusal(app, *refused, link.get("state")))
        denied = _refusal(app, "access_denied", "The user denied the request.", link.get("state"))
        return await consent.serve(sandbox, app, request, thing="TikTok account", denied=denied, scopes=scopes)

    # The vendor's address of the page ends in a slash, and its links are often written without.
    return [Route(f"/v2/auth/authorize{end}", page, methods=["GET", "POST"]) for end in ("", "/")]


def _mistake(app: App, link: dict[str, str], scopes: tuple[str, ...]) -> tuple[str, str] | None:
    """Return error and description of a link that the app itself got wrong."""
    if link.get("response_type") != "code":
        return "unsupported_response_type", "response_type must be code."
    if not set(scopes) <= set(app.settings.scopes):
        return "invalid_scope", "scope must name scopes of the app, separated by commas."
    if "code_challenge" in link and link.get("code_challenge_method") != "S256":
        return "invalid_request", "code_challenge_method must be S256."
    return None
