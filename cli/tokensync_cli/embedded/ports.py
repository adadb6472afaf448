"""Which loopback ports the embedded stack uses, and that it uses the same ones again."""

import socket
from dataclasses import asdict, dataclass

from tokensync.domain.command_line import typed
from tokensync.domain.visible import Line
from tokensync_cli.embedded.errors import EmbeddedStackError
from tokensync_cli.embedded.state import StateDirectory

FILE = "ports.json"
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Ports:
    """One port per process; None is "the one used before, else any free one"."""

    aws: int | None = None
    front_door: int | None = None
    sandbox: int | None = None


@dataclass(frozen=True)
class ChosenPorts:
    """One port per process, settled."""

    aws: int
    front_door: int
    sandbox: int

    @property
    def aws_url(self) -> str:
        """The embedded AWS's endpoint."""
        return f"http://{HOST}:{self.aws}"

    @property
    def front_door_url(self) -> str:
        """What browsers open. `localhost` and not its number: browsers keep `__Host-` cookies for that name."""
        return f"http://localhost:{self.front_door}"

    @property
    def sandbox_url(self) -> str:
        """The sandbox's address."""
        return f"http://localhost:{self.sandbox}"


# Easy to recognise in a browser's history; another free port is taken where one of them is in use.
_PREFERRED = ChosenPorts(aws=8402, front_door=8400, sandbox=8401)


def choose(state: StateDirectory, wanted: Ports | None) -> ChosenPorts:
    """Settle the ports: those asked for, else those used before, else free ones."""
    asked = asdict(wanted or Ports())
    before = remembered(state)
    used = asdict(before) if before else {}
    chosen: dict[str, int] = {}
    for name, preferred in asdict(_PREFERRED).items():
        known = asked[name] or used.get(name)
        chosen[name] = known or _free(preferred, taken=set(chosen.values()))
    if len(set(chosen.values())) < len(chosen):
        raise EmbeddedStackError(
            f"Two processes cannot share a port: {chosen}.",
            next_command=Line("tokensync up with three different ports"),
        )
    return ChosenPorts(**chosen)


def remembered(state: StateDirectory) -> ChosenPorts | None:
    """The ports used before, if any."""
    before = state.read(FILE)
    return None if before is None else ChosenPorts(**before)


def remember(state: StateDirectory, ports: ChosenPorts) -> None:
    """Keep the ports for the next `up`: redirect URLs that were registered with a provider hold one."""
    state.write(FILE, asdict(ports))


def require_free(name: str, port: int) -> None:
    """Fail with a clear message if another program listens on `port`."""
    if not is_free(port):
        raise EmbeddedStackError(
            f"Port {port}, which the embedded stack uses for its {name}, is taken by another program. "
            f"Stop that program or choose another port.",
            next_command=typed("tokensync up --help"),
        )


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now (one that ended a moment ago is no hindrance)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _free(preferred: int, taken: set[int]) -> int:
    """`preferred` if it is free, else a port that the system picks."""
    if preferred not in taken and is_free(preferred):
        return preferred
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((HOST, 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port
