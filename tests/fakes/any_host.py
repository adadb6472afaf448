"""A wire on which every host is answered by one script, so that a test sees to whom anything was sent at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fakes.scripted import ScriptedServer, Staged
from fakes.visitors import Browser
from fakes.world import World

if TYPE_CHECKING:
    from tokensync.domain.app import App


class _EveryHost(dict):  # type: ignore[type-arg]
    """Holds one answer for every key."""

    def __init__(self, answer: object) -> None:
        super().__init__()
        self._answer = answer

    def __contains__(self, key: object) -> bool:
        return True

    def __getitem__(self, key: object) -> object:
        return self._answer


@dataclass(frozen=True)
class AnyHost(Staged):
    """A world whose every host is the scripted server."""

    @classmethod
    def of(cls, app: App) -> AnyHost:
        """Return one for an app; nothing has to resolve before."""
        world = World(app=app)
        server = ScriptedServer(world.clock)
        world.shop.others = _EveryHost(server)
        return cls(world, server, Browser(world))

    def hosts(self, since: int = 0) -> list[str]:
        """Return the hosts of all requests so far, in order."""
        return [urlsplit(request.url).netloc for request in self.server.asked[since:]]
