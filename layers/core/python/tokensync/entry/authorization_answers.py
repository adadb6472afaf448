"""What commands answer of an authorization: how it ended in words, the exit code and the next command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensync.domain.authorization import AuthorizationState
from tokensync.domain.command_line import typed
from tokensync.entry.command_answers import in_brackets, refused
from tokensync.entry.exit_codes import FAILED, LATER, NEEDS_SELLER
from tokensync.oauth.hints import followed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.authorization import Authorization


def of_authorization(app: str, authorization: Authorization, *, hint: str = "") -> dict[str, Any]:
    """Return what is answered of an authorization's end; `hint` is what may be behind a failure, empty if none."""
    state = authorization.state
    answer = {"outcome": state.value, "connection": authorization.connection or None}
    if state is AuthorizationState.CONNECTED:
        return {"ok": True, **answer}
    if state is AuthorizationState.WORKING:
        message = "the tokens are stored; the connection is finished by itself"
        return {**refused(state.value, message, typed("tokensync list --app {app}", app=app), LATER), **answer}
    why = {
        AuthorizationState.CANCELLED: "the seller declined",
        AuthorizationState.QUARANTINED: "the seller authorized another account than the invite was for",
    }.get(state, "the provider gave no token")
    message = f"{why}{in_brackets(_words(authorization))}{followed(hint)}"
    return {**refused(state.value, message, typed("tokensync invite {app}", app=app), NEEDS_SELLER), **answer}


def _words(authorization: Authorization) -> str:
    """Return why an authorization ended, in the provider's words where there are any."""
    error = authorization.last_error
    if error is None:
        return authorization.detail
    return " ".join(filter(None, (error.code, error.message, error.trace_id)))


# By the code of a request that brought no token for now.
_TRANSIENT: Mapping[str, str] = {
    "not_sent": "the provider cannot be reached: its name, the connection or TLS failed",
    "no_answer": "the provider gave no whole answer in time",
    **dict.fromkeys(("http_429", "http_503", "temporarily_unavailable"), "the provider is busy"),
}


def of_first_token(app: str, authorization: Authorization, *, is_app: bool, hint: str = "") -> dict[str, Any]:
    """Return what is answered of the first token of an app that acts for itself. No seller can mend a failure.

    `is_app` means that its provider refuses the app's own credentials. `hint` is as above.
    """
    state, detail = authorization.state, in_brackets(_words(authorization))
    if state is not AuthorizationState.FAILED:
        return of_authorization(app, authorization)
    if is_app:
        message = f"the provider refuses the credentials of {app}{detail}; nothing was changed{followed(hint)}"
        answer = refused("credentials_refused", message, typed("tokensync app rotate-secret {app}", app=app), FAILED)
    elif authorization.detail in _TRANSIENT:
        message = f"{_TRANSIENT[authorization.detail]}{detail}; nothing was changed"
        answer = refused(state.value, message, typed("tokensync connect {app}", app=app), LATER)
    else:
        message = f"the provider gave no token{detail}{followed(hint)}"
        answer = refused(state.value, message, typed("tokensync app show {app}", app=app), FAILED)
    return {**answer, "outcome": state.value, "connection": authorization.connection or None}
