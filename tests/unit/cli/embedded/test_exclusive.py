from pathlib import Path

import pytest

from tokensync_cli.embedded.errors import EmbeddedStackError
from tokensync_cli.embedded.exclusive import exclusive


def test_a_second_command_is_refused(tmp_path: Path) -> None:
    """While one command changes the stack, another one ends with a clear error."""
    lock = tmp_path / "lock"
    with exclusive(lock), pytest.raises(EmbeddedStackError, match="is at work"), exclusive(lock):
        pass


def test_the_lock_is_let_go(tmp_path: Path) -> None:
    """Whatever ends the first command, the next one may work."""
    lock = tmp_path / "lock"
    with pytest.raises(RuntimeError), exclusive(lock):
        raise RuntimeError
    with exclusive(lock):
        pass
