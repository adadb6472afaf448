"""`import`: one account from stdin, many from a file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fakes.scripted import ScriptedServer
from fakes.world import ACCOUNT, APP, NAME
from tokensync.domain.app import App
from tokensync.domain.app_state import PauseKind
from tokensync.domain.command_line import typed
from tokensync.domain.connection import Status
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
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
    assert "This account is in row 9 too." == messages[5]
    assert "This token is in row 11 too." == messages[7]
    assert "refuses this token" in messages[9]
    assert CANARY not in result.output


def test_the_same_file_again_resumes(desk: Any) -> None:
    """Rows that were imported are skipped; what failed is tried again."""
    alive(desk, "T-a", "T-b")
    text = rows("a,T-a,", "b,T-b,")
    desk.functions.script.append(
        CommandFailed("It broke.", next_command=typed("tokensync doctor"), kind="FunctionBroken")
    )
    first = many(desk, text)
    second = many(desk, text)

    assert (1, ["failed", "imported"]) == (first[0], sorted(one["result"] for one in first[1]))
    assert (0, ["imported", "imported_before"]) == (second[0], sorted(one["result"] for one in second[1]))
    assert [] == desk.world.shop.doubles


def test_an_error_nobody_foresaw_stops_no_other_row(desk: Any) -> None:
    """It is named by its type alone."""
    alive(desk, "T-a")
    desk.functions.script.append(ValueError(CANARY))
    result = desk.run("import", APP, "--file", "-", "--json", stdin=rows("a,T-a,"))

    assert "Unforeseen" == json.loads(result.stdout)[0]["error"]["class"]
    assert CANARY not in result.output


def test_an_app_that_is_paused_on_the_way_ends_it(desk: Any) -> None:
    """The rows behind are not tried, and nothing is lost."""

    def pause() -> None:
        desk.world.apps.pause(APP, kind=PauseKind.OPERATOR, why="paused by an operator", now=1)

    desk.world.connections.before_next("take_over", pause)
    code, told = many(desk, rows(*(f"a{index},T{index}," for index in range(200))))

    assert 1 == code
    assert "not_tried" == told[-1]["result"]


def test_dry_run_changes_nothing(desk: Any) -> None:
    """Every row is checked and what would be done is printed; no function is asked."""
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
    """Rows that can never pass as they are, and those whose seller has to authorize, are not helped by it."""
    alive(desk, "T-a")
    again = ("import", APP, "--file", "-")
    text = rows("a,T-a,", header="account,refresh_token,label")

    def following(stdin: str, *options: str) -> str:
        stderr = desk.run(*again, *options, "--json", stdin=stdin).stderr
        return str(json.loads(stderr)["error"]["next"])

    assert "tokensync import --help" == following(rows("b,,"), "--dry-run")
    assert "tokensync import --help" == following(rows("b,,"))
    assert f"tokensync list --app {APP} --status reauthorize" == following(rows("b,dead,"))
    desk.functions.script.append(CommandFailed("Later.", next_command=typed("-"), exit_code=5, kind="StoreUnavailable"))
    assert f"tokensync import {APP} --file -" == following(text)


def test_one_refresh_token(desk: Any) -> None:
    """From stdin or a hidden prompt, proved at once; the same again is nothing, and only --replace puts in another."""
    result, again = desk.run(*ONE, "--label", "Acme", stdin="R0\n"), desk.run(*ONE, stdin="R0")

    assert (0, f"{NAME} is imported: refreshed, expires in 7 d.\n") == (result.exit_code, result.stdout)
    assert f"Next: tokensync token {NAME}" in result.stderr
    assert (0, f"{NAME} was imported before; nothing was done.\n") == (again.exit_code, again.stdout)
    assert ("Acme", Status.ACTIVE) == (desk.world.stored().label, desk.world.stored().status)
    alive(desk, f"R-{ACCOUNT}")
    desk.is_interactive = True
    typed = desk.run(*ONE, "--replace", stdin=f"R-{ACCOUNT}\n")
    assert (0, True) == (typed.exit_code, "Refresh token" in typed.stderr)
    assert f"R-{ACCOUNT}" not in typed.output


def test_a_pair_as_json(desk: Any) -> None:
    """An object brings what else is known; the result is an object too."""
    at = desk.world.clock.now() + 5000
    pair = {"refresh_token": "R0", "access_token": "A-9", "expires_at": at, "scopes": ["x"], "label": "Acme"}
    told = desk.json(*ONE, stdin=json.dumps(pair))

    assert ("published", False, at) == (told["result"], told["again"], told["connection"]["access_expires_at"])
    assert "A-9" == desk.world.document()["access_token"]


def test_an_interruption_finishes_what_is_in_flight(desk: Any) -> None:
    """Ctrl-C, exit code 130: what was begun is listed, the rest is one line to people and left for the same command."""
    accounts = [f"a{index}" for index in range(30)]
    alive(desk, *(f"T-{account}" for account in accounts))
    text = rows(*(f"{one},T-{one}," for one in accounts))
    desk.functions.script.append(KeyboardInterrupt())
    result = desk.run("import", APP, "--file", "-", "--json", stdin=text)
    told = json.loads(result.stdout)

    assert (130, 30) == (result.exit_code, len(told))
    assert "interrupted" in {one["result"] for one in told}
    standing = {record.name.account for record in desk.world.connections.list(APP)}
    assert standing == {one["account"] for one in told if one["result"] == "imported"}

    desk.functions.script.append(KeyboardInterrupt())
    more = [f"b{index}" for index in range(30)]
    shown = desk.run("import", APP, "--file", "-", stdin=rows(*(f"{one},T-{one}," for one in more)))
    assert (130, True) == (shown.exit_code, shown.stdout.endswith("not tried.\n"))


def test_facts_are_brought_by_option_object_and_column(desk: Any) -> None:
    """Each way leads to the published secret; a row without a value brings none."""
    alive(desk, "T-a", "T-b", "T-c")
    header = "account,refresh_token,fact.team,fact.plan"
    assert 0 == many(desk, rows("a,T-a,blue,free", "b,T-b,,gold", header=header))[0]
    assert 0 == many(desk, '{"account": "c", "refresh_token": "T-c", "fact.team": "red"}\n')[0]
    assert 0 == desk.run(*ONE, "--fact", "team=green=1", "--fact", "plan=x", stdin="R0").exit_code

    said = [
        {
            name: value
            for name, value in desk.world.document(ConnectionName(APP, account))["account"].items()
            if name in ("team", "plan")
        }
        for account in ("a", "b", "c", ACCOUNT)
    ]
    assert [
        {"team": "blue", "plan": "free"}, {"plan": "gold"}, {"team": "red"}, {"team": "green=1", "plan": "x"}
    ] == said  # fmt: skip
    told = desk.json(*ONE, "--fact", "team=yellow", stdin="R0")
    assert ("published", True) == (told["result"], told["again"])
    assert ("yellow", "x") == tuple(desk.world.document()["account"][name] for name in ("team", "plan"))


@pytest.mark.parametrize(
    "options",
    [
        ("--fact", "team"),
        ("--fact", "=x"),
        ("--fact", "team="),
        ("--fact", "team=a", "--fact", "team=b"),
        ("--fact", "Team=a"),
        ("--fact", "team=a\nb"),
        ("--fact", "shops=a"),
    ],
    ids=" ".join,
)
def test_a_fact_that_is_none(desk: Any, options: tuple[str, ...]) -> None:
    """A usage error, and nothing is imported; a file takes its facts from its columns alone."""
    code, error = desk.error(*ONE, *options, stdin="R0")

    assert (2, "tokensync import --help") == (code, error["next"])
    assert desk.world.connections.get(NAME) is None
    assert 2 == desk.error("import", APP, "--file", "-", "--fact", "team=a", stdin=rows("a,T-a,"))[0]


def test_a_dry_run_knows_what_the_provider_says(desk: Any) -> None:
    """A column that every row would be refused for is found before anything is presented."""
    code, told = many(desk, rows("a,T-a,x", header="account,refresh_token,fact.shops"), "--dry-run")

    assert (1, "TikTok Shop itself says shops of an account: leave it out.") == (code, told[0]["error"]["message"])
    assert [] == desk.functions.asked


def test_a_fact_that_api_calls_need_is_asked_for(desk: Any) -> None:
    """Eshopbox says nothing of the workspace: the import names the option where it was left out."""
    desk.world.apps.register(App(name="box", provider="eshopbox", client_id="c", client_secret=Secret("s")))
    server = ScriptedServer(desk.world.clock)
    server.says("/api/v1/generateToken", {"access_token": "EA", "expires_in": 86_400})
    desk.world.shop.others["auth.myeshopbox.com"] = server
    command = ("import", "box", "--account", "acme", "--replace")

    bare = desk.run(*command, stdin="E-1").stderr
    full = desk.run(*command, "--fact", "workspace=acme", stdin="E-2").stderr
    assert "tokensync import box --account acme --fact workspace=VALUE" in bare
    assert "workspace=VALUE" not in full
    assert {"workspace": "acme"} == desk.world.document(ConnectionName("box", "acme"))["account"]
