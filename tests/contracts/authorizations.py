"""The contract of `tokensync.domain.ports.Authorizations`."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from contracts.world import DAY, NOW, at_once, refused, winners
from tokensync.domain.authorization import GROUPS, PLACES, Authorization, AuthorizationKey, AuthorizationState
from tokensync.domain.bound import Bound
from tokensync.domain.connection import LastError
from tokensync.domain.errors import AlreadyConsumed, FenceLost, NewerSchema, NotLeased

if TYPE_CHECKING:
    from contracts.world import Key, World

SOON = NOW + 33
RACES = 40


def waiting(key: AuthorizationKey, **fields: object) -> Authorization:
    """Return an authorization that a seller is on the way through."""
    standing = Authorization(
        key=key,
        provider="tiktok_shop",
        token_endpoint="https://auth.example/token",
        redirect_uri="https://connect.example/callback/demo",
        invite_id="",
        created_at=NOW - 60,
        expires_at=NOW + 3600,
    )
    return replace(standing, **fields)  # type: ignore[arg-type]  # fields of a record, by name


def place(key: AuthorizationKey) -> Key:
    """Return the key of an authorization."""
    return f"app#{key.app}", key.sort_key


class AuthorizationsContract:
    """What every implementation does."""

    @pytest.fixture
    def key(self, world: World) -> AuthorizationKey:
        """Return a key that is nobody else's."""
        return AuthorizationKey(world.app, "browser-1", "nonce-1")

    @pytest.fixture
    def answered(self, world: World, key: AuthorizationKey) -> Authorization:
        """Return an authorization whose answer is stored and whose callback holds the lease."""
        world.authorizations.put(waiting(key))
        used = world.authorizations.consume(key, now=NOW, lease_until=SOON, code="code-1")
        return world.authorizations.write(
            used, replace(used, sealed_answer=b"\x00raw", received_at=NOW + 1), next_at=SOON
        )

    # ------------------------------------------------------------------------------------------------ reading

    def test_what_is_not_there(self, world: World, key: AuthorizationKey) -> None:
        """Reading what does not stand gives None."""
        assert world.authorizations.get(key) is None

    def test_every_field_comes_back(self, world: World, key: AuthorizationKey) -> None:
        """A record comes back with every field as it was stored."""
        full = waiting(
            key,
            invite_id="invite-1",
            invite_expires_at=NOW + 7 * DAY,
            label="Acme ✓",
            for_account="701",
            fence=2,
            consumed_at=NOW,
            lease_until=SOON,
            sealed_answer=bytes(range(256)),
            received_at=NOW + 1,
            state=AuthorizationState.QUARANTINED,
            detail="another account",
            connection=f"{world.app}/702",
            missing_scopes=("read", "write"),
            table="table-2",
            last_error=LastError(failure="unknown", code="40001", message="No permission", trace_id="t-1", at=NOW + 1),
            callback={"realmId": "123", "shop": "✓"},
            bound=Bound(
                provider="oauth2",
                rule="r",
                token=("https://id.example",),
                api=("https://a.example", "b"),
                reading=(("response.refresh_token", "rt"),),
            ),
        )
        world.authorizations.put(full)
        world.authorizations.put(replace(full, label="a repetition"))
        assert full == world.authorizations.get(key)

    def test_one_browser(self, world: World) -> None:
        """All of one browser's come, the latest consumed or created last, and nobody else's."""
        keys = [AuthorizationKey(world.app, "browser-1", nonce) for nonce in ("a", "b", "c")]
        for created, key in zip((30, 20, 10), keys, strict=True):
            world.authorizations.put(waiting(key, created_at=NOW - created))
        world.authorizations.put(waiting(AuthorizationKey(world.app, "browser-10", "d")))
        assert keys == [found.key for found in world.authorizations.of_browser(world.app, "browser-1")]
        world.authorizations.consume(keys[0], now=NOW, lease_until=None, code="")
        assert [*keys[1:], keys[0]] == [found.key for found in world.authorizations.of_browser(world.app, "browser-1")]

    def test_how_long_it_stays(self, world: World, key: AuthorizationKey, answered: Authorization) -> None:
        """DynamoDB may delete an authorization a day after it expired, and a stored answer after 30 days."""
        other = AuthorizationKey(world.app, "browser-1", "nonce-2")
        world.authorizations.put(waiting(other))
        assert NOW + 3600 + DAY == world.attribute(place(other), "ttl")
        assert NOW + 1 + 30 * DAY == world.attribute(place(key), "ttl")
        world.authorizations.write(
            answered, replace(answered, sealed_answer=None, state=AuthorizationState.CONNECTED), next_at=None
        )
        assert NOW + 3600 + DAY == world.attribute(place(key), "ttl")

    # ------------------------------------------------------------------------------------- the places of an invite

    def test_opening(self, world: World, key: AuthorizationKey) -> None:
        """It is stored as any other; its group's item goes a day after the invite or it does, whichever is later."""
        opened = waiting(key, invite_id="invite-1", invite_expires_at=NOW + 7 * DAY)
        world.authorizations.open(opened)
        assert opened == world.authorizations.get(key)
        assert NOW + 8 * DAY == world.attribute((f"app#{world.app}", f"opened#invite-1#{key.group}"), "ttl")

    def test_the_oldest_of_a_browser_gives_way(self, world: World) -> None:
        """Of one browser's authorizations behind one invite the latest stay; those of other invites are left alone."""
        other = AuthorizationKey(world.app, "browser-1", "other")
        world.authorizations.open(waiting(other, invite_id="invite-2"))
        keys = [AuthorizationKey(world.app, "browser-1", f"nonce-{number:02}") for number in range(2 * PLACES)]
        for key in keys:
            world.authorizations.open(waiting(key, invite_id="invite-1"))
        stored = {found.key for found in world.authorizations.of_browser(world.app, "browser-1")}
        assert {other, *keys[-PLACES:]} == stored

    def test_all_browsers_together_have_so_many_places(self, world: World) -> None:
        """A link that is opened by one new browser after the other keeps a bounded number, the latest of each group."""
        keys = [AuthorizationKey(world.app, f"browser-{number}", "nonce-1") for number in range(3 * PLACES * GROUPS)]
        for key in keys:
            world.authorizations.open(waiting(key, invite_id="invite-1"))
        latest = {key for group in range(GROUPS) for key in [key for key in keys if key.group == group][-PLACES:]}
        assert latest == {key for key in keys if world.authorizations.get(key) is not None}
        assert len(latest) <= PLACES * GROUPS

    def test_what_is_under_way_never_gives_way(self, world: World, answered: Authorization) -> None:
        """A code that was presented, and an answer that is kept, stay; what ended without an answer goes."""
        first = [AuthorizationKey(world.app, "browser-1", f"first-{number}") for number in range(4)]
        for key in first:
            world.authorizations.open(waiting(key, invite_id="invite-3"))
        declined = world.authorizations.consume(first[1], now=NOW, lease_until=SOON, code="code-2")
        world.authorizations.write(declined, replace(declined, state=AuthorizationState.CANCELLED), next_at=None)
        failed = world.authorizations.consume(first[2], now=NOW, lease_until=SOON, code="code-3")
        kept = replace(failed, state=AuthorizationState.FAILED, sealed_answer=b"raw", received_at=NOW)
        world.authorizations.write(failed, kept, next_at=None)
        world.authorizations.consume(first[0], now=NOW, lease_until=SOON, code="code-4")
        for number in range(PLACES):
            key = AuthorizationKey(world.app, "browser-1", f"later-{number}")
            world.authorizations.open(waiting(key, invite_id="invite-3"))
        assert [True, False, True, False] == [world.authorizations.get(key) is not None for key in first]
        assert answered == world.authorizations.get(answered.key)

    def test_a_link_opened_by_many_at_once(self, world: World) -> None:
        """However they race, as many stay as there are places, and each of them can be used up."""
        keys = [AuthorizationKey(world.app, "browser-1", f"race-{number}") for number in range(24)]
        at_once(lambda number: world.authorizations.open(waiting(keys[number], invite_id="invite-1")))
        stored = world.authorizations.of_browser(world.app, "browser-1")
        assert PLACES == len(stored)
        for found in stored:
            used = world.authorizations.consume(found.key, now=NOW, lease_until=SOON, code=found.key.nonce)
            world.authorizations.write(used, replace(used, state=AuthorizationState.CANCELLED), next_at=None)

    # ------------------------------------------------------------------------------------------------ consume

    def test_consuming(self, world: World, key: AuthorizationKey) -> None:
        """Consuming marks it as worked on, counts the fence up, and marks the code as presented for a day."""
        world.authorizations.put(waiting(key))
        used = world.authorizations.consume(key, now=NOW, lease_until=SOON, code="code-1")
        expected = waiting(key, consumed_at=NOW, lease_until=SOON, state=AuthorizationState.WORKING, fence=1)
        assert expected == used
        assert expected == world.authorizations.get(key)
        assert NOW + DAY == world.attribute((f"app#{world.app}", "code#code-1"), "ttl")

    def test_consuming_keeps_what_names_the_account(self, world: World, key: AuthorizationKey) -> None:
        """The parameters of the callback come back with it."""
        world.authorizations.put(waiting(key))
        used = world.authorizations.consume(key, now=NOW, lease_until=SOON, code="code-1", callback={"realmId": "1"})
        assert {"realmId": "1"} == used.callback
        assert used == world.authorizations.get(key)
        other = AuthorizationKey(world.app, "browser-1", "nonce-2")
        world.authorizations.put(waiting(other))
        world.authorizations.consume(other, now=NOW, lease_until=SOON, code="code-2")
        assert not world.attribute(place(other), "callback")

    def test_consuming_without_an_exchange(self, world: World, key: AuthorizationKey) -> None:
        """A seller who declined uses the authorization up without a lease and without a code."""
        world.authorizations.put(waiting(key))
        used = world.authorizations.consume(key, now=NOW, lease_until=None, code="")
        assert (NOW, None, 1) == (used.consumed_at, used.lease_until, used.fence)
        other = AuthorizationKey(world.app, "browser-1", "nonce-2")
        world.authorizations.put(waiting(other))
        world.authorizations.consume(other, now=NOW, lease_until=None, code="")

    def test_consuming_twice(self, world: World, key: AuthorizationKey) -> None:
        """A used authorization is not used again, with whatever code."""
        world.authorizations.put(waiting(key))
        used = world.authorizations.consume(key, now=NOW, lease_until=SOON, code="code-1")
        for code in ("code-1", "code-2", ""):
            refused(AlreadyConsumed, world.authorizations.consume, key, now=NOW + 1, lease_until=SOON, code=code)
        assert used == world.authorizations.get(key)

    def test_consuming_in_a_restored_table(self, world: World) -> None:
        """Only what was begun in that very table is used up: of all else nobody knows whether it was."""
        for number, begun_in in enumerate((None, "table-2", "table-3")):
            key = AuthorizationKey(world.app, "browser-1", f"nonce-{number}")
            standing = waiting(key, table=begun_in)
            world.authorizations.put(standing)
            with nullcontext() if begun_in == "table-3" else pytest.raises(AlreadyConsumed):
                world.authorizations.consume(key, now=NOW, lease_until=SOON, code=f"code-{number}", table="table-3")
            assert (begun_in == "table-3") == (standing != world.authorizations.get(key))

    def test_consuming_what_is_not_there(self, world: World, key: AuthorizationKey) -> None:
        """What does not stand cannot be consumed, and is not created."""
        refused(AlreadyConsumed, world.authorizations.consume, key, now=NOW, lease_until=SOON, code="code-1")
        assert world.authorizations.get(key) is None

    def test_consuming_what_expired(self, world: World, key: AuthorizationKey) -> None:
        """An authorization is good through the second before it expires."""
        authorization = waiting(key)
        world.authorizations.put(authorization)
        with pytest.raises(AlreadyConsumed):
            world.authorizations.consume(key, now=authorization.expires_at, lease_until=SOON, code="code-1")
        assert authorization == world.authorizations.get(key)
        world.authorizations.consume(key, now=authorization.expires_at - 1, lease_until=SOON, code="code-1")

    def test_a_code_comes_once(self, world: World, key: AuthorizationKey) -> None:
        """A code that was presented under another authorization is refused, and consumes nothing."""
        other = AuthorizationKey(world.app, "browser-2", "nonce-2")
        world.authorizations.put(waiting(key))
        world.authorizations.put(waiting(other))
        world.authorizations.consume(key, now=NOW, lease_until=SOON, code="code-1")
        refused(AlreadyConsumed, world.authorizations.consume, other, now=NOW, lease_until=SOON, code="code-1")
        assert waiting(other) == world.authorizations.get(other)
        world.authorizations.consume(other, now=NOW, lease_until=SOON, code="code-2")

    def test_one_of_many_consumes(self, world: World) -> None:
        """Of many callbacks at once with one authorization, one goes on to the exchange; race after race."""
        for race in range(RACES):
            key = AuthorizationKey(world.app, "browser-1", f"race-{race}")
            world.authorizations.put(waiting(key))
            results = at_once(
                lambda _, key=key: world.authorizations.consume(key, now=NOW, lease_until=SOON, code=key.nonce)  # type: ignore[misc]  # bound per race
            )
            assert [1] == [won.fence for won in winners(results, AlreadyConsumed)]

    def test_many_codes_under_one_authorization(self, world: World) -> None:
        """Of many callbacks at once with codes of their own, one consumes it and marks its code; race after race."""
        for race in range(RACES):
            key = AuthorizationKey(world.app, "browser-1", f"codes-{race}")
            world.authorizations.put(waiting(key))
            results = at_once(
                lambda number, key=key: world.authorizations.consume(  # type: ignore[misc]  # bound per race
                    key, now=NOW, lease_until=SOON, code=f"{key.nonce}-{number}"
                )
            )
            assert [1] == [won.fence for won in winners(results, AlreadyConsumed)]

    def test_one_code_under_many_authorizations(self, world: World) -> None:
        """Of many authorizations that present one code at once, one does, and only that one is consumed."""
        keys = [AuthorizationKey(world.app, "browser-1", f"nonce-{number}") for number in range(24)]
        for key in keys:
            world.authorizations.put(waiting(key))
        results = at_once(
            lambda number: world.authorizations.consume(keys[number], now=NOW, lease_until=SOON, code="code-1")
        )
        (won,) = winners(results, AlreadyConsumed)
        consumed = [found.key for found in world.authorizations.of_browser(world.app, "browser-1") if found.consumed_at]
        assert [won.key] == consumed

    # --------------------------------------------------------------------------------------- write and lease

    def test_writing_the_answer(self, world: World, key: AuthorizationKey, answered: Authorization) -> None:
        """The answer is on the record, which is due when the lease of its callback ends."""
        assert (b"\x00raw", NOW + 1, AuthorizationState.WORKING) == (
            answered.sealed_answer,
            answered.received_at,
            answered.state,
        )
        assert answered == world.authorizations.get(key)
        assert (SOON, "due") == (world.attribute(place(key), "next_at"), world.attribute(place(key), "due"))

    def test_finishing(self, world: World, key: AuthorizationKey, answered: Authorization) -> None:
        """What is finished leaves the due index, drops its answer, and keeps what it does not know."""
        world.plant(place(key), "colour", "blue")
        done = replace(
            answered, sealed_answer=None, state=AuthorizationState.CONNECTED, connection="demo/1", lease_until=None
        )
        assert done == world.authorizations.write(answered, done, next_at=None)
        assert done == world.authorizations.get(key)
        beside = [world.attribute(place(key), name) for name in ("next_at", "due", "colour")]
        assert [None, None, "blue"] == beside

    def test_writing_under_a_lost_fence(self, world: World, key: AuthorizationKey, answered: Authorization) -> None:
        """A callback that was taken over writes nothing; neither does one whose record is gone."""
        taken = world.authorizations.lease(key, now=SOON + 1, until=SOON + 60)
        with pytest.raises(FenceLost):
            world.authorizations.write(answered, replace(answered, state=AuthorizationState.FAILED), next_at=None)
        assert taken == world.authorizations.get(key)
        world.erase(place(key))
        with pytest.raises(FenceLost):
            world.authorizations.write(taken, replace(taken, state=AuthorizationState.FAILED), next_at=None)
        assert world.authorizations.get(key) is None

    def test_taking_over_a_dead_callback(self, world: World, key: AuthorizationKey, answered: Authorization) -> None:
        """An answered authorization is taken over once its callback's lease is over, and not before."""
        with pytest.raises(NotLeased) as refused:
            world.authorizations.lease(key, now=SOON, until=SOON + 60)
        assert refused.value.leased_until == SOON
        taken = world.authorizations.lease(key, now=SOON + 1, until=SOON + 60)
        assert replace(answered, fence=answered.fence + 1, lease_until=SOON + 60) == taken
        assert taken == world.authorizations.get(key)

    def test_one_of_many_takes_over(self, world: World, key: AuthorizationKey, answered: Authorization) -> None:
        """Of many workers that take a dead callback over at once, one does."""
        won = winners(at_once(lambda _: world.authorizations.lease(key, now=SOON + 1, until=SOON + 60)), NotLeased)
        assert [answered.fence + 1] == [authorization.fence for authorization in won]

    def test_nothing_to_take_over(self, world: World, key: AuthorizationKey) -> None:
        """What is not there, not answered or finished is not taken over."""
        later = {"now": SOON + 1, "until": SOON + 60}
        refused(NotLeased, world.authorizations.lease, key, **later)
        world.authorizations.put(waiting(key))
        refused(NotLeased, world.authorizations.lease, key, **later)
        used = world.authorizations.consume(key, now=NOW, lease_until=SOON, code="code-1")
        refused(NotLeased, world.authorizations.lease, key, **later)
        failed = replace(used, sealed_answer=b"raw", state=AuthorizationState.FAILED)
        world.authorizations.write(used, failed, next_at=None)
        refused(NotLeased, world.authorizations.lease, key, **later)

    def test_a_newer_schema_is_left_alone(self, world: World, key: AuthorizationKey, answered: Authorization) -> None:
        """A record of a newer version is neither consumed, nor written, nor taken over."""
        other = AuthorizationKey(world.app, "browser-1", "nonce-2")
        world.authorizations.put(waiting(other))
        world.plant(place(other), "schema", 2)
        world.plant(place(key), "schema", 2)
        refused(NewerSchema, world.authorizations.consume, other, now=NOW, lease_until=SOON, code="code-2")
        with pytest.raises(NewerSchema):
            world.authorizations.write(answered, replace(answered, state=AuthorizationState.FAILED), next_at=None)
        refused(NewerSchema, world.authorizations.lease, key, now=SOON + 1, until=SOON + 60)
        assert [waiting(other), answered] == [world.authorizations.get(other), world.authorizations.get(key)]

    def test_what_was_given_up_although_it_was_answered(
        self, world: World, key: AuthorizationKey, answered: Authorization
    ) -> None:
        """Only what failed and still holds its answer is yielded, of one app alone."""
        assert [] == list(world.authorizations.given_up(world.app))
        failed = replace(answered, state=AuthorizationState.FAILED, detail="no_account", lease_until=None)
        given_up = world.authorizations.write(answered, failed, next_at=None)
        other = AuthorizationKey(world.app, "browser-2", "nonce-2")
        world.authorizations.put(replace(waiting(other), state=AuthorizationState.FAILED))

        assert [given_up] == list(world.authorizations.given_up(world.app))
        assert [] == list(world.authorizations.given_up(f"{world.app}-other"))
        assert key == given_up.key
