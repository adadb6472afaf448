"""Reads responses of providers and consumers by their data: what was issued or found, or a failure with its class."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tokensync.domain.errors import InvalidName
from tokensync.domain.messages import AccountReply, Failure, FailureClass, Issued, ProviderResponse
from tokensync.domain.names import account_id
from tokensync.domain.secret import Secret, token_of
from tokensync.domain.text import LABEL_LENGTH, MESSAGE_LENGTH, masked, one_line
from tokensync.oauth.expiry import expiry, provider_now, retry_after
from tokensync.oauth.paths import found
from tokensync.oauth.shapes import ErrorReply
from tokensync.oauth.strict_json import NotStrictJson, parse_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokensync.oauth.consumer import Consumer
    from tokensync.oauth.provider import AccountCall, Provider

_MOST_SCOPES = 200  # the published secret has 64 KB in all
_TRACE_ID_LENGTH = 80
# RFC 6750 §3: `error` among the parameters of a challenge.
_CHALLENGE = re.compile(r'\berror="([\x21\x23-\x5b\x5d-\x7e]{1,60})"')
_BUSY = frozenset({429, 503})
# Where no documentation of the provider names the field: the names under which servers state these ends.
ACCESS_ENDS = ("expires_at",)
REFRESH_ENDS = (
    "refresh_token_expires_in",
    "refresh_expires_in",
    "x_refresh_token_expires_in",
    "refresh_token_expires_at",
)
ASSUMED_LIFE = 3600  # seconds, where a refreshable token states no life: RFC 6749 §4.2.2's own example


def read_token_response(
    provider: Provider, response: ProviderResponse, *, secrets: Sequence[Secret] = ()
) -> Issued | Failure:
    """Return what a token endpoint issued, or why it issued nothing. Never raises, whatever the bytes are.

    `secrets` are those that the provider was shown: where its words repeat one, it is masked before anything is cut.
    """
    reply = _reply(response)
    if isinstance(reply, Failure):
        return reply
    trace_id = _trace_id(provider, reply, secrets)
    error = provider.response.error(reply, response.status)
    if error is not None:
        return _failure(provider, response, _masked_error(error, secrets), trace_id)
    fields = _fields(provider, reply)
    if not _is_success(response) or fields is None:
        return _unreadable(response, trace_id)
    issued = _issued(provider, response, fields, trace_id)
    return replace(issued, trace_id=_trace_id(provider, reply, (*secrets, *_given(provider, fields, len(trace_id)))))


def read_account(
    provider: Provider, call: AccountCall, response: ProviderResponse, *, secrets: Sequence[Secret] = ()
) -> dict[str, Any] | Failure:
    """Return the account's facts from a call with its access token, or the failure. Never raises.

    REFUSED means that this access token works no more; every other failure says nothing about it.
    """
    reply = _reply(response)
    if isinstance(reply, Failure):
        if reply.kind is FailureClass.BUSY:
            return reply
        reply = {}
    challenge = _CHALLENGE.search(response.headers.get("www-authenticate", "")) if call.challenged else None
    read = call.read(reply, response.status) if challenge is None else ErrorReply(code=challenge[1])
    if isinstance(read, dict):
        return read if reply else _unreadable(response)
    trace_id = _trace_id(provider, reply, secrets)
    return _failure(call, response, _masked_error(read, secrets), trace_id)


def read_revocation(
    provider: Provider, response: ProviderResponse, *, secrets: Sequence[Secret] = ()
) -> Failure | None:
    """Return why an authorization was not revoked, or None where it was. Never raises.

    A success may be empty, RFC 7009 §2.2.
    """
    revoked = _is_success(response)
    status_decides = provider.revocation is None or provider.revocation.status_decides
    if revoked and (status_decides or (response.complete and not response.body.strip())):
        return None
    reply = _reply(response)
    if isinstance(reply, Failure):
        return reply
    error = provider.response.error(reply, response.status)
    if error is not None:
        return _failure(provider, response, _masked_error(error, secrets), _trace_id(provider, reply, secrets))
    return None if revoked else _unreadable(response)


def read_consumer(
    consumer: Consumer, response: ProviderResponse, *, secrets: Sequence[Secret] = ()
) -> dict[str, Any] | Failure:
    """Return a consumer's reply to a pair that it was handed, or the failure. Never raises."""
    reply = _reply(response)
    if isinstance(reply, Failure):
        return reply
    error = consumer.error(reply, response.status)
    return reply if error is None else _failure(consumer, response, _masked_error(error, secrets), "")


def _reply(response: ProviderResponse) -> dict[str, Any] | Failure:
    """Return the JSON object of a response, or the failure of one that means "later" or cannot be read.

    A server that redirects a token request is not the endpoint that issues tokens (RFC 9700 §4.12): what it says
    counts for nothing.
    """
    if response.status in _BUSY:
        return Failure(kind=FailureClass.BUSY, code=f"http_{response.status}", retry_after=retry_after(response))
    if not response.complete or 300 <= response.status < 400:  # noqa: PLR2004 - RFC 9110 §15.4
        return _unreadable(response)
    try:
        return parse_object(response.body)
    except NotStrictJson:
        return _unreadable(response)


def _is_success(response: ProviderResponse) -> bool:
    return 200 <= response.status < 300  # noqa: PLR2004 - RFC 9110 §15.3


def _fields(provider: Provider, reply: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the object that holds the tokens, or None where there is no token at all."""
    shape = provider.response
    for path in (shape.envelope or ".").split(","):
        inner = reply if path.strip() == "." else found(reply, path.strip())
        if isinstance(inner, dict) and any(
            path in inner or found(inner, path) is not None for path in (shape.access_token, shape.refresh_token)
        ):
            return inner
    return None


def _unreadable(response: ProviderResponse, trace_id: str = "") -> Failure:
    """Class a response that cannot be read. After a success or a server error the provider may have committed."""
    committed = response.status < 300 or _is_server_side(response.status)  # noqa: PLR2004 - RFC 9110 §15
    kind = FailureClass.AMBIGUOUS if committed else FailureClass.UNKNOWN
    return Failure(kind=kind, code=f"http_{response.status}", message="the answer cannot be read", trace_id=trace_id)


def _is_server_side(status: int) -> bool:
    """Return whether a status blames the server or the time that it took: a 5xx or a 408, RFC 9110 §15.5.9."""
    return status == 408 or status >= 500  # noqa: PLR2004


def _failure(
    classes: Provider | AccountCall | Consumer, response: ProviderResponse, error: ErrorReply, trace_id: str
) -> Failure:
    text = error.message.lower()
    # The text first: an error without a number of its own comes with the number of another.
    kind = next((kind for part, kind in classes.failure_texts if part in text), classes.failures.get(error.code))
    if kind is None:
        kind = FailureClass.AMBIGUOUS if _is_server_side(response.status) else FailureClass.UNKNOWN
    return Failure(
        kind=kind,
        code=one_line(error.code, length=60),
        message=one_line(error.message, length=MESSAGE_LENGTH),
        trace_id=error.trace_id or trace_id,
        retry_after=retry_after(response) if kind is FailureClass.BUSY else None,
    )


def _masked_error(error: ErrorReply, secrets: Sequence[Secret]) -> ErrorReply:
    return replace(
        error,
        code=masked(error.code, secrets),
        message=masked(error.message, secrets),
        trace_id=one_line(masked(error.trace_id, secrets), length=_TRACE_ID_LENGTH),
    )


def _trace_id(provider: Provider, reply: Mapping[str, Any], secrets: Sequence[Secret]) -> str:
    value = reply.get(provider.response.trace_id) if provider.response.trace_id else None
    return one_line(masked(value, secrets), length=_TRACE_ID_LENGTH) if isinstance(value, str) else ""


def _given(provider: Provider, fields: Mapping[str, Any], longest: int) -> list[Secret]:
    """Return the tokens of a response, usable or not, that a text of so many characters may repeat."""
    names = (provider.response.access_token, provider.response.refresh_token, "id_token")
    values = [found(fields, name) for name in names]
    return [Secret(value) for value in values if isinstance(value, str) and 0 < len(value) <= longest]


def _issued(provider: Provider, response: ProviderResponse, fields: Mapping[str, Any], trace_id: str) -> Issued:
    shape = provider.response
    oddities: list[str] = []
    access_token = _token(fields, shape.access_token, oddities)
    has_refresh_token = found(fields, shape.refresh_token) is not None
    refresh_token = _token(fields, shape.refresh_token, oddities) if has_refresh_token else None
    now = provider_now(response)
    expires_at = expiry(fields, shape.expires_in, now, oddities)
    if expires_at is None and shape.expires_in == "expires_in":
        expires_at = _first_expiry(fields, ACCESS_ENDS, now, oddities)
    if expires_at is None and (shape.default_expires_in is not None or refresh_token is not None):
        expires_at = now + (shape.default_expires_in or ASSUMED_LIFE)
    ends = REFRESH_ENDS if shape.refresh_expires_in is None else (shape.refresh_expires_in,)
    refresh_expires_at = _first_expiry(fields, ends, now, oddities, may_be_endless=True)
    token_type = found(fields, shape.token_type)
    return Issued(
        access_token=access_token,
        refresh_token=refresh_token,
        token_type=one_line(token_type, length=20) if isinstance(token_type, str) else "Bearer",
        scopes=_scopes(found(fields, shape.scope), shape.scope_separator),
        access_expires_at=expires_at,
        refresh_expires_at=refresh_expires_at,
        life=None if expires_at is None else expires_at - now,
        account=cleaned_account(shape.account(fields), oddities),
        trace_id=trace_id,
        oddities=tuple(oddities),
    )


def _first_expiry(
    fields: Mapping[str, Any], names: Sequence[str], now: int, oddities: list[str], *, may_be_endless: bool = False
) -> int | None:
    """Return the expiry in the first of these fields that the response has."""
    name = next((name for name in names if found(fields, name) is not None), None)
    return None if name is None else expiry(fields, name, now, oddities, may_be_endless=may_be_endless)


def _token(fields: Mapping[str, Any], name: str, oddities: list[str]) -> Secret | None:
    """Return a token that can be used; one that cannot is noted as odd."""
    token = token_of(found(fields, name))
    if token is None:
        oddities.append(f"{name} malformed")
    return token


def _scopes(value: object, separator: str) -> tuple[str, ...] | None:
    """Return the granted scopes from a separated string or an array of strings or numbers."""
    parts: list[Any]
    if isinstance(value, str):
        parts = value.replace(",", " ").split() if separator in (",", " ") else value.split(separator)
    elif isinstance(value, list):
        parts = [part for part in value if isinstance(part, str | int)]
    else:
        return None
    return tuple(one_line(str(part), length=LABEL_LENGTH) for part in parts[:_MOST_SCOPES])


def cleaned_account(account: AccountReply | None, oddities: list[str]) -> AccountReply | None:
    """Return an account as a record can hold it, or None where its id cannot be held, which is noted as odd."""
    if account is None:
        return None
    try:
        if account.id:  # empty where a provider gives facts of the account and no name
            account_id(account.id)
    except InvalidName:
        oddities.append("account id malformed")
        return None
    return AccountReply(
        id=account.id,
        label=one_line(account.label, length=LABEL_LENGTH),
        kind=one_line(account.kind, length=40),
        facts=account.facts,
    )
