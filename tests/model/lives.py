"""Lives of a connection that are tried each time: the ones that only a guard of the protocol lets end well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model.machine import Event, Refreshing
from model.stage import NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

Happening = tuple["Callable[..., None]", dict[str, object]]


def _refresh(*events: Event, way: str = "message", mood: str = "") -> Happening:
    return Refreshing.refresh, {"way": way, "events": list(events), "moods": [mood] if mood else []}


def _again(*events: Event, way: str = "schedule") -> Happening:
    return Refreshing.again, {"way": way, "events": list(events), "moods": []}


LIVES: dict[str, list[Happening]] = {
    "it is refreshed, and all is well": [_refresh(), _again()],
    "it is killed before its answer is durable": [_refresh(Event("answered", "killed")), _again()],
    "it is killed with its answer stored": [_refresh(Event("received", "killed")), _again()],
    "a second worker comes while it waits": [_refresh(Event("sent", "a worker", late=True))],
    "it is paused past its lease, and a second worker comes": [
        _refresh(Event("sent", "paused"), Event("answered", "a worker")),
        _again(),
    ],
    "the account authorizes again before it commits": [_refresh(Event("received", "authorized"))],
    "the account authorizes again, and the old attempt is refused": [_refresh(Event("sent", "authorized")), _again()],
    "its answer cannot be read": [_refresh(mood="html, late")],
    "it is throttled, and the table takes no answer": [_refresh(Event("answered", "table writes"), mood="throttled")],
    "its answer comes after an operator forced another": [
        _refresh(Event("answered", "table")),
        (Refreshing.wait, {"seconds": 70}),
        _again(way="message"),
        _again(way="refresh --force"),
    ],
    "the table comes back from a backup of before its refresh": [
        (Refreshing.back_up, {}),
        _refresh(),
        (Refreshing.restore, {}),
        _refresh(way="schedule"),
        _refresh(way="schedule"),
    ],
}


def play(life: str) -> None:
    """Live one life through, each promise asserted after each step and at the end."""
    for name in NAMES:
        machine = Refreshing()
        for happens, given in LIVES[life]:
            happens(machine, **({"name": name} if "way" in given else {}), **given)
            machine.promises()
        machine.teardown()
