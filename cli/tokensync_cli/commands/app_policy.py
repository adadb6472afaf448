"""`app policy`: what a workload needs to read the tokens of one app."""

import json
from typing import Annotated

import typer

from tokensync.domain.command_line import typed
from tokensync.domain.names import app_name
from tokensync_cli.commands.declare import AppName
from tokensync_cli.commands.describe import found
from tokensync_cli.commands.run import Run
from tokensync_cli.output.failures import UsageFailed
from tokensync_cli.stack.consumer_policy import consumer_policy

Connection = Annotated[
    str, typer.Option("--connection", metavar="CONNECTION", help="The tokens of this one alone.", show_default=False)
]


def policy(run: Run, name: AppName, *, connection: Connection = "") -> None:
    """Print the IAM policy of a workload that reads an app's current tokens, and nothing else."""
    target = run.target()
    target.apps.state(app_name(name))
    record = found(target, connection) if connection else None
    if record is not None and record.name.app != name:
        raise UsageFailed(
            f"{record.name} belongs to the app {record.name.app}, not to {name}.",
            next_command=typed(
                "tokensync app policy {app} --connection {connection}", app=record.name.app, connection=record.name
            ),
        )
    wanted = None if record is None else record.name
    document = consumer_policy(target.outputs, name, wanted)
    shown = {"app": name, "connection": None if wanted is None else str(wanted), "policy": document}
    run.out.result(shown, *json.dumps(document, indent=2).splitlines())
    again = typed("tokensync app policy {app}", app=name)
    if wanted is not None:
        again = again.option("--connection", str(wanted))
    run.out.note(
        f'Next: aws iam create-policy --policy-name {name}-tokens --policy-document "$({again})", and attach it'
    )
