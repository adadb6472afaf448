"""The consent page of tiktok.com and its callback; the Accounts API sends its users to the same page."""

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox import consent
from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.credentials import Binding, end_of
from tokensync_cli.sandbox.pages import message
from tokensync_cli.sandbox.state import Consent, Provider, Sandbox

# Codes hold characters that a query must carry percent-encoded.
_ENDING = "*0!6310.va"


def approve(sandbox: Sandbox, given: Consent, *, tells_scopes: bool) -> str:
    """Record a consent and return the callback; the code is tied to what the link said."""
    now = sandbox.clock.now()
    code = sandbox.grants.authorize(
        given.app,
        account=given.account.account,
        prefix=given.account.prefix or "",
        scopes=given.scopes,
        now=now,
        refresh_expires_at=end_of(now, given.seconds),
        binding=Binding(
            redirect_uri=given.link.get("redirect_uri", given.app.redirect_uri),
            challenge=given.link.get("code_challenge", ""),
            method=given.link.get("code_challenge_method", ""),
        ),
        ending=_ENDING,
    )
    sandbox.changed()
    scopes = ",".join(given.scopes) if tells_scopes else None
    return consent.callback(given.app, (("code", code), ("scopes", scopes), ("state", given.state)))


def deny(app: App, state: str | None) -> str:
    """Return the callback of a denial."""
    return _refusal(app, "access_denied", "The user denied the request.", state)


def _refusal(app: App, error: str, description: str, state: str | None) -> str:
    return consent.callback(app, (("error", error), ("error_description", description), ("state", state)))


class Authorize:
    """The page that a browser sees."""

    def __init__(self, provider: Provider, sandbox: Sandbox) -> None:
        self._provider = provider
        self._sandbox = sandbox

    async def page(self, request: Request) -> Response:
        """Serve the link, which names client, scopes and redirect URI."""
        name = self._provider.name
        self._sandbox.ledger.count(name, "authorize")
        fields = await consent.fields(request)
        link = consent.link(request, fields)
        app = self._sandbox.apps.find(name, link.get("client_key", ""))
        if app is None:
            return message("This link does not work", "No app has this client_key.", status=400)
        uri = link.get("redirect_uri", "")
        # Whoever does not own the address must not learn a code: the browser stays here.
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
        accounts = [a for a in self._sandbox.accounts if a.provider == name]
        if request.method == "POST":
            return consent.decide(
                self._sandbox,
                self._provider,
                app,
                accounts,
                request=request,
                fields=fields,
                deny=deny,
                scopes=scopes,
            )
        return consent.show(
            self._provider, app, accounts, request=request, thing="TikTok account", timed=False, scopes=scopes
        )


def _mistake(app: App, link: dict[str, str], scopes: tuple[str, ...]) -> tuple[str, str] | None:
    """Return error and description of a link that the app itself got wrong."""
    if link.get("response_type") != "code":
        return "unsupported_response_type", "response_type must be code."
    if not set(scopes) <= set(app.settings.scopes):
        return "invalid_scope", "scope must name scopes of the app, separated by commas."
    if "code_challenge" in link and link.get("code_challenge_method") != "S256":
        return "invalid_request", "code_challenge_method must be S256."
    return None
