"""`up`, `down`, `outputs`: the embedded stack, and the addresses of any."""

import time
from typing import Annotated

import typer

from tokensync.domain.command_line import typed
from tokensync_cli.commands.run import Run
from tokensync_cli.embedded.ports import Ports
from tokensync_cli.output.failures import CommandFailed
from tokensync_cli.stack.seeding import seed
from tokensync_cli.stack.target import StackOutputs

_LOOK_SECONDS = 2.0
_HIGHEST_PORT = 65_535

Port = Annotated[int | None, typer.Option("--port", min=1, max=_HIGHEST_PORT, help="Port that browsers open.")]
AwsPort = Annotated[int | None, typer.Option("--aws-port", min=1, max=_HIGHEST_PORT, help="Port of the embedded AWS.")]
SandboxPort = Annotated[
    int | None, typer.Option("--sandbox-port", min=1, max=_HIGHEST_PORT, help="The sandbox's port.")
]
Detach = Annotated[bool, typer.Option("--detach", help="Leave it running and return.")]
Fresh = Annotated[bool, typer.Option("--fresh", help="Forget all that an earlier stack held: apps, connections, keys.")]


def up(
    run: Run,
    *,
    detach: Detach = False,
    fresh: Fresh = False,
    port: Port = None,
    aws_port: AwsPort = None,
    sandbox_port: SandboxPort = None,
) -> None:
    """Bring up the embedded stack: AWS on this machine, and a sandbox to connect with."""
    ports = Ports(aws=aws_port, front_door=port, sandbox=sandbox_port)
    with run.out.progress("Bringing the embedded stack up") as say:
        found = run.embedded.up(fresh=fresh, ports=ports, progress=say)
        say("Registering sandbox apps")
        target = run.opener.embedded(found)
        apps = seed(target)
    _print(run, found, apps)
    if not detach:
        _stay(run)


def down(run: Run) -> None:
    """Stop the embedded stack; what it holds is kept for the next `up`."""
    with run.out.progress("Stopping the embedded stack") as say:
        ran = run.embedded.down(say)
    line = "The embedded stack is stopped; it keeps what it holds." if ran else "The embedded stack was not up."
    run.out.result({"stopped": ran}, line, following=typed("tokensync up"))


def outputs(run: Run) -> None:
    """Print a stack's addresses and names."""
    run.out.fields(run.target().outputs.as_json())


def _print(run: Run, found: StackOutputs, apps: list[str]) -> None:
    run.out.fields(
        {
            "connect": f"{found.connect_url}/APP",
            "callback": f"{found.callback_url}/APP",
            "sandbox": found.sandbox_url,
            "AWS": f"{found.endpoint}  (Region {found.region}, key test, secret test)",
            "secrets": f"{found.secret_prefix}/tokens/APP/ACCOUNT",
            "apps": apps,
        },
        found.as_json(),
    )
    if apps:
        run.out.next(typed("tokensync connect {app}", app=apps[0]))


def _stay(run: Run) -> None:
    """Stay until Ctrl-C, then stop the stack; also end when somebody else stopped it."""
    run.out.note("It runs until you press Ctrl-C here.")
    try:
        while run.embedded.outputs() is not None:
            time.sleep(_LOOK_SECONDS)
    except KeyboardInterrupt:
        with run.out.progress("Stopping the embedded stack") as say:
            run.embedded.down(say)
        run.out.note("Stopped; `tokensync up` goes on where it was.")
        return
    raise CommandFailed(
        "The embedded stack has ended: `tokensync down` stopped it, or a part of it failed.",
        next_command=typed("tokensync up"),
        kind="StackEnded",
    )
