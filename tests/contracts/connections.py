"""The contract of `tokensync.domain.ports.Connections`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from contracts.world import DAY, NOW, THREADS, at_once, refused, winners
from fakes.records import changed
from fault_rows import fault
from tokensync.domain.authorization import AuthorizationKey
from tokensync.domain.connection import (
    HISTORY_LENGTH,
    Attempt,
    Connection,
    DueTimes,
    Exemption,
    HistoryEntry,
    LastError,
    Phase,
    Published,
    Status,
)
from tokensync.domain.errors import FenceLost, NewerSchema, NotLeased, UnknownConnection
from tokensync.domain.export import Export
from tokensync.domain.names import ConnectionName
from tokensync.domain.work import AnswerAside

if TYPE_CHECKING:
    from collections.abc import Callable

    from contracts.world import Key, World

SOON = NOW + 60


def fresh(name: ConnectionName, **fields: object) -> Connection:
    """Return the record that brings a new grant, due now."""
    standing = Connection(
        name=name,
        provider="tiktok_shop",
        label="Acme GmbH",
        sealed_grant=b"\x00sealed\xff",
        obtained_at=NOW - 10,
        history=(HistoryEntry(NOW - 10, "connection.authorized", 1),),
        due=DueTimes(refresh_at=NOW, renew_at=NOW, next_at=NOW),
    )
    return changed(standing, **fields)


def fewer(world: World, count: int) -> bool:
    """Return whether fewer connections than that are presented, by what was said since NOW."""
    return world.connections.fewer_than(world.app, count, since=NOW)


def key(name: ConnectionName) -> Key:
    """Return the key of a connection's record."""
    return f"app#{name.app}", f"connection#{name.account}"


class ConnectionsContract:
    """What every implementation does."""

    @pytest.fixture
    def name(self, world: World) -> ConnectionName:
        """Return a connection that is nobody else's."""
        return ConnectionName(world.app, "7010736057180325637")

    @pytest.fixture
    def idle(self, world: World, name: ConnectionName) -> Connection:
        """Return a stored connection that is due and that nobody holds."""
        taken, _ = world.connections.take_over(fresh(name), until=SOON)
        return world.connections.write(taken, replace(taken, lease_until=None))

    # ------------------------------------------------------------------------------------------------ reading

    def test_every_field_comes_back(self, world: World, idle: Connection) -> None:
        """A record comes back from the store with every field as it was written."""
        full = replace(
            idle.with_due(refresh_at=NOW + 1, renew_at=NOW + 2, compare_at=NOW + 3, warn_at=NOW + 4, next_at=NOW + 1),
            status=Status.HELD,
            reason="refused",
            phase=Phase.RECEIVED,
            lease_until=SOON,
            attempt=Attempt(id="a1", fence=1, at=NOW, exemption=Exemption.GRACE),
            exemption=Exemption.LAST_ATTEMPT,
            generation=3,
            allocated=4,
            sealed_grant=bytes(range(256)),
            sealed_answer=b"\x00",
            published=Published(arn="arn:x", version_id="v", generation=3, status=Status.ACTIVE, at=NOW),
            label="Ünïcode ✓",
            obtained_at=NOW + 5,
            parked_at=NOW + 8,
            faulted_at=NOW + 9,
            authorized=replace(idle.authorized, unproved=True),
            access_expires_at=NOW + 6,
            refresh_expires_at=NOW + 7,
            table="table-2",
            brought=True,
            failures=8,
            last_error=LastError("ambiguous", "timeout", "no answer", "t1", NOW),
            history=(HistoryEntry(NOW, "one", 1), HistoryEntry(NOW, "two", 2, "detail")),
        )
        copy = Export(2, "0a1b", "owox", NOW)
        full = full.with_consumer(exported=copy, checked_at=NOW + 8, check_failed="112 Store not found")
        written = world.connections.write(idle, full)
        assert full == written
        assert full == world.connections.get(idle.name)

    def test_listing_is_in_order_of_account(self, world: World) -> None:
        """A list has every connection of one app in order of account, for account names of any alphabet."""
        accounts = ["a", "a#1", "a/b", "b", "é", "日本"]
        for account in reversed(accounts):
            world.connections.take_over(fresh(ConnectionName(world.app, account)), until=SOON)
        world.connections.set_aside(ConnectionName(world.app, "a"), fence=1, why="superseded", sealed=b"x", now=NOW)
        assert accounts == [record.name.account for record in world.connections.list(world.app)]
        assert [] == list(world.connections.list(f"{world.app}-2"))

    def test_fewer_than(self, world: World) -> None:
        """Counting stops at the number asked for, and counts connections only."""
        for account in ("a", "b", "c"):
            world.connections.take_over(fresh(ConnectionName(world.app, account)), until=SOON)
        world.connections.set_aside(ConnectionName(world.app, "a"), fence=1, why="superseded", sealed=b"x", now=NOW)
        assert [False, False, True] == [fewer(world, count) for count in (2, 3, 4)]

    def test_fewer_than_passes_over_what_is_not_presented(self, world: World) -> None:
        """Removed, ended, handed over, never due, or answered that its app is at fault: however many come first."""
        fault = LastError(failure="configuration", code="invalid_client", message="", trace_id="", at=NOW)
        passed_over: list[Callable[[Connection], Connection]] = [
            lambda record: replace(record, removed_at=NOW),
            lambda record: replace(record, status=Status.REAUTHORIZE),
            lambda record: replace(record, status=Status.QUARANTINED),
            lambda record: record.with_consumer(handed_over_at=NOW),
            lambda record: record.with_due(renew_at=None, verify_at=None),
            lambda record: replace(record, last_error=fault),
        ]
        counted: list[Callable[[Connection], Connection]] = [
            lambda record: replace(record, status=Status.HELD),
            lambda record: record.with_due(renew_at=None, verify_at=NOW),
            lambda record: replace(record, last_error=replace(fault, at=NOW - 1)),
            lambda record: replace(record, last_error=replace(fault, failure="refused")),
        ]
        for index, change in enumerate((*passed_over * 3, *counted)):
            taken, _ = world.connections.take_over(fresh(ConnectionName(world.app, f"{index:02}")), until=SOON)
            world.connections.write(taken, replace(change(taken), lease_until=None))
        assert [False, False, True] == [fewer(world, count) for count in (3, 4, 5)]

    # -------------------------------------------------------------------------------------------------- lease

    def test_leasing_what_is_due(self, world: World, idle: Connection) -> None:
        """A lease of a due connection counts the fence up, and the answer is the stored record."""
        leased = world.connections.lease(idle.name, now=NOW, until=SOON)
        assert replace(idle, fence=idle.fence + 1, lease_until=SOON) == leased
        assert leased == world.connections.get(idle.name)

    def test_not_due(self, world: World, idle: Connection) -> None:
        """What is not due is not leased, unless it is asked for whether due or not."""
        with pytest.raises(NotLeased) as refused:
            world.connections.lease(idle.name, now=NOW - 1, until=SOON)
        assert refused.value.leased_until is None
        leased = world.connections.lease(idle.name, now=NOW - 1, until=SOON, even_if_not_due=True)
        assert idle.fence + 1 == leased.fence

    def test_never_due(self, world: World, idle: Connection) -> None:
        """Where nothing is due at any time, nothing is leased."""
        world.connections.write(idle, idle.with_due(refresh_at=None))
        refused(NotLeased, world.connections.lease, idle.name, now=NOW + 1000 * DAY, until=NOW + 1001 * DAY)

    def test_a_standing_lease(self, world: World, idle: Connection) -> None:
        """A lease runs through its last second, a refusal says until when, and after it the record is free."""
        world.connections.lease(idle.name, now=NOW, until=SOON)
        for asked in (NOW, SOON):
            with pytest.raises(NotLeased) as refused:
                world.connections.lease(idle.name, now=asked, until=SOON + 60, even_if_not_due=True)
            assert refused.value.leased_until == SOON
        assert idle.fence + 2 == world.connections.lease(idle.name, now=SOON + 1, until=SOON + 60).fence

    def test_the_unknown(self, world: World, name: ConnectionName) -> None:
        """What does not stand is neither leased, asked for, marked nor replaced, and nothing is created."""
        refused(UnknownConnection, world.connections.lease, name, now=NOW, until=SOON)
        refused(UnknownConnection, world.connections.request_refresh, name, generation=0, now=NOW)
        refused(UnknownConnection, world.connections.note_deauthorized, name, at=NOW, now=NOW)
        assert not world.connections.replace_consumer(name, seen=b"marked", sealed=b"key")
        assert world.connections.get(name) is None

    def test_one_of_many_leases(self, world: World, idle: Connection) -> None:
        """Of many that ask for the lease at once, one gets it."""
        won = winners(at_once(lambda _: world.connections.lease(idle.name, now=NOW, until=SOON)), NotLeased)
        assert [idle.fence + 1] == [record.fence for record in won]

    @pytest.mark.parametrize("phase", list(Phase))
    def test_the_next_holder_finds_what_a_dead_one_left(self, world: World, idle: Connection, phase: Phase) -> None:
        """Whoever leases after a crash finds the phase, the attempt and the stored answer of the dead holder."""
        leased = world.connections.lease(idle.name, now=NOW, until=SOON)
        attempt = None if phase is Phase.IDLE else Attempt(id="a1", fence=leased.fence, at=NOW)
        answer = b"raw" if phase is Phase.RECEIVED else None
        world.connections.write(leased, replace(leased, phase=phase, attempt=attempt, sealed_answer=answer))
        found = world.connections.lease(idle.name, now=SOON + 1, until=SOON + 60)
        assert (phase, attempt, answer, leased.fence + 1) == (
            found.phase,
            found.attempt,
            found.sealed_answer,
            found.fence,
        )

    # -------------------------------------------------------------------------------------------------- write

    def test_writing_under_a_lost_fence(self, world: World, idle: Connection) -> None:
        """A holder whose fence is older than the record's writes nothing."""
        newer = world.connections.lease(idle.name, now=NOW, until=SOON)
        refused(FenceLost, world.connections.write, idle, replace(idle, label="late"))
        assert newer == world.connections.get(idle.name)

    def test_writing_what_is_gone(self, world: World, idle: Connection) -> None:
        """A record that was removed is not brought back by a write."""
        world.erase(key(idle.name))
        refused(FenceLost, world.connections.write, idle, replace(idle, label="late"))
        assert world.connections.get(idle.name) is None

    @fault("F15")
    def test_writing_leaves_the_rest(self, world: World, idle: Connection) -> None:
        """A write changes what differs; what others changed, and fields it does not know, stay."""
        world.plant(key(idle.name), "colour", "blue")
        world.plant(key(idle.name), "failures", 7)
        written = world.connections.write(idle, replace(idle, label="New", sealed_grant=None))
        assert ("New", None, 7) == (written.label, written.sealed_grant, written.failures)
        assert world.attribute(key(idle.name), "colour") == "blue"
        assert written == world.connections.get(idle.name)

    def test_writing_nothing(self, world: World, idle: Connection) -> None:
        """A write without a difference still finds out whether the fence is the same."""
        assert idle == world.connections.write(idle, idle)
        world.connections.lease(idle.name, now=NOW, until=SOON)
        refused(FenceLost, world.connections.write, idle, idle)

    def test_history_is_cut(self, world: World, idle: Connection) -> None:
        """A write keeps the last entries of the history."""
        long = tuple(HistoryEntry(NOW, f"event.{number}", 1) for number in range(HISTORY_LENGTH + 5))
        written = world.connections.write(idle, replace(idle, history=long))
        assert long[5:] == written.history

    def test_history_that_takeovers_made_long_is_cut(self, world: World, idle: Connection) -> None:
        """The write after a takeover cuts what the takeover appended to a full history."""
        full = tuple(HistoryEntry(NOW, f"event.{number}", 1) for number in range(HISTORY_LENGTH))
        world.connections.write(idle, replace(idle, history=full))
        taken, _ = world.connections.take_over(fresh(idle.name), until=SOON)
        assert len(taken.history) == HISTORY_LENGTH + 1
        assert taken.history[1:] == world.connections.write(taken, replace(taken, lease_until=None)).history

    # ----------------------------------------------------------------------------------------------- takeover

    def test_taking_over_creates(self, world: World, name: ConnectionName) -> None:
        """The first grant of an account creates its record: fence 1, number 1, and the lease is ours."""
        taken, stood = world.connections.take_over(fresh(name), until=SOON)
        assert (stood and stood.lease_until) is None
        assert (
            replace(fresh(name).with_due(compare_at=1), fence=1, generation=1, allocated=1, lease_until=SOON) == taken
        )
        assert taken == world.connections.get(name)

    def test_taking_over_from_a_holder(self, world: World, idle: Connection) -> None:
        """A takeover clears the attempt in flight, keeps what was published, and takes the next number and fence."""
        leased = world.connections.lease(idle.name, now=NOW, until=SOON)
        published = Published(arn="arn:x", version_id="v", generation=1, status=Status.ACTIVE, at=NOW)
        held = world.connections.write(
            leased,
            replace(
                leased.with_due(compare_at=NOW, warn_at=NOW),
                phase=Phase.RECEIVED,
                status=Status.HELD,
                reason="refused",
                attempt=Attempt(id="a1", fence=leased.fence, at=NOW),
                exemption=Exemption.GRACE,
                sealed_answer=b"raw",
                allocated=5,
                published=published,
                unpublished="quota",
                failures=3,
                last_error=LastError("refused", "105", "no", "t1", NOW),
            ),
        )
        world.plant(key(idle.name), "colour", "blue")
        brought = fresh(idle.name, sealed_grant=b"new", next_at=NOW + 9)
        taken, stood = world.connections.take_over(brought, until=SOON + 60)
        assert (stood and stood.lease_until) == SOON
        expected = replace(
            brought.with_due(compare_at=SOON + 1),
            fence=held.fence + 1,
            allocated=6,
            generation=6,
            lease_until=SOON + 60,
            published=published,
            history=(*held.history, *brought.history),
        )
        assert expected == taken
        assert expected == world.connections.get(idle.name)
        assert world.attribute(key(idle.name), "colour") == "blue"
        refused(FenceLost, world.connections.write, held, replace(held, label="late"))

    def test_a_takeover_brings_what_was_alerted(self, world: World, idle: Connection) -> None:
        """Of the new grant, and of no grant before it."""
        assert not world.attribute(key(idle.name), "alerted")
        for marks in (("answer.odd 1", "b 2"), ("answer.odd 1",), ()):
            world.connections.take_over(fresh(idle.name, alerted=marks), until=SOON)
            known = world.connections.get(idle.name)
            assert known is not None
            assert known.alerted == marks
        assert not world.attribute(key(idle.name), "alerted")

    def test_a_takeover_of_what_was_removed(self, world: World, idle: Connection) -> None:
        """Who comes back is no longer removed, and is not deleted with time; the old secret is still known."""
        published = Published(arn="arn:x", version_id="v", generation=1, status=Status.ACTIVE, at=NOW, removed=True)
        gone = replace(idle, published=published, removed_at=NOW, ttl=NOW + DAY, sealed_grant=None)
        assert gone == world.connections.write(idle, gone) == world.connections.get(idle.name)
        taken, stood = world.connections.take_over(fresh(idle.name), until=SOON)
        assert gone == stood
        assert (None, None, published) == (taken.removed_at, taken.ttl, taken.published)
        assert taken == world.connections.get(idle.name)

    def test_a_takeover_of_what_was_given_away(self, world: World, idle: Connection) -> None:
        """A new grant is ours again; what its consumer knows it by stays, and the consumer has nothing of the new."""
        copy = Export(1, "0a1b", "owox", NOW)
        given = idle.with_consumer(
            handed_over_at=NOW,
            sealed_consumer=b"keys",
            pushed=1,
            push_failures=2,
            exported=copy,
            checked_at=NOW,
            check_failed="112",
        ).with_due(push_at=NOW)
        world.connections.write(idle, replace(given, brought=True))
        taken, _ = world.connections.take_over(fresh(idle.name), until=SOON)
        assert (copy, None) == (taken.consumer.exported, taken.brought)
        assert (None, None) == (taken.consumer.checked_at, taken.consumer.check_failed)
        assert (None, b"keys", 0, 0, None) == (
            taken.consumer.handed_over_at,
            taken.consumer.sealed_consumer,
            taken.consumer.pushed,
            taken.consumer.push_failures,
            taken.due.push_at,
        )
        assert taken == world.connections.get(idle.name)

    @pytest.mark.parametrize("sealed", [b"key", None])
    def test_a_consumers_standing_outlives_the_fence(
        self, world: World, idle: Connection, sealed: bytes | None
    ) -> None:
        """It is replaced under whatever fence, lease and grant, and nothing else of the record is."""
        world.connections.write(idle, idle.with_consumer(sealed_consumer=b"marked"))
        taken, _ = world.connections.take_over(fresh(idle.name), until=SOON)

        assert world.connections.replace_consumer(idle.name, seen=b"marked", sealed=sealed)
        assert taken.with_consumer(sealed_consumer=sealed) == world.connections.get(idle.name)

    def test_a_consumers_standing_that_changed(self, world: World, idle: Connection) -> None:
        """What another wrote since is not undone; what a repeated request finds written is kept."""
        stands = world.connections.write(idle, idle.with_consumer(sealed_consumer=b"newer"))

        assert not world.connections.replace_consumer(idle.name, seen=b"marked", sealed=b"key")
        assert world.connections.replace_consumer(idle.name, seen=b"marked", sealed=b"newer")
        assert stands == world.connections.get(idle.name)

    def test_the_same_authorization_never_replaces_itself(self, world: World, name: ConnectionName) -> None:
        """What was refreshed since is kept, however late the same authorization comes again."""
        taken, _ = world.connections.take_over(fresh(name, authorized_at=NOW, authorized_by="a"), until=SOON)
        with pytest.raises(FenceLost):
            world.connections.take_over(fresh(name, authorized_at=NOW + 5, authorized_by="a"), until=SOON)
        assert taken == world.connections.get(name)

    @pytest.mark.parametrize(("at", "by"), [(NOW, "a"), (NOW - 1, "a"), (NOW - 1, "b")])
    def test_no_authorization_from_before_revives_what_was_removed(
        self, world: World, name: ConnectionName, at: int, by: str
    ) -> None:
        """What was removed gives way to the same authorization only where that was given anew."""
        taken, _ = world.connections.take_over(fresh(name, authorized_at=NOW, authorized_by="a"), until=SOON)
        gone = world.connections.write(taken, replace(taken, removed_at=NOW, lease_until=None))
        refused(FenceLost, world.connections.take_over, fresh(name, authorized_at=at, authorized_by=by), until=SOON)
        assert gone == world.connections.get(name)
        _, stood = world.connections.take_over(fresh(name, authorized_at=NOW + 1, authorized_by="a"), until=SOON)
        assert gone == stood

    def test_two_authorizations_in_one_second(self, world: World, name: ConnectionName) -> None:
        """The one that is finished last counts, whichever it is; neither replaces itself."""
        for by in ("b", "a", "c"):
            brought = fresh(name, authorized_at=NOW, authorized_by=by)
            taken, _ = world.connections.take_over(brought, until=SOON)
            assert (by, NOW) == (taken.authorized.authorized_by, taken.authorized.authorized_at)
            assert taken == world.connections.get(name)
            refused(FenceLost, world.connections.take_over, brought, until=SOON)

    def test_taking_over_one_record_alone(self, world: World, name: ConnectionName) -> None:
        """If there may be no record, or only the one that was seen, any other that came in between is kept."""
        refused(FenceLost, world.connections.take_over, fresh(name), until=SOON, over=1)
        assert world.connections.get(name) is None
        world.connections.take_over(fresh(name), until=SOON, over=0)
        taken, _ = world.connections.take_over(fresh(name), until=SOON, over=1)
        for other in (0, taken.fence - 1, taken.fence + 1):
            refused(FenceLost, world.connections.take_over, fresh(name), until=SOON, over=other)
        assert taken == world.connections.get(name)
        _, stood = world.connections.take_over(fresh(name), until=SOON, over=taken.fence)
        assert taken == stood

    def test_many_takeovers(self, world: World, name: ConnectionName) -> None:
        """Of many takeovers at once, no two get the same number or the same fence."""
        taken = winners(at_once(lambda _: world.connections.take_over(fresh(name), until=SOON)[0]), FenceLost)
        numbers = list(range(1, THREADS + 1))
        assert numbers == sorted(record.generation for record in taken)
        assert numbers == sorted(record.fence for record in taken)

    @pytest.mark.parametrize("over", [None, 0])
    def test_a_first_grant_above_a_floor(self, world: World, name: ConnectionName, over: int | None) -> None:
        """What a restored table does not know of may have been numbered: its first grant begins at the floor."""
        taken, stood = world.connections.take_over(fresh(name, table="table-2"), until=SOON, over=over, floor=NOW)
        assert (NOW, NOW, NOW, "table-2", None) == (taken.fence, taken.generation, taken.allocated, taken.table, stood)
        assert taken == world.connections.get(name)

    def test_taking_over_below_a_floor(self, world: World, idle: Connection) -> None:
        """Numbers below the floor are raised to it; those at it or above go on one by one."""
        first, stood = world.connections.take_over(fresh(idle.name), until=SOON, floor=NOW)
        assert (idle, NOW, NOW) == (stood, first.fence, first.generation)
        second, _ = world.connections.take_over(fresh(idle.name), until=SOON, floor=NOW)
        assert (NOW + 1, NOW + 1, NOW + 1) == (second.fence, second.generation, second.allocated)
        leased = world.connections.write(second, replace(second, allocated=NOW + 9, lease_until=None))
        third, _ = world.connections.take_over(fresh(idle.name), until=SOON, floor=NOW + 5)
        assert (leased.fence + 1, NOW + 10) == (third.fence, third.generation)
        assert third == world.connections.get(idle.name)

    def test_many_takeovers_above_a_floor(self, world: World, name: ConnectionName) -> None:
        """Of many at once, no two get the same number, and none one below the floor."""
        taken = winners(
            at_once(lambda _: world.connections.take_over(fresh(name), until=SOON, floor=NOW)[0]), FenceLost
        )
        numbers = list(range(NOW, NOW + THREADS))
        assert numbers == sorted(record.generation for record in taken)
        assert numbers == sorted(record.fence for record in taken)

    def test_an_older_authorization_above_a_floor(self, world: World, name: ConnectionName) -> None:
        """The floor lets none through that a later one forbids."""
        taken, _ = world.connections.take_over(fresh(name, authorized_at=NOW, authorized_by="a"), until=SOON)
        with pytest.raises(FenceLost):
            world.connections.take_over(fresh(name, authorized_at=NOW - 1, authorized_by="b"), until=SOON, floor=NOW)
        assert taken == world.connections.get(name)

    def test_raising_the_numbers(self, world: World, idle: Connection) -> None:
        """A holder raises its own fence: from then on it is the one that counts."""
        leased = world.connections.lease(idle.name, now=NOW, until=SOON)
        raised = world.connections.write(leased, replace(leased, fence=NOW, allocated=NOW))
        assert replace(leased, fence=NOW, allocated=NOW) == raised == world.connections.get(idle.name)
        refused(FenceLost, world.connections.write, leased, replace(leased, label="late"))
        written = world.connections.write(raised, replace(raised, label="New", lease_until=None))
        assert ("New", NOW + 1) == (written.label, world.connections.lease(idle.name, now=NOW, until=SOON).fence)

    # ------------------------------------------------------------------------------------------- newer schema

    @fault("F15")
    def test_a_newer_schema_is_left_alone(self, world: World, idle: Connection) -> None:
        """A record of a newer version is neither leased, nor written, nor taken over, nor made due, nor marked."""
        world.plant(key(idle.name), "schema", 2)
        before, store = world.connections.get(idle.name), world.connections
        refused(NewerSchema, store.lease, idle.name, now=NOW, until=SOON)
        refused(NewerSchema, store.write, idle, replace(idle, label="old"))
        refused(NewerSchema, store.take_over, fresh(idle.name), until=SOON)
        refused(NewerSchema, store.request_refresh, idle.name, generation=idle.generation, now=NOW)
        refused(NewerSchema, store.replace_consumer, idle.name, seen=b"marked", sealed=b"key")
        refused(NewerSchema, store.note_deauthorized, idle.name, at=NOW, now=NOW)
        assert before == world.connections.get(idle.name)

    # ------------------------------------------------------------------------------------------ due and claim

    def _due(self, world: World, now: int) -> list[tuple[str, int]]:
        return [
            (due.sort_key, due.next_at)
            for due in world.connections.due(now=now)
            if due.partition_key == f"app#{world.app}"
        ]

    def test_the_due_index(self, world: World) -> None:
        """The index gives what is due by now, oldest first, and nothing that is due later or never."""
        for account, next_at in (("a", NOW), ("b", NOW - 5), ("c", NOW + 1), ("d", None)):
            world.connections.take_over(fresh(ConnectionName(world.app, account), next_at=next_at), until=SOON)
        assert [("connection#b", NOW - 5), ("connection#a", NOW)] == self._due(world, NOW)

    def test_leaving_and_entering_the_index(self, world: World, idle: Connection) -> None:
        """A record without a next time leaves the index, and comes back when it has one."""
        out = world.connections.write(idle, idle.with_due(next_at=None))
        assert [] == self._due(world, NOW)
        assert world.attribute(key(idle.name), "due") is None
        world.connections.write(out, out.with_due(next_at=NOW - 1))
        assert [(f"connection#{idle.name.account}", NOW - 1)] == self._due(world, NOW)

    def test_a_takeover_moves_in_the_index(self, world: World, idle: Connection) -> None:
        """A takeover sets the next time, and one without a next time leaves the index."""
        world.connections.take_over(fresh(idle.name, next_at=NOW - 3), until=SOON)
        assert [(f"connection#{idle.name.account}", NOW - 3)] == self._due(world, NOW)
        world.connections.take_over(fresh(idle.name, next_at=None), until=SOON)
        assert [] == self._due(world, NOW)

    def test_claiming(self, world: World, idle: Connection) -> None:
        """A claim moves the next time on once; who saw the old time comes too late."""
        (due,) = [due for due in world.connections.due(now=NOW) if due.partition_key == f"app#{world.app}"]
        assert idle.name == due.work().connection
        assert world.connections.claim(due, now=NOW, seconds=720)
        assert not world.connections.claim(due, now=NOW, seconds=720)
        assert [] == self._due(world, NOW)
        assert [(f"connection#{idle.name.account}", NOW + 720)] == self._due(world, NOW + 720)
        claimed = world.connections.get(idle.name)
        assert idle.with_due(next_at=NOW + 720) == claimed

    @pytest.mark.parametrize(("own", "seconds"), [(True, 90), (False, 720)])
    def test_claiming_for_as_long_as_a_record_can_wait(
        self, world: World, idle: Connection, *, own: bool, seconds: int
    ) -> None:
        """A record says itself for how long it may be claimed, where that is asked for; a new grant says it anew."""
        world.connections.write(idle, idle.with_due(claim=90))
        (due,) = [due for due in world.connections.due(now=NOW) if due.partition_key == f"app#{world.app}"]
        assert world.connections.claim(due, now=NOW, seconds=720, own=own)
        assert [(f"connection#{idle.name.account}", NOW + seconds)] == self._due(world, NOW + 720)
        assert idle.with_due(claim=90, next_at=NOW + seconds) == world.connections.get(idle.name)
        assert None is world.connections.take_over(fresh(idle.name), until=SOON)[0].due.claim
        stored = world.connections.get(idle.name)
        assert stored is not None
        assert None is stored.due.claim

    def test_a_claim_outlives_a_write_that_does_not_move_it(self, world: World, idle: Connection) -> None:
        """A holder that read the next time before a claim, and leaves it as it was, does not undo the claim."""
        leased = world.connections.lease(idle.name, now=NOW, until=SOON)
        (due,) = [due for due in world.connections.due(now=NOW) if due.partition_key == f"app#{world.app}"]
        world.connections.claim(due, now=NOW, seconds=720)
        assert NOW + 720 == world.connections.write(leased, replace(leased, phase=Phase.SENT)).due.next_at

    def test_one_of_many_claims(self, world: World, idle: Connection) -> None:
        """Of many that claim one key at once, one does; a claim of what is gone does nothing."""
        (due,) = [due for due in world.connections.due(now=NOW) if due.partition_key == f"app#{world.app}"]
        assert [True] == [won for won in at_once(lambda n: world.connections.claim(due, now=NOW, seconds=n + 1)) if won]
        world.erase(key(idle.name))
        assert not world.connections.claim(due, now=NOW, seconds=720)
        assert world.connections.get(idle.name) is None

    def test_pending_authorizations_stand_in_the_same_index(self, world: World) -> None:
        """An answered authorization is found by the tick like a connection."""
        from contracts.authorizations import waiting  # noqa: PLC0415 -- the two contracts share it

        authorization = waiting(AuthorizationKey(world.app, "browser", "nonce"))
        world.authorizations.put(authorization)
        used = world.authorizations.consume(authorization.key, now=NOW, lease_until=SOON, code="")
        world.authorizations.write(used, replace(used, sealed_answer=b"raw", received_at=NOW), next_at=NOW)
        (due,) = [due for due in world.connections.due(now=NOW) if due.partition_key == f"app#{world.app}"]
        assert authorization.key == due.work().authorization
        assert world.connections.claim(due, now=NOW, seconds=720)
        assert [] == self._due(world, NOW)

    # ------------------------------------------------------------------------------------- requests and asides

    def test_requesting_a_refresh(self, world: World, idle: Connection) -> None:
        """A request makes the refresh due now, where the generation is still the one that was seen."""
        rested = world.connections.write(
            idle, idle.with_due(refresh_at=NOW + DAY, renew_at=NOW + DAY, next_at=NOW + DAY)
        )
        assert not world.connections.request_refresh(idle.name, generation=rested.generation + 1, now=NOW)
        assert rested == world.connections.get(idle.name)
        assert world.connections.request_refresh(idle.name, generation=rested.generation, now=NOW)
        assert rested.with_due(refresh_at=NOW, renew_at=NOW, next_at=NOW) == world.connections.get(idle.name)
        assert [(f"connection#{idle.name.account}", NOW)] == self._due(world, NOW)

    def test_noting_an_export(self, world: World, idle: Connection) -> None:
        """A copy is noted while another holds the lease, if its generation still is the record's."""
        leased = world.connections.lease(idle.name, now=NOW, until=SOON)
        assert not world.connections.note_exported(idle.name, Export(idle.generation + 1, "0a", "owox", NOW))
        assert leased == world.connections.get(idle.name)
        for form in ("env", "owox"):
            copy = Export(idle.generation, "0a", form, NOW)
            assert world.connections.note_exported(idle.name, copy)
            assert leased.with_consumer(exported=copy) == world.connections.get(idle.name)
        # A holder's write leaves it.
        written = world.connections.write(leased, replace(leased, lease_until=None))
        assert copy == written.consumer.exported
        refused(UnknownConnection, world.connections.note_exported, ConnectionName(world.app, "nobody"), copy)

    def test_a_busy_provider_outlives_a_request_and_a_takeover(self, world: World, idle: Connection) -> None:
        """Until its time nothing is requested; who authorizes again finds the same provider."""
        rests = idle.with_due(refresh_at=SOON, renew_at=SOON, next_at=SOON, not_before=SOON, ask_not_before=SOON + 1)
        busy = world.connections.write(idle, rests)
        assert not world.connections.request_refresh(idle.name, generation=busy.generation, now=SOON - 1)
        assert busy == world.connections.get(idle.name)
        assert world.connections.request_refresh(idle.name, generation=busy.generation, now=SOON)
        taken, _ = world.connections.take_over(fresh(idle.name), until=SOON)
        assert (SOON, SOON + 1) == (taken.due.not_before, taken.due.ask_not_before)
        assert taken == world.connections.get(idle.name)

    def test_answers_set_aside(self, world: World, idle: Connection) -> None:
        """An answer without a place is kept under its fence for 30 days, beside those of other fences."""
        world.connections.set_aside(idle.name, fence=1, why="superseded", sealed=b"\x00one", now=NOW)
        world.connections.set_aside(idle.name, fence=2, why="unplaced", sealed=b"\xfftwo", now=NOW)
        assert [b"\x00one", b"\xfftwo", None] == [world.connections.aside(idle.name, fence=n) for n in (1, 2, 3)]
        assert NOW + 30 * DAY == world.attribute((f"app#{world.app}", f"aside#{idle.name.account}#1"), "ttl")

    @pytest.mark.parametrize("why", ["unparsed", "unusable", "other_account", "restored_table", "of a newer version"])
    def test_what_was_read_for_good_waits_for_nobody(self, world: World, idle: Connection, why: str) -> None:
        """An answer under a final reason is kept, and no attempt is concluded from it."""
        world.connections.set_aside(idle.name, fence=1, why=why, sealed=b"raw", now=NOW)
        assert world.connections.aside(idle.name, fence=1) is None
        assert why == world.attribute((f"app#{world.app}", f"aside#{idle.name.account}#1"), "why")

    def test_listing_what_was_set_aside(self, world: World) -> None:
        """All of an app's, or of one account's, in the order of their keys; an account's name may hold anything."""
        kept = [("a", 1, "unparsed"), ("a#1", 1, "unusable"), ("a", 12, "superseded"), ("a", 2, "unplaced")]
        kept += [("é/b", 3, "restored_table")]
        for account, fence, why in reversed(kept):
            world.connections.set_aside(
                ConnectionName(world.app, account), fence=fence, why=why, sealed=b"\x00" + why.encode(), now=NOW + fence
            )
        world.connections.take_over(fresh(ConnectionName(world.app, "a")), until=SOON)
        expected = [
            AnswerAside(ConnectionName(world.app, account), fence, why, NOW + fence, b"\x00" + why.encode())
            for account, fence, why in kept
        ]
        assert expected == list(world.connections.list_aside(world.app))
        assert [*expected[:1], *expected[2:4]] == list(world.connections.list_aside(world.app, account="a"))
        assert expected[1:2] == list(world.connections.list_aside(world.app, account="a#1"))
        assert [] == list(world.connections.list_aside(world.app, account="b"))
        assert [] == list(world.connections.list_aside(f"{world.app}-2"))

    # ------------------------------------------------------------------------------------------------ notices

    def test_marking_an_end(self, world: World, idle: Connection) -> None:
        """A mark makes the connection due now, and is on the record."""
        rested = world.connections.write(idle, idle.with_due(refresh_at=None, renew_at=None, next_at=None))
        assert world.connections.note_deauthorized(idle.name, at=NOW - 5, now=NOW)
        marked = rested.with_authorized(deauthorized_at=NOW - 5).with_due(refresh_at=NOW, next_at=NOW)
        assert marked == world.connections.get(idle.name)
        assert [(f"connection#{idle.name.account}", NOW)] == self._due(world, NOW)

    def test_a_mark_outlives_a_holders_write(self, world: World, idle: Connection) -> None:
        """A holder that read the record before the mark does not undo it."""
        leased = world.connections.lease(idle.name, now=NOW, until=SOON)
        assert world.connections.note_deauthorized(idle.name, at=NOW, now=NOW)
        done = replace(leased.with_due(refresh_at=NOW + DAY, next_at=NOW + DAY), lease_until=None, label="New")
        assert NOW == world.connections.write(leased, done).authorized.deauthorized_at

    @pytest.mark.parametrize(("at", "marked"), [(NOW - 1, False), (NOW, False), (NOW + 1, True)])
    def test_an_end_before_the_grant(self, world: World, name: ConnectionName, at: int, *, marked: bool) -> None:
        """Only an end after the record's authorization ends it."""
        world.connections.take_over(fresh(name, authorized_at=NOW, authorized_by="a"), until=SOON)
        before = world.connections.get(name)
        assert marked == world.connections.note_deauthorized(name, at=at, now=NOW)
        assert marked == (before != world.connections.get(name))

    def test_a_takeover_clears_a_mark(self, world: World, name: ConnectionName) -> None:
        """A new authorization counts, whatever was said of the one before."""
        world.connections.take_over(fresh(name, authorized_at=NOW, authorized_by="a"), until=SOON)
        assert world.connections.note_deauthorized(name, at=NOW + 1, now=NOW + 1)
        taken, _ = world.connections.take_over(fresh(name, authorized_at=NOW + 2, authorized_by="b"), until=SOON)
        assert taken.authorized.deauthorized_at is None
        assert taken == world.connections.get(name)

    def test_a_disconnected_connection_is_not_marked(self, world: World, idle: Connection) -> None:
        """What has ended does not end again, and is not made due."""
        ended = world.connections.write(
            idle, replace(idle.with_due(refresh_at=None, next_at=None), status=Status.DISCONNECTED)
        )
        assert not world.connections.note_deauthorized(idle.name, at=NOW, now=NOW)
        assert ended == world.connections.get(idle.name)

    def test_finding_by_a_key(self, world: World) -> None:
        """A connection is found by each of its keys, of any length and alphabet; the last one named wins."""
        one, other = ConnectionName(world.app, "a"), ConnectionName(world.app, "é/b")
        keys = ["7000714532876273420", "s" * 60_000, "\ud800", ""]
        for _ in range(2):
            world.connections.index(one, keys)
        world.connections.index(other, keys[:1])
        assert [other, one, one, one] == [world.connections.find(world.app, key) for key in keys]
        assert world.connections.find(world.app, "another") is None
        assert world.connections.find(f"{world.app}-2", keys[0]) is None
        assert [] == list(world.connections.list(world.app))
