"""Which project is meant."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tokensync_cli.embedded.ports import Ports
from tokensync_cli.output.failures import CommandFailed
from tokensync_cli.stack.project import EmbeddedProject, Project, project_root, the_project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory that looks like ours."""
    root = tmp_path / "project"
    (root / "layers" / "core").mkdir(parents=True)
    (root / "template.yaml").touch()
    return root


def test_the_nearest_project_above_is_meant(project: Path) -> None:
    """From any directory of it; another stack's template on the way is none of ours."""
    inner = project / "a" / "b"
    inner.mkdir(parents=True)
    (project / "a" / "template.yaml").touch()

    assert project == project_root(inner, {})
    assert project_root(project.parent, {}) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file to somebody else takes root")
@pytest.mark.parametrize(
    "part", [".", "template.yaml", "layers", "layers/core", "functions", "samconfig.toml", ".venv"]
)
def test_a_project_of_somebody_else_above_is_not_found(project: Path, part: str) -> None:
    """What is found is built and run, and in a directory such as /tmp anybody could put one above a user's own."""
    inner = project / "mine"
    inner.mkdir()
    for name in ("functions", "samconfig.toml", ".venv"):
        (project / name).touch()
    assert project == project_root(inner, {})
    os.chown(project / part, 4711, -1)

    assert project_root(inner, {}) is None
    assert project == project_root(inner, {"TOKENSYNC_PROJECT": str(project)})
    assert project == project_root(project, {})
    os.chown(inner, 4711, -1)  # as in a container, where root works in the tree of another
    assert project == project_root(inner, {})


def test_the_environment_names_another(project: Path, tmp_path: Path) -> None:
    """It wins, and a wrong one is said to be wrong."""
    assert project == project_root(tmp_path, {"TOKENSYNC_PROJECT": str(project)})
    with pytest.raises(CommandFailed, match="TOKENSYNC_PROJECT names"):
        project_root(project, {"TOKENSYNC_PROJECT": str(tmp_path)})


def test_without_a_project_nothing_runs_and_nothing_starts() -> None:
    """Each says what is missing, and how the project is found from elsewhere."""
    nowhere = EmbeddedProject(find=lambda: None)

    with pytest.raises(CommandFailed, match="in the project's directory, or with TOKENSYNC_PROJECT=PATH"):
        nowhere.outputs()
    with pytest.raises(CommandFailed, match="no tokensync project here"):
        nowhere.up(fresh=False, ports=Ports(), progress=str)
    with pytest.raises(CommandFailed, match="no tokensync project here"):
        nowhere.down(str)


def test_a_project_whose_stack_is_not_up(project: Path) -> None:
    """It has no outputs, and there is nothing to stop."""
    here = EmbeddedProject(find=lambda: Project(home=project, find_root=lambda: project))

    assert here.outputs() is None
    assert here.down(str) is False


def test_a_checkout_is_its_own_home(project: Path) -> None:
    """Also for a command line that was installed: whoever stands in a checkout means it."""
    for is_installed in (True, False):
        found = the_project(project / "layers", {}, is_installed=is_installed)
        assert found is not None
        assert (project, project) == (found.home, found.root)


def test_without_a_checkout_the_installed_project_is_at_home_here(tmp_path: Path) -> None:
    """State stays in the working directory. In a checkout's environment there is no such project."""
    found = the_project(tmp_path, {}, is_installed=True)

    assert found is not None
    assert tmp_path == found.home
    assert the_project(tmp_path, {}, is_installed=False) is None


def test_the_environment_names_the_home_of_an_installed_one(tmp_path: Path) -> None:
    """The directory where `up` ran; any other one is refused as before."""
    (tmp_path / "there" / ".tokensync").mkdir(parents=True)
    named = {"TOKENSYNC_PROJECT": str(tmp_path / "there")}

    found = the_project(tmp_path, named, is_installed=True)

    assert found is not None
    assert tmp_path / "there" == found.home
    for wrong, is_installed in ((named, False), ({"TOKENSYNC_PROJECT": str(tmp_path)}, True)):
        with pytest.raises(CommandFailed, match="TOKENSYNC_PROJECT names"):
            the_project(tmp_path, wrong, is_installed=is_installed)
