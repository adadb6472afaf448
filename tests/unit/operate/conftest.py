"""A stack with a connection of TikTok Shop and one of the Login Kit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.login_kit import HOST, LOGIN, Login
from fakes.world import World
from tokensync.domain.app import App
from tokensync.domain.secret import Secret


@pytest.fixture
def world() -> World:
    """A stack with a connection of TikTok Shop, and one of the Login Kit, whose access token has days left."""
    made = World()
    made.connected()
    made.apps.register(
        App(
            name="login",
            provider="tiktok_login",
            client_id="ck",
            client_secret=Secret("cs"),
            scopes=("user.info.basic",),
        )
    )
    made.connections.seed(replace(made.connected(LOGIN, refresh_token="S0"), provider="tiktok_login"))
    return made


@pytest.fixture
def login(world: World) -> Login:
    """The Login Kit in place."""
    made = Login(world)
    world.shop.others[HOST] = made.send
    return made
