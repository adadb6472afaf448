"""Declares a command: the options that all commands share, its example, and the run that it gets."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from tokensync_cli.commands.run import Run
from tokensync_cli.stack.target import Choice

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON; errors are JSON on stderr.")]
Stack = Annotated[
    str | None,
    typer.Option("--stack", metavar="NAME", help="A stack on AWS, instead of the embedded one.", show_default=False),
]
Profile = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="AWS profile.", show_default=False)]
Region = Annotated[str | None, typer.Option("--region", metavar="NAME", help="AWS Region.", show_default=False)]

# Arguments and options that several commands have.
AppName = Annotated[str, typer.Argument(metavar="APP", help="The app's name.", show_default=False)]
Connection = Annotated[str, typer.Argument(metavar="CONNECTION", help="Written app/account.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]

_TARGET: dict[str, Any] = {"stack": Stack, "profile": Profile, "region": Region}


def command(
    app: typer.Typer, name: str, function: Callable[..., None], *, example: str, speaks_to_a_stack: bool = True
) -> None:
    """Register a function as a command: its docstring's first line is the help, its first parameter the run.

    The shared options are added to its own, unless it has one of that name itself.
    """
    signature = inspect.signature(function)
    _, *own = signature.parameters.values()
    shared = {"as_json": AsJson, **(_TARGET if speaks_to_a_stack else {})}
    added = {key: annotation for key, annotation in shared.items() if key not in signature.parameters}

    @functools.wraps(function)
    def started(context: typer.Context, **arguments: Any) -> None:
        run = context.find_object(Run)
        if run is None:
            raise TypeError("a command is started without a run")
        choose(run, **{key: arguments.pop(key) for key in added})
        function(run, **arguments)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context),
        *(parameter.replace(kind=keyword) for parameter in own),
        *(
            inspect.Parameter(key, keyword, annotation=annotation, default=False if key == "as_json" else None)
            for key, annotation in added.items()
        ),
    ]
    started.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # inspect reads it
    app.command(name, help=inspect.getdoc(function) or "", epilog=f"Example: {example}")(started)


def choose(
    run: Run, *, as_json: bool = False, stack: str | None = None, profile: str | None = None, region: str | None = None
) -> None:
    """Apply the shared options; one that follows the command wins over one that precedes it."""
    before = run.choice
    run.out.as_json = run.out.as_json or as_json
    run.choice = Choice(stack=stack or before.stack, profile=profile or before.profile, region=region or before.region)
