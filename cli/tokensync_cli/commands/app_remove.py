"""`app remove`."""

from tokensync.domain.command_line import typed
from tokensync.domain.errors import StoreUnavailable
from tokensync.domain.names import app_name
from tokensync_cli.commands.declare import AppName, Yes
from tokensync_cli.commands.run import Run
from tokensync_cli.output.failures import CommandFailed, failure_of
from tokensync_cli.stack.target import Target


def remove(run: Run, name: AppName, *, yes: Yes = False) -> None:
    """Remove an app. Its connections are kept, but nothing refreshes them any more."""
    target = run.target()
    app_name(name)
    count = sum(1 for record in target.connections.list(name) if record.removed_at is None)
    if count:
        run.confirm(
            f"{count} connection{'s' if count > 1 else ''} of {name} would no longer be refreshed; the secrets "
            "would keep the last tokens until these expire. Adding the app again under its name takes them up again. "
            f"Remove {name}?",
            yes=yes,
            otherwise=typed("tokensync app remove {app} --yes", app=name),
        )
    _unregister(run, target, name)
    run.out.result({"app": name, "removed": True, "connections": count}, f"{name} is removed.")
    if count:
        stays = "connection stays as it is and is" if count == 1 else "connections stay as they are and are"
        run.out.note(f"{count} {stays} not refreshed.")
    run.out.note("Its secret is kept for AWS's recovery window; adding the app again brings it back.")


def _unregister(run: Run, target: Target, name: str) -> None:
    """Take an app out of the directory, and delete its secret.

    Raises:
        UnknownApp: not registered.
        CommandFailed: it is out of the directory, and its secret is still there.
    """
    try:
        target.apps.remove(name)
    except StoreUnavailable as error:
        if name in target.apps.names():
            raise
        failure = failure_of(error, policy=run.policy)
        raise CommandFailed(
            f"{name} is registered no more, but its secret is still there. {failure.message}",
            next_command=typed("tokensync app remove {app}", app=name),
            exit_code=failure.exit_code,
            kind=failure.kind,
        ) from None
