"""A shell for the documentation's blocks, with `aws` as far as they need it, SAM CLI and the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from readme.documented import OPERATING, code
from tokensync_cli.embedded import environments
from tokensync_cli.embedded.environment_variables import of_sam

if TYPE_CHECKING:
    from stack import Stack

AWS = Path(__file__).parent / "aws_program.py"


def runbook(word: str) -> str:
    """Return the one shell block of the operating page that holds a word."""
    (script,) = [block for block in code(OPERATING, "sh") if word in block]
    return script


@dataclass(frozen=True)
class Shell:
    """Sits in the project's directory as the embedded AWS's administrator."""

    stack: Stack
    programs: Path

    @classmethod
    def of(cls, stack: Stack, programs: Path) -> Shell:
        """Return a shell whose own programs are in this directory."""
        sam = environments.sam(stack.root).path / "bin" / "sam"
        for name, command in {"aws": f'"{sys.executable}" "{AWS}"', "sam": f'"{sam}"'}.items():
            (programs / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            (programs / name).chmod(0o755)
        return cls(stack, programs)

    def run(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a script, which ends at its first failure, and return how it ended."""
        return subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", script],
            capture_output=True,
            text=True,
            check=False,
            cwd=self.stack.root,
            env=self._variables() | variables,
        )

    def runs(self, script: str, **variables: str) -> str:
        """Run a script that must succeed, and return what it printed."""
        done = self.run(script, **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _variables(self) -> dict[str, str]:
        path = f"{self.programs}:{self.stack.root / '.venv' / 'bin'}:{os.environ['PATH']}"
        return {
            **of_sam(self.stack.outputs.endpoint, self.stack.administrator),
            "PATH": path,
            "HOME": str(self.stack.root),
        }
