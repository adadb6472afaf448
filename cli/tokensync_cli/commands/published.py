"""What workloads read of a connection, or why there is nothing to read."""

import json
from typing import Any

from tokensync.domain.command_line import typed
from tokensync.domain.connection import Connection, Status
from tokensync.domain.names import ConnectionName, token_secret_name
from tokensync.entry.exit_codes import FAILED, LATER, NEEDS_SELLER
from tokensync.operate.summary import BY_STATUS, condition
from tokensync_cli.commands.describe import found
from tokensync_cli.commands.run import Run
from tokensync_cli.output.failures import CommandFailed
from tokensync_cli.output.times import moment
from tokensync_cli.stack.target import Target

# Only a new authorization by the seller helps.
_LOST = frozenset({Status.REAUTHORIZE, Status.DISCONNECTED})


def published(run: Run, target: Target, wanted: ConnectionName) -> dict[str, Any]:
    """Return what workloads read of a connection; warn where its token is not good any more.

    Raises:
        CommandFailed: there is nothing to read, or its seller has to authorize again.
    """
    text = target.secrets.read(token_secret_name(target.outputs.secret_prefix, wanted))
    if text is None:
        raise _unpublished(found(target, str(wanted)))
    document = _published(wanted, text)
    status, expires_at = document.get("status"), document.get("expires_at")
    if status in _LOST:
        need = BY_STATUS[Status(status)]
        raise CommandFailed(
            f"{wanted} is {status}: {need.why}.",
            next_command=need.command(wanted),
            exit_code=NEEDS_SELLER,
            kind=str(status),
        )
    if status != Status.ACTIVE:
        run.out.warn(f"{wanted} is {status}; see: {typed('tokensync show {name}', name=wanted)}")
    now = target.clock.now()
    if isinstance(expires_at, int) and expires_at <= now:
        run.out.warn(
            f"this token expired {moment(expires_at, now=now)}; see: {typed('tokensync refresh {name}', name=wanted)}"
        )
    return document


def _published(name: ConnectionName, text: str) -> dict[str, Any]:
    try:
        published = json.loads(text)
    except (ValueError, RecursionError):
        published = None
    token = published.get("access_token") if isinstance(published, dict) else None
    if not isinstance(published, dict) or not isinstance(token, str) or not token.isprintable():
        # from None and without the text: it may be somebody else's secret.
        raise CommandFailed(
            f"The secret of {name} is not one that tokensync wrote.",
            next_command=typed("tokensync show {name}", name=name),
            kind="SecretNotOurs",
        ) from None
    return published


def _unpublished(record: Connection) -> CommandFailed:
    """Return why a connection has no secret to read, in the words of its condition."""
    name, need = record.name, condition(record)
    is_written = record.published is not None and not record.published.removed
    if record.status in _LOST:
        kind, code = record.status.value, NEEDS_SELLER
    elif record.status is Status.ORPHANED or (is_written and record.status is not Status.QUARANTINED):
        # Somebody deleted it, and no work on the connection has found that out yet.
        kind, code, need = "SecretGone", FAILED, BY_STATUS[Status.ORPHANED]
    elif record.obtained_at is None:
        kind, code = "NotProved", LATER
    else:
        kind, code = "NotPublished", LATER if record.publishing_is_due() else FAILED
    return CommandFailed(
        f"{name} has no secret to read: {'it is not published yet' if need is None else need.why}.",
        next_command=typed("tokensync show {name}", name=name) if need is None else need.command(name),
        exit_code=code,
        kind=kind,
    )
