"""The rows of a file that is imported: CSV with a header, or JSON lines. No error repeats what a row holds."""

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tokensync.domain.command_line import typed
from tokensync.domain.errors import BadRequest, InvalidName
from tokensync.domain.names import ConnectionName
from tokensync.operate.import_fields import FACT, FIELDS, PARAM, ImportFields, is_field
from tokensync_cli.output.failures import UsageFailed, sentence

ACCOUNT = "account"
COLUMNS = (ACCOUNT, *FIELDS, f"{PARAM}NAME")
_LONGEST_NAME = 32  # characters of a field that is named in an error
LARGEST_FILE = 10_000_000  # bytes
_ASKED_FOR = (
    f"The first row names the columns: {ACCOUNT}, refresh_token; others may be {', '.join(COLUMNS[2:])}, {FACT}NAME."
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row. `number` counts lines as an editor shows them; `problem` says why it cannot be imported."""

    number: int
    account: str
    fields: Mapping[str, Any]
    mark: str = ""
    problem: str = ""


def read_rows(raw: bytes, *, app: str) -> list[Row]:
    """Return a file's rows, each checked as far as that needs no request.

    Raises:
        UsageFailed: it is too large, no text, empty, or its header is not one.
    """
    if len(raw) > LARGEST_FILE:
        raise _unreadable(f"The file is larger than {LARGEST_FILE // 1_000_000} MB.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _unreadable("The file is not UTF-8 text.") from None
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines:
        raise _unreadable("The file is empty.")
    is_json = lines[0][1].lstrip().startswith("{")
    rows = [_checked(row, app) for row in (_of_json(lines) if is_json else _of_csv(lines))]
    if not rows:
        raise _unreadable("The file has a header and no row.")
    return _without_doubles(rows)


def _unreadable(message: str) -> UsageFailed:
    return UsageFailed(message, next_command=typed("tokensync import --help"))


def _of_json(lines: Iterable[tuple[int, str]]) -> Iterator[Row]:
    for number, line in lines:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            yield Row(number=number, account="", fields={}, problem="this is no JSON object")
            continue
        account = found.pop(ACCOUNT, None)
        if isinstance(account, int) and not isinstance(account, bool):
            account = str(account)
        yield Row(number=number, account=account if isinstance(account, str) else "", fields=found)


def _of_csv(lines: list[tuple[int, str]]) -> Iterator[Row]:
    (_, first), *rest = lines
    header = [name.strip() for name in _cells(first) or ()]
    unknown = unknown_fields(set(header) - {ACCOUNT})
    if unknown and {ACCOUNT, "refresh_token"} <= set(header):
        raise _unreadable(sentence(unknown))
    if ACCOUNT not in header or len(set(header)) < len(header) or unknown:
        # The line is not repeated: a file without a header begins with a token.
        raise _unreadable(_ASKED_FOR)
    if not {"refresh_token", "access_token", "client_secret"} & set(header):
        raise _unreadable(_ASKED_FOR)
    for number, line in rest:
        cells = _cells(line)
        if cells is None or len(cells) > len(header):
            problem = "this is no row of CSV" if cells is None else "this row has more cells than the header"
            yield Row(number=number, account="", fields={}, problem=problem)
            continue
        fields = dict(zip(header, (cell.strip() for cell in cells), strict=False))
        yield Row(number=number, account=fields.pop(ACCOUNT, ""), fields=fields)


def _cells(line: str) -> list[str] | None:
    """Return the cells of one line. No cell spans two lines, so an open quote spoils its own row alone."""
    try:
        return next(csv.reader([line], strict=True))
    except (csv.Error, StopIteration):
        return None


def _checked(row: Row, app: str) -> Row:
    if row.problem:
        return row
    try:
        ConnectionName(app, row.account)
    except InvalidName as error:
        return replace(row, account="", problem=str(error))
    unknown = unknown_fields(row.fields)
    if unknown:
        return replace(row, problem=unknown)
    try:
        return replace(row, mark=ImportFields.read(row.fields).mark(app))
    except BadRequest as error:
        return replace(row, problem=str(error))


def unknown_fields(names: Iterable[str]) -> str:
    """Say which fields are unknown, empty if none is. A long name is not repeated: it may be a token."""
    unknown = sorted(name for name in names if not is_field(name))
    short = [name for name in unknown if name.isidentifier() and len(name) <= _LONGEST_NAME]
    if not unknown:
        return ""
    which = f"field {', '.join(short)}" if short else "field that nobody knows"
    return f"there is no {which}; those known are {', '.join(FIELDS)}, {FACT}NAME" if short else f"there is a {which}"


def _without_doubles(rows: list[Row]) -> list[Row]:
    """Mark rows that share an account or a token: it is unknown which of them is meant."""
    accounts, marks = defaultdict(list), defaultdict(list)
    for row in rows:
        if row.account:
            accounts[row.account].append(row.number)
        if row.mark:
            marks[row.mark].append(row.number)

    def problem(row: Row) -> str:
        for what, numbers in (("this account", accounts[row.account]), ("this token", marks[row.mark])):
            others = [str(number) for number in numbers if number != row.number]
            if others:
                return f"{what} is in row {', '.join(others[:5])} too"
        return ""

    return [row if row.problem else replace(row, problem=problem(row)) for row in rows]
