"""Gives an answer to a code that came as a message its place, on the authorization that it belongs to.

The worker does this with a message of the queue, and `recover` with a dead letter. Who holds such a message holds the
only copy of tokens that are real: nobody gave the answer a place before, or the message would be gone.
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
    """Places answers to codes. Thread-safe: it holds ports and no state."""

    ports: Ports
    restored: RestoredTable

    def place(self, key: AuthorizationKey, answer: bytes, *, fence: int) -> AuthorizationState:
        """Place the sealed answer that the holder of `fence` got; return how its authorization stands.

        Anything but WORKING: it ended by an answer that found its place after all.

        Raises:
            FenceLost, StoreUnavailable, UnknownApp, InvalidApp: the message has to come again.
        """
        now = self.ports.clock.now()
        authorization = self.ports.authorizations.get(key)
        if authorization is None:
            authorization = self._made_anew(key, fence=fence)
            self.ports.authorizations.put(authorization)
        working = authorization
        if authorization.outcome is AuthorizationState.WAITING and authorization.fence < fence:
            # The table comes from a backup of before the code was presented: it was after the beginning.
            working = replace(
                authorization, fence=fence, consumed_at=authorization.created_at, outcome=AuthorizationState.WORKING
            )
        if (
            working.outcome is not AuthorizationState.WORKING
            or working.sealed_answer is not None
            or working.fence != fence
        ):
            return working.outcome
        # Due when the callback's own lease ends; before that nobody could take it up.
        due = max(now, (working.lease_until or 0) + 1)
        placed = replace(working, sealed_answer=answer, received_at=now, table=self.restored.id())
        return self.ports.authorizations.write(authorization, placed, next_at=due).outcome

    def _made_anew(self, key: AuthorizationKey, *, fence: int) -> Authorization:
        """Return the authorization of an answer whose own has expired, or is younger than the table's backup.

        When it was given is not known any more: it takes the place of no other authorization.
        """
        app, now = self.ports.apps.get(key.app), self.ports.clock.now()
        return Authorization(
            key=key,
            provider=app.provider,
            token_endpoint="",
            redirect_uri="",
            invite_id="",
            created_at=now,
            expires_at=now + LIFETIME,
            fence=fence,
            consumed_at=0,
            outcome=AuthorizationState.WORKING,
        )
