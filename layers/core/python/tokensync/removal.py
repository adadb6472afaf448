"""The end of a removal: the secret's deletion, then what is left of the record. Any holder of the lease finishes it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tokensync import statuses
from tokensync.domain.errors import FenceLost, PublishError, SecretGone, SecretNotOurs
from tokensync.domain.work import Work
from tokensync.outcome import Outcome, Result

if TYPE_CHECKING:
    from tokensync.committing import Committer
    from tokensync.domain.connection import Connection

# Secrets Manager's recovery window, https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
SHORTEST_RECOVERY, LONGEST_RECOVERY = 7, 30  # days


def finished(marked: Connection, committer: Committer, *, days: int = LONGEST_RECOVERY) -> Outcome:
    """Delete the secret of a leased connection that is marked as removed, then COMMIT what is left of it.

    Raises:
        PublishUnavailable: the secret may or may not be deleted, and the lease is still the caller's.
        FenceLost: the account authorized again meanwhile, and its secret was given back.
    """
    now, published = committer.clock.now(), marked.published
    if published is not None:
        try:
            committer.publisher.delete(published.arn, days=days)
        except SecretGone:
            pass
        except SecretNotOurs:
            after = statuses.removed(replace(marked, published=None), now=now)
            return Outcome(Result.REMOVED, committer.connections.write(marked, after))
    committer.failpoints.reached("deleted")
    try:
        return Outcome(Result.REMOVED, committer.connections.write(marked, statuses.removed(marked, now=now)))
    except FenceLost:
        # Its new token has to be readable.
        _give_back(marked, committer)
        raise


def _give_back(marked: Connection, committer: Committer) -> None:
    if marked.published is None:
        return
    try:
        committer.publisher.restore(marked.published.arn)
    except PublishError as error:
        committer.log.warning("restoring.failed", connection=str(marked.name), error=str(error))
    committer.queue.send([Work(connection=marked.name, compare=True)])
