"""TikTok's Login Kit beside a world's TikTok Shop: a provider that verifies and revokes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from tokensync.domain.errors import NoAnswer
from tokensync.domain.names import ConnectionName

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakes.world import World
    from tokensync.domain.messages import ProviderResponse, Request

LOGIN = ConnectionName("login", "user-1")
HOST = "open.tiktokapis.com"


class Login:
    """TikTok's Login Kit: tells about its user, refreshes, revokes. `asked` lists paths with what was presented."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked: list[tuple[str, str]] = []
        self.name = "Acme"
        self.scripted: dict[str, Callable[[], ProviderResponse]] = {}

    def send(self, request: Request) -> ProviderResponse:
        """Answer one request."""
        path = request.url.removeprefix(f"https://{HOST}").partition("?")[0]
        body = {name: values[0] for name, values in parse_qs((request.body or b"").decode()).items()}
        self.asked.append((path, body.get("token") or body.get("refresh_token") or ""))
        answers = {"/v2/user/info/": self.user, "/v2/oauth/revoke/": self.revoked, "/v2/oauth/token/": self.token}
        return self.scripted.get(path, answers[path])()

    def user(self) -> ProviderResponse:
        """Tell who it is."""
        user = {"open_id": LOGIN.account, "display_name": self.name}
        return self.answer({"data": {"user": user}, "error": {"code": "ok"}})

    def dead(self) -> ProviderResponse:
        """Tell that the access token works no more."""
        return self.answer({"data": {}, "error": {"code": "access_token_invalid"}}, status=401)

    def refused(self) -> ProviderResponse:
        """Refuse a refresh or a revocation."""
        return self.answer({"error": "invalid_grant", "error_description": "no"}, status=400)

    def revoked(self) -> ProviderResponse:
        """Revoke."""
        return self.world.shop.answer(b"")

    def token(self) -> ProviderResponse:
        """Give a new pair."""
        pair = {"access_token": "L1", "refresh_token": "S1", "expires_in": 7200, "refresh_expires_in": 86_400}
        return self.answer({**pair, "open_id": LOGIN.account, "scope": "user.info.basic", "token_type": "Bearer"})

    def answer(self, body: dict[str, Any], *, status: int = 200) -> ProviderResponse:
        """Return a JSON answer."""
        return self.world.shop.answer(body, status=status)


def ask(world: World, command: str, name: ConnectionName = LOGIN, **more: object) -> dict[str, Any]:
    """Ask the rotation function as the command line does."""
    return world.commands.answer({"tokensync": command, "connection": str(name), **more}, world.budget())


def lost() -> ProviderResponse:
    raise NoAnswer("nothing came back")
