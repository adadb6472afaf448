"""What runs on GitHub runs what runs here, and by hash alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*"))


def steps(workflow: Path) -> Iterator[dict[str, Any]]:
    """Yield the steps of all jobs."""
    for job in yaml.safe_load(workflow.read_text())["jobs"].values():
        yield from job["steps"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_an_action_is_named_by_the_hash_of_its_commit(workflow: Path) -> None:
    """A tag can be moved to other code. The release that the hash is of stands beside it."""
    named = re.findall(r"uses:(.*)", workflow.read_text())

    assert [] == [one for one in named if not re.fullmatch(r" actions/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)]
    assert len(named) == sum("uses" in step for step in steps(workflow))


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_read_and_ends(workflow: Path) -> None:
    """It reads the code, keeps no credentials, knows no secret, runs for no pull request of its own rights."""
    text = workflow.read_text()
    told = yaml.safe_load(text)

    assert {"contents": "read"} == told["permissions"]
    assert "concurrency" in told
    assert [] == [name for name, job in told["jobs"].items() if not 0 < job["timeout-minutes"] <= 90]
    assert re.search(r"secrets|pull_request_target|workflow_run", text) is None
    checkouts = [step for step in steps(workflow) if "checkout" in step.get("uses", "")]
    assert [False] == [step["with"]["persist-credentials"] for step in checkouts]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_only_an_attestation_may_be_written(workflow: Path) -> None:
    """A job that has more than reading signs where its files were built, and nothing else."""
    jobs = yaml.safe_load(workflow.read_text())["jobs"]
    written = {right for job in jobs.values() for right, how in job.get("permissions", {}).items() if how != "read"}

    assert written <= ({"attestations", "id-token"} if workflow.name == "release.yml" else set())


def test_the_same_command_runs_everywhere() -> None:
    """CI is `.ci/run`, a release is `make release`; no other command is in a workflow."""
    runs = {workflow.name: [step["run"] for step in steps(workflow) if "run" in step] for workflow in WORKFLOWS}

    assert {"ci.yml": [".ci/run"], "release.yml": ["make release"]} == runs


def test_no_expression_is_pasted_into_a_shell() -> None:
    """A branch or a tag has the name that its author gave it: a shell reads it from a variable."""
    assert [] == [step for workflow in WORKFLOWS for step in steps(workflow) if "${{" in step.get("run", "")]
