from __future__ import annotations

from dataclasses import replace

import pytest

from fakes import FakeClock, InMemoryApps
from tokensync.domain.app import App
from tokensync.domain.errors import InvalidApp, StoreUnavailable, UnknownApp
from tokensync.domain.secret import Secret
from tokensync.entry.app_cache import KnownApps, KnownNames

SHOP = App(name="shop", provider="tiktok_shop", client_id="29a39d", client_secret=Secret("canary"))


class Shelf:
    """Registered apps, and what is known of them."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.apps = InMemoryApps(SHOP)
        self.names = KnownNames(self.apps, self.clock)
        self.known = KnownApps(self.apps, self.names, self.clock)


@pytest.fixture
def shelf() -> Shelf:
    """One registered app of which nothing is known yet."""
    return Shelf()


def test_a_registration_is_read_once_in_two_minutes(shelf: Shelf) -> None:
    """A flood of requests costs one look-up of the names and one of the app."""
    for _ in range(1000):
        assert SHOP == shelf.known.get("shop")
    shelf.clock.advance(120)
    shelf.known.get("shop")

    assert (1, 1) == (shelf.apps.calls["names"], shelf.apps.calls["get"])


def test_a_change_is_noticed_after_two_minutes(shelf: Shelf) -> None:
    """What an operator changed counts soon, without a deployment."""
    shelf.known.get("shop")
    changed = replace(SHOP, settings={"installs": "provider"})
    shelf.apps.update(changed)
    assert SHOP == shelf.known.get("shop")
    shelf.clock.advance(121)

    assert changed == shelf.known.get("shop")


def test_unknown_names_cost_one_look_in_half_a_minute(shelf: Shelf) -> None:
    """Whatever anybody makes up, the registration of no app is asked for."""
    for index in range(1000):
        with pytest.raises(UnknownApp):
            shelf.known.get(f"nobody-{index}")

    assert (1, 0) == (shelf.apps.calls["names"], shelf.apps.calls["get"])


def test_a_new_app_is_known_after_half_a_minute_or_when_it_was_learned(shelf: Shelf) -> None:
    """A signed link to it makes it known at once."""
    shelf.known.get("shop")
    shelf.apps.register(replace(SHOP, name="learned"))
    shelf.apps.register(replace(SHOP, name="new"))
    shelf.names.learn("learned")
    assert "learned" == shelf.known.get("learned").name
    with pytest.raises(UnknownApp):
        shelf.known.get("new")
    shelf.clock.advance(30)

    assert "new" == shelf.known.get("new").name


def test_a_browser_of_ours_costs_one_look_in_two_seconds(shelf: Shelf) -> None:
    """It finds an app that was just added, whose name another function learned; made-up names cost it no more."""
    assert shelf.names.for_browser("shop")
    shelf.apps.register(replace(SHOP, name="new"))
    for index in range(1000):
        assert not shelf.names.for_browser(f"nobody-{index}")
    assert 1 == shelf.apps.calls["names"]
    shelf.clock.advance(2)

    assert "new" not in shelf.names
    assert shelf.names.for_browser("new")


@pytest.mark.parametrize("error", [StoreUnavailable, InvalidApp])
@pytest.mark.parametrize("later", [0, 121])
def test_an_error_is_remembered_for_five_seconds(shelf: Shelf, error: type[Exception], later: int) -> None:
    """A flood costs one look-up in that time; then the app is read again, and old news is not passed on as new."""
    if later:
        shelf.known.get("shop")
    shelf.clock.advance(later)
    before = shelf.apps.calls["get"]
    shelf.apps.fail_next("get", error)
    for _ in range(1000):
        with pytest.raises(error):
            shelf.known.get("shop")
    assert before + 1 == shelf.apps.calls["get"]
    shelf.clock.advance(5)

    assert SHOP == shelf.known.get("shop")


def test_names_that_cannot_be_read_are_no_names(shelf: Shelf) -> None:
    """The table is down: unknown for now, and looked for again in half a minute."""
    shelf.apps.fail_next("names", StoreUnavailable)
    with pytest.raises(UnknownApp):
        shelf.known.get("shop")
    shelf.clock.advance(30)

    assert SHOP == shelf.known.get("shop")


def test_a_removed_app_is_unknown(shelf: Shelf) -> None:
    """After two minutes at the latest."""
    shelf.known.get("shop")
    shelf.apps.remove("shop")
    shelf.clock.advance(121)

    with pytest.raises(UnknownApp):
        shelf.known.get("shop")
