"""Takes up dead letters: a sealed response goes to its record, a name into the queue; then the letter is deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokensync.domain.authorization import AuthorizationState
from tokensync.domain.command_line import next_fields, typed
from tokensync.domain.errors import BadRequest, QueueUnavailable, TokensyncError
from tokensync.domain.work import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tokensync.authorize.redelivery import Redelivery
    from tokensync.domain.authorization import AuthorizationKey
    from tokensync.domain.command_line import Next
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import DeadLetters, Ports
    from tokensync.domain.runtime import Budget
    from tokensync.domain.work import DeadLetter
    from tokensync.refresh.kept_answers import KeptAnswers

    Conclude = Callable[[ConnectionName, Budget], "RecoveryFinding"]

_KEPT = "its answer is kept sealed for 30 days"


@dataclass(frozen=True)
class RecoveryFinding:
    """One thing that was out of its place.

    `what` is a dead letter, an answer, an authorization or a connection. `result` is what became of it:
    `brought_back`, `queued`, `dropped` where nothing can come of it any more, or `stays`. `why` is the reason, and
    `next` the command that helps; `later` means that the same command will do it.
    """

    what: str
    subject: str
    result: str
    why: str = ""
    next: Next | None = None
    later: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as an answer holds it."""
        return {**vars(self), **next_fields(self.next)}


@dataclass(frozen=True)
class Redriver:
    """Takes up dead letters."""

    ports: Ports
    dead_letters: DeadLetters
    kept_answers: KeptAnswers
    redelivery: Redelivery

    def redrive(
        self, budget: Budget, conclude: Conclude, *, only: ConnectionName | None = None
    ) -> Iterator[RecoveryFinding]:
        """Take up letter after letter within the budget, those of one connection or all; yield what became of each.

        `conclude` concludes the response that a connection waits for. A letter is deleted only when everything in it
        has its place, so that an interrupted run can be repeated.

        Raises:
            QueueUnavailable: no further letter could be received.
        """
        while budget.allows(self.ports.limits.conclusion) and (letters := self.dead_letters.receive()):
            for letter in letters:
                try:
                    work = Work.from_json(letter.body)
                except BadRequest:
                    why = "a message that this version cannot read"
                    yield RecoveryFinding("dead_letter", "a message", "stays", why, typed("tokensync deploy"))
                    continue
                if only is None or work.connection == only:
                    yield self._taken_up(letter, work, budget, conclude)

    def _taken_up(self, letter: DeadLetter, work: Work, budget: Budget, conclude: Conclude) -> RecoveryFinding:
        try:
            found = self._placed(work, budget, conclude)
        except TokensyncError as error:
            return RecoveryFinding(
                "dead_letter", _subject(work), "stays", str(error), typed("tokensync recover"), later=True
            )
        if found.what != "dead_letter" or found.result != "stays":
            try:
                self.dead_letters.delete(letter)
            except QueueUnavailable as error:  # it comes again, which does no harm
                self.ports.log.warning("letter.not_deleted", error=str(error))
        return found

    def _placed(self, work: Work, budget: Budget, conclude: Conclude) -> RecoveryFinding:
        """Put what a letter carries into its place.

        Raises:
            TokensyncError: that is not possible now.
        """
        if work.authorization is not None:
            return self._authorization(work.authorization, work)
        if work.connection is None:
            raise BadRequest("a message names neither a connection nor an authorization")
        record = self.ports.connections.get(work.connection)
        if work.answer is not None:
            self.kept_answers.bring_back(work.connection, work.fence, work.answer)
        if record is None or record.removed_at is not None:
            why = "there is no such connection any more"
            kept = f"{why}; {_KEPT}" if work.answer is not None else why
            return RecoveryFinding("dead_letter", str(work.connection), "dropped", kept)
        if work.answer is None:
            return self._queued(work, "it is worked on once more")
        attempt = record.attempt
        if attempt is None or work.fence not in (attempt.fence, *attempt.earlier):
            why = f"its attempt is concluded, or a newer grant took its place; {_KEPT}"
            return RecoveryFinding("dead_letter", str(work.connection), "dropped", why)
        found = conclude(work.connection, budget)
        if found.result != "queued":
            return found
        queued = self._queued(Work(connection=work.connection, compare=True), found.why)
        return found if queued.result == "queued" else queued

    def _authorization(self, key: AuthorizationKey, work: Work) -> RecoveryFinding:
        """Put a sealed response onto its authorization, and queue that to be finished."""
        if work.answer is not None:
            state = self.redelivery.place(key, work.answer, fence=work.fence, invite_id=work.invite)
            if state is not AuthorizationState.WORKING:
                return RecoveryFinding("dead_letter", key.app, "dropped", f"its authorization ended: {state.value}")
        return self._queued(Work(authorization=key), "its authorization is finished by the next worker")

    def _queued(self, work: Work, why: str) -> RecoveryFinding:
        if self.ports.queue.send([work]):
            why = "the queue did not accept it"
            return RecoveryFinding("dead_letter", _subject(work), "stays", why, typed("tokensync recover"), later=True)
        return RecoveryFinding("dead_letter", _subject(work), "queued", why)


def _subject(work: Work) -> str:
    return work.app if work.connection is None else str(work.connection)
