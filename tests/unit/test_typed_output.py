"""Every place that shows a command or alerts of something takes a type that encodes, and no text."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
import typer.main

from tokensync.domain.command_line import typed
from tokensync_cli.main import app

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T", bound=ast.AST)
ROOT = Path(__file__).parents[2]
CORE, CLI = ROOT / "layers/core/python/tokensync", ROOT / "cli/tokensync_cli"
FILES = [file for room in (CORE, CLI) for file in room.rglob("*.py") if CLI / "sandbox" not in file.parents]
# Whatever has such a name is a command, or what to do where no command alone does it.
COMMANDS = {"next_command", "following", "otherwise", "next"}
TYPES = {"Next", "CommandLine", "CommandPattern"}
# A command of ours that goes on where a part of an f-string ends.
_OPEN_COMMAND = re.compile(r"\btokensync( [^`.;:]*)?$")
# The first argument of these is words of ours: nobody else chooses them.
LITERALS = {"typed", "Line", "CommandPattern", "adding"}
# Where a command is an example of the help text.
HELP = CLI / "main.py"


@cache
def parsed(file: Path) -> ast.Module:
    """Return what a file says."""
    return ast.parse(file.read_text(encoding="utf-8"))


def nodes(kind: type[T]) -> Iterator[tuple[Path, T]]:
    """Yield all of a kind, with their files."""
    for file in FILES:
        for node in ast.walk(parsed(file)):
            if isinstance(node, kind):
                yield file, node


def place(file: Path, node: ast.AST) -> str:
    """Return where a node stands."""
    return f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def called(call: ast.Call) -> str:
    """Return the last part of the name that is called."""
    return getattr(call.func, "id", "") or getattr(call.func, "attr", "")


def literals(node: ast.expr) -> Iterator[str | None]:
    """Yield the texts that an expression may be, None for one that is no literal."""
    if isinstance(node, ast.IfExp):
        yield from literals(node.body)
        yield from literals(node.orelse)
    else:
        yield node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def annotated() -> Iterator[tuple[str, str, str]]:
    """Yield every parameter and field that has a type: where, its name, and the type."""
    for file, function in nodes(ast.FunctionDef):
        for argument in (*function.args.args, *function.args.kwonlyargs, *function.args.posonlyargs):
            if argument.annotation is not None:
                yield place(file, argument), argument.arg, ast.unparse(argument.annotation)
    for file, field in nodes(ast.AnnAssign):
        yield place(file, field), ast.unparse(field.target).removeprefix("self."), ast.unparse(field.annotation)


def test_whatever_is_a_command_has_its_type() -> None:
    """A field or parameter of these names takes no text, so that mypy refuses a command that is only text."""
    wanted = [row for row in annotated() if row[1] in COMMANDS and not row[2].startswith("type[")]

    assert len(wanted) > 20
    assert [] == [row for row in wanted if not set(row[2].split(" | ")) - {"None"} <= TYPES]


def test_an_alert_takes_a_line() -> None:
    """Its detail is a line of our own words with places, in the port, in what implements it, and in what waits."""
    tell = [function for _, function in nodes(ast.FunctionDef) if function.name == "tell"]
    kinds = {ast.unparse(arg.annotation or ast.Constant(None)) for f in tell for arg in f.args.kwonlyargs[:2]}
    (notice,) = [one for _, one in nodes(ast.ClassDef) if one.name == "Notice"]
    fields = {
        ast.unparse(one.target): ast.unparse(one.annotation) for one in notice.body if isinstance(one, ast.AnnAssign)
    }

    assert {"Line", "Next"} == kinds
    assert len(tell) == 2
    assert ("Line", "Next") == (fields["detail"], fields["next_command"])


def test_the_words_of_commands_and_lines_are_literals() -> None:
    """What fills them comes by name, and is encoded; a word that was put together is not."""
    calls = [(file, call) for file, call in nodes(ast.Call) if called(call) in LITERALS and call.args]
    composed = [place(file, call) for file, call in calls if None in literals(call.args[0])]

    assert len(calls) > 150
    # The two that pass on what they were given.
    assert ["command_line.py", "command_line.py"] == [where.split("/")[-1].split(":")[0] for where in composed]


def test_a_line_begins_with_our_own_words() -> None:
    """No stranger begins a paragraph of a mail, where `Next:` stands."""
    begun = {
        text.partition("}")[0].removeprefix("{")
        for _, call in nodes(ast.Call)
        if called(call) == "Line"
        for text in literals(call.args[0])
        if text is not None and text.startswith("{")
    }

    # Words of ours too, chosen among several; `text` is what a stack of an earlier version answers.
    assert {"kind", "stack", "state", "to", "variable", "why", "text"} == begun


def test_no_text_around_it_puts_a_command_together() -> None:
    """An f-string that fills a value into a command of ours would fill in what a shell reads otherwise."""
    found = [
        place(file, text)
        for file, text in nodes(ast.JoinedStr)
        if file != HELP
        for part in text.values[:-1]
        if isinstance(part, ast.Constant) and _OPEN_COMMAND.search(str(part.value))
    ]

    assert [] == found, "\n".join(found)


@cache
def _group() -> Any:
    return typer.main.get_command(app)


@pytest.mark.parametrize("account", ["7010", "-x", "--yes", "it's $(odd)"])
def test_every_command_is_one_of_ours(account: str) -> None:
    """The command line takes each as it is written, whatever fills its places: no value becomes an option."""
    patterns = {
        text
        for _, call in nodes(ast.Call)
        if called(call) in ("typed", "CommandPattern")
        for text in literals(call.args[0])
        if text is not None and text.startswith("tokensync ")
    }
    wrong = {}
    for pattern in patterns:
        places = set(re.findall(r"{([a-z_]+)}", pattern))
        values = {**dict.fromkeys(places, account), "app": "shop", "name": f"shop/{account}"}
        command = typed(pattern, **values)
        try:
            got = _read(command.words[1:])
        except Exception as error:  # noqa: BLE001 - whatever the command line says against it
            wrong[pattern] = str(error)
        else:
            filled = [values[place] for place in places]
            if not all(any(value in text for text in got) for value in filled):
                wrong[pattern] = f"{got}"

    assert len(patterns) > 50
    assert {} == wrong


def _read(words: tuple[str, ...]) -> list[str]:
    """Return the values that the command line reads from the words of a command."""
    command, rest = _group(), list(words)
    while rest and hasattr(command, "commands") and not rest[0].startswith("-"):
        command = command.commands[rest.pop(0)]
    options, arguments, _ = command.make_parser(typer.Context(command)).parse_args(rest)
    assert [] == arguments
    return [str(text) for value in options.values() for text in (value if isinstance(value, list) else [value])]


def test_one_module_quotes() -> None:
    """Quoting is for whoever has words; the others have none to quote."""
    using = {
        place(file, node).partition(":")[0]
        for file, node in nodes(ast.Attribute)
        if ast.unparse(node) in {"shlex.quote", "shlex.join"}
    }

    assert {"layers/core/python/tokensync/domain/command_line.py"} == using


def test_few_places_print() -> None:
    """What prints encodes first; a token, and the lines of `export` and `env`, are what they are."""
    printing = {place(file, call).partition(":")[0] for file, call in nodes(ast.Call) if called(call) == "print"}

    assert {
        "cli/tokensync_cli/output/console.py",
        "cli/tokensync_cli/output/failures.py",
        "cli/tokensync_cli/commands/handover.py",
        "cli/tokensync_cli/commands/connections.py",
        "cli/tokensync_cli/commands/stack.py",
        "cli/tokensync_cli/demo/__main__.py",
        "cli/tokensync_cli/embedded/validation.py",
    } == printing
