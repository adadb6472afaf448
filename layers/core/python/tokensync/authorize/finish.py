"""Makes connections of the response to a code: reads it, names the account, takes the connection over, publishes.

The callback does this at once. The rotation function does it for a callback that died in between, and where the grant
of a connection that exists has to be opened: what the response is silent about stays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.authorize.account import NamedGrant, NotNamed
from tokensync.authorize.invites import hold, met_stranger, use_up
from tokensync.authorize.refusals import note_consent
from tokensync.domain.authorization import INVITE, NO_ACCOUNT, AuthorizationState
from tokensync.domain.command_line import typed
from tokensync.domain.connection import Status
from tokensync.domain.errors import InviteTaken, NotLeased
from tokensync.domain.messages import Failure, ProviderResponse
from tokensync.domain.work import Work
from tokensync.oauth.token_response import read_token_response
from tokensync.refresh.decisions import GrantSource
from tokensync.refresh.result import Result, WorkResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokensync.authorize.account import GrantReader
    from tokensync.authorize.connect import Connected, Connector
    from tokensync.authorize.endings import Endings
    from tokensync.authorize.redelivery import Redelivery
    from tokensync.domain.authorization import Authorization, AuthorizationKey
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.domain.secret import Secret
    from tokensync.refresh.restored_table import RestoredTable
    from tokensync.refresh.session import Session

_SAME_ACCOUNT = "both tokens of the response name one account"


def authorization_binding(key: AuthorizationKey) -> str:
    """Return the binding under which the response to a code is sealed."""
    return f"{key.app}|{key.sort_key}|answer|1"


@dataclass(frozen=True)
class Finisher:
    """Finishes answered authorizations."""

    ports: Ports
    reader: GrantReader
    connector: Connector
    endings: Endings
    restored_table: RestoredTable
    redelivery: Redelivery

    def take_up(self, work: Work, session: Session, budget: Budget) -> WorkResult:
        """Finish an authorization whose callback died after the response was stored, or left it to this function.

        Raises:
            FenceLost, StoreUnavailable, SealingUnavailable, UnknownApp, InvalidApp: the same work succeeds later.
        """
        key = work.authorization
        if key is None:
            raise ValueError("this work names no authorization")
        if work.answer is not None:
            self.redelivery.place(key, work.answer, fence=work.fence, invite_id=work.invite)
        now = self.ports.clock.now()
        try:
            authorization = self.ports.authorizations.lease(key, now=now, until=budget.lease_until(self.ports.limits))
        except NotLeased:
            return WorkResult(Result.NOTHING_DUE)
        if authorization.sealed_answer is None:
            return WorkResult(Result.NOTHING_DUE)
        if self.restored_table.is_unchecked(authorization):
            # It may have been finished since the backup, and its tokens refreshed.
            self.endings.unusable(authorization, "restored_table", session)
            return WorkResult(Result.NOTHING_DUE)
        response = ProviderResponse.from_bytes(
            self.ports.sealer.open(authorization.sealed_answer, app=key.app, binding=authorization_binding(key))
        )
        # Nobody waits here: an agency's list of thousands of accounts may take its time.
        finished = self.finish(authorization, response, session, budget, seconds=self.ports.limits.provider)
        return WorkResult(Result.POSTPONED if finished.state is AuthorizationState.WORKING else Result.PUBLISHED)

    def finish(
        self,
        authorization: Authorization,
        response: ProviderResponse,
        session: Session,
        budget: Budget,
        *,
        seconds: float | None = None,
    ) -> Authorization:
        """Make the connections that the response to a code allows, and note on the authorization how it ended.

        `seconds` is how long the provider may take to say whose account it is.

        Raises:
            StoreUnavailable: the response is stored; the rotation function finishes later.
        """
        secrets = [*session.client_secrets, *response.shown]
        read = read_token_response(session.provider, response, secrets=secrets)
        second = self._second(response, authorization, session, secrets)
        if isinstance(read, Failure) and second is None:
            # An earlier version stored no code: nothing can be masked in the provider's words, so they are left out.
            return self.endings.refused(authorization, read if response.shown else read.untold(), session)
        first: NamedGrant | NotNamed | None = None
        if not isinstance(read, Failure):
            read = read if response.shown else replace(read, trace_id="")  # as of a failure
            first = self.reader.read(read, authorization, session, at=response.received_at, seconds=seconds)
        named = [one for one in (first, second) if isinstance(one, NamedGrant)]
        problems = [one for one in (first, second) if isinstance(one, NotNamed)]
        if len({one.name for one in named}) < len(named):
            problems.append(NotNamed(problem=_SAME_ACCOUNT))
            named = named[:1]
        if named:
            try:
                hold(authorization, self.ports)
            except InviteTaken as taken:
                # A process may have made a connection and died: that one is told, and no further one is made.
                made = [one for one in named if self._is_made(authorization, one)]
                if not made:
                    return self.endings.invite_lost(authorization, taken, session)
                if len(made) < len(named):
                    problems.append(NotNamed(problem=f"{INVITE}{taken.state}"))
                named = made
            self.ports.failpoints.reached("exchange.held")
        return self._connected(authorization, named, problems, session, budget)

    def _second(
        self, response: ProviderResponse, authorization: Authorization, session: Session, secrets: Sequence[Secret]
    ) -> NamedGrant | NotNamed | None:
        """Return the grant of the second token in a response; None where it holds none."""
        if session.provider.second is None:
            return None
        own = session.of_second()
        read = read_token_response(own.provider, response, secrets=secrets)
        if isinstance(read, Failure):
            return None
        named = self.reader.read(read, authorization, own, at=response.received_at, seconds=None)
        return replace(named, grant=replace(named.grant, second=True)) if isinstance(named, NamedGrant) else named

    def _connected(
        self,
        authorization: Authorization,
        named: Sequence[NamedGrant],
        problems: Sequence[NotNamed],
        session: Session,
        budget: Budget,
    ) -> Authorization:
        """Establish the connections of named accounts; quarantine them where the invite was for another."""
        wanted = authorization.for_account
        if named and wanted and wanted not in {one.name.account for one in named}:
            return self._strange(authorization, named, problems, session, budget)
        connected = [self._one(authorization, one, budget) for one in named]
        if any(one.later for one in connected):
            if self.connector.can_merge:
                return self.endings.left_for_soon(authorization)
            return self.endings.handed_on(authorization)
        waits, again = self._waits(authorization, problems, session)
        if again is not None:
            return self.endings.left(authorization, at=again)
        why = (NO_ACCOUNT if waits else problems[0].problem or NO_ACCOUNT) if problems else ""
        if not connected:
            return self.endings.unusable(authorization, why, session)
        if why:
            self.endings.alert_unusable(why, session)
        return self._used(authorization, connected, session, keep=bool(problems))

    def _waits(
        self, authorization: Authorization, problems: Sequence[NotNamed], session: Session
    ) -> tuple[bool, int | None]:
        """Return whether an account could not be asked for its name, and when it is asked again, if it is."""
        failures = [problem.failure for problem in problems if problem.failure is not None]
        again = self.endings.asked_again_at(authorization, failures[0], session) if failures else None
        return bool(failures), again

    def _is_made(self, authorization: Authorization, one: NamedGrant) -> bool:
        """Return whether the connection has this very grant already."""
        record = self.ports.connections.get(one.name)
        by = _source(authorization, one, detail="").by
        return record is not None and record.removed_at is None and record.authorized.authorized_by == by

    def _one(self, authorization: Authorization, one: NamedGrant, budget: Budget) -> Connected:
        connected = self.connector.connect(one, _source(authorization, one, detail=one.read.trace_id), budget)
        if connected.has_it and one.grant.to_be_upgraded:
            self.ports.queue.send([Work(connection=one.name)])  # its life is short: no tick is waited for
        return connected

    def _strange(
        self,
        authorization: Authorization,
        named: Sequence[NamedGrant],
        problems: Sequence[NotNamed],
        session: Session,
        budget: Budget,
    ) -> Authorization:
        """Quarantine the grants of other accounts than the invite was for; a connection in use is not touched.

        The response is kept where one of its tokens is in no connection.
        """
        # The account that the invite was for may be the one whose name is not known yet.
        _, again = self._waits(authorization, problems, session)
        if again is not None:
            return self.endings.left(authorization, at=again)
        if problems:
            self.endings.alert_unusable(problems[0].problem or NO_ACCOUNT, session)
        placed = [one.name for one in named if self._quarantined(authorization, one, budget)]
        if met_stranger(authorization, self.ports):
            self.endings.alert_closed(authorization)
        return self.endings.ended(
            authorization,
            AuthorizationState.QUARANTINED,
            "another account",
            connection=str(placed[0]) if placed else "",
            keep=bool(problems) or len(placed) < len(named),
        )

    def _quarantined(self, authorization: Authorization, one: NamedGrant, budget: Budget) -> bool:
        """Quarantine one grant and alert of it; return whether its connection has it."""
        record = self.ports.connections.get(one.name)
        if record is not None and record.status is not Status.QUARANTINED:
            self.endings.alert_quarantine(
                authorization, one.name, following=typed("tokensync show {name}", name=one.name)
            )
            return False
        detail = ", ".join(filter(None, (f"the invite was for {authorization.for_account}", one.read.trace_id)))
        source = _source(authorization, one, detail=detail, status=Status.QUARANTINED)
        has_it = self.connector.establish(one, source, budget, record)
        self.endings.alert_quarantine(
            authorization, one.name, following=typed("tokensync accept {name}", name=one.name)
        )
        return has_it

    def _used(
        self, authorization: Authorization, connected: Sequence[Connected], session: Session, *, keep: bool
    ) -> Authorization:
        """End an authorization whose connections exist, and use its invite up."""
        wanted = [one for one in connected if one.name.account == authorization.for_account]
        shown = (*wanted, *connected)[0]
        # Before the end is written: finishing once more notes it once more, and it is used up in any case.
        use_up(authorization, str(shown.name), self.ports)
        self.ports.failpoints.reached("exchange.used_up")
        note_consent(session, self.ports)
        return self.endings.ended(
            authorization,
            AuthorizationState.CONNECTED,
            connection=str(shown.name),
            # A response is kept, and never published, where a later authorization of the account took its place.
            keep=keep or not all(one.has_it for one in connected),
            missing_scopes=connected[0].missing_scopes,
        )


def _source(
    authorization: Authorization, one: NamedGrant, *, detail: str, status: Status = Status.ACTIVE
) -> GrantSource:
    """Return where a grant comes from, as its connection's record and history say it."""
    return GrantSource(
        at=authorization.consumed_at or 0,
        # The second token's connection has a key of its own, although nothing but its name parts the two.
        by=f"{authorization.key.nonce}{'.second' if one.grant.second else ''}",
        life=one.read.life,
        status=status,
        verified=one.verified,
        unproved=one.grant.to_be_upgraded and status is Status.ACTIVE,
        detail=detail,
    )
