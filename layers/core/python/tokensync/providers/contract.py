"""What a provider file states: data, with the RFCs' behaviour as the default of every field.

RFC 6749 (OAuth 2.0), RFC 7636 (PKCE), RFC 9207 (iss), RFC 7009 (revocation). A departure from them is a named field
that holds a value or a small pure function.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tokensync.answers import AccountReply, FailureClass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokensync.app import App
    from tokensync.grant import Grant
    from tokensync.request import Request


class Encoding(StrEnum):
    """How a token request carries its parameters."""

    FORM = "form"
    JSON = "json"
    QUERY = "query"


class RefreshReuse(StrEnum):
    """What happens to a refresh token that is presented twice."""

    SINGLE_USE = "single_use"
    """It died when it was first presented; also where nobody knows."""

    GRACE = "grace"
    """The old one works on for the declared `grace_seconds`."""

    SAFE = "safe"
    """Tokens do not rotate: asking again does no harm."""


class Pkce(StrEnum):
    """How the code challenge is made from the verifier."""

    S256 = "S256"
    """base64url of SHA-256, RFC 7636 §4.2."""

    S256_HEX = "S256_HEX"
    """Lower-case hex of SHA-256, sent as S256: TikTok on the desktop."""


@dataclass(frozen=True, kw_only=True)
class AuthorizeShape:
    """The authorization request, RFC 6749 §4.1.1.

    `identified_by` is the app's field that the link carries under the name `client_id`. A `scope_separator` of None
    sends no scope, `response_type` of None none.
    """

    client_id: str = "client_id"
    identified_by: str = "client_id"
    response_type: str | None = "code"
    redirect_uri: bool = True
    scope_separator: str | None = " "
    pkce: Pkce | None = Pkce.S256


@dataclass(frozen=True, kw_only=True)
class CallbackShape:
    """The authorization response, RFC 6749 §4.1.2.

    `code` lists the parameters that may hold the code, the preferred first. A code among `no_code` is a denial.
    `client_id` names a parameter that must equal the app's client id where it is present.
    """

    code: tuple[str, ...] = ("code",)
    no_code: frozenset[str] = frozenset({""})
    client_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class TokenShape:
    """The token request, RFC 6749 §4.1.3 and §6: the names of its parameters and how they travel."""

    method: str = "POST"
    encoding: Encoding = Encoding.FORM
    client_id: str = "client_id"
    client_secret: str = "client_secret"  # noqa: S105 - the parameter's name
    code: str = "code"
    authorization_code: str = "authorization_code"
    refresh_token: str = "refresh_token"  # noqa: S105 - the parameter's name
    redirect_uri: bool = True


@dataclass(frozen=True, kw_only=True)
class ErrorReply:
    """An error as the provider tells it, before its class is looked up."""

    code: str
    message: str = ""


def oauth_error(reply: Mapping[str, Any], status: int) -> ErrorReply | None:
    """Find the error of RFC 6749 §5.2, on any HTTP status."""
    del status
    code = reply.get("error")
    if not code:
        return None
    return ErrorReply(code=str(code), message=str(reply.get("error_description") or ""))


def no_account(reply: Mapping[str, Any]) -> AccountReply | None:
    """Tell that a token answer names no account."""
    del reply
    return None


@dataclass(frozen=True, kw_only=True)
class AnswerShape:
    """The token answer, RFC 6749 §5.1. `envelope` names the object that holds the fields, None where they lie flat."""

    envelope: str | None = None
    error: Callable[[Mapping[str, Any], int], ErrorReply | None] = oauth_error
    expires_in: str = "expires_in"
    refresh_expires_in: str | None = None
    default_expires_in: int | None = None
    scope: str = "scope"
    scope_separator: str = " "
    trace_id: str | None = None
    account: Callable[[Mapping[str, Any]], AccountReply | None] = no_account


@dataclass(frozen=True, kw_only=True)
class FactsCall:
    """A call that fetches the account's facts with a fresh access token. Its failure never fails a connect.

    `request` gets the app, the API's base URL, the grant and the time; `read` returns the facts, or None on an error.
    """

    request: Callable[[App, str, Grant, int], Request]
    read: Callable[[Mapping[str, Any]], dict[str, Any] | None]


# RFC 6749 §5.2, and what each error asks of us.
OAUTH_FAILURES: Mapping[str, FailureClass] = {
    "invalid_grant": FailureClass.REFUSED,
    "invalid_client": FailureClass.CONFIGURATION,
    "unauthorized_client": FailureClass.CONFIGURATION,
    "invalid_request": FailureClass.UNKNOWN,
    "invalid_scope": FailureClass.UNKNOWN,
    "unsupported_grant_type": FailureClass.CONFIGURATION,
    "server_error": FailureClass.AMBIGUOUS,
    "temporarily_unavailable": FailureClass.BUSY,
}


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One authorization server.

    `endpoints` and, where a region differs, `regions` give URLs by key: authorize token refresh revoke verify api.
    `hosts` are the only hosts that an app's own endpoints may name. `settings` are the options that an app may set,
    each with its allowed values, the default first. `failures` maps error codes, `failure_texts` parts of messages
    (for errors that have no code of their own), to classes; all else is UNKNOWN.
    """

    name: str
    title: str
    docs: str
    endpoints: Mapping[str, str]
    hosts: frozenset[str]
    regions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    authorize: AuthorizeShape = AuthorizeShape()
    callback: CallbackShape = CallbackShape()
    token: TokenShape = TokenShape()
    answer: AnswerShape = AnswerShape()
    failures: Mapping[str, FailureClass] = field(default_factory=lambda: OAUTH_FAILURES)
    failure_texts: tuple[tuple[str, FailureClass], ...] = ()
    refresh_reuse: RefreshReuse = RefreshReuse.SINGLE_USE
    grace_seconds: int = 0
    facts: FactsCall | None = None

    def endpoint(self, app: App, key: str) -> str:
        """Return the URL for a key: the app's own, its region's, or the provider's.

        Raises:
            KeyError: the provider has no such endpoint.
        """
        for candidates in (app.endpoints, self.regions.get(app.region, {}), self.endpoints):
            if key in candidates:
                return candidates[key]
        if key == "refresh":  # RFC 6749 §6: the token endpoint serves both
            return self.endpoint(app, "token")
        raise KeyError(key)

    def setting(self, app: App, key: str) -> str:
        """Return an app's setting, or its default."""
        return app.settings.get(key, self.settings[key][0])
