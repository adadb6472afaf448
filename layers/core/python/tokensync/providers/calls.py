"""Calls with an access token: who authorized, what the account holds, and whether the token still works."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokensync.answers import AccountReply, FailureClass
    from tokensync.app import App
    from tokensync.grant import Grant
    from tokensync.providers.shapes import ErrorReply
    from tokensync.request import Request


def names_no_account(facts: Mapping[str, Any], wanted: str) -> AccountReply | None:
    """Tell that the facts name no account."""
    del facts, wanted
    return None


def no_lookups(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Tell that nothing but its account id leads to a connection."""
    del facts
    return ()


@dataclass(frozen=True, kw_only=True)
class AccountCall:
    """One call that fetches the account's facts with an access token, and by that verifies the token.

    It is made at connect, at re-authorization and to verify; its failure never fails a connect or a refresh.

    `request` gets the app, the URL of `endpoint`, the grant and the time. `read` gets the answer's JSON object (empty
    where it is none) and its HTTP status; it returns the facts, or the error. `failures` and `failure_texts` class
    errors as those of `Provider` do: REFUSED says that this access token works no more.

    `carries_secret` tells that the request carries the client secret or is signed with it, so that its success proves
    that secret as well. With `challenged` an error stands in the header WWW-Authenticate, RFC 6750 §3, and goes before
    the body's.

    `account` names the account from the facts, for providers whose token answers do not; it also gets the account
    that the authorization was wanted for, empty where any will do. `lookups` lists what else, such as a shop's id,
    notices name the account by.
    """

    request: Callable[[App, str, Grant, int], Request]
    read: Callable[[Mapping[str, Any], int], dict[str, Any] | ErrorReply]
    endpoint: str = "api"
    failures: Mapping[str, FailureClass] = field(default_factory=dict)
    failure_texts: tuple[tuple[str, FailureClass], ...] = ()
    challenged: bool = False
    carries_secret: bool = False
    account: Callable[[Mapping[str, Any], str], AccountReply | None] = names_no_account
    lookups: Callable[[Mapping[str, Any]], tuple[str, ...]] = no_lookups
