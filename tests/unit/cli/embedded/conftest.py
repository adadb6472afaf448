"""A state directory in a folder that the test throws away."""

from pathlib import Path

import pytest

from tokensync_cli.embedded.processes import Processes
from tokensync_cli.embedded.state import StateDirectory


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    """An empty state directory."""
    directory = StateDirectory.of(tmp_path)
    directory.create()
    return directory


@pytest.fixture
def processes(state: StateDirectory) -> Processes:
    """The processes of that directory; none runs."""
    return Processes(records=state.processes, logs=state.logs)
