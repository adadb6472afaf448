"""The shapes of the messages between an app and an authorization server, with the RFCs' behaviour as default.

RFC 6749 (OAuth 2.0), RFC 7636 (PKCE), RFC 9207 (iss), RFC 7009 (revocation). A departure from them is a named field
that holds a value or a small pure function.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tokensync.domain.messages import AccountReply, FailureClass
from tokensync.oauth.client_assertion import AssertionShape
from tokensync.oauth.error_words import error_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokensync.oauth.signing import SignsLink, SignsRequest


class Encoding(StrEnum):
    """How a token request carries its parameters."""

    FORM = "form"
    JSON = "json"
    QUERY = "query"


class ClientAuthentication(StrEnum):
    """How a client authenticates at the token endpoint, by the names of RFC 7591 §2 and OpenID Connect Core §9."""

    POST = "client_secret_post"
    BASIC = "client_secret_basic"
    PRIVATE_KEY_JWT = "private_key_jwt"
    """By an assertion that it signs, RFC 7523 §2.2."""

    NONE = "none"
    """Not at all: a public client, whose codes are bound by PKCE, RFC 9700 §2.1.1."""

    SIGNATURE = "signature"
    """By a signature over the request, which the client secret makes and which never leaves: see `TokenShape.sign`."""

    @property
    def needs_secret(self) -> bool:
        """Return whether it presents a client secret, or signs with it."""
        return self in (ClientAuthentication.POST, ClientAuthentication.BASIC, ClientAuthentication.SIGNATURE)


class Pkce(StrEnum):
    """How the code challenge is made from the verifier."""

    S256 = "S256"
    """base64url of SHA-256, RFC 7636 §4.2."""

    S256_HEX = "S256_HEX"
    """Lower-case hex of SHA-256, sent as S256: TikTok on the desktop."""


@dataclass(frozen=True, kw_only=True)
class AuthorizeShape:
    """The authorization request, RFC 6749 §4.1.1.

    `client_id` is the name of the parameter that carries the app's field `identified_by`. A `scope_separator` of None
    sends no scope, a `response_type` of None no response type. `parameters` are sent beside the RFC's own; `{random}`
    in a value is text that no other link has.

    `names` gives the RFC's other parameters other names. `registered_redirect` is sent where a provider knows the
    redirect URI by a name that is no URL. With a `fragment` the query follows it: the consent page of a web app that
    reads what is behind the `#`. `sign` signs the link.
    """

    client_id: str = "client_id"
    identified_by: str = "client_id"
    response_type: str | None = "code"
    redirect_uri: bool = True
    scope_separator: str | None = " "
    pkce: Pkce | None = Pkce.S256
    parameters: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    sign: SignsLink | None = None
    registered_redirect: str = ""
    fragment: str = ""

    def name(self, parameter: str) -> str:
        """Return the provider's name for a parameter of the RFC."""
        return self.client_id if parameter == "client_id" else self.names.get(parameter, parameter)


@dataclass(frozen=True, kw_only=True)
class CallbackShape:
    """The authorization response, RFC 6749 §4.1.2.

    `code` lists the parameters that may hold the code, the preferred first. A code among `no_code` is a denial. `state`
    names the parameter that brings our state back. `read` lists others that are read, such as one that names the
    account: what is read is there once and clean, and what nobody reads is ignored. `client_id` names a parameter that
    must equal the app's client id where it is present. `issuer` is what `iss` must equal where it is present, empty
    where it is not known; with `issuer_announced` `iss` must be present, RFC 9207 §2.4.
    """

    code: tuple[str, ...] = ("code",)
    no_code: frozenset[str] = frozenset({""})
    state: str = "state"
    client_id: str | None = None
    issuer: str = ""
    issuer_announced: bool = False
    read: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all parameters that are read."""
        client_id = () if self.client_id is None else (self.client_id,)
        return tuple(dict.fromkeys(("state", "iss", "error", *self.code, *client_id, *self.read)))


@dataclass(frozen=True, kw_only=True)
class TokenShape:
    """The token request, RFC 6749 §4.1.3, §4.4.2 and §6: the names of its parameters and how they travel.

    An `authorization_code` of None sends no `grant_type` with a code, a `refresh_grant` of None none with a refresh
    token. `code_parameters` are sent with a code, `refresh_parameters` with a refresh token, `parameters` with every
    token request, `headers` with every request to the provider that the client authenticates; `{uuid}` in a header's
    value is a new UUID.

    `names` gives the RFC's other parameters other names. `raw_basic` joins client id and secret as they are, without
    the form encoding of §2.3.1. `sends_client_id` puts the client id into the parameters beside a Basic header.

    `sign` signs every request that the client authenticates, a revocation among them.
    """

    method: str = "POST"
    encoding: Encoding = Encoding.FORM
    authentication: ClientAuthentication = ClientAuthentication.POST
    client_id: str = "client_id"
    client_secret: str = "client_secret"  # noqa: S105 - the parameter's name
    code: str = "code"
    authorization_code: str | None = "authorization_code"
    refresh_token: str = "refresh_token"  # noqa: S105 - the parameter's name
    refresh_grant: str | None = "refresh_token"
    redirect_uri: bool = True
    code_parameters: Mapping[str, Any] = field(default_factory=dict)
    refresh_parameters: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    raw_basic: bool = False
    sends_client_id: bool = False
    assertion: AssertionShape = field(default_factory=AssertionShape)
    sign: SignsRequest | None = None

    def name(self, parameter: str) -> str:
        """Return the provider's name for a parameter of the RFC."""
        own = {
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "code": self.code,
            "refresh_token": self.refresh_token,
        }
        return own.get(parameter) or self.names.get(parameter, parameter)


@dataclass(frozen=True, kw_only=True)
class RevocationShape:
    """The revocation request, RFC 7009 §2.1. Client and encoding are those of the token request.

    `access_token`: the access token is presented; otherwise the refresh token where there is one, which ends the
    whole authorization. `header` names a header that carries the access token as well. `status_decides`: the body of
    a success means nothing, RFC 7009 §2.2; otherwise it may hold an error.
    """

    token: str = "token"  # noqa: S105 - the parameter's name
    access_token: bool = False
    hint: bool = True
    header: str | None = None
    status_decides: bool = True


@dataclass(frozen=True, kw_only=True)
class ErrorReply:
    """An error in the provider's words, before its class is looked up.

    `code` is the most telling word; where the provider gave none, it is of our making: `http_` and the status, or it
    begins with `missing`. `others` are further words of the same error, looked up where no class is known for the
    first. `trace_id` is given where it has another place than in the provider's token responses.

    `declared`: it has the shape in which this provider words its errors, and is no guess. `yields`: a usable token
    beside it counts for more.
    """

    code: str
    message: str = ""
    trace_id: str = ""
    others: tuple[str, ...] = ()
    declared: bool = True
    yields: bool = False


def oauth_error(reply: Mapping[str, Any], status: int) -> ErrorReply | None:
    """Return the error of RFC 6749 §5.2 on any HTTP status, in the spellings that servers have; None without one."""
    found = error_words(reply, status)
    if found is None:
        return None
    first, *others = found.words
    return ErrorReply(code=first, message=found.message, others=tuple(others), declared=found.declared, yields=True)


def plain_text(value: object) -> str:
    """Return a text or a number as text, and nothing of any other value: no list or object is shown to anybody."""
    return str(value) if isinstance(value, str | int | float) else ""


NO_NUMBER = "missing"  # the code of an envelope without one


def numbered_error(reply: Mapping[str, Any], status: int) -> ErrorReply | None:
    """Return the error of TikTok's envelopes, a `code` that is not zero, on any HTTP status; None where it is zero."""
    del status
    code = reply.get("code")
    # True == 1 and 0.0 == 0 in Python: only the number zero itself is a success.
    if isinstance(code, int) and not isinstance(code, bool) and code == 0:
        return None
    return ErrorReply(code=plain_text(code) or NO_NUMBER, message=plain_text(reply.get("message")))


def id_text(value: object) -> str:
    """Return an account's id, empty where it is none. Many servers write it as a number, which is read to the digit.

    A fraction is none, as its digits are not those that were sent; nor is True, which is a number in Python.
    """
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def no_account(*_: object) -> AccountReply | None:
    """Return None: what came names no account."""
    return None


@dataclass(frozen=True, kw_only=True)
class ResponseShape:
    """The token response, RFC 6749 §5.1: where its fields are, and functions that read its error and its account.

    Each field is named by a path, see `tokensync.oauth.paths`. `envelope` names the object that holds the fields, None
    where they are at the top; of several, parted by commas, the first that holds a token, `.` being the response
    itself. `refresh_expires_in` names the refresh token's end; None reads the names that are common.
    `default_expires_in` is the life in seconds of an access token that states none; None where such a token never
    expires, unless it can be refreshed.
    """

    envelope: str | None = None
    error: Callable[[Mapping[str, Any], int], ErrorReply | None] = oauth_error
    access_token: str = "access_token"  # noqa: S105 - the field's name
    refresh_token: str = "refresh_token"  # noqa: S105 - the field's name
    token_type: str = "token_type"  # noqa: S105 - the field's name
    expires_in: str = "expires_in"
    refresh_expires_in: str | None = None
    default_expires_in: int | None = None
    scope: str = "scope"
    scope_separator: str = " "
    trace_id: str | None = None
    account: Callable[[Mapping[str, Any]], AccountReply | None] = no_account


# RFC 6749 §5.2, and the class of each error.
RFC_FAILURES: Mapping[str, FailureClass] = {
    "invalid_grant": FailureClass.REFUSED,
    "invalid_client": FailureClass.CONFIGURATION,
    "unauthorized_client": FailureClass.CONFIGURATION,
    "invalid_request": FailureClass.UNKNOWN,
    "invalid_scope": FailureClass.UNKNOWN,
    "unsupported_grant_type": FailureClass.CONFIGURATION,
    "server_error": FailureClass.AMBIGUOUS,
    "temporarily_unavailable": FailureClass.BUSY,
}
# Words beside them that several services use, and that can mean one thing only.
OAUTH_FAILURES: Mapping[str, FailureClass] = {
    **RFC_FAILURES,
    **dict.fromkeys(
        (
            *("invalid_refresh_token", "bad_refresh_token", "expired_refresh_token", "revoked_refresh_token"),
            *("unknown_refresh_token", "refresh_token_invalid", "refresh_token_expired", "refresh_token_revoked"),
            "refresh_token_not_found",
        ),
        FailureClass.REFUSED,
    ),
    **dict.fromkeys(
        ("incorrect_client_credentials", "invalid_client_id", "invalid_client_secret", "bad_client_secret"),
        FailureClass.CONFIGURATION,
    ),
    **dict.fromkeys(
        ("rate_limited", "ratelimited", "rate_limit_exceeded", "too_many_requests"),
        FailureClass.BUSY,
    ),
}
