"""`invites revoke`: ends one invite, or all at once."""

import re
from typing import Annotated

import typer

from tokensync.aws.invite_key import KEPT_SECONDS
from tokensync.domain.command_line import typed
from tokensync.domain.invite_use import InviteState
from tokensync.domain.names import app_name
from tokensync.entry.exit_codes import LATER
from tokensync_cli.commands.declare import Yes
from tokensync_cli.commands.run import Run
from tokensync_cli.output.failures import CommandFailed, UsageFailed
from tokensync_cli.stack.invoke import ask_callback

REVOKE = "revoke"  # `invite revoke` ends an invite, so no app is called that
_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")

Id = Annotated[
    str | None, typer.Argument(metavar="[ID]", help="The invite's id, as `invite` printed it.", show_default=False)
]
App = Annotated[
    str | None,
    typer.Option("--app", metavar="APP", help="The invite's app, where its id lacks it.", show_default=False),
]
All = Annotated[bool, typer.Option("--all", help="End every invite of every app that was made until now.")]


def invite_id(app: str, identity: str) -> str:
    """Return the id of an invite as commands print and take it."""
    return f"{app}/{identity}"


def revoke(run: Run, invite: Id = None, *, app: App = None, everything: All = False, yes: Yes = False) -> None:
    """End an invite before it is used, or all of them at once."""
    if everything:
        if invite is not None or app is not None:
            raise UsageFailed(
                "--all ends the invites of all apps: it takes neither an id nor --app.",
                next_command=typed("tokensync invites revoke --all"),
            )
        _all(run, yes=yes)
        return
    name, identity = _parsed(invite, app)
    # Records of invites are the functions' to write.
    answer = ask_callback(run.target(), {"tokensync": "revoke_invite", "app": name, "invite": identity})
    state, connection, shown = answer.get("state"), str(answer.get("connection", "")), invite_id(name, identity)
    if state == InviteState.USED:
        raise CommandFailed(
            f"{shown} was used: {connection or 'a connection'} is connected through it.",
            next_command=typed("tokensync revoke {connection}", connection=connection)
            if connection
            else typed("tokensync list --app {app}", app=name),
            kind="InviteUsed",
        )
    if state == InviteState.CONNECTING:
        raise CommandFailed(
            f"{shown} is ended for everybody else, and a connection is being made through it right now. The same "
            "command says what came of it.",
            next_command=typed("tokensync invites revoke {shown}", shown=shown),
            exit_code=LATER,
            kind="InviteInUse",
        )
    run.out.result(
        {"id": shown, "app": name, "state": InviteState.REVOKED},
        f"{shown} is revoked: nobody connects through it any more.",
        following=typed("tokensync invite {app}", app=name),
    )


def _parsed(text: str | None, app: str | None) -> tuple[str, str]:
    """Return the app and the id of an invite.

    Raises:
        UsageFailed: one of them is missing or malformed, or the two contradict.
        InvalidName: the app's name is none.
    """
    if text is None:
        raise UsageFailed("Which invite? Name its id, or --all.", next_command=typed("tokensync invites revoke APP/ID"))
    named, _, identity = text.rpartition("/")
    if not named and not app:
        raise UsageFailed(
            "An id alone does not say which app its invite is for.",
            next_command=typed("tokensync invites revoke --app APP {text}", text=text),
        )
    if named and app and named != app:
        raise UsageFailed(
            f"This id is of the app {named}, not of {app}.",
            next_command=typed("tokensync invites revoke {text}", text=text),
        )
    if not _ID.fullmatch(identity):
        raise UsageFailed(
            "This is no id of an invite: it is what `tokensync invite APP --json` has under id, not the link.",
            next_command=typed("tokensync invites revoke APP/ID"),
        )
    return app_name(named or str(app)), identity


def _all(run: Run, *, yes: bool) -> None:
    target = run.target()
    run.confirm(
        "End every invite that was sent until now, of every app? Sellers who are on a consent page right now start "
        "again, with a new link.",
        yes=yes,
        otherwise=typed("tokensync invites revoke --all --yes"),
    )
    target.end_invites()
    run.out.result(
        {"revoked": "all", "new_links_work_within": KEPT_SECONDS},
        f"All invites are revoked, from now on. New ones work everywhere within {KEPT_SECONDS} seconds.",
    )
    run.out.note("A consent that came back before this moment may still become a connection: tokensync list shows it.")
