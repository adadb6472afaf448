from pathlib import Path

import pytest

from tokensync_cli.embedded import environments
from tokensync_cli.embedded.errors import EmbeddedStackError


def test_the_two_environments_are_apart(tmp_path: Path) -> None:
    """Each has its own interpreter under the project's .venv."""
    assert environments.embedded_aws(tmp_path).python == tmp_path / ".venv/ministack/bin/python"
    assert environments.sam(tmp_path).python == tmp_path / ".venv/sam/bin/python"


def test_an_environment_is_right_only_for_its_own_lock(tmp_path: Path) -> None:
    """Neither a missing mark nor the mark of another lock counts."""
    sam, aws = environments.sam(tmp_path), environments.embedded_aws(tmp_path)
    assert not sam.is_right
    for environment in (sam, aws):
        environment.path.mkdir(parents=True)
    (sam.path / ".tokensync-lock").write_text(environments._fingerprint(sam.path))
    (aws.path / ".tokensync-lock").write_text(environments._fingerprint(sam.path))
    assert (sam.is_right, aws.is_right) == (True, False)


def test_an_environment_that_is_right_costs_nothing(tmp_path: Path) -> None:
    """Nothing is started or written, so that not even uv need be there."""
    sam = environments.sam(tmp_path)
    sam.path.mkdir(parents=True)
    (sam.path / ".tokensync-lock").write_text(environments._fingerprint(sam.path))
    environments.synchronize(sam, tmp_path, tmp_path / "log")
    assert not (tmp_path / "log").exists()


def test_an_environment_is_named_by_its_own_path(tmp_path: Path) -> None:
    """Its programs name the path that it was made under: a link to it may be gone tomorrow, and a copy is not right."""
    (tmp_path / "real/.venv").mkdir(parents=True)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/.venv").symlink_to(tmp_path / "real/.venv")
    real, linked = environments.sam(tmp_path / "real"), environments.sam(tmp_path / "linked")
    assert real == linked

    real.path.mkdir()
    (real.path / ".tokensync-lock").write_text(environments._fingerprint(real.path))
    (tmp_path / "real").rename(tmp_path / "moved")

    assert not environments.sam(tmp_path / "moved").is_right


def test_a_failed_installation_names_its_log(tmp_path: Path) -> None:
    """The environment does not count as right, and the next `up` tries again."""
    uv = tmp_path / ".venv/bin/uv"
    uv.parent.mkdir(parents=True)
    uv.write_text("#!/bin/sh\necho no network\nexit 2\n")
    uv.chmod(0o700)
    sam = environments.sam(tmp_path)
    with pytest.raises(EmbeddedStackError, match="could not be installed") as raised:
        environments.synchronize(sam, tmp_path, tmp_path / "log")
    assert raised.value.log == tmp_path / "log"
    assert (tmp_path / "log").read_text() == "no network\n"
    assert not sam.is_right


def test_uv_is_the_projects_own_or_comes_with_the_command_line(tmp_path: Path) -> None:
    """In neither place, the message says what is missing."""
    own = tmp_path / ".venv/bin/uv"

    def packaged() -> str:
        return "/opt/tokensync/bin/uv"

    def missing() -> str:
        raise FileNotFoundError

    assert Path(packaged()) == environments.uv(tmp_path, packaged)
    with pytest.raises(EmbeddedStackError, match="uv is missing"):
        environments.uv(tmp_path, missing)
    own.parent.mkdir(parents=True)
    own.touch()
    assert own == environments.uv(tmp_path, packaged)


def test_an_environment_takes_only_what_its_lock_hashes(tmp_path: Path) -> None:
    """Each step is uv's: the lock as requirements, an empty environment, then those requirements with their hashes."""
    uv = tmp_path / ".venv/bin/uv"
    uv.parent.mkdir(parents=True)
    uv.write_text('#!/bin/sh\necho "$@"\nlast=$(eval echo \\$$#)\n[ "$1" = venv ] && mkdir -p "$last"\nexit 0\n')
    uv.chmod(0o700)
    sam = environments.sam(tmp_path)

    environments.synchronize(sam, tmp_path, tmp_path / "log")

    export, venv, sync = (tmp_path / "log").read_text().splitlines()
    assert "export --project" in export
    assert "--frozen" in export
    assert venv.endswith(f" {sam.path}")
    assert f"pip sync --python {sam.python} --require-hashes {sam.path}.txt" == sync
    assert sam.is_right
