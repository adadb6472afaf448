from pathlib import Path

import pytest

from tokensync_cli.embedded.deploy import likely_cause, parameters
from tokensync_cli.embedded.ports import ChosenPorts


@pytest.mark.parametrize(
    ("printed", "cause"),
    [
        ("Building\nOSError: [Errno 28] No space left on device\n", "the disk is full"),
        ("error: Failed to fetch: `https://index/simple/six/`\n", "the package index is out of reach"),
        ("/bin/sh: uv: command not found\n", "uv is missing"),
        ("Could not connect to the endpoint URL\n", "the embedded AWS ended"),
        (
            "Deploying\nError: Failed to create changeset: Unrecognized resource types: [X].\n\n",
            "Failed to create changeset: Unrecognized resource types: [X]",
        ),
        ("something\nelse\n", "else"),
        ("", "it said nothing"),
    ],
)
def test_the_likely_cause_is_named(tmp_path: Path, printed: str, cause: str) -> None:
    """A known cause in plain words, else SAM's own error line, else the last line."""
    log = tmp_path / "deployment.log"
    log.write_text(printed)
    assert likely_cause(log) == cause


def test_the_embedded_stack_has_a_pace_of_its_own() -> None:
    """It runs faster than production, knows its own address, and trusts its sandbox on whatever port that has."""
    assert parameters(ChosenPorts(aws=1, front_door=8400, sandbox=8401)) == {
        "PublicUrl": "http://localhost:8400",
        "Pace": "embedded",
        "TrustedHosts": "localhost:8401",
    }
