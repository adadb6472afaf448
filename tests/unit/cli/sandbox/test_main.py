"""The process itself, over loopback: starting, stopping, and the faults that only a socket can show."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tokensync_cli.sandbox import __main__ as command

CLIENT = {"app_key": "29a39d", "app_secret": "e59af819cc"}
REGISTRATION = {**CLIENT, "provider": "tiktok_shop", "service_id": "1", "redirect_uri": "http://localhost:4000/cb"}
REFRESH = "/tiktok_shop/api/v2/token/refresh"


@contextmanager
def running(state: Path, log: Path) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    arguments = [sys.executable, "-m", "tokensync_cli.sandbox", "--port", "0", "--state", str(state)]
    with (
        log.open("a") as errors,
        subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=errors, text=True, env={**os.environ}) as process,
    ):
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("sandbox: http://localhost:")
        url = line.split()[1].replace("localhost", "127.0.0.1")
        try:
            with httpx.Client(base_url=url, trust_env=False, timeout=5) as client:
                yield client, process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Path]]:
    """Return a client to a running sandbox with one app, and the file of its stderr."""
    folder = tmp_path_factory.mktemp("live")
    with running(folder / "state.json", folder / "log") as (client, _):
        post(client, "apps", REGISTRATION)
        yield client, folder / "log"


def post(client: httpx.Client, path: str, body: Any) -> Any:
    answer = client.post(f"/_sandbox/{path}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def fault(client: httpx.Client, name: str, **options: Any) -> None:
    post(client, "faults", {"provider": "tiktok_shop", "endpoint": "refresh", "fault": name, **options})


def refresh(client: httpx.Client, **options: Any) -> httpx.Response:
    query = {**CLIENT, "refresh_token": "planted-token", "grant_type": "refresh_token"}
    return client.get(REFRESH, params=query, **options)


def test_a_hang_outlives_the_clients_patience(live: tuple[httpx.Client, Path]) -> None:
    """The client gives up; others are answered meanwhile."""
    client, _ = live
    fault(client, "hang", seconds=60)
    with pytest.raises(httpx.ReadTimeout):
        refresh(client, timeout=0.05)
    assert refresh(client).status_code == 200


@pytest.mark.parametrize("head", [False, True])
def test_a_drip_comes_byte_by_byte(live: tuple[httpx.Client, Path], *, head: bool) -> None:
    """A dripped answer arrives whole, in many pieces, its head too if that is asked for."""
    client, _ = live
    fault(client, "drip", seconds=0.0005, drip_head=head)
    url = client.base_url
    with socket.create_connection((url.host, url.port or 0), 5) as connection:
        connection.sendall(
            f"GET {REFRESH}?refresh_token=x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        pieces = iter(lambda: connection.recv(65536), b"")
        received = list(pieces)
    top, _, body = b"".join(received).partition(b"\r\n\r\n")
    assert top.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"date: " in top.lower()
    assert json.loads(body)["message"] == "invalid app_key"
    # The kernel may join neighbours, so that not every byte comes alone.
    assert (len(received[0]) < len(b"HTTP/1.1 200 OK")) == head
    assert len(received) > 20


def test_a_stop_saves_and_a_start_restores(tmp_path: Path) -> None:
    """SIGTERM ends the process cleanly, even under a hanging request, and the next one goes on from there."""
    state, log = tmp_path / "state.json", tmp_path / "log"
    with running(state, log) as (client, process):
        post(client, "apps", REGISTRATION)
        fault(client, "hang", seconds=600)
        with pytest.raises(httpx.ReadTimeout):
            refresh(client, timeout=0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert "Traceback" not in log.read_text()
    assert "planted-token" not in log.read_text()
    with running(state, log) as (client, process):
        refresh(client)
        assert [d["seqs"] for d in client.get("/_sandbox/ledger").json()["doubles"]] == [[1, 2]]


def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A taken port and an impossible one are reported in one line, with exit code 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert command.main(["--port", str(port)]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith(f"sandbox: cannot listen on 127.0.0.1:{port}: ")
    assert command.main(["--port", "70000"]) == 1


def test_a_damaged_state_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A state that cannot be read stops the start and is left as it was."""
    state = tmp_path / "state.json"
    state.write_text("{")
    assert command.main(["--port", "0", "--state", str(state)]) == 1
    assert capsys.readouterr().err.startswith(f"sandbox: cannot read the state {state}: ")
    assert state.read_text() == "{"


def test_a_cut_connection_is_one(live: tuple[httpx.Client, Path]) -> None:
    """A dropped answer ends without a byte, a reset is one; only 127.0.0.1 answers, and no secret is logged."""
    client, log = live
    fault(client, "drop_after_commit")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        refresh(client)
    fault(client, "reset")
    with pytest.raises(httpx.ReadError, match="reset"):
        refresh(client)
    assert refresh(client).status_code == 200
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.2", client.base_url.port or 0), 1)
    assert log.read_text() == ""


def test_a_stop_right_after_the_start_is_heard(tmp_path: Path) -> None:
    """Once the line that says where it is can be read, it can be stopped."""
    with running(tmp_path / "state.json", tmp_path / "log") as (_, process):
        process.terminate()
        assert process.wait(timeout=20) == 0
