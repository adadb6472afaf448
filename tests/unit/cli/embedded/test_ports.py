import socket
from collections.abc import Iterator

import pytest

from tokensync_cli.embedded import ports
from tokensync_cli.embedded.errors import EmbeddedStackError
from tokensync_cli.embedded.ports import ChosenPorts, Ports
from tokensync_cli.embedded.state import StateDirectory


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which another program listens."""
    with socket.socket() as other:
        other.bind((ports.HOST, 0))
        other.listen()
        yield other.getsockname()[1]


def test_ports_are_kept(state: StateDirectory) -> None:
    """The ports of the last time are taken again."""
    before = ChosenPorts(aws=41001, front_door=41002, sandbox=41003)
    ports.remember(state, before)
    assert ports.remembered(state) == before
    assert ports.choose(state, None) == before


def test_a_port_that_is_asked_for_wins(state: StateDirectory) -> None:
    """It replaces the remembered one; the others stay."""
    ports.remember(state, ChosenPorts(aws=41001, front_door=41002, sandbox=41003))
    chosen = ports.choose(state, Ports(front_door=42002))
    assert chosen == ChosenPorts(aws=41001, front_door=42002, sandbox=41003)


def test_free_ports_are_found(state: StateDirectory) -> None:
    """Without any wish, three different ports are chosen on which a server could listen."""
    chosen = ports.choose(state, None)
    found = {chosen.aws, chosen.front_door, chosen.sandbox}
    assert len(found) == 3
    assert all(ports.is_free(port) for port in found)


def test_a_taken_port_is_passed_over(state: StateDirectory, monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    """A preferred port in use gives way to a free one."""
    monkeypatch.setattr(ports, "_PREFERRED", ChosenPorts(aws=taken, front_door=taken, sandbox=taken))
    chosen = ports.choose(state, None)
    assert taken not in (chosen.aws, chosen.front_door, chosen.sandbox)


def test_one_port_for_two_is_refused(state: StateDirectory) -> None:
    """Two processes cannot listen on one port."""
    with pytest.raises(EmbeddedStackError, match="cannot share a port"):
        ports.choose(state, Ports(aws=41001, sandbox=41001))


def test_a_port_in_use_is_a_clear_error(taken: int) -> None:
    """The message names the port and what it is for, and there is a next command."""
    with pytest.raises(EmbeddedStackError, match=rf"Port {taken}, .* sandbox, is taken") as raised:
        ports.require_free("sandbox", taken)
    assert raised.value.next_command


def test_browsers_are_sent_to_localhost() -> None:
    """`__Host-` cookies are kept for that name over http, and not for 127.0.0.1."""
    chosen = ChosenPorts(aws=1, front_door=2, sandbox=3)
    assert chosen.aws_url == "http://127.0.0.1:1"
    assert chosen.front_door_url == "http://localhost:2"
    assert chosen.sandbox_url == "http://localhost:3"
