"""`verify`, `publish`, `accept`, `revoke`, `remove`: what an operator asks of one connection beside a refresh."""

from contextlib import suppress
from typing import Annotated, Any

import typer

from tokensync.domain.command_line import CommandLine, typed
from tokensync.domain.connection import Connection, Reason, Status
from tokensync.domain.errors import TokensyncError
from tokensync.oauth.provider import GrantType
from tokensync.providers import provider_named
from tokensync.refresh.commit import LONGEST_RECOVERY, SHORTEST_RECOVERY
from tokensync_cli.commands.declare import Connection as Name
from tokensync_cli.commands.declare import Yes
from tokensync_cli.commands.describe import found, summarized
from tokensync_cli.commands.run import Run
from tokensync_cli.output.times import moment
from tokensync_cli.stack.invoke import ask_rotation
from tokensync_cli.stack.target import Target

Local = Annotated[bool, typer.Option("--local", help="Mark it here alone; the provider is not asked.")]
Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Present a refresh token although it may be spent already; publish an access token out of a backup where "
        "nothing else can be asked.",
    ),
]
Days = Annotated[
    int,
    typer.Option(
        "--recovery-days",
        metavar="N",
        min=SHORTEST_RECOVERY,
        max=LONGEST_RECOVERY,
        help="For how many days AWS keeps the deleted secret.",
    ),
]


def verify(run: Run, name: Name) -> None:
    """Ask the provider whether a connection's token works, and what its account holds now."""
    record, answer = _asked(run, name, "verify", "Verifying")
    summary = answer.get("connection")
    shown = {key: answer.get(key) for key in ("result", "facts_changed", "refused", "connection")}
    if not isinstance(summary, dict) or answer.get("result") != "verified":
        why = "the access token was refused" if answer.get("refused") else "there was no access token yet"
        generation = summary.get("generation") if isinstance(summary, dict) else None
        changed = f"generation {record.generation} → {generation}"
        run.out.result(shown, f"{record.name}: {why}; {answer.get('result')}, {changed}.")
        return
    facts = "the account's facts changed and are published" if answer.get("facts_changed") else "nothing changed"
    at = moment(summary.get("verified_at"), now=run.target().clock.now())
    run.out.result(shown, f"{record.name}: verified {at}, {facts}.")


def publish(run: Run, name: Name) -> None:
    """Write a connection's secret anew; one that was deleted is restored, or created again."""
    record, answer = _asked(run, name, "publish", "Publishing")
    _print(run, answer, f"{record.name} is published.", following=typed("tokensync token {name}", name=record.name))


def accept(run: Run, name: Name, *, force: Force = False, yes: Yes = False) -> None:
    """Take a quarantined connection in: it becomes active and is published."""
    target = run.target()
    record = found(target, name)
    if record.status is Status.QUARANTINED:
        again = typed("tokensync accept {name}", name=record.name)
        run.confirm(
            f"Accept account {record.name.account} ({record.label or 'no label'}) as {record.name}? {_risk(record)}",
            yes=yes,
            otherwise=again.adding("--force --yes" if force else "--yes"),
        )
    _, answer = _asked(run, name, "accept", "Accepting", force=force)
    summary = answer.get("connection")
    generation = summary.get("generation") if isinstance(summary, dict) else None
    line = f"{record.name} ({record.label or 'no label'}) is accepted and active, generation {generation}."
    _print(run, answer, line, following=typed("tokensync token {name}", name=record.name))


def _risk(record: Connection) -> str:
    """Return what an operator accepts with the connection."""
    if record.reason == Reason.RESTORED_TABLE:
        return "It comes from a backup: a new token is asked for with what was stored there."
    return "It is not the account that the invite was for."


def revoke(run: Run, name: Name, *, local: Local = False, yes: Yes = False) -> None:
    """End an authorization at the provider, and mark the connection as disconnected."""
    target = run.target()
    record = found(target, name)
    following = typed("tokensync remove {name}", name=record.name)
    if record.status is Status.DISCONNECTED:
        answer = {"result": "disconnected", "connection": summarized(target, record)}
        _print(run, answer, f"{record.name} is disconnected already.", following=following)
        return
    where = "here alone" if local else "at the provider"
    again = typed("tokensync revoke {name}", name=record.name)
    run.confirm(
        f"Revoke {record.name} ({record.label or 'no label'}) {where}? Only a new authorization brings it back.",
        yes=yes,
        otherwise=again.adding("--local --yes" if local else "--yes"),
    )
    _, answer = _asked(run, name, "revoke", "Revoking", local=local)
    marked = "marked as revoked here; the provider was not asked" if local else "revoked"
    _print(run, answer, f"{record.name} is {marked}.", following=following)


def remove(run: Run, name: Name, *, days: Days = LONGEST_RECOVERY, yes: Yes = False) -> None:
    """Remove a connection: its secret is deleted after the recovery window, its grant at once."""
    target = run.target()
    record = found(target, name)
    is_revoked = record.status is Status.DISCONNECTED
    if not is_revoked:
        first = f" To end it first: {typed('tokensync revoke {name}', name=record.name)}"
        run.out.warn(
            f"{record.name} is {record.status.value} and was not revoked: at the provider its authorization goes on."
            f"{first if not yes and _can_revoke(target, record) else ''}"
        )
    run.confirm(
        f"Remove {record.name} ({record.label or 'no label'})? Its refresh token is dropped for good.",
        yes=yes,
        otherwise=typed("tokensync remove {name} --yes", name=record.name),
    )
    _, answer = _asked(run, name, "remove", "Removing", recovery_days=days)
    had = _secret_of(record)
    secret = {
        "deleted": f"AWS deletes its secret in {days} days; a new authorization within them brings it back",
        "gone": "its secret was gone or not ours, and was left alone",
        "none": "it had no secret",
    }[had]
    line = f"{record.name} is removed; {secret}."
    _print(run, {**answer, "revoked": is_revoked, "secret": had}, line, following=_back(target, record))


def _secret_of(record: Connection) -> str:
    """Return what a removal finds of a connection's secret: one to be deleted, one that is gone, or none."""
    if record.status is Status.ORPHANED:
        return "gone"
    return "none" if record.published is None or record.published.removed else "deleted"


def _can_revoke(target: Target, record: Connection) -> bool:
    """Return whether the provider has a call that ends an authorization."""
    with suppress(TokensyncError):
        app = target.apps.get(record.name.app)
        provider = provider_named(app.provider).for_app(app)
        return provider.revocation is not None and provider.has_endpoint(app, "revoke")
    return False


def _back(target: Target, record: Connection) -> CommandLine:
    """Return the command that connects a removed connection's account again."""
    with suppress(TokensyncError):
        app = target.apps.get(record.name.app)
        match provider_named(app.provider).for_app(app).grant_type:
            case GrantType.AUTHORIZATION_CODE:
                return typed("tokensync invite {app} --for {name}", app=app.name, name=record.name)
            case GrantType.REFRESH_TOKEN:
                return typed("tokensync import {app} --account {account}", app=app.name, account=record.name.account)
            case GrantType.CLIENT_CREDENTIALS:
                return typed("tokensync connect {app}", app=app.name)
    return typed("tokensync list --removed")


def _asked(run: Run, name: str, what: str, doing: str, **more: object) -> tuple[Connection, dict[str, Any]]:
    """Ask the rotation function to do something with a connection; return the connection as it was, and the answer."""
    target = run.target()
    record = found(target, name)
    with run.out.progress(f"{doing} {record.name}"):
        answer = ask_rotation(target, {"tokensync": what, "connection": str(record.name), **more})
    return record, answer


def _print(run: Run, answer: dict[str, Any], line: str, *, following: CommandLine) -> None:
    keys = ("result", "connection", "revoked", "secret")
    run.out.result({key: answer[key] for key in keys if key in answer}, line, following=following)
