"""`sam validate --lint` of the template, for `make check`: SAM from its own locked environment, without any AWS."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tokensync_cli.embedded import environments
from tokensync_cli.embedded.administrator import Administrator
from tokensync_cli.embedded.environment_variables import REGION, of_sam
from tokensync_cli.embedded.errors import EmbeddedStackError

_NO_AWS = "http://127.0.0.1:9"  # the discard port: a look-up that linting does not need ends at once


def validate(root: Path) -> str:
    """Return what is wrong with the template, empty if all is well.

    Raises:
        EmbeddedStackError: SAM's environment could not be installed.
    """
    sam = environments.sam(root)
    with tempfile.TemporaryDirectory() as directory:
        environments.synchronize(sam, root, Path(directory) / "installation.log")
        command = [str(sam.path / "bin" / "sam"), "validate", "--lint", "--region", REGION]
        done = subprocess.run(
            [*command, "--template-file", str(root / "template.yaml")],
            capture_output=True,
            text=True,
            check=False,
            env=of_sam(_NO_AWS, Administrator.made()),
            cwd=directory,
        )
    return f"{done.stdout}{done.stderr}" if done.returncode else ""


def main() -> int:
    """Validate the project in the current directory."""
    try:
        wrong = validate(Path.cwd())
    except EmbeddedStackError as error:
        wrong = str(error)
    if wrong:
        print(wrong, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
