"""The seller's and the creator's link, their consent pages and the callback."""

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox import consent
from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.pages import message
from tokensync_cli.sandbox.service import Endpoints
from tokensync_cli.sandbox.state import Consent, Sandbox
from tokensync_cli.sandbox.tiktok_shop.envelope import NAME

# A creator's authorization has no end; the response then names a far one: 2100-01-01.
NO_END = 4_102_444_800


def approve(sandbox: Sandbox, given: Consent) -> str:
    """Record a consent and return the callback, with the parameters that the vendor adds."""
    is_creator = given.account.user_type == "creator"
    ends_at = None if is_creator else given.ends_at(sandbox)
    code = given.code(sandbox, refresh_expires_at=NO_END if ends_at is None else ends_at)
    parameters = (
        ("code", code),
        ("state", given.state),
        ("app_key", given.app.app_key),
        ("locale", "en"),
        ("shop_region", given.account.region),
    )
    return consent.callback(given.app, parameters)


class Authorize(Endpoints):
    """The pages that a browser sees."""

    provider = NAME

    async def seller(self, request: Request) -> Response:
        """Serve the seller's link, which names the app by its service id and may carry a state."""
        self.sandbox.ledger.count(NAME, "authorize")
        fields = await consent.fields(request)
        app = self.sandbox.apps.by_service(NAME, consent.one(fields, "service_id") or "")
        if app is None:
            return message(
                "This service does not exist",
                "No app has this service_id. It is the number of the service in Partner Center, not the app key.",
                status=404,
            )
        return await consent.serve(
            self.sandbox,
            app,
            request,
            thing="shop",
            denied=_denied(app, consent.one(fields, "state")),
            user_types=app.settings.user_types,
            timed=True,
        )

    async def creator(self, request: Request) -> Response:
        """Serve the creator's link, which names the app by its key and must carry a state."""
        self.sandbox.ledger.count(NAME, "authorize")
        fields = await consent.fields(request)
        app = self.sandbox.apps.find(NAME, consent.one(fields, "app_key") or "")
        state = consent.one(fields, "state")
        if app is None or not state:
            return message("This link does not work", "A creator's link needs app_key and state.", status=404)
        denied = _denied(app, state)
        return await consent.serve(
            self.sandbox, app, request, thing="creator account", denied=denied, user_types=("creator",)
        )


def _denied(app: App, state: str | None) -> str:
    """Return the callback of a denial: the code is the literal text `null`."""
    return consent.callback(app, (("code", "null"), ("error", "auth_denied"), ("state", state)))
