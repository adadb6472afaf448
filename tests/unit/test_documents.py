"""What the documents and docstrings name exists: files, symbols, anchors and counts."""

from __future__ import annotations

import ast
import importlib
import io
import re
import tokenize
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tokensync.domain.connection import HISTORY_LENGTH
from tokensync.domain.messages import MAX_BODY
from tokensync.providers import PROVIDERS
from unit.template.document import of_type, read

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
SOURCES = sorted(
    path
    for folder in ("functions", "layers", "cli", "tests")
    for path in (ROOT / folder).rglob("*.py")
    if "fixtures" not in path.parts
)
SUFFIXES = "py|md|yaml|toml|json|sh|html|css|mjs"
FILE = re.compile(rf"`((?:[\w.-]+/)*[\w.-]+\.(?:{SUFFIXES})|(?:[\w.-]+/)+)`")
DOTTED = re.compile(r"`((?:tokensync|tokensync_cli|tokensync_host)(?:\.\w+)+)`")
# What a reader would look up in the code: it has an underscore, a capital inside, or a dot between words.
SYMBOL = re.compile(r"`(_?[a-z]\w*_\w+|_?[A-Z]+_[A-Z_]+|[A-Z][a-z]+[A-Z]\w+|[A-Z]\w+(?:\.\w+)+)(?:\(\))?`")
# Written at run time, or by the reader.
MADE = {
    ".venv/", ".tokensync/", ".aws-sam/", "NAME.py", "refresh-token.txt", "workspaces.csv", "answer.json", "event.json",
    "dist/", "requirements.txt", "layers/core/python/tokensync/providers/NAME.py", "access_token/", "revoke_token/",
    # The worked example, which a test adds to a copy.
    "layers/core/python/tokensync/providers/acme_marketplace.py", "_acme_marketplace",
}  # fmt: skip


@cache
def files() -> frozenset[str]:
    """Return every file and folder of the project, relative to it."""
    kept = [path for path in ROOT.rglob("*") if not {".git", ".venv", ".aws-sam", "node_modules"} & {*path.parts}]
    return frozenset(str(path.relative_to(ROOT)) + ("/" if path.is_dir() else "") for path in kept)


@cache
def words() -> frozenset[str]:
    """Return every name of the code, every word in its strings, and those of the template and the Makefile."""
    found: set[str] = set()
    for path in SOURCES:
        if "tests" in path.parts:  # what its strings and locals say is no name of the product's
            found |= set(re.findall(r"^ *(?:def|class) (\w+)", path.read_text(), re.MULTILINE))
            continue
        tokens = list(tokenize.generate_tokens(io.StringIO(path.read_text()).readline))
        docstrings = {id(token) for token in tokens if token.string.startswith('"""')}
        for token in tokens:
            if token.type == tokenize.NAME or (token.type == tokenize.STRING and id(token) not in docstrings):
                found |= set(re.findall(r"\w+", token.string))
    for name in ("template.yaml", "Makefile", "samconfig.toml", "pyproject.toml"):
        found |= set(re.findall(r"\w+", (ROOT / name).read_text()))
    return frozenset(found)


@cache
def members() -> dict[str, set[str]]:
    """Return the attributes, fields and methods of each class of the product, those of its bases among them."""
    classes = {
        node.name: node
        for path in SOURCES
        if "tests" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    }
    return {name: _named_in(node) for name, node in classes.items()}


def _named_in(node: ast.ClassDef) -> set[str]:
    inner = [target for one in node.body for target in getattr(one, "targets", [getattr(one, "target", one)])]
    own = {getattr(one, "name", getattr(one, "id", "")) for one in inner}
    return own | {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute) and _is_self(one.value)}


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


@cache
def docstrings() -> dict[str, str]:
    """Return the docstrings and comments of each source file."""
    said = {}
    for path in SOURCES:
        text = path.read_text()
        nodes = [
            node
            for node in ast.walk(ast.parse(text))
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef))
        ]
        comments = [
            token.string
            for token in tokenize.generate_tokens(io.StringIO(text).readline)
            if token.type == tokenize.COMMENT
        ]
        said[str(path.relative_to(ROOT))] = "\n".join([*(ast.get_docstring(node) or "" for node in nodes), *comments])
    return said


def spoken(page: Path) -> str:
    """Return a page without its fenced blocks: those are commands and programs, which are run."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def unknown_files(text: str) -> list[str]:
    """Return the files that a text names and that do not exist; the end of a path is enough."""
    named = [name for name in FILE.findall(text) if name not in MADE and not name.startswith((".tokensync", ".venv"))]
    return sorted({name for name in named if not any(f"/{known}".endswith(f"/{name}") for known in files())})


def unknown_symbols(text: str) -> list[str]:
    """Return the symbols that a text names and that are nowhere; of `Class.member` the class must have the member."""
    wrong = set()
    for symbol in set(SYMBOL.findall(text)) - MADE:
        name, _, member = symbol.partition(".")
        is_ours = name in members() and member
        if (is_ours and member.split(".")[0] not in members()[name]) or not set(symbol.split(".")) <= words():
            wrong.add(symbol)
    return sorted(wrong)


def resolved(dotted: str) -> Any:
    """Return the object of a dotted name.

    Raises:
        AttributeError, ModuleNotFoundError: there is none.
    """
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            fields = getattr(found, "__dataclass_fields__", {}) | getattr(found, "__annotations__", {})
            found = fields[name] if name in fields else getattr(found, name)
        return found
    raise ModuleNotFoundError(dotted)


def unresolved(text: str) -> Iterator[str]:
    """Yield the dotted names of ours that lead nowhere."""
    for dotted in set(DOTTED.findall(text)):
        if dotted.startswith("tokensync_host"):
            continue  # built into the embedded stack's layer alone
        try:
            resolved(dotted)
        except (AttributeError, ModuleNotFoundError, KeyError):
            yield dotted


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_files_that_exist(page: Path) -> None:
    """Every file and folder that a page names is one of the project's."""
    assert [] == unknown_files(spoken(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_symbols_that_exist(page: Path) -> None:
    """Every symbol that a page names is a name or a word of the code, the template or the Makefile."""
    assert [] == unknown_symbols(spoken(page))


def test_docstrings_name_files_that_exist() -> None:
    """Every file that a docstring or a comment names is one of the project's."""
    assert {} == {name: wrong for name, text in docstrings().items() if (wrong := unknown_files(text))}


def test_docstrings_name_symbols_that_exist() -> None:
    """So is every symbol in a docstring or a comment of the product."""
    product = {name: text for name, text in docstrings().items() if not name.startswith("tests/")}

    assert {} == {name: wrong for name, text in product.items() if (wrong := unknown_symbols(text))}


def test_docstrings_name_objects_that_exist() -> None:
    """Every dotted name of ours in a docstring or a comment is a module, a class, a function or a field."""
    assert {} == {name: wrong for name, text in docstrings().items() if (wrong := sorted(unresolved(text)))}


@pytest.mark.parametrize(
    ("text", "files", "names", "symbols"),
    [
        ("see `refresh/worker.py` and `docs/`", [], [], []),
        ("see `Budget.allows` and `lease_until`", [], [], []),
        ("see `Budget.permits` and `lease_until_noon`", [], [], ["Budget.permits", "lease_until_noon"]),
        ("see `refresh/caretaker.py`", ["refresh/caretaker.py"], [], []),
        ("see `tokensync.domain.ports.Connections.lease`", [], [], []),
        ("see `tokensync.ports.Clock`", [], ["tokensync.ports.Clock"], []),
        ("see `tokensync.domain.ports.Connections.borrow`", [], ["tokensync.domain.ports.Connections.borrow"], []),
    ],
)
def test_what_does_not_exist_is_noticed(text: str, files: list[str], names: list[str], symbols: list[str]) -> None:
    """A name that is gone fails the tests above."""
    assert (files, names, symbols) == (unknown_files(text), list(unresolved(text)), unknown_symbols(text))


NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def number(text: str) -> int | None:
    """Return what a word or digits count, None where a text is neither."""
    return int(text) if text.isdigit() else NUMBERS.index(text.lower()) if text.lower() in NUMBERS else None


def counts() -> dict[str, int]:
    """Return what the code and the template have of each thing that a page counts; a pattern's group is its number."""
    template = read()
    routes = [
        event["Properties"]
        for function in of_type(template, "AWS::Serverless::Function").values()
        for event in function["Properties"].get("Events", {}).values()
        if event["Type"] == "HttpApi"
    ]
    getting = sum(route["Method"] == "GET" for route in routes)
    return {
        r"(\w+) alarms": len(of_type(template, "AWS::CloudWatch::Alarm")),
        r"SAM asks for (\w+) parameters": len(template["Parameters"]),
        r"asks (\w+) times, once for each route": len(routes),
        r"for (\w+) providers": len(PROVIDERS),
        r"(\w+) GET routes": getting,
        r"(\w+) POST route\b": len(routes) - getting,
        r"response is read up to (\d+) KB": MAX_BODY // 1024,
        r"the last (\w+) events": HISTORY_LENGTH,
    }


@pytest.mark.parametrize("pattern", counts())
def test_a_page_counts_what_there_is(pattern: str) -> None:
    """A number in a page is the number of what it counts."""
    counted = [(page.name, number(found)) for page in PAGES for found in re.findall(pattern, spoken(page))]

    assert [] == [(page, found) for page, found in counted if found not in (None, counts()[pattern])]
    assert [] != counted, "no page counts this: drop the pattern"
