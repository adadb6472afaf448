"""`import`: one account from stdin, many from a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fakes.world import ACCOUNT, APP, NAME
from tokensync.domain.connection import Status
from tokensync.domain.names import ConnectionName
from tokensync_cli.commands.import_rows import COLUMNS, LARGEST_FILE
from tokensync_cli.output.failures import CommandFailed

if TYPE_CHECKING:
    from pathlib import Path

ONE = ("import", APP, "--account", ACCOUNT)
CANARY = "CANARY-c0ffee"


def alive(desk: Any, *tokens: str) -> None:
    """Let TikTok Shop know tokens, each of the account that the test names after it: `T-a` is a's."""
    for token in tokens:
        desk.world.shop.alive.add(token)
        desk.world.shop.owners[token] = token.partition("-")[2]


def test_a_refresh_token_from_stdin(desk: Any) -> None:
    """It is proved at once, and what stands is told."""
    result = desk.run(*ONE, "--label", "Acme", stdin="R0\n")

    assert (0, f"{NAME} is imported: refreshed, expires in 7 d.\n") == (result.exit_code, result.stdout)
    assert ("Acme", Status.ACTIVE) == (desk.world.stored().label, desk.world.stored().status)
    assert f"Next: tokensync token {NAME}" in result.stderr


def test_a_pair_as_json(desk: Any) -> None:
    """An object brings what else is known; the result is an object too."""
    at = desk.world.clock.now() + 5000
    pair = {"refresh_token": "R0", "access_token": "A-9", "expires_at": at, "scopes": ["x"], "label": "Acme"}
    told = desk.json(*ONE, stdin=json.dumps(pair))

    assert ("published", False, at) == (told["result"], told["again"], told["connection"]["access_expires_at"])
    assert "A-9" == desk.world.document()["access_token"]


def test_the_same_again(desk: Any) -> None:
    """It says that nothing was done."""
    desk.run(*ONE, stdin="R0")
    result = desk.run(*ONE, stdin="R0")

    assert (0, f"{NAME} was imported before; nothing was done.\n") == (result.exit_code, result.stdout)


def test_a_prompt_does_not_show_what_is_typed(desk: Any) -> None:
    """At a terminal the token is asked for, hidden."""
    desk.is_interactive = True
    result = desk.run(*ONE, stdin="R0\n")

    assert 0 == result.exit_code
    assert "Refresh token" in result.stderr
    assert "R0" not in result.output


@pytest.mark.parametrize(
    "stdin",
    ["", "{", f'{{"refresh_token": "{CANARY}"', "[" * 9, f"{CANARY}\u00e4", f'{{"{CANARY}": 1}}', '{"label": "x"}',
     f'{{"refresh_token": "{CANARY}", "expires_at": "{CANARY}"}}'],
)  # fmt: skip
def test_what_cannot_be_a_token(desk: Any, stdin: str) -> None:
    """A usage error that repeats nothing, before any function is asked."""
    if stdin == "[" * 9:
        stdin = "{" + '"a":[' * 99_999
    result = desk.run(*ONE, "--json", stdin=stdin)

    assert (2, "") == (result.exit_code, result.stdout)
    assert CANARY not in result.stderr
    assert [] == desk.functions.asked


def test_a_refused_token(desk: Any) -> None:
    """Exit code 4, the invite to send, and the connection is there."""
    code, error = desk.error(*ONE, stdin=CANARY)

    assert (4, f"tokensync invite {APP} --for {NAME}") == (code, error["next"])
    assert "imported, but the provider refuses this token" in error["message"]
    assert Status.REAUTHORIZE is desk.world.stored().status


def test_what_stands_is_not_touched(desk: Any) -> None:
    """Only --replace puts another token in its place."""
    desk.world.connected(refresh_token="old")
    code, error = desk.error(*ONE, stdin="R0")
    assert (1, "AlreadyStands", f"tokensync import {APP} --account {ACCOUNT} --replace") == (
        code,
        error["class"],
        error["next"],
    )

    assert "refreshed" == desk.json(*ONE, "--replace", stdin="R0")["result"]


def test_a_paused_app(desk: Any) -> None:
    """It is said before the token is asked for."""
    desk.world.apps.pause(APP, why="no", now=1)
    code, error = desk.error(*ONE)

    assert (1, "AppPaused", f"tokensync app resume {APP}") == (code, error["class"], error["next"])


def test_an_app_that_is_not_registered(desk: Any) -> None:
    """Exit code 3."""
    assert 3 == desk.error("import", "nobody", "--account", "x", stdin="R0")[0]


@pytest.mark.parametrize(
    "options",
    [(), ("--dry-run",), ("--account", "a", "--file", "x"), ("--file", "x", "--label", "L"),
     ("--account", "a", "--dry-run"), ("--account", "a\nb")],
)  # fmt: skip
def test_options_that_cannot_be_meant(desk: Any, options: tuple[str, ...]) -> None:
    """One account or a file, not both and not neither."""
    assert 2 == desk.error("import", APP, *options, stdin="R0")[0]


def rows(*lines: str, header: str = "account,refresh_token,label") -> str:
    """Return a file of CSV."""
    return "\n".join((header, *lines)) + "\n"


def many(desk: Any, text: str | bytes, *options: str) -> tuple[int, list[dict[str, Any]]]:
    """Import from stdin, and return the exit code and the results."""
    result = desk.run("import", APP, "--file", "-", "--json", *options, stdin=text)
    return result.exit_code, json.loads(result.stdout)


def test_many_from_a_file(desk: Any, tmp_path: Path) -> None:
    """Every row becomes a connection, and the summary counts them."""
    alive(desk, "T-a", "T-b", "T-c")
    file = tmp_path / "rows.csv"
    file.write_text(rows("a,T-a,Acme", 'b,T-b,"Bolt, Inc."', "", "c,T-c,"), encoding="utf-8-sig")
    result = desk.run("import", APP, "--file", str(file))

    assert (0, "3 imported.\n") == (result.exit_code, result.stdout)
    labels = [desk.world.stored(ConnectionName(APP, account)).label for account in "abc"]
    assert ["Acme", "Bolt, Inc.", "Acme GmbH"] == labels


def test_many_as_json_lines(desk: Any) -> None:
    """Each line is an object; what is unknown is left out."""
    alive(desk, "T-7", "T-b")
    code, told = many(desk, '{"account": 7, "refresh_token": "T-7"}\n{"account": "b", "refresh_token": "T-b"}\n')

    assert (0, ["7", "b"], ["imported", "imported"]) == (
        code, [one["account"] for one in told], [one["result"] for one in told]
    )  # fmt: skip


def test_bad_rows_stop_no_other(desk: Any) -> None:
    """Each says its row, its account and what is wrong, and never a token; the good ones are imported."""
    alive(desk, "T-a", "T-z")
    text = rows(
        "a,T-a,", f",{CANARY},", f"b,{CANARY}\u00e4,", f'c,"{CANARY},', f"d,{CANARY},x,y,z", "e,,",
        f"f,{CANARY}-1,", f"f,{CANARY}-2,", f"g,{CANARY},", f"h,{CANARY},", "i,dead,", "z,T-z,",
    )  # fmt: skip
    result = desk.run("import", APP, "--file", "-", "--json", stdin=text)
    told = json.loads(result.stdout)

    assert (1, "ImportIncomplete") == (
        result.exit_code, json.loads(result.stderr.splitlines()[-1])["error"]["class"]
    )  # fmt: skip
    assert [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13] == [one["row"] for one in told]
    assert ["imported", *["failed"] * 10, "imported"] == [one["result"] for one in told]
    messages = [one["error"]["message"] for one in told[1:-1]]
    assert "This account stands in row 9 too." == messages[5]
    assert "This token stands in row 11 too." == messages[7]
    assert "refuses this token" in messages[9]
    assert CANARY not in result.output


def test_the_same_file_again_resumes(desk: Any) -> None:
    """Rows that were imported are skipped; what failed is tried again."""
    alive(desk, "T-a", "T-b")
    text = rows("a,T-a,", "b,T-b,")
    desk.functions.script.append(CommandFailed("It broke.", next_command="tokensync doctor", kind="FunctionBroken"))
    first = many(desk, text)
    second = many(desk, text)

    assert (1, ["failed", "imported"]) == (first[0], sorted(one["result"] for one in first[1]))
    assert (0, ["imported", "imported_before"]) == (second[0], sorted(one["result"] for one in second[1]))
    assert [] == desk.world.shop.doubles


def test_an_error_nobody_foresaw_stops_no_other_row(desk: Any) -> None:
    """It is told by its type alone."""
    alive(desk, "T-a")
    desk.functions.script.append(ValueError(CANARY))
    result = desk.run("import", APP, "--file", "-", "--json", stdin=rows("a,T-a,"))

    assert "Unforeseen" == json.loads(result.stdout)[0]["error"]["class"]
    assert CANARY not in result.output


def test_an_app_that_is_paused_on_the_way_ends_it(desk: Any) -> None:
    """The provider refuses the app itself: the rows behind are not tried, and nothing is lost."""
    invalid = desk.world.shop.answer({"code": 1, "message": "invalid client_key", "data": None})
    desk.world.shop.script += [lambda _honest: invalid] * 40
    code, told = many(desk, rows(*(f"a{index},T{index}," for index in range(40))))

    assert 1 == code
    assert "not_tried" == told[-1]["result"]


def test_an_interruption_finishes_what_is_in_flight(desk: Any) -> None:
    """Ctrl-C: what was begun is told, the rest is left for the same command again; exit code 130."""
    accounts = [f"a{index}" for index in range(30)]
    alive(desk, *(f"T-{account}" for account in accounts))
    desk.functions.script.append(KeyboardInterrupt())
    result = desk.run("import", APP, "--file", "-", "--json", stdin=rows(*(f"{one},T-{one}," for one in accounts)))
    told = json.loads(result.stdout)

    assert 130 == result.exit_code
    assert 30 == len(told)
    assert "interrupted" in {one["result"] for one in told}
    standing = {record.name.account for record in desk.world.connections.list(APP)}
    assert standing == {one["account"] for one in told if one["result"] == "imported"}


def test_dry_run_changes_nothing(desk: Any) -> None:
    """Every row is checked and what would be done is told; no function is asked."""
    alive(desk, "T-a")
    many(desk, rows("a,T-a,"))
    desk.world.connected(ConnectionName(APP, "b"), refresh_token="old")
    asked = len(desk.functions.asked)
    text = rows("a,T-a,", "b,T-b,", "c,T-c,")

    code, told = many(desk, text, "--dry-run")
    assert (1, ["imported_before", "failed", "would_import"]) == (code, [one["result"] for one in told])
    code, told = many(desk, text, "--dry-run", "--replace")
    assert (0, "would_replace") == (code, told[1]["result"])
    assert asked == len(desk.functions.asked)
    shown = desk.run("import", APP, "--file", "-", "--dry-run", "--replace", stdin=text).stdout
    assert "1 imported before, 1 would replace, 1 would import.\n" in shown


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n \n",
        b"account,refresh_token\n",
        f"{CANARY},x\n".encode(),
        f"account,{CANARY}\na,b\n".encode(),
        b"account,label\na,b\n",
        b"account,account,refresh_token\na,b,c\n",
        b"account,refresh_token\na,\xff\n",
        b"a" * (LARGEST_FILE + 1),
    ],
)
def test_a_file_that_is_none(desk: Any, raw: bytes) -> None:
    """A usage error that names the columns, and repeats nothing of the file."""
    result = desk.run("import", APP, "--file", "-", "--json", stdin=raw)

    assert (2, "") == (result.exit_code, result.stdout)
    assert CANARY not in result.stderr
    assert ("account", "refresh_token") == COLUMNS[:2]


def test_a_file_that_is_not_there(desk: Any) -> None:
    """A usage error that names it, and nothing was asked."""
    code, error = desk.error("import", APP, "--file", "/nowhere/rows.csv")

    assert (2, f"tokensync import {APP} --file PATH") == (code, error["next"])
    assert "/nowhere/rows.csv cannot be read: No such file or directory." == error["message"]


def test_a_field_that_nobody_knows_is_named(desk: Any) -> None:
    """Where its name is a short word and cannot be a token: on its own, in a row, in a header."""
    one = desk.error(*ONE, stdin='{"refresh_token": "R0", "acces_token": "x"}')
    header = desk.error("import", APP, "--file", "-", stdin=rows("a,T-a,x", header="account,refresh_token,exp"))
    code, told = many(desk, '{"account": "a", "refresh_token": "T-a", "acces_token": "x"}\n')

    assert (2, 2, 1) == (one[0], header[0], code)
    assert "There is no field acces_token;" in one[1]["message"]
    assert "There is no field exp;" in header[1]["message"]
    assert "There is no field acces_token;" in told[0]["error"]["message"]


def test_the_same_import_is_named_only_where_it_can_help(desk: Any) -> None:
    """Rows that can never pass as they stand, and those whose seller has to authorize, are not helped by it."""
    alive(desk, "T-a")
    again = ("import", APP, "--file", "-")
    text = rows("a,T-a,", header="account,refresh_token,label")

    def following(stdin: str, *options: str) -> str:
        stderr = desk.run(*again, *options, "--json", stdin=stdin).stderr
        return str(json.loads(stderr)["error"]["next"])

    assert "tokensync import --help" == following(rows("b,,"), "--dry-run")
    assert "tokensync import --help" == following(rows("b,,"))
    assert f"tokensync list --app {APP} --status reauthorize" == following(rows("b,dead,"))
    desk.functions.script.append(CommandFailed("Later.", next_command="-", exit_code=5, kind="StoreUnavailable"))
    assert f"tokensync import {APP} --file -" == following(text)


def test_an_interruption_is_told_people_in_one_line(desk: Any) -> None:
    """However many rows were not tried."""
    accounts = [f"a{index}" for index in range(30)]
    alive(desk, *(f"T-{account}" for account in accounts))
    desk.functions.script.append(KeyboardInterrupt())
    result = desk.run("import", APP, "--file", "-", stdin=rows(*(f"{one},T-{one}," for one in accounts)))

    assert 130 == result.exit_code
    assert "not tried.\n" in result.stdout
    assert len(result.stdout.splitlines()) <= 2
