"""What a batch reads of one app, and how fresh that is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fakes.world import APP, World
from tokensync.domain.secret import Secret
from tokensync.refresh.session import Session, Trial

if TYPE_CHECKING:
    from tokensync.domain.app import App


@pytest.mark.parametrize(
    ("how", "fresh"), [({}, False), ({"fresh": True}, True), ({"trial": Trial(Secret("new"))}, True)]
)
def test_a_registration_is_read_past_any_copy_where_that_matters(how: dict[str, object], *, fresh: bool) -> None:
    """A trial of a new client secret, or a command, must not work with what was read a minute ago."""
    world, asked = World(), []
    honest = world.apps.get

    def get(name: str, *, fresh: bool = False) -> App:
        asked.append(fresh)
        return honest(name)

    world.apps.get = get  # type: ignore[method-assign]
    session = Session(APP, world.ports, **how)  # type: ignore[arg-type]  # one of its options

    assert ("new" if "trial" in how else "e59af819cc") == session.app.client_secret.reveal()
    assert session.app is session.app
    assert [fresh] == asked


def test_every_secret_that_a_request_may_have_carried_is_known() -> None:
    """The one in use, the one of a trial, and the one that waits for its proof: each is masked in what is shown."""
    world = World()
    world.apps.update(replace(world.app, new_client_secret=Secret("waits")))
    session = Session(APP, world.ports, trial=Trial(Secret("tried")))

    assert ["tried", "e59af819cc", "waits"] == [secret.reveal() for secret in session.client_secrets]
