"""Reads a token endpoint's answer by a provider's data: either what was issued, or a failure with its class."""

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
ASSUMED_LIFE = 3600  # where a token that can be refreshed states no life: RFC 6749 §4.2.2's own example


def read_token_response(
    provider: Provider, answer: ProviderResponse, *, secrets: Sequence[Secret] = ()
) -> Issued | Failure:
    """Return what the answer says. Never raises, whatever the bytes are.

    `secrets` are those that the provider was shown: should its words repeat one, it is masked before anything is cut.
    """
    busy = _busy(answer)
    if busy is not None:
        return busy
    reply = _reply(answer)
    if reply is None:
        return _unreadable(answer)
    trace_id = _trace_id(provider, reply, secrets)
    error = provider.answer.error(reply, answer.status)
    if error is not None:
        return _failure(provider, answer, _masked_error(error, secrets), trace_id)
    fields = _fields(provider, reply)
    if not 200 <= answer.status < 300 or fields is None:  # noqa: PLR2004 - RFC 9110 §15.3
        return _unreadable(answer, trace_id)
    return _issued(provider, answer, fields, trace_id)


def read_account(
    provider: Provider, call: AccountCall, answer: ProviderResponse, *, secrets: Sequence[Secret] = ()
) -> dict[str, Any] | Failure:
    """Return the account's facts that a call with its access token brought, or the failure. Never raises.

    REFUSED says that this access token works no more; every other failure says nothing about it.
    """
    busy = _busy(answer)
    if busy is not None:
        return busy
    reply = _reply(answer) or {}
    challenge = _CHALLENGE.search(answer.headers.get("www-authenticate", "")) if call.challenged else None
    read = call.read(reply, answer.status) if challenge is None else ErrorReply(code=challenge[1])
    if isinstance(read, dict):
        return read if reply else _unreadable(answer)
    trace_id = _trace_id(provider, reply, secrets)
    return _failure(call, answer, _masked_error(read, secrets), trace_id)


def read_revocation(provider: Provider, answer: ProviderResponse, *, secrets: Sequence[Secret] = ()) -> Failure | None:
    """Return why an authorization was not revoked, None where it was. An empty success is one, RFC 7009 §2.2."""
    busy = _busy(answer)
    if busy is not None:
        return busy
    ended = 200 <= answer.status < 300  # noqa: PLR2004 - RFC 9110 §15.3
    told_by_status = provider.revocation is None or provider.revocation.told_by_status
    if ended and (told_by_status or (answer.complete and not answer.body.strip())):
        return None
    reply = _reply(answer)
    if reply is None:
        return _unreadable(answer)
    error = provider.answer.error(reply, answer.status)
    if error is not None:
        return _failure(provider, answer, _masked_error(error, secrets), _trace_id(provider, reply, secrets))
    return None if ended else _unreadable(answer)


def read_consumer(
    consumer: Consumer, answer: ProviderResponse, *, secrets: Sequence[Secret] = ()
) -> dict[str, Any] | Failure:
    """Return what a consumer answered to a pair that it was handed, or the failure. Never raises."""
    busy = _busy(answer)
    if busy is not None:
        return busy
    reply = _reply(answer)
    if reply is None:
        return _unreadable(answer)
    error = consumer.error(reply, answer.status)
    return reply if error is None else _failure(consumer, answer, _masked_error(error, secrets), "")


def _busy(answer: ProviderResponse) -> Failure | None:
    """Return the failure of an answer that says "later", whatever its body says; None where it does not."""
    if answer.status not in _BUSY:
        return None
    return Failure(kind=FailureClass.BUSY, code=f"http_{answer.status}", retry_after=retry_after(answer))


def _reply(answer: ProviderResponse) -> dict[str, Any] | None:
    """Return the JSON object that an answer is, None where it is none, or not all of it came, or a redirect's.

    Whoever redirects a token request is not the endpoint that speaks of tokens (RFC 9700 §4.12): its word counts for
    nothing.
    """
    if not answer.complete or 300 <= answer.status < 400:  # noqa: PLR2004 - RFC 9110 §15.4
        return None
    try:
        return parse_object(answer.body)
    except NotStrictJson:
        return None


def _fields(provider: Provider, reply: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the object that holds the tokens, or None where there is no trace of one."""
    inner = reply if provider.answer.envelope is None else reply.get(provider.answer.envelope)
    if not isinstance(inner, dict) or not ({"access_token", "refresh_token"} & inner.keys()):
        return None
    return inner


def _unreadable(answer: ProviderResponse, trace_id: str = "") -> Failure:
    """Class what cannot be read. A success or a server error may have committed; the rest is nothing we know."""
    committed = answer.status < 300 or _is_server_side(answer.status)  # noqa: PLR2004 - RFC 9110 §15
    kind = FailureClass.AMBIGUOUS if committed else FailureClass.UNKNOWN
    return Failure(kind=kind, code=f"http_{answer.status}", message="the answer cannot be read", trace_id=trace_id)


def _is_server_side(status: int) -> bool:
    """Return whether a status blames the server or the time that it took: a 5xx or a 408, RFC 9110 §15.5.9."""
    return status == 408 or status >= 500  # noqa: PLR2004


def _failure(
    classes: Provider | AccountCall | Consumer, answer: ProviderResponse, error: ErrorReply, trace_id: str
) -> Failure:
    text = error.message.lower()
    # The text first: an error without a number of its own arrives under another one's.
    kind = next((kind for part, kind in classes.failure_texts if part in text), classes.failures.get(error.code))
    if kind is None:
        kind = FailureClass.AMBIGUOUS if _is_server_side(answer.status) else FailureClass.UNKNOWN
    return Failure(
        kind=kind,
        code=one_line(error.code, length=60),
        message=one_line(error.message, length=MESSAGE_LENGTH),
        trace_id=error.trace_id or trace_id,
        retry_after=retry_after(answer) if kind is FailureClass.BUSY else None,
    )


def _masked_error(error: ErrorReply, secrets: Sequence[Secret]) -> ErrorReply:
    return replace(
        error,
        code=masked(error.code, secrets),
        message=masked(error.message, secrets),
        trace_id=one_line(masked(error.trace_id, secrets), length=_TRACE_ID_LENGTH),
    )


def _trace_id(provider: Provider, reply: Mapping[str, Any], secrets: Sequence[Secret]) -> str:
    value = reply.get(provider.answer.trace_id) if provider.answer.trace_id else None
    return one_line(masked(value, secrets), length=_TRACE_ID_LENGTH) if isinstance(value, str) else ""


def _issued(provider: Provider, answer: ProviderResponse, fields: Mapping[str, Any], trace_id: str) -> Issued:
    shape = provider.answer
    oddities: list[str] = []
    access_token = _token(fields, "access_token", oddities)
    refresh_token = _token(fields, "refresh_token", oddities) if fields.get("refresh_token") is not None else None
    now = provider_now(answer)
    expires_at = expiry(fields, shape.expires_in, now, oddities)
    if expires_at is None and (shape.default_expires_in is not None or refresh_token is not None):
        expires_at = now + (shape.default_expires_in or ASSUMED_LIFE)
    refresh_expires_at = (
        expiry(fields, shape.refresh_expires_in, now, oddities, may_be_endless=True)
        if shape.refresh_expires_in is not None
        else None
    )
    token_type = fields.get("token_type")
    return Issued(
        access_token=access_token,
        refresh_token=refresh_token,
        token_type=one_line(token_type, length=20) if isinstance(token_type, str) else "Bearer",
        scopes=_scopes(fields.get(shape.scope), shape.scope_separator),
        access_expires_at=expires_at,
        refresh_expires_at=refresh_expires_at,
        life=None if expires_at is None else expires_at - now,
        account=cleaned_account(shape.account(fields), oddities),
        trace_id=trace_id,
        oddities=tuple(oddities),
    )


def _token(fields: Mapping[str, Any], name: str, oddities: list[str]) -> Secret | None:
    """Return a token that can be used; one that cannot is noted as odd."""
    token = token_of(fields.get(name))
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
    """Return an account as a record can hold it; None where its id is none that one can, which is added as odd."""
    if account is None:
        return None
    try:
        if account.id:  # empty where a provider's answer tells of the account without naming it
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
