import json
import sys
from pathlib import Path

import pytest

from tokensync_cli.embedded import administrator, stack
from tokensync_cli.embedded.administrator import Administrator
from tokensync_cli.embedded.errors import EmbeddedStackError
from tokensync_cli.embedded.exclusive import exclusive
from tokensync_cli.embedded.processes import Launch, Processes
from tokensync_cli.embedded.state import StateDirectory


def quiet(_message: str) -> None:
    """Progress that nobody watches."""


def test_a_folder_without_a_template_is_refused(tmp_path: Path) -> None:
    """`up` elsewhere than in the project says so and makes nothing."""
    with pytest.raises(EmbeddedStackError, match=r"No template\.yaml"):
        stack.up(tmp_path, progress=quiet)
    assert list(tmp_path.iterdir()) == []


def test_down_where_nothing_was_up(tmp_path: Path) -> None:
    """It has nothing to stop, and makes no state directory."""
    assert stack.down(tmp_path, progress=quiet) is False
    assert list(tmp_path.iterdir()) == []


def test_outputs_where_nothing_is_up(state: StateDirectory, tmp_path: Path) -> None:
    """Outputs of a stack that does not run are none, even if they are on disk."""
    assert stack.outputs(tmp_path) is None
    administrator.remember(state, Administrator.made())
    state.write("outputs.json", {"endpoint": "x"})
    assert stack.outputs(tmp_path) is None


def test_two_commands_at_once(state: StateDirectory, tmp_path: Path) -> None:
    """The second one is refused, whichever it is."""
    (tmp_path / "template.yaml").touch()
    with exclusive(state.lock):
        with pytest.raises(EmbeddedStackError, match="is at work"):
            stack.up(tmp_path, progress=quiet)
        with pytest.raises(EmbeddedStackError, match="is at work"):
            stack.down(tmp_path, progress=quiet)


@pytest.mark.parametrize("name", ["embedded-aws", "sandbox"])
def test_an_unclean_end_is_told(state: StateDirectory, tmp_path: Path, name: str) -> None:
    """States that do not belong together are not used; the way on is offered, and the state is left as it is."""
    (tmp_path / "template.yaml").touch()
    state.write("deployed.json", {"inputs": "x"})
    (state.processes / f"{name}.json").write_text(json.dumps({"pid": 1, "started": "before the last boot"}))
    for _ in range(2):
        with pytest.raises(EmbeddedStackError, match="not stopped cleanly") as raised:
            stack.up(tmp_path, progress=quiet)
        assert str(raised.value.next_command) == "tokensync up --fresh"
    assert state.read("deployed.json") == {"inputs": "x"}


def test_what_runs_without_a_key_of_its_stack_is_stopped(
    state: StateDirectory, processes: Processes, tmp_path: Path
) -> None:
    """An embedded AWS of an earlier version knows the key that everybody knows: it makes way, and the state stays."""
    started = stack._Stack(tmp_path, tmp_path, quiet)
    waits = [sys.executable, "-I", "-S", "-c", "import signal; signal.pause()"]
    processes.start(Launch("embedded-aws", waits, environment={}, directory=tmp_path))
    state.write("deployed.json", {"inputs": "x"})
    try:
        made = started._administrator()
        assert not processes.is_running("embedded-aws")
    finally:
        started.stop()
    assert made == started._administrator() == administrator.remembered(state)
    assert {"inputs": "x"} == state.read("deployed.json")
