"""The one failure that leaves this package."""

from pathlib import Path

from tokensync.domain.command_line import Next


class EmbeddedStackError(Exception):
    """The embedded stack cannot do what was asked.

    Args:
        message: what went wrong and the likely cause, in one or two sentences.
        next_command: what to run next.
        log: the file with the details, if any.
    """

    def __init__(self, message: str, *, next_command: Next, log: Path | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_command = next_command
        self.log = log
