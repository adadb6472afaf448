"""The contract of `tokensync.domain.ports.WebhookEvents`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contracts.world import NOW

if TYPE_CHECKING:
    from contracts.world import World


class WebhookEventsContract:
    """What every implementation does."""

    def test_noting(self, world: World) -> None:
        """A notice is seen once it was noted, for its app alone, and noting it again does no harm."""
        assert not world.webhook_events.seen(world.app, "id 1")
        for _ in range(2):
            world.webhook_events.note(world.app, "id 1", now=NOW)
        assert world.webhook_events.seen(world.app, "id 1")
        assert not world.webhook_events.seen(world.app, "id 10")
        assert not world.webhook_events.seen(f"{world.app}-2", "id 1")

    @pytest.mark.parametrize("webhook_event", ["x" * 60_000, "", "a#b/\x00", "\ud800", "日本"])
    def test_any_text(self, world: World, webhook_event: str) -> None:
        """A provider's id may be of any length and hold anything."""
        world.webhook_events.note(world.app, webhook_event, now=NOW)
        assert world.webhook_events.seen(world.app, webhook_event)
