"""The user's link, its consent page and the callback."""

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox import consent
from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.pages import message
from tokensync_cli.sandbox.state import Consent, Provider, Sandbox
from tokensync_cli.sandbox.tiktok_ads.envelope import NAME


def approve(sandbox: Sandbox, given: Consent) -> str:
    """Record a consent and return the callback, which carries the code under two names."""
    code = sandbox.grants.authorize(
        given.app,
        account=given.account.account,
        prefix=given.account.prefix or "",
        scopes=given.scopes,
        now=sandbox.clock.now(),
        refresh_expires_at=None,
    )
    sandbox.changed()
    return consent.callback(given.app, (("auth_code", code), ("code", code), ("state", given.state)))


class Authorize:
    """The page that a browser sees."""

    def __init__(self, provider: Provider, sandbox: Sandbox) -> None:
        self._provider = provider
        self._sandbox = sandbox

    async def user(self, request: Request) -> Response:
        """Serve the link, which names the app and where to return."""
        sandbox = self._sandbox
        sandbox.ledger.count(NAME, "authorize")
        fields = await consent.fields(request)
        app = sandbox.apps.find(NAME, consent.one(fields, "app_id") or "")
        if app is None or consent.one(fields, "redirect_uri") != app.redirect_uri:
            return message("This link does not work", "It needs a known app_id and its redirect_uri.", status=400)
        accounts = [account for account in sandbox.accounts if account.provider == NAME]
        if request.method == "POST":
            return consent.decide(
                sandbox, self._provider, app, accounts, request=request, fields=fields, deny=self._deny
            )
        return consent.show(self._provider, app, accounts, request=request, thing="advertiser account", timed=False)

    def _deny(self, app: App, state: str | None) -> str:
        """Return the callback of a denial, whose words nobody documents: some `error`."""
        return consent.callback(app, (("error", self._sandbox.mint.word(12).lower()), ("state", state)))
