"""Imports the rows of a file, a few at once. A row that fails stops no other."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from typing import Any

from tokensync.domain.command_line import CommandLine, Next, typed
from tokensync.domain.connection import Status
from tokensync.domain.errors import BadRequest
from tokensync.domain.names import ConnectionName
from tokensync.domain.visible import Line
from tokensync.entry.exit_codes import LATER
from tokensync.operate.import_facts import check_facts
from tokensync.operate.import_fields import ImportFields
from tokensync.providers import provider_named
from tokensync_cli.commands.import_rows import Row
from tokensync_cli.output.failures import CommandFailed, failure_of, sentence
from tokensync_cli.stack.invoke import ask_rotation
from tokensync_cli.stack.target import Target

AT_ONCE = 4
NOT_REACHED = "interrupted"  # the result of a row that an interruption left for another run
# A function may have broken by chance; a refused token needs its seller.
_BROKEN = frozenset({"FunctionBroken", "FunctionSlow"})
_REFUSED = frozenset({"held", "reauthorize"})
# After these every other row would fail in the same way.
_HOPELESS = frozenset({"AppPaused", "UnknownApp", "InvalidApp", "NotOffered"})
_HELP = typed("tokensync import --help")


@dataclass(frozen=True)
class Failed:
    """Why a row was not imported, and what helps next."""

    kind: str
    message: str
    following: Next


@dataclass(frozen=True, kw_only=True)
class Done:
    """The result of a row. `error` is None after a success.

    `is_worth_again`: the same row may pass later, unchanged.
    """

    number: int
    account: str
    connection: str
    result: str
    error: Failed | None = None
    is_worth_again: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as programs read it."""
        shown = asdict(self)
        del shown["is_worth_again"]
        if self.error is not None:
            shown["error"] = {
                "class": self.error.kind,
                "message": self.error.message,
                "next": str(self.error.following),
            }
        shown["row"] = shown.pop("number")
        return shown


def foresee(target: Target, app: str, row: Row, *, replace: bool) -> Done:
    """Return what an import of the row would do, as far as that is known without doing it."""
    if row.problem:
        return _failed(app, row, "BadRow", sentence(row.problem))
    try:
        fields = ImportFields.read(row.fields)
        check_facts(fields.facts, provider_named(target.apps.get(app).provider))
    except BadRequest as error:
        return _failed(app, row, "BadRow", sentence(str(error)))
    name = ConnectionName(app, row.account)
    existing = target.connections.get(name)
    if existing is None or existing.removed_at is not None or existing.status is Status.QUARANTINED:
        return _done(app, row, "would_import")
    if existing.authorized.authorized_by == row.mark:
        return _done(app, row, "imported_before")
    if replace:
        return _done(app, row, "would_replace")
    return _failed(app, row, "AlreadyStands", f"The connection {name} exists already ({existing.status.value}).")


def bring_all(target: Target, app: str, rows: list[Row], *, replace: bool, advance: Callable[[], None]) -> list[Done]:
    """Import rows; an interruption finishes those in flight and leaves the others for another run."""
    done: dict[int, Done] = {}
    hopeless = ""

    def bring(row: Row) -> Done:
        if row.problem:
            return _failed(app, row, "BadRow", sentence(row.problem))
        if hopeless:
            return _failed(app, row, "NotTried", f"Not tried: {hopeless}", result="not_tried")
        return _brought(target, app, row, replace=replace)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures: dict[Future[Done], Row] = {pool.submit(bring, row): row for row in rows}
        try:
            for future in as_completed(futures):
                one = done[futures[future].number] = future.result()
                if one.error is not None and one.error.kind in _HOPELESS:
                    hopeless = one.error.message
                advance()
        except KeyboardInterrupt:
            pool.shutdown(wait=True, cancel_futures=True)
    for future, row in futures.items():
        if row.number not in done:
            is_done = not future.cancelled() and future.exception() is None
            done[row.number] = future.result() if is_done else _interrupted(app, row)
    return [done[row.number] for row in rows]


def after(done: list[Done], *, app: str, again: CommandLine) -> Next:
    """Return the command that helps most after an import; `again` is the same import, which skips what exists."""
    errors = [one.error for one in done if one.error is not None]
    for error in errors:
        if error.kind in _HOPELESS:
            return error.following
    if any(one.is_worth_again for one in done):
        return again
    if any(error.kind in _REFUSED for error in errors):
        return typed("tokensync list --app {app} --status reauthorize", app=app)
    return _HELP


def _brought(target: Target, app: str, row: Row, *, replace: bool) -> Done:
    payload = {**row.fields, "tokensync": "import", "app": app, "account": row.account, "replace": replace}
    try:
        answer = ask_rotation(target, payload)
    except CommandFailed as error:
        again = error.exit_code == LATER or error.kind in _BROKEN
        return _failed(app, row, error.kind, error.message, following=error.next_command, again=again)
    except Exception as error:  # noqa: BLE001 - no error stops another row
        failure = failure_of(error, policy=target.outputs.operator_policy_arn)
        return _failed(app, row, failure.kind, failure.message, following=failure.following, again=True)
    is_old = answer.get("again") is True and answer.get("result") == "nothing_due"
    return _done(app, row, "imported_before" if is_old else "imported")


def _done(app: str, row: Row, result: str) -> Done:
    return Done(number=row.number, account=row.account, connection=f"{app}/{row.account}", result=result)


def _failed(
    app: str,
    row: Row,
    kind: str,
    message: str,
    *,
    following: Next = _HELP,
    result: str = "failed",
    again: bool = False,
) -> Done:
    return Done(
        number=row.number,
        account=row.account,
        connection=f"{app}/{row.account}" if row.account else "",
        result=result,
        error=Failed(kind, message, following),
        is_worth_again=again,
    )


def _interrupted(app: str, row: Row) -> Done:
    return _failed(app, row, "Interrupted", "Not tried.", result=NOT_REACHED, following=Line("the same command again"))
