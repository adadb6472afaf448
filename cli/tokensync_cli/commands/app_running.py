"""`app pause` and `app resume`."""

from collections.abc import Iterator
from contextlib import suppress

from tokensync.domain.app_state import PauseKind
from tokensync.domain.command_line import typed
from tokensync.domain.names import app_name
from tokensync.refresh.parked import is_refused
from tokensync_cli.commands.declare import AppName
from tokensync_cli.commands.run import Run
from tokensync_cli.output.console import Say
from tokensync_cli.stack.invoke import FunctionRefused, ask_rotation
from tokensync_cli.stack.target import Target


def pause(run: Run, name: AppName) -> None:
    """Pause an app: no refresh and no new connection until it is resumed."""
    target = run.target()
    changed = target.apps.pause(
        app_name(name), kind=PauseKind.OPERATOR, why="paused by an operator", now=target.clock.now()
    )
    _print_state(run, name, paused=True, changed=changed)


def resume(run: Run, name: AppName) -> None:
    """Let a paused app run again, and try once to refresh each connection that was parked with the pause."""
    target = run.target()
    changed = target.apps.resume(app_name(name), now=target.clock.now())
    with run.out.progress(f"Asking for the parked connections of {name}") as say:
        asked = sum(1 for _ in _parked_asked(target, name, say)) if changed else 0
    paused = bool(target.apps.state(name).paused)
    _print_state(run, name, paused=paused, changed=changed and not paused)
    if asked:
        run.out.note(f"{asked} parked connections were asked for; see: {typed('tokensync list --app {app}', app=name)}")


def _parked_asked(target: Target, name: str, say: Say) -> Iterator[str]:
    """Present each parked connection's token once more, until the app is paused again."""
    for record in target.connections.list(name):
        if record.removed_at is not None or not is_refused(record):
            continue
        if target.apps.state(name).paused:
            return
        say(f"Asking for {record.name}")
        with suppress(FunctionRefused):
            ask_rotation(target, {"tokensync": "refresh", "connection": str(record.name), "force": True})
        yield str(record.name)


def _print_state(run: Run, name: str, *, paused: bool, changed: bool) -> None:
    run.out.result(
        {"app": name, "paused": paused, "changed": changed},
        f"{name} {'is now' if changed else 'is'} {'paused' if paused else 'running'}.",
        following=typed("tokensync app resume {app}", app=name) if paused else None,
    )
