"""What a command says when it cannot do what was asked, and its exit code."""

from tokensync.entry.exit_codes import FAILED, INTERRUPTED, LATER, NEEDS_SELLER, NOT_FOUND, USAGE

__all__ = [
    "FAILED", "INTERRUPTED", "LATER", "NEEDS_SELLER", "NOT_FOUND", "USAGE", "CommandFailed", "UsageFailed", "sentence",
]  # fmt: skip


class CommandFailed(Exception):
    """A command ends without having done what was asked.

    Args:
        message: what went wrong, in one or two sentences without any secret.
        next_command: what repairs it, or what to look at.
        exit_code: one of the codes above.
        kind: a word by which programs distinguish failures.
    """

    def __init__(
        self, message: str, *, next_command: str, exit_code: int = FAILED, kind: str = "CommandFailed"
    ) -> None:
        super().__init__(message)
        self.message = message
        self.next_command = next_command
        self.exit_code = exit_code
        self.kind = kind


class UsageFailed(CommandFailed):
    """The arguments are wrong; nothing was done."""

    def __init__(self, message: str, *, next_command: str) -> None:
        super().__init__(message, next_command=next_command, exit_code=USAGE, kind="Usage")


def sentence(text: str) -> str:
    """Return a message as a sentence: a capital first, unless it begins with a name, and a full stop last."""
    text = text.rstrip(".")
    begins_with_a_word = text.partition(" ")[0].isalpha()
    return f"{text[:1].upper() if begins_with_a_word else text[:1]}{text[1:]}."
