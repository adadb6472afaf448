"""The contract of `tokensync.domain.ports.Invites`, and of the reservation that `Authorizations.consume` makes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from contracts.authorizations import SOON, place, waiting
from contracts.world import DAY, NOW, at_once, refused, winners
from fault_rows import fault
from tokensync.authorize.invites import changed, revoke
from tokensync.domain import invite_use
from tokensync.domain.authorization import Authorization, AuthorizationKey, AuthorizationState
from tokensync.domain.errors import AlreadyConsumed, FenceLost, InviteTaken, NewerSchema
from tokensync.domain.invite_use import STRANGERS, InviteState, InviteUse

if TYPE_CHECKING:
    from contracts.world import Key, World

INVITE = "invite-1"
RACES = 20


def begun(world: World, nonce: str, **fields: object) -> Authorization:
    """Return an authorization that was begun with the invite, in a browser of its own."""
    key = AuthorizationKey(world.app, f"browser-{nonce}", nonce)
    given: dict[str, object] = {"invite_id": INVITE, "invite_expires_at": NOW + 7 * DAY, "label": "Acme ✓", **fields}
    authorization = waiting(key, **given)
    world.authorizations.put(authorization)
    return authorization


def consumed(world: World, authorization: Authorization, *, now: int = NOW) -> Authorization:
    """Present a code of its own."""
    key = authorization.key
    return world.authorizations.consume(key, now=now, lease_until=now + 33, code=f"{world.app}-{key.nonce}")


def answered(world: World, used: Authorization) -> Authorization:
    """Store the answer to its code."""
    return world.authorizations.write(used, replace(used, sealed_answer=b"raw", received_at=NOW + 1), next_at=SOON)


def taken(world: World, authorization: Authorization, *, now: int = NOW) -> InviteState:
    """Demand that it cannot have its invite, and return why; nothing is consumed."""
    with pytest.raises(InviteTaken) as raised:
        consumed(world, authorization, now=now)
    assert authorization == world.authorizations.get(authorization.key)
    return InviteState(raised.value.state)


def held(world: World, invite_id: str = INVITE) -> InviteUse:
    """Return the invite's record."""
    use = world.invites.get(world.app, invite_id)
    assert use is not None
    return use


def at(world: World, invite_id: str = INVITE) -> Key:
    """Return the key of an invite's record."""
    return f"app#{world.app}", f"invite#{invite_id}"


class InvitesContract:
    """What every implementation does."""

    # ------------------------------------------------------------------------------------------- reading and writing

    def test_what_nobody_opened(self, world: World) -> None:
        """An invite that nobody has used has no record."""
        assert world.invites.get(world.app, INVITE) is None

    def test_every_field_comes_back(self, world: World) -> None:
        """A record comes back with every field as it was stored; what is taken from it is gone."""
        full = InviteUse(
            app=world.app,
            id=INVITE,
            state=InviteState.CONNECTING,
            fence=1,
            holder="pending#browser-1#nonce-1",
            connection=f"{world.app}/1",
            detail="another account",
            at=NOW,
            expires_at=NOW + DAY,
            label="Acme ✓",
            for_account="701",
            strangers=("nonce-1", "nonce-2"),
            revoked_at=NOW + 1,
        )
        world.invites.write(None, full)
        assert full == world.invites.get(world.app, INVITE)
        after = replace(full, strangers=(), revoked_at=None, fence=2)
        world.invites.write(full, after)
        assert after == world.invites.get(world.app, INVITE)
        assert world.invites.get(world.app, f"{INVITE}-2") is None

    def test_writing_over_what_was_not_read(self, world: World) -> None:
        """A write names what was read: nothing, or the fence."""
        first = InviteUse(app=world.app, id=INVITE, state=InviteState.FAILED, fence=1, at=NOW)
        world.invites.write(None, first)
        refused(FenceLost, world.invites.write, None, first)
        second = replace(first, fence=2)
        world.invites.write(first, second)
        refused(FenceLost, world.invites.write, first, replace(first, fence=2, detail="late"))
        assert second == held(world)

    def test_how_long_it_stays(self, world: World) -> None:
        """It outlives the invite, and each answer that may be kept and could make a second connection of it."""
        consumed(world, begun(world, "a"))
        assert NOW + (7 + 31) * DAY == world.attribute(at(world), "ttl")
        revoke(world.app, "unknown", world.invites, now=NOW, expires_at=NOW + 90 * DAY)
        assert NOW + (90 + 31) * DAY == world.attribute(at(world, "unknown"), "ttl")

    def test_a_newer_schema_is_left_alone(self, world: World) -> None:
        """An invite whose record a newer version wrote is not used."""
        world.invites.write(None, InviteUse(app=world.app, id=INVITE, state=InviteState.FAILED, fence=1))
        world.plant(at(world), "schema", 2)
        first = begun(world, "a")
        with pytest.raises(NewerSchema):
            consumed(world, first)
        refused(NewerSchema, world.invites.get, world.app, INVITE)
        assert first == world.authorizations.get(first.key)

    # --------------------------------------------------------------------------------------------------- reservation

    def test_presenting_a_code_reserves_the_invite(self, world: World) -> None:
        """One write uses the authorization up and says whose the invite is; another is told that it is in use."""
        first, second = begun(world, "a"), begun(world, "b")
        consumed(world, first)
        use = held(world)
        assert (InviteState.RESERVED, first.key.sort_key, NOW, NOW + 7 * DAY, "Acme ✓") == (
            use.state,
            use.holder,
            use.at,
            use.expires_at,
            use.label,
        )
        assert InviteState.RESERVED == taken(world, second)
        assert use == held(world)

    def test_without_a_code_nothing_is_reserved(self, world: World) -> None:
        """A seller who declined locks nobody out, and may decline where another is being connected."""
        first, second, third = begun(world, "a"), begun(world, "b"), begun(world, "c")
        world.authorizations.consume(first.key, now=NOW, lease_until=None, code="")
        assert world.invites.get(world.app, INVITE) is None
        consumed(world, second)
        world.authorizations.consume(third.key, now=NOW, lease_until=None, code="")
        assert second.key.sort_key == held(world).holder

    def test_an_invite_of_another_app(self, world: World) -> None:
        """Nothing is reserved where there is no invite, nor in another app."""
        consumed(world, begun(world, "a", invite_id=""))
        consumed(world, begun(world, "b", invite_id=""))
        assert world.invites.get(world.app, "") is None
        consumed(world, begun(world, "c"))
        assert world.invites.get(f"{world.app}-2", INVITE) is None

    @fault("C15", "C4")
    def test_one_of_many_reserves(self, world: World) -> None:
        """Of many browsers at once with one invite, one goes on to the exchange; race after race."""
        for race in range(RACES):
            invite_id = f"race-{race}"
            all_of_them = [begun(world, f"{race}-{number}", invite_id=invite_id) for number in range(24)]
            results = at_once(lambda number, all_of_them=all_of_them: consumed(world, all_of_them[number]))  # type: ignore[misc]  # bound per race
            (won,) = winners(results, AlreadyConsumed)
            assert won.key.sort_key == held(world, invite_id).holder
            left = [world.authorizations.get(one.key) for one in all_of_them]
            assert 23 == sum(one is not None and one.consumed_at is None for one in left)

    def test_a_callback_that_died_before_its_answer(self, world: World) -> None:
        """Its invite is free when its lease is over, and not before; what was answered holds it on."""
        first, second, third = begun(world, "a"), begun(world, "b"), begun(world, "c")
        consumed(world, first)
        assert InviteState.RESERVED == taken(world, second, now=NOW + 33)
        used = consumed(world, second, now=NOW + 34)
        assert (second.key.sort_key, 2) == (held(world).holder, held(world).fence)
        answered(world, used)
        assert InviteState.RESERVED == taken(world, third, now=NOW + 3000)

    @pytest.mark.parametrize("state", [AuthorizationState.FAILED, AuthorizationState.QUARANTINED])
    def test_a_holder_that_ended(self, world: World, state: AuthorizationState) -> None:
        """Its invite is free although nobody gave it back, its answer kept or not."""
        first, second = begun(world, "a"), begun(world, "b")
        used = answered(world, consumed(world, first))
        world.authorizations.write(used, replace(used, state=state), next_at=None)
        consumed(world, second)
        assert second.key.sort_key == held(world).holder

    def test_a_holder_that_is_gone(self, world: World) -> None:
        """An invite whose holder was deleted is free."""
        first, second = begun(world, "a"), begun(world, "b")
        consumed(world, first)
        world.erase(place(first.key))
        consumed(world, second)
        assert second.key.sort_key == held(world).holder

    @pytest.mark.parametrize("state", [InviteState.USED, InviteState.REVOKED, InviteState.CLOSED])
    def test_an_invite_that_ended(self, world: World, state: InviteState) -> None:
        """One that was used, revoked or closed presents no code."""
        use = InviteUse(app=world.app, id=INVITE, state=state, fence=1)
        if state is InviteState.REVOKED:
            use = replace(use, revoked_at=NOW)
        elif state is InviteState.CLOSED:
            use = replace(use, strangers=tuple(map(str, range(STRANGERS))))
        world.invites.write(None, use)
        assert state == taken(world, begun(world, "a"))
        assert use == held(world)

    @pytest.mark.parametrize("state", [InviteState.DECLINED, InviteState.FAILED])
    def test_an_invite_that_was_given_back(self, world: World, state: InviteState) -> None:
        """It can be used once more, and two strangers do not close it."""
        strangers = tuple(map(str, range(STRANGERS - 1)))
        world.invites.write(None, InviteUse(app=world.app, id=INVITE, state=state, fence=4, strangers=strangers))
        consumed(world, begun(world, "a"))
        assert (InviteState.RESERVED, 5, strangers) == (held(world).state, held(world).fence, held(world).strangers)

    # -------------------------------------------------------------------------------------- hold, confirm, give back

    @fault("C15")
    def test_a_late_answer_and_another_browser(self, world: World) -> None:
        """An answer that comes when its callback's lease is over, and another browser: one of both, race after race."""
        for race in range(RACES):
            invite_id = f"late-{race}"
            late = consumed(world, begun(world, f"{race}-a", invite_id=invite_id))
            other = begun(world, f"{race}-b", invite_id=invite_id)

            def act(number: int, late: Authorization = late, other: Authorization = other) -> Authorization:
                if number:
                    return consumed(world, other, now=NOW + 60)
                stored = answered(world, late)
                changed(world.app, late.invite_id, lambda use: _held_by(world, use, stored), world.invites)
                return stored

            (won,) = winners(at_once(act, threads=2), AlreadyConsumed)
            assert won.key.sort_key == held(world, invite_id).holder

    def test_many_give_back_and_one_takes(self, world: World) -> None:
        """Only its holder gives an invite back, and a stranger is counted once; race after race."""
        for race in range(RACES):
            invite_id = f"back-{race}"
            holder = consumed(world, begun(world, f"{race}-a", invite_id=invite_id))
            other = begun(world, f"{race}-b", invite_id=invite_id)

            def count(holder: Authorization = holder, invite_id: str = invite_id) -> None:
                changed(world.app, invite_id, lambda use: invite_use.met_stranger(use, holder, now=NOW), world.invites)

            def give_back(number: int, holder: Authorization = holder, other: Authorization = other) -> None:
                by = holder if number % 2 else other
                changed(
                    world.app,
                    by.invite_id,
                    lambda use: invite_use.given_back(use, by, InviteState.FAILED, "busy", now=NOW),
                    world.invites,
                )

            at_once(lambda _, count=count: count(), threads=6)  # type: ignore[misc]  # bound per race
            assert (holder.key.nonce,) == held(world, invite_id).strangers
            give_back(0)
            assert InviteState.RESERVED == held(world, invite_id).state
            give_back(1)
            assert (InviteState.FAILED, "busy") == (held(world, invite_id).state, held(world, invite_id).detail)

    @fault("C15")
    def test_a_revocation_and_many_browsers(self, world: World) -> None:
        """An invite is revoked while many present codes for it: whoever has it then makes no connection of it."""
        for race in range(RACES):
            invite_id = f"revoked-{race}"
            all_of_them = [begun(world, f"{race}-{number}", invite_id=invite_id) for number in range(8)]

            def act(number: int, all_of_them: list[Authorization] = all_of_them, invite_id: str = invite_id) -> object:
                if number == 8:
                    return revoke(world.app, invite_id, world.invites, now=NOW, expires_at=NOW + DAY)
                return consumed(world, all_of_them[number])

            results = at_once(act, threads=9)
            won = winners(results[:8], AlreadyConsumed)
            use = held(world, invite_id)
            assert (InviteState.REVOKED, NOW) == (use.state, use.revoked_at)
            assert len(won) <= 1
            assert all(
                InviteState.REVOKED is invite_use.connecting(use, one, one, now=NOW)
                for one in won
                if isinstance(one, Authorization)
            )


def _held_by(world: World, use: InviteUse | None, authorization: Authorization) -> InviteUse:
    """Return the invite as its authorization holds it before a connection is made.

    Raises:
        InviteTaken: another has it.
    """
    key = None if use is None else AuthorizationKey.parse(world.app, use.holder)
    holder = None if key is None else world.authorizations.get(key)
    after = invite_use.connecting(use, authorization, holder, now=NOW + 60)
    if isinstance(after, InviteState):
        raise InviteTaken(after)
    return after
