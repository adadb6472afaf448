"""The contracts over the in-memory ports."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("contracts")

from contracts.in_memory import InMemoryWorld  # noqa: E402 -- after its asserts are registered


@pytest.fixture
def world() -> InMemoryWorld:
    """Return fresh in-memory ports."""
    return InMemoryWorld()
