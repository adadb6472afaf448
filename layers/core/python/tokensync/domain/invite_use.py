"""What has become of an invite: one record for each that was opened or ended, and what may follow on what.

An invite makes one connection. Whoever presents a code for it reserves it first, in the write that uses up the
authorization. The reservation lives as long as that authorization may still become a connection, and no clock of its
own ends it: the authorization's state says so. Before the connection is made, its holder asks once more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from tokensync.domain.authorization import AuthorizationState
from tokensync.domain.runtime import DAY

if TYPE_CHECKING:
    from tokensync.domain.authorization import Authorization

LONGEST_LIFE = 90 * DAY
STRANGERS = 3  # consents of other accounts that an invite for one account bears


class InviteState(StrEnum):
    """What has become of an invite. DECLINED and FAILED ones can be used once more."""

    RESERVED = "reserved"
    CONNECTING = "connecting"
    USED = "used"
    DECLINED = "declined"
    FAILED = "failed"
    CLOSED = "closed"
    REVOKED = "revoked"


_HELD = (InviteState.RESERVED, InviteState.CONNECTING)
_FREE = (InviteState.DECLINED, InviteState.FAILED)


@dataclass(frozen=True, kw_only=True)
class InviteUse:
    """The use of one invite. Times are Unix seconds.

    `fence` grows with each write, and each write names it. `holder` is the sort key of the authorization that used it
    last, `connection` what came of it, `detail` why none did. `strangers` are the authorizations, by nonce, that
    another account gave than the invite was for. `revoked_at` ends the invite for everybody who is not CONNECTING
    already. `at` is the time of the last change, `expires_at` the invite's own end, 0 if it is not known.
    """

    app: str
    id: str
    state: InviteState
    fence: int = 0
    holder: str = ""
    connection: str = ""
    detail: str = ""
    at: int = 0
    expires_at: int = 0
    label: str = ""
    for_account: str = ""
    strangers: tuple[str, ...] = ()
    revoked_at: int | None = None

    @property
    def is_held(self) -> bool:
        """Return whether an authorization has reserved it."""
        return self.state in _HELD

    @property
    def is_closed(self) -> bool:
        """Return whether too many other accounts have used it."""
        return len(self.strangers) >= STRANGERS

    @property
    def ended(self) -> InviteState | None:
        """Return how it ended for good; None where it did not, or not yet."""
        if self.state is InviteState.USED:
            return InviteState.USED
        if self.revoked_at is not None:
            return InviteState.REVOKED
        return InviteState.CLOSED if self.is_closed else None


def blocked(use: InviteUse | None, holder: Authorization | None, *, now: int) -> InviteState | None:
    """Return why nobody may reserve an invite now, None if somebody may. `holder` is its holder's authorization."""
    if use is None:
        return None
    if use.ended is not None:
        return use.ended
    if not use.is_held or _is_over(holder, now):
        return None
    is_connected = holder is not None and holder.state is AuthorizationState.CONNECTED
    return InviteState.USED if is_connected else InviteState.RESERVED


def _is_over(holder: Authorization | None, now: int) -> bool:
    """Return whether nothing can come of an authorization any more.

    A response that waits in a message alone may still come to it: then its holder asks once more, and may have lost
    the invite meanwhile.
    """
    if holder is None or holder.state is AuthorizationState.WAITING:
        return True
    if holder.state is AuthorizationState.CONNECTED:
        return False
    if holder.state is not AuthorizationState.WORKING:
        return True
    return holder.sealed_answer is None and (holder.lease_until is None or holder.lease_until < now)


def reserved(use: InviteUse | None, authorization: Authorization, *, now: int) -> InviteUse:
    """Return an invite that an authorization reserves, as it presents its code."""
    return _changed(use, authorization, InviteState.RESERVED, now=now)


def connecting(
    use: InviteUse | None, authorization: Authorization, holder: Authorization | None, *, now: int
) -> InviteUse | InviteState:
    """Return an invite of which its authorization makes a connection now; or why it may not.

    One that is finished once more has its own invite: it was used by it, or closed by it.
    """
    if use is not None and use.holder == authorization.key.sort_key:
        if use.state is InviteState.USED:
            return use
        if use.revoked_at is not None:
            return InviteState.REVOKED
        if use.is_held and (not use.is_closed or authorization.key.nonce in use.strangers):
            return _changed(use, authorization, InviteState.CONNECTING, now=now)
    why = blocked(use, holder, now=now)
    return why or _changed(use, authorization, InviteState.CONNECTING, now=now)


def used(use: InviteUse | None, authorization: Authorization, connection: str, *, now: int) -> InviteUse | None:
    """Return an invite that has made its connection; None if another authorization has it."""
    if use is not None and use.holder != authorization.key.sort_key:
        return None
    return _changed(use, authorization, InviteState.USED, connection=connection, now=now)


def given_back(
    use: InviteUse | None, authorization: Authorization, state: InviteState, detail: str, *, now: int
) -> InviteUse | None:
    """Return an invite whose authorization ended without a connection; None if it is not this one's to change."""
    if use is not None and (use.ended is InviteState.USED or (use.is_held and not _has(use, authorization))):
        return None
    if use is not None and use.ended is not None:
        state = use.ended
    return _changed(use, authorization, state, detail=detail, now=now)


def met_stranger(use: InviteUse | None, authorization: Authorization, *, now: int) -> InviteUse | None:
    """Return an invite that another account than its own has used; None if that is known, or is another's to say."""
    nonce = authorization.key.nonce
    if use is None or not _has(use, authorization) or nonce in use.strangers:
        return None
    return replace(_changed(use, authorization, use.state, now=now), strangers=(*use.strangers, nonce))


def revoked(use: InviteUse | None, app: str, invite_id: str, *, now: int, expires_at: int) -> InviteUse | None:
    """Return an invite that is ended by an operator; None if it is, or if it was used.

    `expires_at` is taken where its own end is not known. One of which a connection is being made stays CONNECTING.
    """
    if use is None:
        use = InviteUse(app=app, id=invite_id, state=InviteState.REVOKED, expires_at=expires_at)
    elif use.ended in (InviteState.USED, InviteState.REVOKED):
        return None
    state = use.state if use.state is InviteState.CONNECTING else InviteState.REVOKED
    return replace(use, state=state, revoked_at=now, at=now, fence=use.fence + 1)


def _has(use: InviteUse, authorization: Authorization) -> bool:
    return use.holder == authorization.key.sort_key


def _changed(
    use: InviteUse | None,
    authorization: Authorization,
    state: InviteState,
    *,
    now: int,
    connection: str = "",
    detail: str = "",
) -> InviteUse:
    use = use or InviteUse(app=authorization.key.app, id=authorization.invite_id, state=state)
    return replace(
        use,
        state=state,
        fence=use.fence + 1,
        holder=authorization.key.sort_key,
        connection=connection,
        detail=detail,
        at=now,
        expires_at=max(use.expires_at, authorization.invite_expires_at),
        label=authorization.label or use.label,
        for_account=authorization.for_account,
    )
