"""One implementation of all ports, and beside it what a test must see and do behind their backs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pytest

from tokensync.domain import apps, ports

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.app import App
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.work import Work

NOW = 1_700_000_000
DAY = 86_400
THREADS = 24

Key = tuple[str, str]
_T = TypeVar("_T")


class Registry(apps.Apps, Protocol):
    """The apps with what the command line does to them."""

    def register(self, app: App) -> None:
        """Register a new app."""
        ...

    def update(self, app: App) -> None:
        """Replace a registration."""
        ...

    def remove(self, name: str) -> None:
        """Remove a registration."""
        ...

    def resume(self, name: str, *, now: int) -> bool:
        """Let an app run again."""
        ...


class World(Protocol):
    """All ports over one store. `app` is a name that no other test uses."""

    app: str
    connections: ports.Connections
    authorizations: ports.Authorizations
    invites: ports.Invites
    webhook_events: ports.WebhookEvents
    origin: ports.Origin
    apps: Registry
    secrets: ports.TokenSecrets
    queue: ports.WorkQueue
    dead_letters: ports.DeadLetters

    def restored(self) -> ports.Origin:
        """Restore a backup of the table into a table of its own, and return that one's origin."""
        ...

    def sealer(self) -> ports.Sealer:
        """Return a sealer that holds no key yet."""
        ...

    def enable_key(self, *, enabled: bool) -> None:
        """Disable or enable the key under which data keys are wrapped."""
        ...

    def plant(self, key: Key, attribute: str, value: int | str) -> None:
        """Set one attribute of a record, as a newer version of the program would."""
        ...

    def attribute(self, key: Key, name: str) -> Any:
        """Return one attribute of a record, or None."""
        ...

    def erase(self, key: Key) -> None:
        """Delete a record."""
        ...

    def plant_secret(self, name: ConnectionName, document: str, *, tags: dict[str, str]) -> str:
        """Create a secret as somebody else would, and return its ARN."""
        ...

    def schedule_deletion(self, arn: str) -> None:
        """Schedule a secret for deletion."""
        ...

    def destroy(self, arn: str) -> None:
        """Delete a secret without a recovery window."""
        ...

    def versions(self, arn: str) -> dict[str, str]:
        """Return the values under AWSCURRENT and AWSPREVIOUS."""
        ...

    def tags(self, arn: str) -> dict[str, str]:
        """Return a secret's tags."""
        ...

    def received(self, count: int) -> list[Work]:
        """Take that many messages out of the queue."""
        ...

    def broken_queue(self) -> ports.WorkQueue:
        """Return a queue that accepts nothing."""
        ...

    def bury(self, *bodies: str) -> None:
        """Put messages among the dead letters."""
        ...

    def buried(self) -> int:
        """Return how many dead letters there are, hidden or not."""
        ...

    def broken_dead_letters(self) -> ports.DeadLetters:
        """Return a dead-letter queue that is down."""
        ...


def refused(loss: type[Exception], action: Callable[..., object], *args: Any, **named: Any) -> None:
    """Demand that a call raises this error."""
    with pytest.raises(loss):
        action(*args, **named)


def at_once(action: Callable[[int], _T], *, threads: int = THREADS) -> list[_T | Exception]:
    """Run `action` in that many threads at once; return what each returned or raised."""

    def caught(number: int) -> _T | Exception:
        try:
            return action(number)
        except Exception as error:  # noqa: BLE001 -- the test looks at all of them
            return error

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(caught, range(threads)))


def winners(results: list[_T | Exception], loss: type[Exception]) -> list[_T]:
    """Return what the winners of a race got, and raise what was neither a win nor the expected loss."""
    won: list[_T] = []
    for result in results:
        if isinstance(result, loss):
            continue
        if isinstance(result, Exception):
            raise result
        won.append(result)
    return won
