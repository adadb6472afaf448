"""The sandbox apps that `up` registers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fakes.world import APP
from tokensync_cli.stack.seeding import ACCESS_TOKEN_SECONDS, seed

if TYPE_CHECKING:
    from tokensync_cli.stack.target import Target


@pytest.fixture
def target(desk: Any) -> Target:
    """The embedded stack, with no app."""
    desk.world.apps.remove(APP)
    desk.embedded_stack.is_up = True
    opened: Target = desk.embedded(desk.embedded_stack.outputs())
    return opened


def test_one_app_for_each_provider_of_both_sides(desk: Any, target: Target) -> None:
    """Those that the sandbox or this version does not know are passed over."""
    desk.sandbox.known = ["tiktok_shop", "of_tomorrow"]

    assert [APP] == seed(target)
    (registered,) = desk.sandbox.registered
    assert {"access_token_seconds": ACCESS_TOKEN_SECONDS} == registered["settings"]
    assert {
        "authorize": "http://localhost:4001/tiktok_shop/open/authorize",
        "token": "http://localhost:4001/tiktok_shop/api/v2/token/get",
        "refresh": "http://localhost:4001/tiktok_shop/api/v2/token/refresh",
        "api": "http://localhost:4001/tiktok_shop",
        "push": "http://localhost:4001/api2cart/v1.1",
    } == desk.world.apps.get(APP).endpoints


def test_a_live_app_of_that_name_is_left_alone(desk: Any, target: Target) -> None:
    """It is somebody's own."""
    desk.world.apps.register(desk.world.app)

    assert [] == seed(target)
    assert desk.world.app == desk.world.apps.get(APP)
    assert [] == desk.sandbox.registered
