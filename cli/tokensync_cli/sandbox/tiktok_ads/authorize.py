"""The user's link, its consent page and the callback."""

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox import consent
from tokensync_cli.sandbox.pages import message
from tokensync_cli.sandbox.service import Endpoints
from tokensync_cli.sandbox.state import Consent, Sandbox
from tokensync_cli.sandbox.tiktok_ads.envelope import NAME


def approve(sandbox: Sandbox, given: Consent) -> str:
    """Record a consent and return the callback, which carries the code under two names."""
    ends_at = given.ends_at(sandbox) if given.app.settings.refreshable else None
    code = given.code(sandbox, refresh_expires_at=ends_at)
    return consent.callback(given.app, (("auth_code", code), ("code", code), ("state", given.state)))


class Authorize(Endpoints):
    """The page that a browser sees."""

    provider = NAME

    async def user(self, request: Request) -> Response:
        """Serve the link, which names the app and where to return."""
        self.sandbox.ledger.count(NAME, "authorize")
        fields = await consent.fields(request)
        app = self.sandbox.apps.find(NAME, consent.one(fields, "app_id") or "")
        if app is None or consent.one(fields, "redirect_uri") != app.redirect_uri:
            return message("This link does not work", "It needs a known app_id and its redirect_uri.", status=400)
        # Nobody documents the words of a denial: some `error`.
        error = self.sandbox.mint.word(12).lower()
        denied = consent.callback(app, (("error", error), ("state", consent.one(fields, "state"))))
        return await consent.serve(self.sandbox, app, request, thing="advertiser account", denied=denied)
