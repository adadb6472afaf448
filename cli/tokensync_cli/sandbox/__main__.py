"""`python -m tokensync_cli.sandbox --port PORT [--state FILE]`."""

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from tokensync_cli.sandbox.app import build
from tokensync_cli.sandbox.control.saver import Saver, load
from tokensync_cli.sandbox.faults.wire import OpenProtocol
from tokensync_cli.sandbox.registry import PROVIDERS
from tokensync_cli.sandbox.state import Sandbox

_ADDRESS = "127.0.0.1"
# A scripted hang must not hold up a stop.
_STOP_SECONDS = 1


def _listen(port: int) -> socket.socket:
    # asyncio turns Nagle's delay off only where the protocol is named; with it every answer takes 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((_ADDRESS, port))
    except (OSError, OverflowError):
        listener.close()
        raise
    return listener


class _Server(uvicorn.Server):
    """Prints its address once it can be stopped: the reader of the line may send a signal at once."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer."""
        await super().startup(sockets)
        for listener in sockets or ():
            print(f"sandbox: http://localhost:{listener.getsockname()[1]}", flush=True)


async def _serve(sandbox: Sandbox, state: Path | None, listener: socket.socket) -> None:
    saver = Saver(sandbox, state)
    config = uvicorn.Config(
        build(sandbox, saver),
        http=OpenProtocol,
        ws="none",
        lifespan="on",
        # Request lines carry secrets.
        access_log=False,
        log_level="warning",
        date_header=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    await _Server(config).serve(sockets=[listener])
    await saver.save()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; return 1 where it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m tokensync_cli.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--state", type=Path, help="file that keeps the state across restarts")
    options = parser.parse_args(arguments)
    try:
        saved = load(options.state) if options.state else None
    except (ValueError, OSError) as error:
        print(f"sandbox: cannot read the state {options.state}: {error}", file=sys.stderr)
        return 1
    try:
        listener = _listen(options.port)
    except (OSError, OverflowError) as error:
        print(f"sandbox: cannot listen on {_ADDRESS}:{options.port}: {error}", file=sys.stderr)
        return 1
    # uvicorn stops on these and then raises them again, which would turn a clean stop into a failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    try:
        asyncio.run(_serve(Sandbox(PROVIDERS, saved=saved), options.state, listener))
    except OSError as error:
        print(f"sandbox: the state was not saved: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
