"""What a deployment was told, kept for the next one in `samconfig.toml`, where SAM CLI itself looks for it."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from tokensync.domain.visible import Line
from tokensync_cli.output.failures import CommandFailed

FILE = "samconfig.toml"
_ENVIRONMENT = "default"
_NAMES = ("stack_name", "region", "profile")


@dataclass(frozen=True)
class Told:
    """The stack's name, its Region, the AWS profile, and the template's parameters. Empty is not told."""

    stack_name: str = ""
    region: str = ""
    profile: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)


def read(file: Path) -> Told:
    """Return what a file holds, nothing if there is no file.

    Raises:
        CommandFailed: it is no TOML.
    """
    document = _parsed(file) if file.is_file() else tomlkit.document()
    shared, own = _table(document, "global"), _table(document, "deploy")
    names = {name: str(own.get(name, shared.get(name, ""))) for name in _NAMES}
    return Told(**names, parameters=_parameters(own.get("parameter_overrides", shared.get("parameter_overrides", ""))))


def write(file: Path, told: Told, *, template: Path) -> None:
    """Put it into a file, beside whatever else stands there; a new file begins as a copy of `template`."""
    document = _parsed(file if file.is_file() else template)
    shared, own = _table(document, "global"), _table(document, "deploy")
    for name in _NAMES:
        table = own if name in own else shared
        if value := getattr(told, name):
            table[name] = value
        else:
            table.pop(name, None)
    own["parameter_overrides"] = " ".join(overrides(told.parameters))
    file.write_text(tomlkit.dumps(document), encoding="utf-8")


def overrides(parameters: Mapping[str, str]) -> list[str]:
    """Return parameters as SAM CLI takes them. Quoted: an empty value is one, too, and clears what was set before."""
    return [f'{name}="{value}"' for name, value in parameters.items()]


def _parsed(file: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(file.read_text(encoding="utf-8"))
    except (TOMLKitError, UnicodeDecodeError):
        raise CommandFailed(
            f"{file} is no TOML file; SAM CLI could not read it either.",
            next_command=Line("mend or move {file}", file=file),
        ) from None


def _table(document: tomlkit.TOMLDocument, command: str) -> Any:
    """Return the table of a command's parameters, a new one in the document if it has none."""
    table: Any = document
    for name in (_ENVIRONMENT, command, "parameters"):
        table = table.setdefault(name, tomlkit.table(is_super_table=name != "parameters"))
    return table


def _parameters(told: Any) -> dict[str, str]:
    """Return parameters from any of the three forms that SAM CLI knows: text, a list, a table."""
    if isinstance(told, Mapping):
        return {str(name): str(value) for name, value in told.items()}
    words = shlex.split(told) if isinstance(told, str) else [word for one in told for word in shlex.split(str(one))]
    pairs = (word.partition("=") for word in words if re.match(r"\w+=", word))
    return {name: value for name, _, value in pairs}
