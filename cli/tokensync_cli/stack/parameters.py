"""The template's parameters, as the template itself explains and bounds them."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokensync.domain.command_line import typed
from tokensync_cli.output.failures import UsageFailed


@dataclass(frozen=True)
class Parameter:
    """One parameter of the stack: its default, what it is for, and which values it takes."""

    name: str
    default: str
    description: str
    pattern: str
    takes: str

    def check(self, value: str) -> None:
        """Refuse a value that CloudFormation would refuse.

        Raises:
            UsageFailed: the message says what it may be, and does not repeat it.
        """
        if not re.fullmatch(self.pattern, value):
            raise UsageFailed(f"{self.name} must be {self.takes}.", next_command=typed("tokensync deploy --help"))


def parameters_of(template: Path) -> dict[str, Parameter]:
    """Return the parameters of a template by name, in its order."""
    import yaml  # noqa: PLC0415 - it is slow to load, and `--help` needs none

    class Loader(yaml.SafeLoader):
        """YAML whose CloudFormation tags are passed over: no parameter has one."""

    Loader.add_multi_constructor("!", lambda *_: None)
    found = yaml.load(template.read_text(encoding="utf-8"), Loader=Loader)["Parameters"]  # noqa: S506 - a safe one
    return {name: _parameter(name, told) for name, told in found.items()}


def _parameter(name: str, told: dict[str, Any]) -> Parameter:
    allowed = [str(value) for value in told.get("AllowedValues", ())]
    return Parameter(
        name=name,
        default=str(told["Default"]),
        description=str(told["Description"]),
        pattern="|".join(map(re.escape, allowed)) if allowed else str(told["AllowedPattern"]),
        takes=" or ".join(allowed) if allowed else str(told["ConstraintDescription"]),
    )
