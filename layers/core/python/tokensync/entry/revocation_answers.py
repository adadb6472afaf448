"""What is answered where a provider did not revoke an authorization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensync.domain.command_line import CommandPattern
from tokensync.domain.messages import FailureClass
from tokensync.entry.command_answers import Wording, joined, refused
from tokensync.entry.exit_codes import FAILED, LATER
from tokensync.operate.summary import filled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.messages import Failure
    from tokensync.domain.names import ConnectionName

_NOT_REVOKED: Mapping[FailureClass, Wording] = {
    FailureClass.CONFIGURATION: Wording(
        FAILED, "the provider refuses the app's own credentials", CommandPattern("tokensync app show {app}")
    ),
    FailureClass.REFUSED: Wording(
        FAILED,
        "the provider refuses to revoke a token that it has just given",
        CommandPattern("tokensync revoke {name}"),
    ),
    FailureClass.UNKNOWN: Wording(
        FAILED, "the provider gave an undocumented answer", CommandPattern("tokensync revoke {name}")
    ),
    FailureClass.AMBIGUOUS: Wording(
        LATER,
        "it is not known whether the provider revoked; asking again does no harm",
        CommandPattern("tokensync revoke {name}"),
    ),
}
_NOT_ASKED = Wording(LATER, "the provider could not be asked now", CommandPattern("tokensync revoke {name}"))


def of_revocation_failure(name: ConnectionName, failure: Failure) -> dict[str, Any]:
    """Return what is answered where the provider did not revoke; nothing was changed here."""
    words = _NOT_REVOKED.get(failure.kind, _NOT_ASKED)
    message = f"{name}: {words.why}; nothing was changed here ({joined(failure.code, failure.message)})"
    return refused(failure.kind.value, message, filled(words.next, name), words.exit)
