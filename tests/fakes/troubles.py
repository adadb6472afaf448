"""What goes wrong in a world, what an operator or a seller does about it, and what is seen of it afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.cart import HOST, KEY, ScriptedCart
from fakes.records import changed
from fakes.world import APP, NAME, World, killed
from tokensync.domain.connection import Status
from tokensync.domain.errors import NoAnswer, NotSent, StoreUnavailable
from tokensync.domain.messages import ProviderResponse
from tokensync.domain.names import ConnectionName
from tokensync.domain.sealing import grant_binding
from tokensync.domain.secret import Secret
from tokensync.refresh.schedule import scheduled

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.work import Work

Honest = Callable[[], ProviderResponse]
Step = Callable[[Honest], ProviderResponse]


def dropped(honest: Honest) -> ProviderResponse:
    """Let the provider commit, and lose its answer."""
    honest()
    raise NoAnswer("lost")


def vanished(honest: Honest) -> ProviderResponse:
    """Let the request vanish before the provider commits."""
    del honest
    raise NoAnswer("lost")


def unsent(honest: Honest) -> ProviderResponse:
    """Let no byte leave."""
    del honest
    raise NotSent("refused")


def answers(world: World, body: dict[str, Any] | bytes, **how: Any) -> Step:
    """Return a step that answers this whatever it is asked."""
    return lambda _honest: world.shop.answer(body, **how)


def patched(**fields: Any) -> Step:
    """Return a step that changes fields of the honest answer; `...` takes one out."""

    def step(honest: Honest) -> ProviderResponse:
        answer = honest()
        body = json.loads(answer.body)
        body["data"] = {name: value for name, value in {**body["data"], **fields}.items() if value is not ...}
        return replace(answer, body=json.dumps(body).encode())

    return step


def kill(world: World, place: str, act: Callable[[], object] | None = None) -> None:
    """Let a process die at a place, and its lease run out."""
    world.failpoints.raise_at(place, killed())
    with pytest.raises(KeyboardInterrupt):
        (act or world.run)()
    world.after_lease()


def take_over(world: World, *, until: int = 0) -> None:
    """Let another holder take the connection, a lease too early."""
    world.connections.lease(NAME, now=world.clock.now() + 1000, until=until, even_if_not_due=True)


def refuse_answers(world: World, *, times: int = 1) -> None:
    """Let the table take the next answer neither on its record nor aside."""

    def down() -> None:
        world.connections.fail_next("write", StoreUnavailable)
        world.connections.fail_next("set_aside", StoreUnavailable, times=times)

    world.failpoints.run_at("answered", down)


def unplaced(world: World) -> Work:
    """Refresh while the table takes no answer; return the message that alone holds it, once the lease is over."""
    refuse_answers(world)
    world.run()
    (message,) = world.queue.drain()
    assert "access_token" not in message.to_json()  # it is sealed
    world.after_lease()
    return message


def work_on(world: World, message: Work) -> tuple[str, ...]:
    """Give a message to a batch of its own; return what comes again."""
    return world.batches.run({"1": message.to_json()}, world.budget()).again


def paste(world: World, code: str = "code-1") -> Any:
    """Let an operator paste a seller's new code."""
    return world.code_exchange.take_paste(
        code, world.session(), world.signer, world.budget(), redirect_uri="https://connect.example/callback"
    )


def ask(world: World, command: str, name: ConnectionName = NAME, **more: object) -> dict[str, Any]:
    """Ask the rotation function as the command line does."""
    return world.commands.answer({"tokensync": command, "connection": str(name), **more}, world.budget())


def spoil(world: World) -> None:
    """Let somebody overwrite the connection's secret."""
    world.secrets.put(world.secrets.secret(NAME).arn, "{}", token="00000000-0000-0000-0000-00000000aaaa")


def fleet(world: World, size: int) -> list[ConnectionName]:
    """Connect a fleet whose refresh is due."""
    names = [ConnectionName(APP, f"seller-{index:03}") for index in range(size)]
    for index, name in enumerate(names):
        world.connected(name, refresh_token=f"F{index}")
    return names


def parked(world: World) -> None:
    """Let the connection be refused in an app of several, whose other outcomes decide about it."""
    fleet(world, 20)
    world.shop.alive.discard("R0")
    world.run()
    assert (Status.HELD, "refused") == (world.stored().status, world.stored().reason)


def at_its_time(world: World, name: ConnectionName = NAME) -> int:
    """Let the time come at which something is due; return the wait in seconds."""
    due = world.stored(name).due.next_at
    assert due is not None
    wait = max(due - world.clock.now(), 0)
    world.clock.advance(wait)
    return wait


def settled(world: World, **settings: str) -> None:
    """Let the app say how it hands over."""
    world.apps.update(replace(world.apps.get(APP), settings=settings, api2cart_key=Secret(KEY)))


def carted(world: World, **settings: str) -> ScriptedCart:
    """Put API2Cart into the world, and let the app say how it hands over."""
    cart = ScriptedCart(world.clock)
    world.shop.others[HOST] = cart
    settled(world, **settings)
    return cart


def aged(world: World, name: ConnectionName = NAME, *, obtained_at: int, ends: int, **changes: Any) -> Connection:
    """Give a connection's access token other times, on its record, in its grant and in its secret."""
    old = world.grant(name)
    grant = replace(old, obtained_at=obtained_at, access_expires_at=ends)
    sealed = world.sealer.new_key(name.app).seal(grant.to_bytes(), binding=grant_binding(name))
    times = {"obtained_at": obtained_at, "access_expires_at": ends, "sealed_grant": sealed, **changes}
    record = changed(replace(world.stored(name), fence=world.stored(name).fence + 1), **times)
    return world.connections.seed(scheduled(replace(record, published=world.publisher.publish(record, grant))))


def alerts(world: World) -> list[str]:
    """Return the kinds of the alerts so far."""
    return [alert.kind for alert in world.alerts.told]


def events(world: World, name: ConnectionName = NAME) -> list[str]:
    """Return the connection's history."""
    return [entry.event for entry in world.stored(name).history]


def state(world: World) -> tuple[Status, str, list[str]]:
    """Return the connection's status, its published access token, and every credential that the shop was shown."""
    return world.stored().status, world.document()["access_token"], world.shop.ledger


def refresh_token(world: World) -> str:
    """Return the refresh token of the stored grant."""
    token = world.grant().refresh_token
    assert token is not None
    return token.reveal()


def versions(world: World, name: ConnectionName = NAME) -> tuple[dict[str, str], str | None]:
    """Return every version of a secret, and which is the current one."""
    secret = world.secrets.secret(name)
    return dict(secret.versions), secret.current
