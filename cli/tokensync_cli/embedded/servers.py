"""The three servers of the embedded stack: how each is started, and when it is ready."""

import functools
import sys
import time
from pathlib import Path

import httpx

from tokensync.domain.command_line import typed
from tokensync_cli.embedded import environment_variables, environments
from tokensync_cli.embedded.administrator import Administrator
from tokensync_cli.embedded.errors import EmbeddedStackError
from tokensync_cli.embedded.ports import HOST, ChosenPorts
from tokensync_cli.embedded.processes import Launch, Processes
from tokensync_cli.embedded.state import StateDirectory

AWS = "embedded-aws"
SANDBOX = "sandbox"
FRONT_DOOR = "front-door"

_READY_SECONDS = 30.0
_POLL_SECONDS = 0.05
# A cold start unpacks the layer; the API gives up after 30 seconds.
_FUNCTION_SECONDS = 35.0
_SHOWN = 500


def embedded_aws(root: Path, state: StateDirectory, ports: ChosenPorts, administrator: Administrator) -> Launch:
    """MiniStack on loopback alone behind its guard, with IAM enforced and its state kept.

    One process (`--workers 0`): with a worker process, a SIGTERM to both ends the worker before it has saved.
    """
    python = environments.embedded_aws(root).python
    return Launch(
        name=AWS,
        command=[
            str(python),
            *("-m", "hypercorn", f"{environments.GUARDED_AWS}:app"),
            *("--workers", "0"),
            *("--bind", f"{HOST}:{ports.aws}"),
        ],
        environment=environment_variables.of_the_embedded_aws(
            administrator,
            port=ports.aws,
            state=state.aws,
            host=state.host,
            home=state.home,
            scratch=state.scratch,
        ),
        directory=state.home,
    )


def sandbox(state: StateDirectory, ports: ChosenPorts) -> Launch:
    """The sandbox authorization server."""
    return Launch(
        name=SANDBOX,
        command=[
            sys.executable,
            *("-m", "tokensync_cli.sandbox"),
            *("--port", str(ports.sandbox)),
            *("--state", str(state.sandbox)),
        ],
        environment=environment_variables.of_our_servers(),
        directory=state.home,
    )


def front_door(state: StateDirectory, ports: ChosenPorts, api: str) -> Launch:
    """The fixed address in front of the HTTP API with the id `api`."""
    return Launch(
        name=FRONT_DOOR,
        command=[
            sys.executable,
            *("-m", "tokensync_cli.embedded.frontdoor"),
            *("--port", str(ports.front_door)),
            *("--upstream-port", str(ports.aws)),
            *("--api", api),
        ],
        environment=environment_variables.of_our_servers(),
        directory=state.home,
    )


def wait_until_ready(processes: Processes, name: str, url: str) -> None:
    """Wait until server `name` answers at `url` with anything but a server error.

    Raises:
        EmbeddedStackError: it ended, or is not ready in time.
    """
    deadline = time.monotonic() + _READY_SECONDS
    while (response := _get(url)) is None or response.is_server_error:
        if not processes.is_running(name):
            raise EmbeddedStackError(
                f"The {name} ended while it started.", next_command=typed("tokensync up"), log=processes.log(name)
            )
        if time.monotonic() >= deadline:
            raise EmbeddedStackError(
                f"The {name} runs but did not answer within {_READY_SECONDS:.0f} seconds.",
                next_command=typed("tokensync down"),
                log=processes.log(name),
            )
        time.sleep(_POLL_SECONDS)


def require_the_callback_function(processes: Processes, ports: ChosenPorts) -> None:
    """Send one request all the way to the callback function: an invite that nobody signed, which it refuses.

    Raises:
        EmbeddedStackError: the function, or the way to it, is broken.
    """
    response = _get(f"{ports.front_door_url}/connect/ready", seconds=_FUNCTION_SECONDS)
    if response is None or response.is_server_error:
        problem = "it does not answer" if response is None else response.text[:_SHOWN]
        raise EmbeddedStackError(
            f"The callback function is deployed, but fails: {problem}",
            next_command=typed("tokensync up"),
            log=processes.log(AWS),
        )


@functools.cache
def _client() -> httpx.Client:
    """One client for all looks, as making one costs more than a look; it uses no proxy of the user's."""
    return httpx.Client(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


def _get(url: str, seconds: float = 5.0) -> httpx.Response | None:
    """The response to GET `url`, or None if there is none."""
    try:
        return _client().get(url, timeout=seconds)
    except httpx.TransportError:
        return None
