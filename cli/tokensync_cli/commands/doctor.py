"""`doctor`: what is wrong, and the command that repairs it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import typer

from tokensync.domain.authorization import NO_ACCOUNT
from tokensync.domain.command_line import CommandLine, Next, typed
from tokensync.domain.connection import Connection, Status
from tokensync.domain.errors import InvalidApp, TokensyncError, UnknownApp
from tokensync.entry.exit_codes import FAILED
from tokensync.operate.pauses import pause_of
from tokensync.operate.summary import condition
from tokensync.providers import provider_named
from tokensync.refresh.kept_answers import kept_answer
from tokensync_cli.commands.run import Run
from tokensync_cli.output.failures import CommandFailed, failure_of
from tokensync_cli.output.times import moment, span
from tokensync_cli.stack.invoke import FunctionRefused, ask_callback, ask_rotation
from tokensync_cli.stack.target import Target

# Seconds. Within this time a due connection is normally refreshed: a claim and a tick take less.
_OVERDUE = 1800


@dataclass(frozen=True)
class Finding:
    """One result of a check. `next` is the command that repairs it, None if nothing is wrong."""

    check: str
    ok: bool
    message: str
    next: Next | None = None

    def as_json(self) -> dict[str, object]:
        """Return it as programs read it."""
        return {**vars(self), "next": "" if self.next is None else str(self.next)}


def doctor(run: Run) -> None:
    """Check everything; say what is wrong and the command that repairs it."""
    target = run.target()
    with run.out.progress("Checking"):
        findings = [finding for check in _CHECKS for finding in _checked(check, target)]
    wrong = [finding for finding in findings if not finding.ok]
    rows = [(finding.check, "ok" if finding.ok else "wrong", finding.message, finding.next) for finding in findings]
    run.out.table(("CHECK", "RESULT", "FOUND", "NEXT"), rows, [finding.as_json() for finding in findings])
    if wrong:
        raise typer.Exit(FAILED)


def _checked(check: Callable[[Target], Iterator[Finding]], target: Target) -> Iterator[Finding]:
    """Make one check; an error that prevents it is a finding too."""
    try:
        yield from check(target)
    except Exception as error:  # noqa: BLE001 - one broken part stops no other check
        failure = failure_of(error, policy=target.outputs.operator_policy_arn)
        yield Finding(check.__name__.strip("_"), ok=False, message=failure.message, next=failure.following)


def _functions(target: Target) -> Iterator[Finding]:
    """Check that both functions answer: only a running function refuses an unknown command by name."""
    for name, ask in (("callback", ask_callback), ("rotation", ask_rotation)):
        try:
            ask(target, {"tokensync": "are you there"})
        except FunctionRefused:
            yield Finding("functions", ok=True, message=f"{name} answers")
        except CommandFailed as error:
            yield Finding("functions", ok=False, message=error.message, next=error.next_command)


def _invite_key(target: Target) -> Iterator[Finding]:
    target.signer()
    yield Finding("invite key", ok=True, message="readable")


def _sandbox(target: Target) -> Iterator[Finding]:
    if target.sandbox is not None:
        target.sandbox.providers()
        yield Finding("sandbox", ok=True, message=f"answers at {target.sandbox.url}")


def _apps(target: Target) -> Iterator[Finding]:
    now = target.clock.now()
    names = list(target.apps.names())
    if not names:
        following = typed("tokensync app add NAME --provider PROVIDER --client-id ID")
        yield Finding("apps", ok=False, message="no app is registered", next=following)
    for name in names:
        try:
            provider_named(target.apps.get(name).provider)
            state = target.apps.state(name)
        except TokensyncError as error:
            yield Finding(
                "apps", ok=False, message=f"{name}: {error}", next=typed("tokensync app remove {app}", app=name)
            )
            continue
        paused = pause_of(state)
        if paused is not None:
            probed = f"; next probe {moment(state.probe_at, now=now, never='now')}" if state.probes_itself else ""
            message = f"{name} is paused: {paused.why}{probed}"
            yield Finding("apps", ok=False, message=message, next=paused.command(name))
        else:
            yield Finding("apps", ok=True, message=f"{name} runs")


def _connections(target: Target) -> Iterator[Finding]:
    now = target.clock.now()
    well = 0
    for name in target.apps.names():
        hands_on = _hands_on(target, name)
        for record in target.connections.list(name):
            if record.removed_at is not None:
                continue
            message, following = _trouble(record, now=now, hands_on=hands_on)
            if (record.lease_until or 0) < now and kept_answer(record, target.connections) is not None:
                message, following = (
                    "waits for an answer that is kept",
                    typed("tokensync recover {name}", name=record.name),
                )
            if message:
                text = f"{record.name}{'' if message.startswith(':') else ' '}{message}"
                yield Finding("connections", ok=False, message=text, next=following)
            else:
                well += 1
    yield Finding("connections", ok=True, message=f"{well} active and in time")


def _hands_on(target: Target, name: str) -> bool:
    """Return whether an app hands its pairs to a consumer; if not, a failed handover of before no longer counts."""
    try:
        app = target.apps.get(name)
    except (UnknownApp, InvalidApp):
        return False  # the check of the apps reports it
    return bool(app.push) or app.gives_away


def _trouble(record: Connection, *, now: int, hands_on: bool) -> tuple[str, CommandLine | None]:
    """Return what is wrong with a connection and the next command; an empty text and None if all is well."""
    need = condition(record)
    if need is not None and record.status is not Status.ACTIVE:
        reason = f" ({record.reason})" if record.reason else ""
        return f"is {record.status.value}{reason}", need.command(record.name)
    if need is not None and (record.unpublished or record.obtained_at is None):
        return f": {need.why}", need.command(record.name)
    if hands_on and (record.consumer.push_failures or record.consumer.check_failed is not None):
        return _of_consumer(record)
    # A connection that was handed over is refreshed by its consumer, which reports nothing here.
    ends, due = (
        (record.access_expires_at, record.due.next_at) if record.consumer.handed_over_at is None else (None, None)
    )
    if ends is not None and ends <= now:
        return f"expired {moment(ends, now=now)}", typed("tokensync refresh {name}", name=record.name)
    if due is not None and due < now - _OVERDUE:
        return f"has been due for {span(now - due)}: the schedule does not run", typed("tokensync tick")
    return "", None


def _of_consumer(record: Connection) -> tuple[str, CommandLine]:
    """Return what is wrong with what a consumer has of a connection."""
    push = typed("tokensync push {name} --to api2cart", name=record.name)
    if record.consumer.push_failures:
        return "was not handed to its consumer", push
    return f"is not accepted by its consumer ({record.consumer.check_failed})", push.adding("--check")


def _dead_letters(target: Target) -> Iterator[Finding]:
    dead, _ = target.queues.waiting(target.outputs.dead_letter_queue_url)
    if dead:
        message = f"{dead} could not be worked on in five tries; an answer may be among them"
        yield Finding("dead letters", ok=False, message=message, next=typed("tokensync recover"))
    else:
        yield Finding("dead letters", ok=True, message="none")


def _authorizations(target: Target) -> Iterator[Finding]:
    """Find sellers who authorized, and whose account could not be named within a day."""
    unnamed = {
        name: sum(authorization.detail == NO_ACCOUNT for authorization in target.authorizations.given_up(name))
        for name in target.apps.names()
    }
    for name, count in unnamed.items():
        if count:
            message = f"{name}: {count} answered and given up, as their account could not be named"
            yield Finding("authorizations", ok=False, message=message, next=typed("tokensync recover"))
    if not any(unnamed.values()):
        yield Finding("authorizations", ok=True, message="none was given up")


_CHECKS = (_functions, _invite_key, _sandbox, _apps, _connections, _authorizations, _dead_letters)
