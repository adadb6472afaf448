import os
import stat
from pathlib import Path

import pytest

from tokensync_cli.embedded.errors import EmbeddedStackError
from tokensync_cli.embedded.state import StateDirectory


def mode(path: Path) -> int:
    """The permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_may_read_it(state: StateDirectory) -> None:
    """The directory and what is written into it are their owner's alone."""
    state.write("outputs.json", {"a": 1})
    assert mode(state.path) == 0o700
    assert mode(state.path / "outputs.json") == 0o600


def test_a_directory_that_was_opened_is_closed_again(state: StateDirectory) -> None:
    """Creating it anew takes back rights that somebody gave to others."""
    state.path.chmod(0o755)
    state.create()
    assert mode(state.path) == 0o700


def test_what_was_written_is_read_again(state: StateDirectory) -> None:
    """The newest value is kept, and no unfinished file beside it."""
    state.write("ports.json", {"aws": 1})
    state.write("ports.json", {"aws": 2})
    assert state.read("ports.json") == {"aws": 2}
    assert sorted(path.name for path in state.path.iterdir() if path.is_file()) == ["ports.json"]


def test_a_missing_or_broken_file_reads_as_none(state: StateDirectory) -> None:
    """A file that was cut off, or is no object, is as good as none."""
    (state.path / "cut.json").write_text('{"a": ')
    (state.path / "list.json").write_text("[1]")
    assert [state.read(name) for name in ("none.json", "cut.json", "list.json")] == [None, None, None]


def test_forgetting_leaves_the_lock_alone(state: StateDirectory) -> None:
    """Everything goes but the lock, which the one who forgets holds."""
    state.lock.touch()
    state.write("deployed.json", {"inputs": "x"})
    (state.aws / "dynamodb.json").write_text("{}")
    state.forget()
    assert list(state.path.iterdir()) == [state.lock]


def test_the_scratch_folder_is_emptied(state: StateDirectory) -> None:
    """What functions of an earlier run left behind goes."""
    state.empty_scratch()
    (state.scratch / "left").mkdir()
    state.empty_scratch()
    assert list(state.scratch.iterdir()) == []


@pytest.mark.parametrize("name", [".tokensync", ".tokensync/logs", ".tokensync/logs/sandbox.log", ".tokensync/lock"])
def test_what_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    """A directory from elsewhere may bring links along: nothing behind one is written over, closed or forgotten."""
    precious = tmp_path / "precious"
    precious.mkdir(mode=0o755)
    (precious / "file").write_text("kept")
    link = tmp_path / "project" / name
    link.parent.mkdir(parents=True)
    link.symlink_to(precious)

    with pytest.raises(EmbeddedStackError, match="is a symbolic link") as refused:
        StateDirectory.of(tmp_path / "project").create()
    assert f"rm -r {tmp_path}/project/.tokensync" == str(refused.value.next_command)
    assert ("kept", 0o755) == ((precious / "file").read_text(), stat.S_IMODE(precious.stat().st_mode))


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a file to somebody else takes root")
@pytest.mark.parametrize("name", [".", "aws", "outputs.json"])
def test_what_another_user_put_there_is_refused(state: StateDirectory, name: str) -> None:
    """It would be run: the embedded AWS keeps the functions' code in its state."""
    state.create()
    state.write("outputs.json", {})
    os.chown(state.path / name, 4711, -1)

    with pytest.raises(EmbeddedStackError, match="belongs to another user"):
        state.create()
