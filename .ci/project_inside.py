"""Puts the SAM project into the command line's wheel: what `tokensync up` and `tokensync deploy` build from.

`tokensync_cli.stack.bundled` reads it there. The core is not in it: the wheel holds it as the package `tokensync`.
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_INSIDE = "tokensync_cli/project"
_PROJECT = (
    *("template.yaml", "samconfig.toml", "pyproject.toml", "uv.lock", "README.md", "LICENSE", "functions"),
    *("layers/core/Makefile", "layers/core/find_python313.sh", "layers/core/host"),
)


class ProjectInside(BuildHookInterface[Any]):
    """Adds the project's files to a wheel that people install, not to the one of a checkout, which has them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name them, before the wheel is written."""
        if version == "standard":
            build_data["force_include"] |= {part: f"{_INSIDE}/{part}" for part in _PROJECT}
