"""What a token may be presented again for, where the provider said in between that it had no time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fakes.scripted import OIDC, Staged
from tokensync.domain.connection import Exemption, Reason, Status
from tokensync.domain.errors import NoAnswer
from tokensync.domain.names import ConnectionName
from tokensync.refresh.schedule import scheduled

if TYPE_CHECKING:
    from fakes.world import World
    from tokensync.domain.messages import ProviderResponse

GRACE = 600


def staged(**settings: str) -> tuple[Staged, ConnectionName]:
    """Return a stage with one connection whose refresh is due, and its name."""
    stage = Staged.of(replace(OIDC, settings={**settings, "account_field": "account"}))
    name = ConnectionName(OIDC.name, "u-1")
    stage.world.connected(name)
    stage.world.connections.seed(scheduled(replace(stage.world.stored(name), provider="oauth2")))
    return stage, name


def busy(world: World, *, seconds: int) -> ProviderResponse:
    """Return the answer of a provider that took nothing in."""
    return world.shop.answer({}, status=429, retry_after=str(seconds))


def at_its_time(world: World, name: ConnectionName) -> None:
    """Look after a connection when its refresh is due next."""
    renew_at = world.stored(name).due.renew_at
    assert renew_at is not None
    world.clock.advance(max(renew_at - world.clock.now(), 0))
    world.run(name)


def test_a_last_attempt_that_was_not_processed_stays_the_last() -> None:
    """A 429 uses nothing up, so the presentation after it is the last attempt still, and no answer ends it."""
    stage, name = staged(refresh_reuse="single_use")
    stage.server.says("/token", NoAnswer("lost"), busy(stage.world, seconds=5), NoAnswer("lost"))
    stage.world.run(name)

    at_its_time(stage.world, name)
    assert Exemption.LAST_ATTEMPT == stage.world.stored(name).exemption
    at_its_time(stage.world, name)

    record = stage.world.stored(name)
    assert (Status.HELD, Reason.LAST_ATTEMPT_AMBIGUOUS, None) == (record.status, record.reason, record.due.renew_at)
    assert 3 == stage.server.times("/token")


def test_the_grace_counts_from_the_first_presentation() -> None:
    """Asked to wait for longer than the grace lasts, nobody presents a token that may have been spent before it."""
    stage, name = staged(refresh_reuse="grace", grace_seconds=str(GRACE))
    stage.server.says("/token", NoAnswer("lost"), busy(stage.world, seconds=GRACE), NoAnswer("lost"))
    stage.world.run(name)

    at_its_time(stage.world, name)
    assert 2 == stage.server.times("/token")
    at_its_time(stage.world, name)

    record = stage.world.stored(name)
    assert 2 == stage.server.times("/token")
    assert (Status.HELD, Exemption.LAST_ATTEMPT) == (record.status, record.exemption)


def test_a_wait_within_the_grace_leaves_it() -> None:
    """Asked to wait for less than the grace lasts, the token is presented once more under the same exemption."""
    stage, name = staged(refresh_reuse="grace", grace_seconds=str(GRACE))
    stage.server.says("/token", NoAnswer("lost"), busy(stage.world, seconds=60), NoAnswer("lost"))
    stage.world.run(name)

    at_its_time(stage.world, name)
    assert Exemption.GRACE == stage.world.stored(name).exemption
    at_its_time(stage.world, name)

    assert 3 == stage.server.times("/token")
    assert (Status.HELD, Exemption.LAST_ATTEMPT) == (
        stage.world.stored(name).status,
        stage.world.stored(name).exemption,
    )
