"""`list`, `show`, `history`, `token`: the state of connections, and what workloads read."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated, Any

import typer

from tokensync.domain.command_line import CommandLine, typed
from tokensync.domain.connection import Connection, Status
from tokensync.domain.errors import SealingUnavailable, TokensyncError
from tokensync.domain.grant import Grant
from tokensync.domain.names import app_name
from tokensync.entry.exit_codes import FAILED, LATER
from tokensync.operate.summary import condition
from tokensync_cli.commands.declare import Connection as Name
from tokensync_cli.commands.describe import (
    COLUMNS,
    fields,
    first_connection,
    found,
    named,
    paused_for,
    row,
    summarized,
)
from tokensync_cli.commands.published import published
from tokensync_cli.commands.run import Run
from tokensync_cli.output.failures import CommandFailed
from tokensync_cli.output.times import moment
from tokensync_cli.stack.target import Target

OfStatus = Annotated[Status | None, typer.Option("--status", help="Only those of this status.", show_default=False)]
OfApp = Annotated[str | None, typer.Option("--app", metavar="APP", help="Only those of this app.", show_default=False)]
Removed = Annotated[bool, typer.Option("--removed", help="Only those that were removed.")]
_EXPLAINED = 10  # connections that are explained one by one
Reveal = Annotated[bool, typer.Option("--reveal", help="Print the tokens as well, refresh token included.")]


def list_connections(run: Run, *, status: OfStatus = None, app: OfApp = None, removed: Removed = False) -> None:
    """List the connections, and how each is."""
    target = run.target()
    if app is not None:
        target.apps.state(app_name(app))
    names = [app] if app is not None else list(target.apps.names())
    records = [
        record
        for name in names
        for record in target.connections.list(name)
        if (record.removed_at is not None) is removed and (status is None or record.status is status)
    ]
    pauses = {name: paused_for(target, name) for name in names}
    summaries = [summarized(target, record, pauses=pauses) for record in records]
    if not records:
        line = "No connection." if status is None else f"No connection is {status.value}."
        run.out.result([], line, following=_first(target, names) if status is None and not removed else None)
        return
    now = target.clock.now()
    reasons = [one["reason"] if one["why"] else "" for one in summaries]
    rows = [row(record, now=now, reason=reason) for record, reason in zip(records, reasons, strict=True)]
    run.out.table(COLUMNS, rows, summaries)
    _explain(run, summaries)


def _explain(run: Run, summaries: Sequence[Mapping[str, Any]]) -> None:
    """Say beneath the table why a connection is not simply active, with the next command for each."""
    in_need = [one for one in summaries if one["why"] and one["removed_at"] is None]
    for one in in_need[:_EXPLAINED]:
        run.out.note(f"{one['connection']}: {one['why']}. Next: {one['next']}")
    if len(in_need) > _EXPLAINED:
        run.out.note(f"… and {len(in_need) - _EXPLAINED} more. Next: {typed('tokensync doctor')}")


def _first(target: Target, names: Sequence[str]) -> CommandLine:
    """Return the command that makes a first connection, if an app's registration can be read."""
    for name in names:
        with suppress(TokensyncError):
            return first_connection(target, name)
    return typed("tokensync app list")


def show(run: Run, name: Name, *, reveal: Reveal = False) -> None:
    """Show one connection; with --reveal its tokens too."""
    target = run.target()
    record = found(target, name)
    revealed = _revealed(target, record) if reveal else {}
    summary = summarized(target, record)
    run.out.fields({**fields(target, record), **revealed}, {**summary, **({"grant": revealed} if reveal else {})})
    need = condition(record, paused=paused_for(target, record.name.app))
    following = None if need is None else need.command(record.name)
    if following is not None and following.words[1] != "show":  # which has just been run
        run.out.next(following)


def history(run: Run, name: Name) -> None:
    """Show what happened to a connection, the newest last."""
    target = run.target()
    record = found(target, name, even_removed=True)
    now = target.clock.now()
    rows = [(moment(entry.at, now=now), entry.event, entry.generation, entry.detail) for entry in record.history]
    run.out.table(("WHEN", "EVENT", "GENERATION", "DETAIL"), rows, [asdict(entry) for entry in record.history])


def token(run: Run, name: Name) -> None:
    """Print the access token alone, as workloads read it."""
    document = published(run, run.target(), named(name))
    if run.out.as_json:
        run.out.json({key: document.get(key) for key in ("access_token", "expires_at", "status")})
    else:
        print(document["access_token"])


def _revealed(target: Target, record: Connection) -> dict[str, Any]:
    """Open the sealed grant with the operator's own credentials.

    Raises:
        CommandFailed: they may not, or nothing is sealed there.
    """
    from tokensync.domain.sealing import grant_binding  # noqa: PLC0415 - it is slow to load, and only this needs it

    if record.sealed_grant is None:
        raise CommandFailed(
            f"{record.name} holds no grant.",
            next_command=typed("tokensync history {name}", name=record.name),
            kind="NoGrant",
        )
    try:
        opened = target.sealer.open(record.sealed_grant, app=record.name.app, binding=grant_binding(record.name))
    except SealingUnavailable as error:
        denied = "AccessDenied" in str(error)
        raise CommandFailed(
            "Your credentials may not unseal grants: KMS refuses Decrypt. The template's parameter "
            "RevealPrincipalArn names the one role or user that may; the administrator of an account may not either."
            if denied
            else f"The grant cannot be opened: {error}.",
            next_command=typed("tokensync deploy --parameter RevealPrincipalArn=ARN")
            if denied
            else typed("tokensync show {name}", name=record.name),
            exit_code=FAILED if denied else LATER,
            kind="RevealDenied" if denied else "SealingUnavailable",
        ) from None
    grant = Grant.from_bytes(opened)
    return {
        "access_token": grant.access_token.reveal(),
        "refresh_token": None if grant.refresh_token is None else grant.refresh_token.reveal(),
        "token_type": grant.token_type,
        "scopes": list(grant.scopes),
        "account": grant.account,
    }
