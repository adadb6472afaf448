"""What an authorization does with its invite after its code was presented: hold it, use it up, or give it back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.domain import invite_use
from tokensync.domain.authorization import AuthorizationKey, AuthorizationState
from tokensync.domain.errors import FenceLost, InviteTaken, NewerSchema, StoreUnavailable
from tokensync.domain.invite_use import InviteState, InviteUse

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.authorization import Authorization
    from tokensync.domain.ports import Authorizations, Invites, Ports

_TRIES = 5  # each is lost to another request that changed the same invite
# What an invite's record says of an authorization that ended without a connection.
_GIVEN_BACK = {
    AuthorizationState.CANCELLED: InviteState.DECLINED,
    AuthorizationState.FAILED: InviteState.FAILED,
    AuthorizationState.QUARANTINED: InviteState.FAILED,
}


def check_unused(app: str, invite_id: str, ports: Ports) -> None:
    """Refuse an invite that nobody can use now.

    Raises:
        InviteTaken: it is in use, was used, or was ended.
        NewerSchema, StoreUnavailable: as the ports.
    """
    if not invite_id:
        return
    use = ports.invites.get(app, invite_id)
    why = invite_use.blocked(use, _holder_of(use, ports.authorizations), now=ports.clock.now())
    if why is not None:
        raise InviteTaken(why, holder=use.holder if use is not None else "")


def hold(authorization: Authorization, ports: Ports) -> None:
    """Make sure that an answered authorization has its invite, before a connection is made of it.

    It lost the invite where nothing was known of its answer for longer than its lease, and somebody else came.

    Raises:
        InviteTaken: the invite is another's, was used by another, or was ended.
        NewerSchema, StoreUnavailable: as the ports.
    """
    if not authorization.invite_id:
        return

    def change(use: InviteUse | None) -> InviteUse | None:
        holder = _holder_of(use, ports.authorizations)
        after = invite_use.connecting(use, authorization, holder, now=ports.clock.now())
        if isinstance(after, InviteState):
            raise InviteTaken(after, holder=use.holder if use is not None else "")
        return None if after is use else after

    changed(authorization.key.app, authorization.invite_id, change, ports.invites)


def use_up(authorization: Authorization, connection: str, ports: Ports) -> None:
    """Note the connection that an invite has made.

    Raises:
        NewerSchema, StoreUnavailable: as the ports.
    """
    if authorization.invite_id:
        now = ports.clock.now()
        changed(
            authorization.key.app,
            authorization.invite_id,
            lambda use: invite_use.used(use, authorization, connection, now=now),
            ports.invites,
        )


def give_back(authorization: Authorization, ports: Ports) -> None:
    """Note that an authorization ended without a connection, so that its invite can be used once more.

    Never raises: an invite whose holder has ended is free without it.
    """
    state = _GIVEN_BACK.get(authorization.state)
    if state is None or not authorization.invite_id:
        return
    now, why = ports.clock.now(), authorization.detail
    try:
        changed(
            authorization.key.app,
            authorization.invite_id,
            lambda use: invite_use.given_back(use, authorization, state, why, now=now),
            ports.invites,
        )
    except (FenceLost, NewerSchema, StoreUnavailable) as error:
        ports.log.warning("invite.not_given_back", app=authorization.key.app, error=str(error))


def met_stranger(authorization: Authorization, ports: Ports) -> bool:
    """Count an account that an invite was not for; return whether this one closes it.

    Raises:
        NewerSchema, StoreUnavailable: as the ports.
    """
    if not authorization.invite_id:
        return False
    now = ports.clock.now()
    use = changed(
        authorization.key.app,
        authorization.invite_id,
        lambda use: invite_use.met_stranger(use, authorization, now=now),
        ports.invites,
    )
    # Finished once more, it says so once more: its process may have died before anybody was alerted.
    return use is not None and use.is_closed and use.strangers[-1] == authorization.key.nonce


def ended_invite(authorization: Authorization, ports: Ports) -> InviteState | None:
    """Return how the invite of an authorization that gave it back has ended since; None where it may be used.

    Raises:
        NewerSchema, StoreUnavailable: as the ports.
    """
    if not authorization.invite_id:
        return None
    use = ports.invites.get(authorization.key.app, authorization.invite_id)
    return None if use is None else use.ended


def revoke(app: str, invite_id: str, invites: Invites, *, now: int, expires_at: int) -> InviteUse:
    """End an invite, opened or not; return what has become of it: one that was used stays USED.

    While a connection is being made of it, it is CONNECTING: no other will be. `expires_at` is the end of the longest
    life that it may have.

    Raises:
        FenceLost, NewerSchema, StoreUnavailable: nothing was written.
    """
    use = changed(
        app, invite_id, lambda use: invite_use.revoked(use, app, invite_id, now=now, expires_at=expires_at), invites
    )
    if use is None:
        raise FenceLost("the invite's record is gone")
    return use


def changed(
    app: str, invite_id: str, change: Callable[[InviteUse | None], InviteUse | None], invites: Invites
) -> InviteUse | None:
    """Change an invite's record as `change` says of what is there, None for not at all; return it as it is then.

    Raises:
        FenceLost: others changed it each time.
        NewerSchema, StoreUnavailable: as the port.
    """
    for _ in range(_TRIES):
        before = invites.get(app, invite_id)
        after = change(before)
        if after is None:
            return before
        try:
            invites.write(before, after)
        except FenceLost:
            continue
        return after
    raise FenceLost("others changed the invite each time")


def _holder_of(use: InviteUse | None, authorizations: Authorizations) -> Authorization | None:
    if use is None or not use.is_held:
        return None
    return authorizations.get(AuthorizationKey.parse(use.app, use.holder))
