"""The failures of commands: from any exception to a message, the next command and an exit code."""

import json
import os
import sys
import traceback
from dataclasses import dataclass

import typer

from tokensync.domain.command_line import CommandLine, Next, typed
from tokensync.domain.errors import (
    InvalidApp,
    InvalidName,
    NewerSchema,
    PublishUnavailable,
    SealingUnavailable,
    StoreUnavailable,
    TokensyncError,
)
from tokensync.domain.visible import Line, visible
from tokensync.entry.command_answers import meaning
from tokensync.entry.exit_codes import FAILED, INTERRUPTED, USAGE
from tokensync_cli.embedded.errors import EmbeddedStackError

DEBUG = "TOKENSYNC_DEBUG"
# Where another command helps than after the same error in a function.
_NEXT: dict[type[TokensyncError], Next] = {
    InvalidName: typed("tokensync app list"),  # only names of apps get here: those of connections are refused as usage
    InvalidApp: typed("tokensync app list"),  # `app show`, which the functions name, ends in the same error here
    NewerSchema: Line("update this command line"),  # here the command line is the older one, there the stack
}

# Under these lies what AWS itself said; the others were understood where they were raised.
_UNAVAILABLE = (StoreUnavailable, SealingUnavailable, PublishUnavailable)


class CommandFailed(Exception):
    """A command ends without having done what was asked.

    Args:
        message: what went wrong, in one or two sentences without any secret.
        next_command: what repairs it, or what to look at.
        exit_code: see `tokensync.entry.exit_codes`.
        kind: a word by which programs distinguish failures.
        due_at: when it is tried again by itself, Unix seconds; None where that is not known.
    """

    def __init__(
        self,
        message: str,
        *,
        next_command: Next,
        exit_code: int = FAILED,
        kind: str = "CommandFailed",
        due_at: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.next_command = next_command
        self.exit_code = exit_code
        self.kind = kind
        self.due_at = due_at


class UsageFailed(CommandFailed):
    """The arguments are wrong; nothing was done."""

    def __init__(self, message: str, *, next_command: Next) -> None:
        super().__init__(message, next_command=next_command, exit_code=USAGE, kind="Usage")


def sentence(text: str) -> str:
    """Return a message as a sentence: a capital first, unless it begins with a name, and a full stop last."""
    text = text.rstrip(".")
    begins_with_a_word = text.partition(" ")[0].isalpha()
    return f"{text[:1].upper() if begins_with_a_word else text[:1]}{text[1:]}."


@dataclass(frozen=True)
class Failure:
    """What is printed of an error."""

    kind: str
    message: str
    following: Next
    exit_code: int
    due_at: int | None = None

    def show(self, *, as_json: bool) -> None:
        """Say it on stderr."""
        if as_json:
            due = {} if self.due_at is None else {"due_at": self.due_at}
            error = {"class": self.kind, "message": self.message, "next": str(self.following), **due}
            print(json.dumps({"error": error}), file=sys.stderr)
            return
        print(f"Error: {visible(self.message)}", file=sys.stderr)
        print(f"Next: {self.following}", file=sys.stderr)


def failure_of(error: Exception, *, policy: str = "") -> Failure:
    """Return what is printed of an error; of one that is not foreseen, only its type.

    `policy` is the ARN of the open stack's operator policy, which a lack of permission names.
    """
    return (
        _foreseen(error)
        or _refused_by_aws(error, policy)
        or _of_the_core(error)
        or Failure(
            "Unforeseen",
            f"Something nobody foresaw went wrong ({type(error).__name__}).",
            Line("{variable}=1 with the same command, to see where", variable=DEBUG),
            FAILED,
        )
    )


def show_trace(error: BaseException) -> None:
    """Show where an error comes from, without the values of variables, if the user asked for it."""
    if os.environ.get(DEBUG):
        traceback.print_exception(error, file=sys.stderr)


def _foreseen(error: Exception) -> Failure | None:
    """Return what the command line's own errors say."""
    match error:
        case CommandFailed():
            return Failure(error.kind, error.message, error.next_command, error.exit_code, error.due_at)
        case EmbeddedStackError():
            log = "" if error.log is None else f" Its log: {error.log}"
            return Failure("EmbeddedStack", f"{error.message}{log}", error.next_command, FAILED)
        case typer.Abort():
            return Failure("Interrupted", "Interrupted.", Line("the same command again"), INTERRUPTED)
        case typer.TyperException():
            context = getattr(error, "ctx", None)
            path = context.command_path if context is not None else "tokensync"
            # Typer's own words, without the name of a class of its validation.
            message = error.format_message().replace("Value error, ", "")
            return Failure("Usage", message, CommandLine((*path.split(), "--help")), USAGE)
        case OSError(filename=str(name), strerror=str(why)):
            return Failure("System", f"{name}: {why}.", typed("tokensync --help"), FAILED)
    return None


def _refused_by_aws(error: Exception, policy: str) -> Failure | None:
    """Return what AWS itself said, if that lies under an error: wrong credentials are no reason to try again."""
    if isinstance(error, TokensyncError) and not isinstance(error, _UNAVAILABLE):
        return None
    if "botocore" not in sys.modules:
        return None
    from tokensync_cli.output import aws_failures  # noqa: PLC0415 - botocore is loaded only where it is needed

    cause: BaseException | None = error
    while cause is not None:
        explained = aws_failures.explain(cause, policy=policy)
        if explained is not None:
            return Failure(*explained)
        cause = cause.__cause__ or cause.__context__
    return None


def _of_the_core(error: Exception) -> Failure | None:
    """Return what the core's errors say."""
    if not isinstance(error, TokensyncError):
        return None
    kind, code, following = meaning(error)
    return Failure(type(error).__name__, sentence(str(error)), _NEXT.get(kind, following), code)
