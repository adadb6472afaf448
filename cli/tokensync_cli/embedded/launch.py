"""Becomes a process of the embedded stack: own session, own log, a record of itself, then the program.

Run as `python -m tokensync_cli.embedded.launch` with the request as JSON on stdin. It returns when the process has
left its record, which is before its program runs.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tokensync_cli.embedded.processes import start_time
from tokensync_cli.embedded.state import write_private


def main() -> int:
    """Fork; the child becomes the process, the parent waits for its record. 0 if there is one."""
    request: dict[str, Any] = json.load(sys.stdin)
    ready, report = os.pipe()
    if os.fork() == 0:
        os.close(ready)
        _become(request, report)
    os.close(report)
    return 0 if os.read(ready, 1) else 1


def _become(request: dict[str, Any], report: int) -> None:
    """Leave the record, then run the program in this very process; never returns."""
    try:
        os.setsid()
        os.umask(0o077)
        os.chdir(request["directory"])
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        pid = os.getpid()
        write_private(Path(request["record"]), json.dumps({"pid": pid, "started": start_time(pid)}))
        # The starter blocks these while it starts us, and a blocked signal stays blocked across exec.
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.write(report, b".")
        command = request["command"]
        os.execve(command[0], command, request["environment"])  # noqa: S606 - a fixed argument list, no shell
    finally:
        os._exit(127)


if __name__ == "__main__":
    sys.exit(main())
