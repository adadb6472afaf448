"""The command line `tokensync`: its commands put together, and the one place that ends a run."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup

from tokensync.entry.exit_codes import INTERRUPTED
from tokensync_cli.commands import (
    app_policy,
    app_remove,
    app_running,
    app_secrets,
    apps,
    connect,
    connections,
    deploy,
    doctor,
    handover,
    imports,
    invites,
    one_connection,
    provider,
    recover,
    refresh,
    stack,
    take_up,
)
from tokensync_cli.commands.declare import Profile, Region, Stack, choose, command
from tokensync_cli.commands.invites import REVOKE
from tokensync_cli.commands.run import Run
from tokensync_cli.output.failures import Failure, failure_of, show_trace
from tokensync_cli.stack.project import EmbeddedProject

_CONNECTION = "tiktok-shop/7010736057180325637"
# In the order of `--help`, where groups come last: the words of each command, what runs it, and an example.
_COMMANDS: tuple[tuple[str, Callable[..., None], str], ...] = (
    ("up", stack.up, "tokensync up --detach"),
    ("down", stack.down, "tokensync down"),
    ("deploy", deploy.deploy, "tokensync deploy --stack tokensync --alert-email ops@example.com"),
    ("outputs", stack.outputs, "tokensync outputs --json"),
    ("env", stack.env, 'eval "$(tokensync env)"'),
    ("provider list", provider.list_providers, "tokensync provider list"),
    ("provider show", provider.show_provider, "tokensync provider show oauth2"),
    ("app add", apps.add, "tokensync app add shop --provider tiktok_shop --client-id 29a39d --service-id 7172"),
    ("app list", apps.list_apps, "tokensync app list"),
    ("app show", apps.show, "tokensync app show tiktok-shop"),
    ("app remove", app_remove.remove, "tokensync app remove tiktok-shop"),
    ("app policy", app_policy.policy, "tokensync app policy tiktok-shop > policy.json"),
    ("app pause", app_running.pause, "tokensync app pause tiktok-shop"),
    ("app resume", app_running.resume, "tokensync app resume tiktok-shop"),
    ("app set", app_secrets.set_settings, "tokensync app set tiktok-shop push=api2cart"),
    ("app set-consumer-key", app_secrets.set_consumer_key, "tokensync app set-consumer-key tiktok-shop"),
    ("app set-private-key", app_secrets.set_private_key, "tokensync app set-private-key bank --private-key-file k.pem"),
    ("app rotate-secret", app_secrets.rotate_secret, "tokensync app rotate-secret tiktok-shop"),
    ("invite", connect.invite, 'tokensync invite tiktok-shop --label "Acme GmbH" --expires 7d'),
    ("invites revoke", invites.revoke, "tokensync invites revoke tiktok-shop/8f0c41d27a93e65b1d4f7c20a9e3b658"),
    ("connect", connect.connect, "tokensync connect tiktok-shop"),
    ("paste", connect.paste, "tokensync paste tiktok-shop < redirect-url.txt"),
    ("import", imports.import_, "tokensync import eshopbox --account acme < refresh-token.txt"),
    ("list", connections.list_connections, "tokensync list --status held"),
    ("show", connections.show, f"tokensync show {_CONNECTION}"),
    ("history", connections.history, f"tokensync history {_CONNECTION}"),
    ("token", connections.token, f'curl -H "x-tts-access-token: $(tokensync token {_CONNECTION})" …'),
    ("refresh", refresh.refresh, f"tokensync refresh {_CONNECTION} --wait"),
    ("tick", refresh.tick, "tokensync tick"),
    ("verify", one_connection.verify, f"tokensync verify {_CONNECTION}"),
    ("publish", one_connection.publish, f"tokensync publish {_CONNECTION}"),
    ("accept", one_connection.accept, f"tokensync accept {_CONNECTION}"),
    ("revoke", one_connection.revoke, "tokensync revoke tiktok-login/723f24d7 --yes"),
    ("remove", one_connection.remove, f"tokensync remove {_CONNECTION} --recovery-days 7"),
    ("export", handover.export, f"tokensync export {_CONNECTION} --format env"),
    ("push", handover.push, f"tokensync push {_CONNECTION} --to api2cart"),
    ("doctor", doctor.doctor, "tokensync doctor"),
    ("recover", recover.recover, "tokensync recover --reread"),
    ("take-up", take_up.take_up, "tokensync take-up --stack tokensync"),
)
_WITHOUT_A_STACK = frozenset({"up", "down", "env", "provider list", "provider show"})
_GROUPS = {
    "provider": ("The authorization servers that tokensync knows.", "tokensync provider list"),
    "app": ("Your registrations with providers.", "tokensync app list"),
    "invites": ("The links that you sent.", "tokensync invites revoke --all"),
}


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
            failure = failure_of(error, policy=run.policy)
        else:
            if code != INTERRUPTED:
                sys.exit(code or 0)
            failure = failure_of(typer.Abort())
        self._end(failure, as_json=run.out.as_json or "--json" in arguments)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Take `invite revoke` for `invites revoke`. No app may be called revoke: `app add` refuses it."""
        if args[:2] == ["invite", REVOKE]:
            args = ["invites", *args[1:]]
        return super().resolve_command(ctx, args)

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


_groups = {
    name: typer.Typer(help=purpose, epilog=f"Example: {example}") for name, (purpose, example) in _GROUPS.items()
}
for _words, _function, _example in _COMMANDS:
    _group, _, _name = _words.rpartition(" ")
    command(
        _groups.get(_group, app), _name, _function, example=_example, speaks_to_a_stack=_words not in _WITHOUT_A_STACK
    )
for _name, _typer in _groups.items():
    app.add_typer(_typer, name=_name)


def main() -> None:
    """Run the command line: the console's entry point."""
    # A supervisor's SIGTERM ends a command as cleanly as Ctrl-C does.
    signal.signal(signal.SIGTERM, _interrupted)
    app()


def _interrupted(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt
