"""`take-up`: puts the table and the key of a deleted stack into a new one."""

from typing import Annotated

import typer

from tokensync.domain.command_line import typed
from tokensync.domain.visible import Line
from tokensync_cli.commands.run import Run
from tokensync_cli.output.failures import UsageFailed

Table = Annotated[str | None, typer.Option("--table", metavar="NAME", help="The table.", show_default=False)]
Key = Annotated[str | None, typer.Option("--key", metavar="ARN", help="Its key, by ARN or id.", show_default=False)]


def take_up(run: Run, *, table: Table = None, key: Key = None) -> None:
    """Take up the table and the key that a deleted stack kept, in a new stack of the same name.

    Without --table and --key it is what the deleted stack kept. The deployment that follows makes everything else and
    gives the new functions the use of the key. It needs the rights of one who deploys, and may be repeated.
    """
    if (table is None) != (key is None):
        raise UsageFailed(
            "--table and --key go together: a table's grants open with its own key alone.",
            next_command=Line("the same command with both, or with neither"),
        )
    if not run.choice.stack:
        raise UsageFailed(
            "Name the stack that was deleted: --stack NAME.", next_command=typed("tokensync take-up --stack NAME")
        )
    stores = run.opener.kept(run.choice)
    with run.out.progress(f"Taking up what {stores.stack} kept") as say:
        kept, is_done = stores.checked(stores.named(table, key))
        if not is_done:
            stores.take_up(kept, say)
    following = typed("tokensync deploy --stack {stack} --region {region}", stack=stores.stack, region=stores.region)
    if run.choice.profile:
        following = following.option("--profile", run.choice.profile)
    run.out.result(
        {"stack": stores.stack, "table": kept.table, "key": kept.key, "new": not is_done},
        f"The stack {stores.stack} {'has' if is_done else 'now has'} the table {kept.table} and the key {kept.key}.",
        following=following,
    )
