"""`import`: connections from refresh tokens that another system obtained, one or many."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from tokensync.domain.command_line import CommandLine, typed
from tokensync.domain.errors import BadRequest, InvalidName
from tokensync.domain.names import ConnectionName, app_name
from tokensync.operate.import_fields import FACT, PARAM, ImportFields
from tokensync.providers import provider_named
from tokensync_cli.commands.account_params import Params, imported_params
from tokensync_cli.commands.declare import AppName
from tokensync_cli.commands.describe import check_runs, registered
from tokensync_cli.commands.import_many import NOT_REACHED, Done, after, bring_all, foresee
from tokensync_cli.commands.import_rows import LARGEST_FILE, read_rows, unknown_fields
from tokensync_cli.commands.run import Run
from tokensync_cli.output.failures import CommandFailed, UsageFailed, sentence
from tokensync_cli.output.times import moment
from tokensync_cli.stack.invoke import ask_rotation
from tokensync_cli.stack.target import Target

_LONGEST_INPUT = 65_536  # characters: two tokens of the longest kind as JSON
_STDIN = "-"

Account = Annotated[
    str | None, typer.Option("--account", metavar="ID", help="The account's id with the provider.", show_default=False)
]
Label = Annotated[str, typer.Option("--label", metavar="L", help="Whose account it is.")]
ClientId = Annotated[
    str, typer.Option("--client-id", metavar="ID", help="The client of this account's own, in the place of the app's.")
]
SecretStdin = Annotated[
    bool,
    typer.Option("--client-secret-stdin", help="stdin holds the secret of --client-id alone: it mints its tokens."),
]
Facts = Annotated[
    list[str] | None,
    typer.Option("--fact", metavar="NAME=VALUE", help="What API calls need and no response says; repeat it."),
]
Replace = Annotated[bool, typer.Option("--replace", help="Replace the connection of this account if there is one.")]
File = Annotated[
    str | None,
    typer.Option(
        "--file",
        metavar="PATH",
        help="Import many: CSV with the columns account,refresh_token, or JSON lines; - is stdin.",
        show_default=False,
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="With --file: check every row, and change nothing.")]


def import_(
    run: Run,
    name: AppName,
    *,
    account: Account = None,
    label: Label = "",
    fact: Facts = None,
    replace: Replace = False,
    file: File = None,
    dry_run: DryRun = False,
    param: Params = None,
    client_id: ClientId = "",
    secret_stdin: SecretStdin = False,
) -> None:
    """Make a connection of a refresh token from stdin, or many from a file.

    stdin holds the refresh token alone, or a JSON object with refresh_token, access_token, expires_at,
    refresh_token_expires_at, scopes, label, fact.NAME, and client_id and client_secret where the tokens were given to
    a client of the account's own. Times are Unix seconds. With --client-secret-stdin it holds that client's secret
    alone.
    """
    if file is None and account is not None and not dry_run and (client_id or not secret_stdin):
        given = {"label": label, "client_id": client_id}
        _one(
            run,
            _named(name, account),
            given={**{key: value for key, value in given.items() if value}, **_facts(fact or ())},
            replace=replace,
            param=param,
            secret_alone=secret_stdin,
        )
    elif file is not None and account is None and not (label or param or fact or client_id or secret_stdin):
        _many(run, name, file, replace=replace, dry_run=dry_run)
    else:
        raise UsageFailed(
            "import takes --account ID for one account, or --file PATH for many; --dry-run goes with --file, "
            "--client-secret-stdin with --client-id, and all others with --account.",
            next_command=typed("tokensync import {app} --account ID", app=name),
        )


def _named(app: str, account: str) -> ConnectionName:
    try:
        return ConnectionName(app_name(app), account)
    except InvalidName as error:
        raise UsageFailed(sentence(str(error)), next_command=typed("tokensync import --help")) from None


def _facts(texts: Sequence[str]) -> dict[str, str]:
    """Return the fields that NAME=VALUE texts mean.

    Raises:
        UsageFailed: one of them is of another form, or names the same fact again.
    """
    fields: dict[str, str] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if not name or not value or FACT + name in fields:
            raise UsageFailed("--fact takes NAME=VALUE, each name once.", next_command=typed("tokensync import --help"))
        fields[FACT + name] = value
    return fields


def _one(
    run: Run,
    name: ConnectionName,
    *,
    given: Mapping[str, str],
    replace: bool,
    param: Sequence[str] | None,
    secret_alone: bool,
) -> None:
    target = run.target()
    check_runs(target, name.app)
    app = registered(target, name.app)
    provider = provider_named(app.provider).for_app(app)
    params = imported_params(
        provider, param, command=typed("tokensync import {app} --account {account}", app=name.app, account=name.account)
    )
    prompt = "Client secret" if secret_alone else "Refresh token"
    text = run.read_text(prompt, hidden=True, at_most=_LONGEST_INPUT)
    fields = {"client_secret": text} if secret_alone else _fields(text)
    fields |= {**given, **{f"{PARAM}{key}": value for key, value in params.items()}}
    unknown = unknown_fields(fields)
    if unknown:
        raise UsageFailed(sentence(unknown), next_command=typed("tokensync import --help"))
    try:
        ImportFields.read(fields)
    except BadRequest as error:
        raise UsageFailed(sentence(str(error)), next_command=typed("tokensync import --help")) from None
    payload = {"tokensync": "import", "app": name.app, "account": name.account, "replace": replace, **fields}
    with run.out.progress(f"Importing {name}"):
        answer = ask_rotation(target, payload)
    summary = answer.get("connection")
    shown = {"result": answer.get("result"), "again": answer.get("again"), "connection": summary}
    if answer.get("again") and answer.get("result") == "nothing_due":
        run.out.result(shown, f"{name} was imported before; nothing was done.")
        return
    expires = moment(summary.get("access_expires_at") if isinstance(summary, dict) else None, now=target.clock.now())
    line = f"{name} is imported: {answer.get('result')}, expires {expires}."
    run.out.result(shown, line, following=typed("tokensync token {name}", name=name))
    _note_wanted(run, target, name, fields)


def _note_wanted(run: Run, target: Target, name: ConnectionName, fields: Mapping[str, Any]) -> None:
    """Say which facts API calls need that were not brought."""
    provider = provider_named(target.apps.get(name.app).provider)
    for fact, meaning in provider.wanted_facts.items():
        if FACT + fact not in fields:
            again = typed(
                "tokensync import {app} --account {account} --fact {fact}=VALUE",
                app=name.app,
                account=name.account,
                fact=fact,
            )
            run.out.note(f"{provider.title}: {fact} is {meaning}. Unless it was brought before: {again}")


def _fields(text: str) -> dict[str, Any]:
    """Return what stdin held: a refresh token alone, or an object."""
    if not text.startswith("{"):
        return {"refresh_token": text}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        # from None: the error would hold the text.
        raise UsageFailed(
            "stdin begins like JSON, but is not JSON.", next_command=typed("tokensync import --help")
        ) from None
    return found


def _many(run: Run, app: str, path: str, *, replace: bool, dry_run: bool) -> None:
    raw = _read(path, app)
    target = run.target()
    if not dry_run:
        check_runs(target, app_name(app))
    target.apps.state(app_name(app))
    rows = read_rows(raw, app=app)
    if dry_run:
        done = [foresee(target, app, row, replace=replace) for row in rows]
    else:
        with run.out.bar(f"Importing into {app}", total=len(rows)) as advance:
            done = bring_all(target, app, rows, replace=replace, advance=advance)
    _print(run, done, dry_run=dry_run)
    if any(one.result == NOT_REACHED for one in done):
        raise typer.Abort
    failed = sum(1 for one in done if one.error is not None)
    if failed:
        raise CommandFailed(
            f"{failed} of {len(done)} rows {'cannot be' if dry_run else 'were not'} imported.",
            next_command=typed("tokensync import --help")
            if dry_run
            else after(done, app=app, again=_command(app, path, replace=replace)),
            kind="ImportIncomplete",
        )


def _command(app: str, path: str, *, replace: bool) -> CommandLine:
    again = typed("tokensync import {app} --file {path}", app=app, path=path)
    return again.adding("--replace") if replace else again


def _print(run: Run, done: list[Done], *, dry_run: bool) -> None:
    """Print all rows for programs; for people those that need them, and how many there are of each kind."""
    if run.out.as_json:
        run.out.json([one.as_json() for one in done])
        return
    left = sum(1 for one in done if one.result == NOT_REACHED)
    shown = done if dry_run else [one for one in done if one.error is not None and one.result != NOT_REACHED]
    if shown:
        run.out.table(
            ("ROW", "ACCOUNT", "RESULT", "WHY"),
            [(one.number, one.account, one.result, one.error.message if one.error else "") for one in shown],
        )
    counts = {
        result: sum(1 for one in done if one.result == result)
        for result in dict.fromkeys(one.result for one in done if one.result != NOT_REACHED)
    }
    if counts:
        run.out.line(", ".join(f"{count} {result.replace('_', ' ')}" for result, count in counts.items()) + ".")
    if left:
        run.out.line(f"{left} row{' was' if left == 1 else 's were'} not tried.")


def _read(path: str, app: str) -> bytes:
    """Return a file's bytes, one more than may be at most.

    Raises:
        UsageFailed: it cannot be read.
    """
    if path == _STDIN:
        return sys.stdin.buffer.read(LARGEST_FILE + 1)
    try:
        with Path(path).open("rb") as file:
            return file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise UsageFailed(
            f"{path} cannot be read: {error.strerror}.",
            next_command=typed("tokensync import {app} --file PATH", app=app),
        ) from None
