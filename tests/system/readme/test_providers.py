"""The page on providers is true: its tables are the code's, its commands are accepted, its example is a provider."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.main

from readme.documented import PROVIDERS_PAGE, ROOT, code, commands_in_blocks
from tokensync.domain.app import ENDPOINT_KEYS, App
from tokensync.domain.secret import Secret
from tokensync.oauth.provider import AccountCall, GrantType, Provider, WebhookShape
from tokensync.oauth.renewal import RenewalShape
from tokensync.oauth.shapes import AuthorizeShape, CallbackShape, ResponseShape, RevocationShape, TokenShape
from tokensync.providers import PROVIDERS
from tokensync_cli.main import app as command_line
from tokensync_cli.stack.registration import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGE = Path("layers/core/python/tokensync/providers")
SAMPLES = Path("tests/unit/providers/documented.py")
COPIED = ("layers/core/python/tokensync", "tests/unit/providers", "tests/fakes")
NAME = "acme_marketplace"
OPTIONS = {"service_id": "--service-id", "scopes": "--scope"}
CONNECTED_BY = {
    GrantType.AUTHORIZATION_CODE: "invite",
    GrantType.CLIENT_CREDENTIALS: "connect",
    GrantType.REFRESH_TOKEN: "import",
}
SHAPES = {
    "authorize": AuthorizeShape,
    "callback": CallbackShape,
    "token": TokenShape,
    "response": ResponseShape,
    "renewal": RenewalShape,
    "account_call": AccountCall,
    "revocation": RevocationShape,
    "webhook": WebhookShape,
}


def rows(first: str) -> list[list[str]]:
    """Return the cells of the page's table whose first heading is this."""
    (table,) = re.findall(rf"^\| {first} \|.*?\n\n", PROVIDERS_PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()[2:] if line]


def coded(cell: str) -> list[str]:
    """Return what a cell holds as code."""
    return re.findall(r"`([^`]+)`", cell)


def section(name: str) -> str:
    """Return a provider's own section."""
    (found,) = re.findall(rf"^## [^\n]*`{name}`\n(.*?)^## ", PROVIDERS_PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


def registration(provider: Provider, **changes: Any) -> App:
    """Return an app of a provider."""
    return replace(App(name="a", provider=provider.name, client_id="c", client_secret=Secret("s")), **changes)


def capability(provider: Provider, key: str, has: Callable[[Provider, App], bool]) -> str:
    """Return whether a provider has a call: of itself, not at all, or where an app gives it the endpoint."""
    bare, full = (
        registration(provider, endpoints={key: f"https://id.example/{key}" for key in keys})
        for keys in ((), ENDPOINT_KEYS)
    )
    if has(provider.for_app(bare), bare):
        return "yes"
    return f"with `{key}`" if has(provider.for_app(full), full) else "no"


def summary(provider: Provider) -> list[str]:
    """Return a provider's row of the first table, as its data has it."""
    grants = [
        provider.for_app(registration(provider, settings={"grant": grant})).grant_type
        for grant in provider.settings.get("grant", ("",))
    ]
    return [
        f"`{provider.name}`",
        ", ".join(CONNECTED_BY[grant] for grant in grants),
        ", ".join(f"`{reuse}`" for reuse in provider.settings.get("refresh_reuse", (provider.refresh_reuse.value,))),
        capability(provider, "verify", lambda known, _: known.account_call is not None),
        capability(
            provider, "revoke", lambda known, app: known.revocation is not None and known.has_endpoint(app, "revoke")
        ),
        "yes" if provider.webhook is not None else "no",
    ]


def test_the_table_is_the_registry() -> None:
    """Every provider has a row, and each cell says what its data says."""
    assert rows("provider") == [summary(provider) for provider in PROVIDERS.values()]


@pytest.mark.parametrize("name", PROVIDERS)
def test_a_section_names_what_an_app_may_set(name: str) -> None:
    """A provider's section names its settings with their values, its regions, and what an app must give."""
    provider, told = PROVIDERS[name], section(name)
    texts = [*provider.settings, *provider.regions, *(OPTIONS[field] for field in provider.required)]

    assert [text for text in texts if not re.search(rf"[` ]{re.escape(text)}", told)] == []
    assert f"--provider {name}" in told


def test_every_setting_of_the_generic_provider_is_explained() -> None:
    """The table of `oauth2` has each setting with its values in their order, and no other."""
    told = {coded(setting)[0].replace(".NAME", "."): tuple(coded(values)) for setting, values, _ in rows("setting")}

    assert told == PROVIDERS["oauth2"].settings


def test_every_field_of_a_provider_is_in_its_group() -> None:
    """The way through a provider file names each field of the contract and of its shapes, and no other."""
    groups = {(coded(group) or [group])[0]: coded(names) for group, names, _ in rows("group")}

    assert {name: {field.name for field in fields(shape)} for name, shape in SHAPES.items()} == {
        name: set(groups[name]) for name in SHAPES
    }
    flat = {name for group, names in groups.items() if group not in SHAPES for name in names}
    assert {field.name for field in fields(Provider)} == flat | SHAPES.keys()


@pytest.mark.parametrize("words", [each for each in commands_in_blocks(PROVIDERS_PAGE) if "add" in each], ids=" ".join)
def test_every_registration_is_accepted(words: list[str]) -> None:
    """What the page tells to type is a whole registration; metadata, where it is asked for, brings the endpoints."""
    program: Any = typer.main.get_command(command_line)
    given = program.commands["app"].commands["add"].make_context("add", words[3:]).params
    wanted = Wanted(
        name=given["name"],
        provider=given["provider"],
        client_id=given["client_id"],
        service_id=given["service_id"],
        region=given["region"],
        scopes=given["scope"] or (),
        endpoints=given["endpoint"] or (),
        settings=given["setting"] or (),
    )
    if given["discover"]:
        found = {key: f"{given['discover']}/{key}" for key in ("authorize", "token")}
        wanted = wanted.completed(endpoints=found, settings={})

    assert wanted.checked(is_embedded=False).name == words[3]


@cache
def example() -> tuple[str, str, str]:
    """Return the worked example: the provider's file, its line of the registry, and its sample."""
    file, sample = code(PROVIDERS_PAGE, "python")
    (change,) = code(PROVIDERS_PAGE, "diff")
    (line,) = re.findall(r"^\+(.*\n)", change, re.MULTILINE)
    return file, line, sample


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the core and its contract suite, to which the example was added as the page says."""
    root = tmp_path_factory.mktemp("copied")
    for part in COPIED:
        shutil.copytree(ROOT / part, root / part, ignore=shutil.ignore_patterns("__pycache__"))
    for file_name in ("pyproject.toml", "tests/system/readme/worked_example.py", "tests/resilience/field_rows.py"):
        (root / file_name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file_name, root / file_name)
    _, line, sample = example()
    registry = root / PACKAGE / "__init__.py"
    imported = registry.read_text().replace("    eshopbox,\n", f"    {NAME},\n    eshopbox,\n", 1)
    registry.write_text(imported.replace("        oauth2.PROVIDER,\n", f"        oauth2.PROVIDER,\n{line}", 1))
    before, mark, after = (root / SAMPLES).read_text().partition("\nSAMPLES")
    added = after.replace("_oauth2()", f"_oauth2(), _{NAME}()", 1)
    (root / SAMPLES).write_text(f"{before}\n{sample}\n{mark}{added}")
    return root


def run_suite(root: Path, file: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run what the contract suite says of the example, and its use from the invite to the revocation."""
    (root / PACKAGE / f"{NAME}.py").write_text(file)
    for compiled in (root / PACKAGE / "__pycache__").glob(f"{NAME}.*"):
        compiled.unlink()  # a file of the same size and second would be taken for the one before
    chosen = f"{NAME} or test_every_file or test_every_provider or worked_example"
    suite = ["tests/unit/providers", "tests/system/readme/worked_example.py"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "-k", chosen, *suite],
        cwd=root,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(root / PACKAGE.parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_example_is_a_provider(copied: Path) -> None:
    """Added to a copy of the core as the page says, it holds the whole contract and serves a merchant."""
    done = run_suite(copied, example()[0], "-rA")

    assert done.returncode == 0, done.stdout + done.stderr
    for held in (
        f"test_the_refresh[{NAME}]",
        f"test_the_documented_success_is_read[{NAME}]",
        "test_a_merchant_connects",
    ):
        assert re.search(rf"^PASSED .*::{re.escape(held)}$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("right", "wrong", "noticed"),
    [
        ("token=TokenShape(encoding=Encoding.JSON, ", "token=TokenShape(", "test_the_exchange_of_a_code"),
        ('"20101": FailureClass.REFUSED', '"20101": FailureClass.UNKNOWN', "test_the_documented_refusal_is_one"),
        ('"access_token_expires_at",', '"expires_at",', "test_the_documented_success_is_read"),
        ("        status_decides=False,\n", "", "test_a_refused_revocation_ends_nothing"),
    ],
)
def test_a_wrong_example_is_noticed(copied: Path, right: str, wrong: str, noticed: str) -> None:
    """An example with one fact wrong fails: what passes above says something."""
    file = example()[0]
    assert file.count(right) == 1
    done = run_suite(copied, file.replace(right, wrong), "-x")

    assert (done.returncode, re.findall(r"^FAILED .*::(\w+)", done.stdout, re.MULTILINE)) == (1, [noticed]), done.stdout


@pytest.mark.parametrize(("which", "place"), [(0, PACKAGE / f"{NAME}.py"), (2, SAMPLES)], ids=["provider", "sample"])
def test_the_example_is_in_form(which: int, place: Path) -> None:
    """What the page shows passes the formatter, and as a whole file the linter."""
    ruff = str(Path(sys.executable).with_name("ruff"))
    commands = [["format", "--check"], *([["check"]] if which == 0 else [])]
    for command in commands:
        done = subprocess.run(
            [ruff, *command, "--no-cache", "--stdin-filename", str(ROOT / place), "-"],
            input=example()[which],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
