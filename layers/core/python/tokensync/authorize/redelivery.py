"""Puts the response to a code that came as a message onto the authorization that it belongs to.

The worker does this with a message of the queue, and `recover` with a dead letter. Such a message is the only copy of
real tokens: it exists because the table did not take the response.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.authorization import LIFETIME, Authorization, AuthorizationState

if TYPE_CHECKING:
    from tokensync.domain.authorization import AuthorizationKey
    from tokensync.domain.ports import Ports
    from tokensync.refresh.restored_table import RestoredTable


@dataclass(frozen=True)
class Redelivery:
    """Places the sealed responses to codes."""

    ports: Ports
    restored_table: RestoredTable

    def place(self, key: AuthorizationKey, answer: bytes, *, fence: int, invite_id: str = "") -> AuthorizationState:
        """Place the sealed response that the holder of `fence` got; return the state of its authorization.

        Any state but WORKING means that the authorization has ended already.

        Raises:
            FenceLost, StoreUnavailable, UnknownApp, InvalidApp: the message has to come again.
        """
        now = self.ports.clock.now()
        authorization = self.ports.authorizations.get(key)
        if authorization is None:
            authorization = self._made_anew(key, fence=fence, invite_id=invite_id)
            self.ports.authorizations.put(authorization)
        working = authorization
        if authorization.state is AuthorizationState.WAITING and authorization.fence < fence:
            # The table comes from a backup that was made after the beginning and before the code was presented.
            working = replace(
                authorization, fence=fence, consumed_at=authorization.created_at, state=AuthorizationState.WORKING
            )
        if (
            working.state is not AuthorizationState.WORKING
            or working.sealed_answer is not None
            or working.fence != fence
        ):
            return working.state
        # Due when the callback's own lease ends; before that no worker could lease it.
        due = max(now, (working.lease_until or 0) + 1)
        placed = replace(working, sealed_answer=answer, received_at=now, table=self.restored_table.id())
        return self.ports.authorizations.write(authorization, placed, next_at=due).state

    def _made_anew(self, key: AuthorizationKey, *, fence: int, invite_id: str) -> Authorization:
        """Return a new authorization for a response whose own has expired, or is younger than the table's backup.

        The time of the consent is not known any more, so it counts as older than every other authorization.
        """
        app, now = self.ports.apps.get(key.app), self.ports.clock.now()
        return Authorization(
            key=key,
            provider=app.provider,
            token_endpoint="",
            redirect_uri="",
            invite_id=invite_id,
            created_at=now,
            expires_at=now + LIFETIME,
            fence=fence,
            consumed_at=0,
            state=AuthorizationState.WORKING,
        )
