"""What the documentation names: its fenced blocks, and the commands in them and in its running text."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import typer.main
from botocore import xform_name
from botocore.exceptions import UnknownServiceError

from tokensync_cli.main import app as command_line

ROOT = Path(__file__).parents[3]
README = ROOT / "README.md"
OPERATING = ROOT / "docs" / "operating.md"
PROVIDERS_PAGE = ROOT / "docs" / "providers.md"
SECRET = ROOT / "docs" / "secret.md"
PAGES = tuple(sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]))
SEPARATORS = frozenset("();<>|&")
GLOBAL_AWS_OPTIONS = frozenset({"--query", "--output", "--region", "--profile"})


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    language: str
    text: str


def blocks(page: Path) -> list[Block]:
    """Return a page's fenced blocks."""
    return [Block(*found) for found in re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)]


def code(page: Path, language: str) -> list[str]:
    """Return the texts of a page's blocks of one language."""
    return [block.text for block in blocks(page) if block.language == language]


def simple_commands(script: str) -> list[list[str]]:
    """Return the commands of a shell script, each as its words, without variables set before it."""
    lexer = shlex.shlex(script.replace("\\\n", " ").replace("\n", ";"), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= SEPARATORS:
            found.append([])
        elif found[-1] or (word not in ("do", "until") and not re.match(r"\w+=", word)):
            found[-1].append(word)
    return [words for words in found if words]


def commands_in_blocks(page: Path) -> list[list[str]]:
    """Return what a page's shell blocks run."""
    return [words for script in code(page, "sh") for words in simple_commands(script)]


def all_commands(program: str) -> list[list[str]]:
    """Return the arguments of every mention of a program, in blocks and in running text."""
    found = []
    for page in PAGES:
        text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        inline = [words for span in re.findall(r"`([^`\n]+)`", text) for words in _if_shell(span)]
        told = [words for script in code(page, "console") for words in simple_commands(script)]
        named = [words[1:] if words[0] == "uvx" else words for words in commands_in_blocks(page) + told + inline]
        found += [words[1:] for words in named if words and words[0].split("/")[-1].split("@")[0] == program]
    return [arguments for arguments in found if arguments]


def _if_shell(span: str) -> list[list[str]]:
    try:
        return simple_commands(span)
    except ValueError:  # an apostrophe: prose, or code of another language
        return []


def command_path(arguments: list[str]) -> tuple[str, ...]:
    """Return the command that the arguments name, and check that it and every option named for it exist."""
    current: Any = typer.main.get_command(command_line)
    path: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--":  # what follows is no option
            break
        if word.startswith("--"):
            option = next((one for one in current.params if word in one.opts), None)
            assert option is not None, f"tokensync {' '.join(path)} has no option {word}"
            if not option.is_flag:
                next(words, None)
        elif hasattr(current, "commands"):
            assert word in current.commands, f"there is no command tokensync {' '.join([*path, word])}"
            current = current.commands[word]
            path.append(word)
    return tuple(path)


def check_aws_command(arguments: list[str]) -> None:
    """Check a command of the AWS CLI against AWS's own description of its API, from which that CLI is made."""
    service, operation, *rest = arguments
    session = botocore.session.get_session()
    try:
        model = session.get_service_model(service)
    except UnknownServiceError:
        pytest.fail(f"AWS has no service {service}")
    operations = {xform_name(name, "-"): name for name in model.operation_names}
    if operation == "wait":
        waiters = session.get_waiter_model(service)
        operations = {xform_name(name, "-"): waiters.get_waiter(name).operation for name in waiters.waiter_names}
        operation, *rest = rest
    assert operation in operations, f"aws {service} has no command {operation}"
    members = model.operation_model(operations[operation]).input_shape.members
    options = {f"--{xform_name(name, '-')}" for name in members}
    options |= {f"--no-{xform_name(name, '-')}" for name, shape in members.items() if shape.type_name == "boolean"}
    named = {word for word in rest if word.startswith("--")}
    assert named <= options | GLOBAL_AWS_OPTIONS, f"aws {service} {operation} has no such option"
