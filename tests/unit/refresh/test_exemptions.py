"""What a token may be presented again for, where the provider said in between that it had no time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fakes.scripted import OIDC, Staged
from fakes.troubles import at_its_time
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


def present_again(stage: Staged, name: ConnectionName) -> Exemption | None:
    """Run a worker when the refresh is due next; return what the token may be presented again for."""
    at_its_time(stage.world, name)
    stage.world.run(name)
    return stage.world.stored(name).exemption


def test_a_last_attempt_that_was_not_processed_stays_the_last() -> None:
    """A 429 uses nothing up, so the presentation after it is the last attempt still, and no answer ends it."""
    stage, name = staged(refresh_reuse="single_use")
    stage.server.says("/token", NoAnswer("lost"), busy(stage.world, seconds=5), NoAnswer("lost"))
    stage.world.run(name)

    assert [Exemption.LAST_ATTEMPT, None] == [present_again(stage, name) for _ in range(2)]
    record = stage.world.stored(name)
    assert (Status.HELD, Reason.LAST_ATTEMPT_AMBIGUOUS, None) == (record.status, record.reason, record.due.renew_at)
    assert 3 == stage.server.times("/token")


@pytest.mark.parametrize(("seconds", "presented"), [(GRACE, 2), (60, 3)], ids=["over it", "within it"])
def test_the_grace_counts_from_the_first_presentation(seconds: int, presented: int) -> None:
    """Asked to wait for longer than the grace lasts, nobody presents a token that may have been spent before it."""
    stage, name = staged(refresh_reuse="grace", grace_seconds=str(GRACE))
    stage.server.says("/token", NoAnswer("lost"), busy(stage.world, seconds=seconds), NoAnswer("lost"))
    stage.world.run(name)

    exemption = present_again(stage, name)
    assert 2 == stage.server.times("/token")
    assert (Exemption.GRACE is exemption) or seconds == GRACE
    assert Exemption.LAST_ATTEMPT is present_again(stage, name)
    assert (Status.HELD, presented) == (stage.world.stored(name).status, stage.server.times("/token"))
