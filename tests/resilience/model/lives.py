"""Lives of a connection that are tried each time: the ones that only a guard of the protocol lets end well."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from model.machine import BETWEEN, FAILURES, PLACES, Event, Refreshing
from model.stage import NAMES, NEWCOMERS

if TYPE_CHECKING:
    from collections.abc import Callable

Happening = tuple["Callable[..., None]", dict[str, object]]


def _refresh(*events: Event, way: str = "message", mood: str = "") -> Happening:
    return Refreshing.refresh, {"way": way, "events": list(events), "moods": [mood] if mood else []}


def _again(*events: Event, way: str = "schedule", mood: str = "") -> Happening:
    return Refreshing.again, {"way": way, "events": list(events), "moods": [mood] if mood else []}


def _asked(command: str, *events: Event, mood: str = "") -> Happening:
    return Refreshing.command, {"command": command, "events": list(events), "moods": [mood] if mood else []}


def _authorized(*events: Event, way: str = "invited") -> Happening:
    return Refreshing.authorize, {"way": way, "withdraws": False, "events": list(events), "moods": []}


def _waited(seconds: int) -> Happening:
    return Refreshing.wait, {"seconds": seconds}


_LEASE = 70  # seconds after which the longest lease is over
_DAYS = 200_000  # seconds after which an authorization that nobody answered is deleted
_GIVEN_UP: Happening = (Refreshing.give_up, {})
_BACKED_UP: Happening = (Refreshing.back_up, {})
_RESTORED: Happening = (Refreshing.restore, {})
# The answer stands in a message alone, and nobody has concluded it.
_ANSWERED_ASIDE = (_refresh(Event("answered", "table")), _waited(_LEASE))

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
    "the account authorizes again, the secret is compared, and the old worker publishes late and dies": [
        _refresh(
            Event("received", "authorized"),
            Event("published", "a worker"),  # beside the new authorization, which holds the lease
            Event("committed", "a comparison"),
            Event("published", "killed"),
        ),
    ],
    "the account authorizes again, and the old attempt is refused": [_refresh(Event("sent", "authorized")), _again()],
    "the account consents once more, and nothing is lost": [_authorized(way="once more"), _refresh()],
    "the account consents once more after its worker died with its token": [
        _refresh(Event("answered", "killed")),
        _authorized(way="once more"),
        _waited(_LEASE),
        _refresh(way="schedule"),
    ],
    "the account consents once more while it is refreshed, and who merges dies": [
        _refresh(Event("received", "killed")),
        _waited(_LEASE),
        _authorized(Event("exchange.merged", "killed"), way="once more"),
        _waited(_LEASE),
        _refresh(way="schedule"),
    ],
    "its answer cannot be read": [_refresh(mood="html, late")],
    "it is throttled, and the table takes no answer": [_refresh(Event("answered", "table writes"), mood="throttled")],
    "its provider is down beyond the end of its access token": [
        _refresh(mood="down"),
        *(_happens for _ in range(8) for _happens in (_waited(400), _again(mood="down"))),
    ],
    "nothing is sent beyond the end of its access token": [
        _refresh(mood="not sent"),
        *(_happens for _ in range(8) for _happens in (_waited(400), _again(mood="not sent"))),
    ],
    "its error is one that nothing explains": [
        _refresh(mood="unexplained"),
        *(_happens for _ in range(8) for _happens in (_waited(400), _again(mood="unexplained"))),
    ],
    "it gets no answer twice": [
        _refresh(mood="answer lost, late"),
        *(_happens for _ in range(5) for _happens in (_waited(400), _again(mood="request lost"))),
    ],
    "its key is not to be had until its access token has ended": [
        *(_happens for _ in range(5) for _happens in (_waited(400), _refresh(Event("leased", "keys")))),
    ],
    "it is refused once by mistake": [_refresh(mood="refuses"), _again(), _waited(700), _again()],
    "it is refused twice": [_refresh(mood="refuses"), _waited(700), _again(mood="refuses")],
    "its app's credentials are refused for a while": [
        _refresh(mood="refuses the client"),
        *(_happens for _ in range(4) for _happens in (_waited(400), _again(mood="refuses the client"))),
    ],
    "its answer comes after an operator forced another": [
        _refresh(Event("answered", "table")),
        _waited(_LEASE),
        _again(way="message"),
        _again(way="refresh --force"),
    ],
    "the table comes back from a backup of before its refresh": [
        _BACKED_UP,
        _refresh(),
        _RESTORED,
        _refresh(way="schedule"),
        _refresh(way="schedule"),
    ],
    "its answer is among the dead letters": [*_ANSWERED_ASIDE, _GIVEN_UP, _asked("recover")],
    "its answer is among the dead letters, and its key is not to be had": [
        *_ANSWERED_ASIDE,
        _again(way="message"),
        _again(way="refresh --force"),
        _GIVEN_UP,
        _asked("recover", Event("leased", "keys")),
    ],
    "it is revoked, and its answer comes late": [*_ANSWERED_ASIDE, _asked("revoke"), _again()],
    "it is revoked here alone, and its answer comes late": [*_ANSWERED_ASIDE, _asked("revoke --local"), _again()],
    "its account leaves, and its answer comes late": [
        *_ANSWERED_ASIDE,
        (Refreshing.deauthorize, {}),
        _again(way="message"),
        _asked("recover"),
    ],
    "it is removed, and its answer comes late": [*_ANSWERED_ASIDE, _asked("remove"), _again(), _asked("recover")],
    "it is removed again where its removal stopped halfway": [
        _asked("remove", Event("leased", "table writes", late=True)),
    ],
    "its key is not to be had when its late answer comes": [
        *_ANSWERED_ASIDE,
        _again(way="message"),
        _again(way="refresh --force"),
        _again(Event("leased", "keys")),
    ],
    "it comes from a backup, and whoever accepts it is killed": [
        _BACKED_UP,
        _refresh(way="message"),
        _RESTORED,
        _again(),
        _asked("accept --force", Event("received", "killed")),
    ],
    "it comes from a backup unspent, and whoever accepts it is killed": [
        _BACKED_UP,
        _asked("publish"),
        _RESTORED,
        _again(way="comparison"),
        _asked("accept --force", Event("received", "killed")),
    ],
    "it comes from a backup, and the provider is down when it is accepted": [
        _BACKED_UP,
        _asked("publish"),
        _RESTORED,
        _again(way="comparison"),
        _asked("accept --force", mood="down"),
        _asked("accept --force", mood="answer lost, late"),
        _asked("accept"),
    ],
    "it comes from a backup with an answer to its presentation before the last": [
        *_ANSWERED_ASIDE,
        _again(way="message"),
        _refresh(way="message", mood="request lost"),
        _waited(_LEASE),
        _again(Event("leased", "killed")),
        _BACKED_UP,
        _RESTORED,
        _waited(_LEASE),
        _again(way="comparison"),
    ],
}
# Lives of those who authorize for the first time.
FIRST_LIVES: dict[str, list[Happening]] = {
    "its callback dies with the answer stored": [
        _authorized(Event("exchange.received", "killed")),
        _waited(_LEASE),
        _again(),
    ],
    "its authorization is deleted before its answer comes": [
        _authorized(Event("answered", "authorizations")),
        _waited(_DAYS),
        _again(),
    ],
    "its authorization is deleted, and its answer is among the dead letters": [
        _authorized(Event("answered", "authorizations")),
        _GIVEN_UP,
        _waited(_DAYS),
        _asked("recover"),
    ],
    "the table is restored before its answer comes": [
        _BACKED_UP,
        _authorized(Event("answered", "authorizations")),
        _RESTORED,
        _again(),
    ],
    "it follows another's invite, and is accepted": [
        _authorized(way="on another's invite"),
        _asked("accept"),
        _refresh(),
    ],
    "it follows another's invite, and is accepted late while the provider is down": [
        _authorized(way="on another's invite"),
        _waited(10_000),
        _asked("accept", mood="down"),
        _asked("accept"),
    ],
    "it follows another's invite, and the table is restored": [
        _authorized(way="on another's invite"),
        _BACKED_UP,
        _RESTORED,
        _again(way="comparison"),
        _asked("accept"),
    ],
}


def play(life: str) -> None:
    """Live one life through, each promise asserted after each step and at the end."""
    for name in NEWCOMERS if life in FIRST_LIVES else NAMES:
        machine = Refreshing()
        for happens, given in {**LIVES, **FIRST_LIVES}[life]:
            happens(machine, **({"name": name} if happens not in _NAMELESS else {}), **given)
            machine.promises()
        machine.teardown()


def play_every_event() -> int:
    """Live every life of one refresh with one event, at each place and for each reuse class; return how many."""
    whats = ("killed", "paused", *FAILURES, *BETWEEN)
    events = [Event(*event) for event in product(PLACES, whats, (False, True))]
    for name, event in product(NAMES, events):
        machine = Refreshing()
        machine.refresh(name=name, way="message", events=[event], moods=[])
        machine.promises()
        machine.again(name=name, way="schedule", events=[], moods=[])
        machine.promises()
        machine.teardown()
    return len(NAMES) * len(events)


_NAMELESS = (Refreshing.wait, Refreshing.give_up, Refreshing.back_up, Refreshing.restore)
