"""The command line `tokensync`: its commands put together, and the one place that ends a run."""

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup

from tokensync.entry.exit_codes import INTERRUPTED
from tokensync_cli.commands import (
    apps,
    connect,
    connections,
    doctor,
    handover,
    imports,
    one_connection,
    provider,
    recover,
    refresh,
    stack,
)
from tokensync_cli.commands.declare import Profile, Region, Stack, choose
from tokensync_cli.commands.run import Run
from tokensync_cli.output.failures import Failure, failure_of, show_trace
from tokensync_cli.stack.project import EmbeddedProject


class CommandLine(TyperGroup):
    """All commands. Every failure is printed here, with the next command and an exit code."""

    def main(self, args: Sequence[str] | None = None, *_: Any, **extra: Any) -> Any:
        """Run one command and end the process with its exit code."""
        arguments = list(sys.argv[1:] if args is None else args)
        extra["obj"] = run = extra.get("obj") or Run(embedded=EmbeddedProject())
        extra |= {"prog_name": "tokensync", "standalone_mode": False}
        if not arguments:
            arguments = ["--help"]
        try:
            code = super().main(arguments, **extra)
        except Exception as error:  # noqa: BLE001 - no traceback ever reaches a user who did not ask for one
            show_trace(error)
            failure = failure_of(error)
        else:
            if code != INTERRUPTED:
                sys.exit(code or 0)
            failure = failure_of(typer.Abort())
        self._end(failure, as_json=run.out.as_json or "--json" in arguments)

    @staticmethod
    def _end(failure: Failure, *, as_json: bool) -> None:
        failure.show(as_json=as_json)
        sys.exit(failure.exit_code)


app = typer.Typer(
    name="tokensync",
    cls=CommandLine,
    help="Connects other people's accounts, and keeps a valid access token for each in AWS Secrets Manager.",
    epilog="Example: tokensync up",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def before(
    context: typer.Context,
    *,
    stack: Stack = None,
    profile: Profile = None,
    region: Region = None,
    as_json: bool = typer.Option(False, "--json", help="Print JSON; errors are JSON on stderr."),
) -> None:
    """Take options that precede the command."""
    run = context.find_object(Run)
    if run is not None:
        named = stack or os.environ.get("TOKENSYNC_STACK") or None
        choose(run, as_json=as_json, stack=named, profile=profile, region=region)


for part in (
    stack, provider, apps, connect, imports, connections, refresh, one_connection, handover, doctor, recover,
):  # fmt: skip
    part.add_to(app)


def main() -> None:
    """Run the command line: the console's entry point."""
    # A supervisor's SIGTERM ends a command as cleanly as Ctrl-C does.
    signal.signal(signal.SIGTERM, _interrupted)
    app()


def _interrupted(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt
