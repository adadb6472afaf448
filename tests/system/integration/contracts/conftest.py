"""The contracts over the real adapters: an embedded AWS without a stack, on a free port, gone with the session."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest

pytest.register_assert_rewrite("contracts")

from contracts.aws import AwsWorld, Resources, deploy  # noqa: E402 -- after its asserts are registered
from embedded import environment, free_ports  # noqa: E402 -- as above
from tokensync_cli.embedded.environments import GUARDED_AWS  # noqa: E402 -- as above

if TYPE_CHECKING:
    from collections.abc import Iterator

STARTED = "Running on http"
PATIENCE = 60  # seconds until MiniStack has to answer


@pytest.fixture(scope="session")
def endpoint(process_number: int) -> Iterator[str]:
    """Start MiniStack and return its address.

    Its own command binds every interface, so it is started through its server.
    """
    # The first three may be about to be a stack's.
    port = free_ports(process_number, 4)[-1]
    variables = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "AUTH": "false",
        "LOG_LEVEL": "WARNING",
    }
    command = [str(environment().python), "-m", "hypercorn", f"{GUARDED_AWS}:app", "--bind", f"127.0.0.1:{port}"]
    with subprocess.Popen(
        command,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    ) as server:
        started = threading.Event()
        # It blocks once the pipe is full, so its lines are read until it ends.
        threading.Thread(target=_read_lines, args=(server, started), daemon=True).start()
        try:
            assert started.wait(PATIENCE), "MiniStack did not start"
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(PATIENCE)


@pytest.fixture(scope="session")
def resources(endpoint: str) -> Resources:
    """Return the table, key, queue and topic that all contracts share."""
    return deploy(endpoint)


@pytest.fixture
def world(resources: Resources) -> AwsWorld:
    """Return the real adapters under an app's name of their own."""
    return AwsWorld(resources)


def _read_lines(process: subprocess.Popen[str], started: threading.Event) -> None:
    if process.stdout is None:
        return
    for line in process.stdout:
        if STARTED in line:
            started.set()
