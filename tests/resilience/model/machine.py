"""A Hypothesis state machine over the real use cases: whatever happens in whatever order, the promises hold.

Each rule lets one thing happen, and with it up to two events at named places of the protocol: the process dies, a store
fails before or after it commits, another worker or an operator comes in between, the account authorizes again.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fakes.world import killed
from model import people
from model.promises import check, check_at_rest
from model.server import MOODS
from model.stage import ALL, NAMES
from tokensync.domain.errors import PublishUnavailable, SealingUnavailable, StoreUnavailable, TokensyncError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tokensync.domain.names import ConnectionName

PLACES = ("leased", "sent", "answered", "received", "published", "committed")
EXCHANGE = (
    *("exchange.sent", "answered", "exchange.received", "exchange.held", "exchange.taken_over", "exchange.merged"),
    *("published", "committed", "exchange.used_up", "leased"),
)
# What fails: the port, its methods, and how.
FAILURES = {
    "table writes": ("connections", ("write",), StoreUnavailable),
    "table": ("connections", ("write", "set_aside", "take_over"), StoreUnavailable),
    "table reads": ("connections", ("get",), StoreUnavailable),
    "leases": ("connections", ("lease",), StoreUnavailable),
    "authorizations": ("authorizations", ("write",), StoreUnavailable),
    "invites": ("invites", ("get", "write"), StoreUnavailable),
    "secrets": ("secrets", ("put", "create", "current_version", "restore", "delete"), PublishUnavailable),
    "keys": ("sealer", ("open", "new_key"), SealingUnavailable),
    "queue": ("queue", ("send",), StoreUnavailable),
}
WAYS = ("message", "comparison", "schedule", "refresh", "refresh --force")
COMMANDS = (
    *("refresh", "refresh --force", "verify", "publish", "revoke", "revoke --local", "remove", "pause", "resume"),
    *("accept", "accept --force", "recover", "recover --reread"),
)
BETWEEN = ("a worker", "a comparison", "refresh", "refresh --force", "verify", "publish", "imported", "authorized")
CONSENTS = ("invited", "once more", "imported", "on another's invite")
WITHIN, PAST = 30, 100  # seconds within a function's life, and past its lease
DUE = 2600  # seconds after which every refresh is due


@dataclass(frozen=True)
class Event:
    """What happens when the protocol comes to `place`. `late`: after the commit, or after half a function's life."""

    place: str
    what: str
    late: bool = False


whats = st.one_of(st.sampled_from(("killed", "paused")), st.sampled_from(tuple(FAILURES)), st.sampled_from(BETWEEN))
events = st.lists(st.builds(Event, st.sampled_from(PLACES), whats, st.booleans()), max_size=2)
exchange = st.lists(st.builds(Event, st.sampled_from(EXCHANGE), whats, st.booleans()), max_size=2)
moods: st.SearchStrategy[list[str]] = st.one_of(st.just([]), st.lists(st.sampled_from(MOODS), max_size=2))
names = st.sampled_from((*NAMES, *NAMES, *ALL))


class Refreshing(RuleBasedStateMachine):
    """Everything that may happen to connections."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = people.opened()
        self.is_well = True

    @rule(name=names, way=st.sampled_from(WAYS), events=events, moods=moods)
    def refresh(self, name: ConnectionName, way: str, events: list[Event], moods: list[str]) -> None:
        """A refresh falls due, and is done in one of the ways there are."""
        self.stage.world.clock.advance(DUE)
        self._happen(self._way(way, name), ALL if way == "schedule" else [name], events, moods)

    @rule(name=names, way=st.sampled_from(WAYS), events=events, moods=moods)
    def again(self, name: ConnectionName, way: str, events: list[Event], moods: list[str]) -> None:
        """The same comes when nothing need be due: a second time, or a little later."""
        self._happen(self._way(way, name), ALL if way == "schedule" else [name], events, moods)

    @rule(name=names, command=st.sampled_from(COMMANDS), events=events, moods=moods)
    def command(self, name: ConnectionName, command: str, events: list[Event], moods: list[str]) -> None:
        """An operator asks for something."""
        self._happen(lambda: people.command(self.stage, name, command), [name], events, moods)

    @rule(name=names, way=st.sampled_from(CONSENTS), withdraws=st.booleans(), events=exchange, moods=moods)
    def authorize(
        self,
        name: ConnectionName,
        way: str,
        withdraws: bool,  # noqa: FBT001 - rules are called by Hypothesis, by name
        events: list[Event],
        moods: list[str],
    ) -> None:
        """The account authorizes, on its own invite or another's, once more, or its tokens come from elsewhere."""
        if way == "once more":
            self._happen(lambda: people.consent_once_more(self.stage, name), [name], events, moods)
            return
        by_import, stray = way == "imported", way == "on another's invite"
        self._happen(
            lambda: people.authorize(self.stage, name, by_import=by_import, withdraws=withdraws, stray=stray),
            [name],
            events,
            moods,
        )

    @rule(name=names)
    def deauthorize(self, name: ConnectionName) -> None:
        """The account leaves, and the provider says so."""
        self._happen(lambda: people.deauthorize(self.stage, name), [name], [], [])

    @rule(name=names, edit=st.sampled_from(("overwrite", "schedule deletion", "destroy")))
    def edit(self, name: ConnectionName, edit: str) -> None:
        """Somebody edits a secret by hand."""
        self._happen(lambda: people.edit(self.stage, name, edit), [name], [], [])

    @rule(seconds=st.sampled_from((1, 30, 70, 400, 2000, 3300, 10_000, 200_000)))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.stage.wait(seconds)

    @rule(seconds=st.sampled_from((-600, 600)))
    def skew(self, seconds: int) -> None:
        """The clock is set."""
        self.stage.skewed = True
        self.stage.world.clock.set_wall_clock(self.stage.world.clock.now() + seconds)

    @rule()
    def give_up(self) -> None:
        """What stands in the queue becomes dead letters."""
        self.stage.give_up()

    @rule()
    def back_up(self) -> None:
        """A backup is taken."""
        self.stage.back_up()

    @rule()
    def restore(self) -> None:
        """The table is lost, and comes back as the last backup had it."""
        self.stage.restore()

    @precondition(lambda self: self.is_well)
    @rule()
    def rest(self) -> None:
        """Everything is well for a while."""
        self._checked(self._rest)

    @invariant()
    def promises(self) -> None:
        """What holds at any time."""
        self._checked(lambda: check(self.stage))

    def teardown(self) -> None:
        """Whatever happened, it comes to rest as it should."""
        if self.is_well:
            self._rest()

    def _rest(self) -> None:
        people.calm(self.stage)
        check_at_rest(self.stage)

    def _way(self, way: str, name: ConnectionName) -> Callable[[], None]:
        stage = self.stage
        if way == "schedule":
            return stage.tick
        if way in COMMANDS:
            return lambda: people.command(stage, name, way)
        return lambda: stage.work(name, compare=way == "comparison")

    def _checked(self, check: Callable[[], None]) -> None:
        self.is_well = False
        check()
        self.is_well = True

    def _happen(
        self, thing: Callable[[], None], those: Sequence[ConnectionName], events: list[Event], moods: list[str]
    ) -> None:
        """Let one thing happen with these events on its way."""
        self.is_well = False
        stage = self.stage
        for name in those:
            stage.server(name).moods[:] = moods
        if moods or any(event.what not in BETWEEN[:2] for event in events):
            stage.troubled.update(those)
        for event in events:
            stage.world.failpoints.run_at(event.place, self._step(event, those[0]))
        self._quietly(thing)
        stage.forget()
        self.is_well = True

    def _step(self, event: Event, name: ConnectionName) -> Callable[[], None]:
        stage, world = self.stage, self.stage.world

        def fails() -> None:
            port, methods, error = FAILURES[event.what]
            for method in methods:
                getattr(world, port).fail_next(method, error, after_commit=event.late)

        def dies() -> None:
            if event.place == "answered" and stage.delivered:
                # What cannot be had: between the provider's commit and the first durable write.
                stage.witness.forgive(stage.delivered[-1])
            raise killed()

        def comes_between() -> None:
            if event.late:
                world.clock.advance(WITHIN)
            self._quietly(self._between(event.what, name))

        if event.what in FAILURES:
            return fails
        if event.what == "killed":
            return dies
        return comes_between if event.what in BETWEEN else lambda: world.clock.advance(PAST)

    def _between(self, what: str, name: ConnectionName) -> Callable[[], None]:
        """Return what comes in between."""
        stage = self.stage
        if what in COMMANDS:
            return lambda: people.command(stage, name, what)
        if what in ("imported", "authorized"):
            return lambda: people.authorize(stage, name, by_import=what == "imported", withdraws=True)
        return lambda: stage.work(name, compare=what == "a comparison")

    @staticmethod
    def _quietly(thing: Callable[[], None]) -> None:
        """Do it; a process that dies, and a failure that is told, are nothing unheard of."""
        with contextlib.suppress(TokensyncError, KeyboardInterrupt):
            thing()


SETTINGS = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    stateful_step_count=25,
    # A machine's examples are long by nature.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
