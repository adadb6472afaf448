"""Over what `deploy` goes, and what the build sees. `tests/system/release` has the rest: real deployments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tokensync_cli.output.failures import CommandFailed
from tokensync_cli.stack.deployment import Deployment, refuse_what_is_not_ours
from tokensync_cli.stack.project import Project
from tokensync_cli.stack.samconfig import Told
from unit.template.document import read

ROOT = Path(__file__).parents[4]
OURS = {"StackStatus": "UPDATE_COMPLETE", "Description": read()["Description"], "Parameters": []}
KEPT = read(ROOT / "cli/tokensync_cli/stack/kept.yaml")
EMBEDDED = [{"ParameterKey": "Pace", "ParameterValue": "embedded"}]


@pytest.mark.parametrize(
    "stack",
    [
        None,
        OURS,
        {**OURS, "Parameters": [{"ParameterKey": "Pace", "ParameterValue": "production"}]},
        {"StackStatus": "REVIEW_IN_PROGRESS"},
        {**OURS, "StackStatus": "UPDATE_ROLLBACK_COMPLETE"},
        {"StackStatus": "IMPORT_COMPLETE", "Description": KEPT["Description"]},
    ],
)
def test_what_can_be_deployed(stack: dict[str, Any] | None) -> None:
    """A new stack, one of ours, one whose first change set was declined, one that took up what was kept."""
    refuse_what_is_not_ours(stack, "tokensync", "https://cloudformation.eu-central-1.amazonaws.com")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Parameters": EMBEDDED}, "is the embedded one"),
        ({"Description": "payroll"}, "none of tokensync's"),
        ({"Description": ""}, "none of tokensync's"),
        ({"StackStatus": "ROLLBACK_COMPLETE"}, "can only be deleted"),
        ({"StackStatus": "ROLLBACK_FAILED"}, "can only be deleted"),
    ],
)
def test_what_would_be_harmed_is_refused(change: dict[str, Any], said: str) -> None:
    """The embedded stack, somebody else's stack, and one that CloudFormation no longer updates."""
    with pytest.raises(CommandFailed, match=said):
        refuse_what_is_not_ours({**OURS, **change}, "tokensync", "http://127.0.0.1:8402")


def test_the_layer_that_is_deployed_is_the_clouds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever the environment says: the host's layer takes loopback for a provider. Its Python stays its own."""
    monkeypatch.setenv("TOKENSYNC_LAYER", "host")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("AWS_PROFILE", "ops")
    told = Told(stack_name="s", region="r", parameters={"Architecture": "x86_64"})

    seen = Deployment(Project(home=tmp_path, find_root=lambda: ROOT), told)._environment()

    assert ("cloud", "x86_64", "0") == (
        seen["TOKENSYNC_LAYER"],
        seen["TOKENSYNC_ARCHITECTURE"],
        seen["SAM_CLI_TELEMETRY"],
    )
    assert ("ops", None) == (seen["AWS_PROFILE"], seen.get("PYTHONPATH"))
