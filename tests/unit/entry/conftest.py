"""A stack with one connection."""

from __future__ import annotations

import pytest

from fakes.world import World


@pytest.fixture
def world() -> World:
    """A stack with one connection whose refresh is due."""
    made = World()
    made.connected()
    return made
