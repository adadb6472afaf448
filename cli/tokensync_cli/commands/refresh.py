"""`refresh` and `tick`: the rotation function, on demand."""

from typing import Annotated, Any

import typer

from tokensync.domain.text import utc
from tokensync_cli.commands.declare import Connection
from tokensync_cli.commands.describe import found
from tokensync_cli.commands.run import Run
from tokensync_cli.output.times import HOUR, moment, seconds_of
from tokensync_cli.stack.invoke import FunctionRefused, ask_rotation
from tokensync_cli.stack.target import Target

# Seconds between looks at a connection that another worker holds: each twice as long as the one before.
_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 30.0
# With these nothing was presented to the provider, so an operator's --force still holds.
_NOTHING_SENT = frozenset({"leased_elsewhere", "no_time", "busy"})
# Nothing that waiting mends, unless the answer says when.
_RESTS = frozenset({"held"})

Wait = Annotated[bool, typer.Option("--wait", help="Wait while it may work later, until it is due again.")]
Timeout = Annotated[str, typer.Option("--timeout", metavar="TIME", help="How long to keep trying: 90s, 10m.")]
Force = Annotated[
    bool,
    typer.Option("--force", help="Present the refresh token even if it may be spent; some providers revoke it then."),
]


def refresh(run: Run, name: Connection, *, wait: Wait = False, timeout: Timeout = "2m", force: Force = False) -> None:
    """Refresh a connection now."""
    seconds = seconds_of(timeout, option="--timeout", at_most=HOUR)
    target = run.target()
    record = found(target, name)
    payload = {"tokensync": "refresh", "connection": str(record.name), "generation": record.generation}
    with run.out.progress(f"Refreshing {record.name}"):
        answer = _asked(target, payload, force=force, seconds=seconds if wait else 0)
    summary = answer.get("connection")
    shown = {"result": answer.get("result"), "connection": summary}
    if not isinstance(summary, dict):
        run.out.result(shown, f"{record.name}: {answer.get('result')}.")
        return
    expires = moment(summary.get("access_expires_at"), now=target.clock.now())
    after = summary.get("generation")
    changed = f"generation {record.generation} → {after}" if after != record.generation else f"generation {after}"
    run.out.result(shown, f"{record.name}: {answer.get('result')}, {changed}, expires {expires}.")


def tick(run: Run) -> None:
    """Find what is due and queue it, as the schedule does every minute."""
    target = run.target()
    with run.out.progress("Looking for what is due"):
        answer = ask_rotation(target, {"tokensync": "tick"})
    due, queued = answer.get("due"), answer.get("queued")
    run.out.result({"due": due, "queued": queued}, f"{due} due, {queued} queued.")


def _asked(target: Target, payload: dict[str, Any], *, force: bool, seconds: int) -> dict[str, Any]:
    """Ask until it is done or fails for good; in between wait for what the record says is due, in `seconds` at most.

    Raises:
        FunctionRefused: it failed for good, or the time does not reach.
    """
    until, pause = target.clock.monotonic() + seconds, _FIRST_PAUSE
    while True:
        try:
            return ask_rotation(target, {**payload, "force": force})
        except FunctionRefused as refused:
            if not seconds or not refused.is_later:
                raise
            now = target.clock.now()
            if refused.due_at is not None and refused.due_at > now:
                wait = float(refused.due_at - now)
            elif refused.kind in _RESTS:
                raise
            else:
                wait, pause = pause, min(2 * pause, _LONGEST_PAUSE)
            if target.clock.monotonic() + wait > until:
                raise _too_late(refused, now=now) from None
            force = force and refused.kind in _NOTHING_SENT
        target.clock.sleep(wait)


def _too_late(refused: FunctionRefused, *, now: int) -> FunctionRefused:
    """Return the failure that says when it is tried again, where --timeout ends before."""
    if refused.due_at is None or refused.due_at <= now:
        return refused
    due = f"It is tried again {moment(refused.due_at, now=now)}, at {utc(refused.due_at)}: --timeout ends before that."
    return FunctionRefused(
        f"{refused.message} {due}",
        next_command=refused.next_command,
        exit_code=refused.exit_code,
        kind=refused.kind,
        due_at=refused.due_at,
    )
