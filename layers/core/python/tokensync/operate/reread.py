"""`recover --reread`: reads every kept answer again, by what its provider and its app say today.

An answer that could not be read when it came may be readable now: a parser was mended, or a setting was added. Where it
still is the answer that its connection waits for, it is concluded in the ordinary way, and no refresh token is
presented. Any other is history: it stays sealed, and is never published.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tokensync.authorize.finish import authorization_binding
from tokensync.authorize.invites import ended_invite
from tokensync.domain.authorization import AuthorizationState
from tokensync.domain.command_line import CommandPattern, typed
from tokensync.domain.connection import UNPLACED, Reason
from tokensync.domain.errors import FenceLost, TokensyncError
from tokensync.domain.messages import Failure, FailureClass, ProviderResponse
from tokensync.domain.work import Work
from tokensync.oauth.token_response import read_token_response
from tokensync.operate.dead_letters import RecoveryFinding
from tokensync.operate.recover import place_of
from tokensync.operate.summary import filled
from tokensync.refresh import schedule
from tokensync.refresh.conclude import names_another
from tokensync.refresh.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokensync.authorize.finish import Finisher
    from tokensync.domain.authorization import Authorization
    from tokensync.domain.connection import Connection
    from tokensync.domain.messages import Issued
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.domain.sealing import Unsealer
    from tokensync.domain.work import AnswerAside
    from tokensync.operate.recover import Recoverer

_AGAIN = typed("tokensync recover --reread")
_SHOW = CommandPattern("tokensync show {name}")
_AUTHORIZATION = "authorization "  # before the cursor of one; no app's name holds a space
# What the last presentation may turn out to have been told, beside tokens: both say whether its token is spent.
_DECIDES = (FailureClass.BUSY, FailureClass.REFUSED)


@dataclass
class RereadResult:
    """What one run found: `read` answers were read again, `history` ones can change nothing any more.

    `more`: the rest begins at `cursor`.
    """

    found: list[RecoveryFinding] = field(default_factory=list)
    read: int = 0
    history: int = 0
    more: bool = False
    cursor: str = ""


@dataclass(frozen=True)
class Rereader:
    """Reads kept answers again."""

    ports: Ports
    unsealer: Unsealer
    recoverer: Recoverer
    finisher: Finisher

    def reread(self, budget: Budget, *, only: ConnectionName | None = None, cursor: str = "") -> RereadResult:
        """Read again what is kept, of one connection or of all, within the budget; go on at `cursor`.

        Raises:
            StoreUnavailable: what was found until then is safe, and the same call finds the rest.
        """
        done = RereadResult(cursor=cursor)
        if not cursor.startswith(_AUTHORIZATION):
            for aside in self._asides(only, cursor):
                if not budget.allows(self.ports.limits.conclusion):
                    done.more = True
                    return done
                self._answer(aside, budget, done)
                done.cursor = _cursor(aside)
        if only is None:
            self._authorizations(budget, done)
        return done

    def _asides(self, only: ConnectionName | None, cursor: str) -> Iterator[AnswerAside]:
        apps = sorted(self.ports.apps.names()) if only is None else [only.app]
        reached = place_of(cursor)
        for app in apps:
            for aside in self.ports.connections.list_aside(app, account=None if only is None else only.account):
                if place_of(_cursor(aside)) > reached:
                    yield aside

    def _answer(self, aside: AnswerAside, budget: Budget, done: RereadResult) -> None:
        """Conclude an answer that was set aside, where it counts and says more than it did."""
        record = self.ports.connections.get(aside.name)
        if record is None or record.attempt is None or aside.why == Reason.RESTORED_TABLE:
            done.history += 1
            return
        is_last = aside.fence == record.attempt.fence
        if not is_last and aside.fence not in record.attempt.earlier:
            done.history += 1
            return
        done.read += 1
        try:
            problem = "" if is_last and aside.why in UNPLACED else self._unread(aside, record, is_last=is_last)
            if not problem:
                self.ports.connections.set_aside(
                    aside.name, fence=aside.fence, why="unplaced", sealed=aside.sealed, now=aside.at
                )
        except TokensyncError as error:
            done.found.append(RecoveryFinding("answer", str(aside.name), "stays", str(error), _AGAIN, later=True))
            return
        if problem:
            done.found.append(RecoveryFinding("answer", str(aside.name), "stays", problem, filled(_SHOW, aside.name)))
            return
        done.found.append(self._concluded(aside.name, budget))

    def _concluded(self, name: ConnectionName, budget: Budget) -> RecoveryFinding:
        """Conclude an answer that has its place beside its record now: from here on any worker would."""
        found = self.recoverer.concluded(name, budget)
        if found.result == "queued":
            self.ports.queue.send([Work(connection=name, compare=True)])
        elif found.result == "brought_back":
            # It may have waited for days, and its access token have ended.
            self.ports.queue.send([Work(connection=name)])
        return found

    def _unread(self, aside: AnswerAside, record: Connection, *, is_last: bool) -> str:
        """Return why an answer still says nothing that counts; empty if it does.

        Raises:
            SealingUnavailable, StoreUnavailable, UnknownApp, InvalidApp: this cannot be known now.
        """
        grant = self.unsealer.grant(record)
        session = Session(aside.name.app, self.ports, fresh=True).of(grant)
        known = [secret for secret in (grant.refresh_token, grant.access_token) if secret]
        response = self.unsealer.answer(aside.sealed, record)
        read = read_token_response(session.provider, response, secrets=[*known, *session.client_secrets])
        if isinstance(read, Failure):
            may_decide = is_last and schedule.is_renewed(record)
            return "" if may_decide and read.kind in _DECIDES else _unreadable(read)
        if names_another(read, grant, session):
            return "it names another account, and its tokens are published nowhere"
        return _without_tokens(read)

    def _authorizations(self, budget: Budget, done: RereadResult) -> None:
        """Finish the answered authorizations that ended without a connection, where their answer allows one now."""
        reached = place_of(done.cursor.removeprefix(_AUTHORIZATION)) if done.cursor.startswith(_AUTHORIZATION) else None
        for app in sorted(self.ports.apps.names()):
            # Finishing one writes to what is being listed.
            for authorization in list(self.ports.authorizations.given_up(app)):
                place = f"{app}/{authorization.key.sort_key}"
                if reached is not None and place_of(place) <= reached:
                    continue
                # The provider may have to be asked whose account it is.
                if not budget.allows(self.ports.limits.presentation + self.ports.limits.conclusion):
                    done.more = True
                    return
                self._authorization(authorization, budget, done)
                done.cursor = _AUTHORIZATION + place

    def _authorization(self, authorization: Authorization, budget: Budget, done: RereadResult) -> None:
        app = authorization.key.app
        session = Session(app, self.ports, fresh=True)
        try:
            if self._is_history(authorization):
                done.history += 1
                return
            done.read += 1
            problem = self._unread_code(authorization, session)
            if problem:
                done.found.append(
                    RecoveryFinding("authorization", app, "stays", problem, typed("tokensync invite {app}", app=app))
                )
                return
            found = self._finished(authorization, session, budget)
        except FenceLost:
            found = RecoveryFinding("authorization", app, "queued", "another worker is at it")
        except TokensyncError as error:
            found = RecoveryFinding("authorization", app, "stays", str(error), _AGAIN, later=True)
        if found is None:
            done.history += 1
        else:
            done.found.append(found)

    def _is_history(self, authorization: Authorization) -> bool:
        """Return whether nothing may come of an authorization any more.

        What was answered before the table's backup may have been finished since; and one invite makes one connection.
        """
        if authorization.detail == Reason.RESTORED_TABLE:
            return True
        return ended_invite(authorization, self.ports) is not None

    def _unread_code(self, authorization: Authorization, session: Session) -> str:
        """Return why the answer to a code still holds no tokens; empty if it does.

        Raises:
            SealingUnavailable, StoreUnavailable, UnknownApp, InvalidApp: this cannot be known now.
        """
        key = authorization.key
        opened = self.ports.sealer.open(
            authorization.sealed_answer or b"", app=key.app, binding=authorization_binding(key)
        )
        response = ProviderResponse.from_bytes(opened)
        problems = []
        for own in (session, session.of_second()):  # either token alone makes a connection
            read = read_token_response(own.provider, response, secrets=session.client_secrets)
            problems.append(_unreadable(read) if isinstance(read, Failure) else _without_tokens(read))
        return problems[0] if all(problems) else ""

    def _finished(self, authorization: Authorization, session: Session, budget: Budget) -> RecoveryFinding | None:
        """Let an authorization be finished as if its answer had just been stored; None where it is history now."""
        key, now = authorization.key, self.ports.clock.now()
        after = replace(authorization, state=AuthorizationState.WORKING, detail="", received_at=now, lease_until=None)
        self.ports.authorizations.write(authorization, after, next_at=now)
        try:
            self.finisher.take_up(Work(authorization=key), session, budget)
        except TokensyncError as error:
            return RecoveryFinding("authorization", key.app, "queued", f"it is finished by itself: {error}")
        ended = self.ports.authorizations.get(key)
        if ended is None or ended.state is AuthorizationState.WORKING:
            return RecoveryFinding("authorization", key.app, "queued", "whose account it is is asked again, for a day")
        if ended.state is AuthorizationState.CONNECTED:
            if ended.sealed_answer is not None:
                return None
            return RecoveryFinding("authorization", ended.connection, "brought_back", "its connection is made")
        following = typed("tokensync invite {app}", app=key.app)
        why = f"no connection came of it: {ended.detail}"
        if ended.connection:  # quarantined
            following, why = (
                typed("tokensync accept {name}", name=ended.connection),
                "it is of another account than its invite was for",
            )
        return RecoveryFinding("authorization", key.app, "stays", why, following)


def _unreadable(failure: Failure) -> str:
    return f"it still says nothing that can be used: {failure.untold().code}"


def _without_tokens(read: Issued) -> str:
    usable = read.access_token is not None or read.refresh_token is not None
    return "" if usable else "it still holds no usable token"


def _cursor(aside: AnswerAside) -> str:
    return f"{aside.name}#{aside.fence}"
