"""The seller's and the creator's link, their consent pages and the callback."""

from starlette.requests import Request
from starlette.responses import Response

from tokensync_cli.sandbox import consent
from tokensync_cli.sandbox.accounts import Account
from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.pages import message
from tokensync_cli.sandbox.state import Consent, Provider, Sandbox
from tokensync_cli.sandbox.tiktok_shop.envelope import NAME

# A creator's authorization has no end; the answer then tells a far one: 2100-01-01.
NO_END = 4_102_444_800


def approve(sandbox: Sandbox, given: Consent) -> str:
    """Record a consent and return the callback, with the parameters that the vendor adds."""
    now = sandbox.clock.now()
    creator = given.account.user_type == "creator"
    code = sandbox.grants.authorize(
        given.app,
        account=given.account.account,
        prefix=given.account.prefix or "",
        scopes=given.scopes,
        now=now,
        refresh_expires_at=NO_END if creator or given.seconds is None else int(now) + given.seconds,
    )
    sandbox.changed()
    parameters = (
        ("code", code),
        ("state", given.state),
        ("app_key", given.app.app_key),
        ("locale", "en"),
        ("shop_region", given.account.region),
    )
    return consent.callback(given.app, parameters)


def deny(app: App, state: str | None) -> str:
    """Return the callback of a denial: the code is the literal text `null`."""
    return consent.callback(app, (("code", "null"), ("error", "auth_denied"), ("state", state)))


class Authorize:
    """The pages that a browser sees."""

    def __init__(self, provider: Provider, sandbox: Sandbox) -> None:
        self._provider = provider
        self._sandbox = sandbox

    async def seller(self, request: Request) -> Response:
        """Serve the seller's link, which names the app by its service id and may carry a state."""
        self._sandbox.ledger.count(NAME, "authorize")
        fields = await consent.fields(request)
        app = self._sandbox.apps.by_service(NAME, consent.one(fields, "service_id") or "")
        if app is None:
            return message(
                "This service does not exist",
                "No app has this service_id. It is the number of the service in Partner Center, not the app key.",
                status=404,
            )
        accounts = self._accounts(*app.settings.user_types)
        return self._page(request, app, accounts, fields, thing="shop")

    async def creator(self, request: Request) -> Response:
        """Serve the creator's link, which names the app by its key and must carry a state."""
        self._sandbox.ledger.count(NAME, "authorize")
        fields = await consent.fields(request)
        app = self._sandbox.apps.find(NAME, consent.one(fields, "app_key") or "")
        if app is None or not consent.one(fields, "state"):
            return message("This link does not work", "A creator's link needs app_key and state.", status=404)
        return self._page(request, app, self._accounts("creator"), fields, thing="creator account")

    def _accounts(self, *user_types: str) -> list[Account]:
        return [a for a in self._sandbox.accounts if a.provider == NAME and a.user_type in user_types]

    def _page(
        self, request: Request, app: App, accounts: list[Account], fields: dict[str, list[str]], *, thing: str
    ) -> Response:
        if request.method == "POST":
            return consent.decide(
                self._sandbox, self._provider, app, accounts, request=request, fields=fields, deny=deny
            )
        timed = thing == "shop"
        return consent.show(self._provider, app, accounts, request=request, thing=thing, timed=timed)
