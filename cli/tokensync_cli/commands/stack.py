"""`up`, `down`, `env`: the embedded stack. `outputs`: the addresses of any."""

import os
import sys
import time
from collections.abc import Mapping
from typing import Annotated

import typer

from tokensync.domain.command_line import quoted, typed
from tokensync_cli.commands.run import Run
from tokensync_cli.embedded.administrator import Administrator
from tokensync_cli.embedded.environment_variables import LOOPBACK, of_a_client
from tokensync_cli.embedded.ports import Ports
from tokensync_cli.output.failures import CommandFailed, UsageFailed
from tokensync_cli.stack.seeding import seed
from tokensync_cli.stack.target import StackOutputs

_LOOK_SECONDS = 2.0
_HIGHEST_PORT = 65_535
# These win over the variables that `env` sets, or go along with another key.
_IN_THE_WAY = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
_OF_ONE_SERVICE = "AWS_ENDPOINT_URL_"
_PROXIES = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")

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
    """Print a stack's addresses and names, with --json also the embedded AWS's secret access key."""
    told = run.target().outputs.as_json()
    people = {name: value for name, value in told.items() if name != "secret_access_key"}
    run.out.fields(people, told)


def env(run: Run) -> None:
    """Print what makes `aws` and SDKs speak to the embedded AWS, as lines for a shell."""
    if run.choice.stack or run.choice.profile or run.choice.region:
        raise UsageFailed(
            "env is for the embedded stack alone. A stack on AWS is reached with your own AWS profile and Region.",
            next_command=typed("aws configure list"),
        )
    found = run.outputs_of_embedded()
    changes = _changes(found, os.environ)
    if run.out.as_json:
        run.out.json(changes)
        return
    if sys.stdout.isatty():
        run.out.warn('what follows holds a secret, and this is a terminal; use it as eval "$(tokensync env)".')
    run.out.note(f"embedded stack at {found.endpoint}")
    for name, value in changes.items():
        print(f"unset {name}" if value is None else f"export {name}={quoted(value)}")


def _changes(found: StackOutputs, environment: Mapping[str, str]) -> dict[str, str | None]:
    """What to set, None what to unset, in an environment where the embedded AWS is to be the only one."""
    key = Administrator(str(found.access_key_id), str(found.secret_access_key))
    set_ = of_a_client(str(found.endpoint), key)
    if any(environment.get(name) for name in _PROXIES):
        # A proxy has no business between here and loopback.
        before = environment.get("NO_PROXY") or environment.get("no_proxy")
        set_ |= dict.fromkeys(("NO_PROXY", "no_proxy"), f"{before},{LOOPBACK}" if before else LOOPBACK)
    unset = [*_IN_THE_WAY, *sorted(name for name in environment if name.startswith(_OF_ONE_SERVICE))]
    return {**dict.fromkeys(unset), **set_}


def _print(run: Run, found: StackOutputs, apps: list[str]) -> None:
    run.out.fields(
        {
            "connect": f"{found.connect_url}/APP",
            "callback": f"{found.callback_url}/APP",
            "sandbox": found.sandbox_url,
            "AWS": f'{found.endpoint}  (for aws: eval "$(tokensync env)")',
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
