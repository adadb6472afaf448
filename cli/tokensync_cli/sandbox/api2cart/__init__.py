"""API2Cart: a service that is given TikTok Shop pairs, uses them, and can refresh them behind their owner's back."""

from starlette.routing import BaseRoute, Route

from tokensync_cli.sandbox.api2cart.calls import NAME, Calls
from tokensync_cli.sandbox.api2cart.control import Control
from tokensync_cli.sandbox.api2cart.stores import Stores
from tokensync_cli.sandbox.control.guard import Table
from tokensync_cli.sandbox.state import Sandbox


class Api2Cart:
    """One instance beside the providers: nobody consents to it. Its stores live as long as the process."""

    name = NAME
    endpoints = ("add", "update", "list", "validate")

    def __init__(self, sandbox: Sandbox) -> None:
        stores = Stores(sandbox.mint)
        self._calls = Calls(sandbox, stores)
        self._control = Control(sandbox, stores)
        sandbox.faults.offer((NAME, endpoint) for endpoint in self.endpoints)

    def routes(self) -> list[BaseRoute]:
        """Return the vendor's paths, below `/api2cart`."""
        calls = self._calls
        return [
            Route("/v1.1/account.cart.add.json", calls.add, methods=["POST"]),
            Route("/v1.1/account.config.update.json", calls.update, methods=["PUT"]),
            Route("/v1.1/account.cart.list.json", calls.listing, methods=["GET"]),
            Route("/v1.1/cart.validate.json", calls.validate, methods=["GET"]),
        ]

    def control(self) -> Table:
        """Return its part of the control plane, below `/_sandbox`."""
        control = self._control
        return (
            ("GET", "/api2cart", control.read),
            ("POST", "/api2cart", control.change),
            ("POST", "/api2cart/refresh", control.refresh),
        )
