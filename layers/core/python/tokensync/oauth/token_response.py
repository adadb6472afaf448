"""Reads responses of providers and consumers by their data: what was issued or found, or a failure with its class."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tokensync.domain.errors import InvalidName
from tokensync.domain.messages import (
    MAX_BODY,
    AccountAnswer,
    AccountReply,
    Failure,
    FailureClass,
    Issued,
    ProviderResponse,
)
from tokensync.domain.names import account_id
from tokensync.domain.secret import Secret, token_of
from tokensync.domain.text import LABEL_LENGTH, masked, one_line
from tokensync.oauth.body import Unreadable, read_object, unpacked
from tokensync.oauth.expiry import Clocks, Lifetime, Remarks, access_lifetime, expiry
from tokensync.oauth.failure import TRACE_ID_LENGTH, busy, explicit, unreadable
from tokensync.oauth.params import of_response
from tokensync.oauth.paths import found
from tokensync.oauth.shapes import NO_NUMBER, OAUTH_FAILURES, ErrorReply
from tokensync.oauth.strict_json import NotStrictJson, parse_list

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokensync.oauth.consumer import Consumer
    from tokensync.oauth.provider import AccountCall, Provider
    from tokensync.oauth.shapes import ResponseShape

_MOST_SCOPES = 200  # the published secret has 64 KB in all
# RFC 6750 §3: `error` among the parameters of a challenge.
_CHALLENGE = re.compile(r'\berror="([\x21\x23-\x5b\x5d-\x7e]{1,60})"')
# Where no documentation of the provider names the field: the names under which servers state a refresh token's end.
REFRESH_ENDS = (
    "refresh_token_expires_in",
    "refresh_expires_in",
    "x_refresh_token_expires_in",
    "refresh_token_expires_at",
)
ASSUMED_LIFE = 3600  # seconds, where a refreshable token states no life: RFC 6749 §4.2.2's own example
# What programs write where they have no token.
_NO_TOKEN = frozenset({"", "null", "none", "undefined", "nil", "false", "n/a"})


def read_token_response(
    provider: Provider, response: ProviderResponse, *, secrets: Sequence[Secret] = (), last_life: int | None = None
) -> Issued | Failure:
    """Return what a token endpoint issued, or why it issued nothing. Never raises, whatever the bytes are.

    `secrets` are those that the provider was shown: where its words repeat one, it is masked before anything is cut.
    `last_life` is the seconds that the access token before this one was given, None where they are not known.
    """
    reply = _reply(response)
    if isinstance(reply, Failure):
        return reply
    trace_id = _trace_id(provider, reply, secrets)
    error = provider.response.error(reply, response.status)
    fields = _fields(provider, reply)
    if error is not None and not _counts_less(error, response, fields, provider.response):
        failure = explicit(provider, response, error, trace_id=trace_id, secrets=secrets)
        says_neither = _is_success(response) and (fields is not None or error.code == NO_NUMBER)
        # Tokens may have been issued where nothing explains what is said beside them.
        return unreadable(response, trace_id) if failure.kind is FailureClass.UNKNOWN and says_neither else failure
    if not _is_success(response) or fields is None:
        return unreadable(response, trace_id)
    remarks = Remarks()
    if error is not None:
        remarks.odd.append("an error beside a token")
    issued = _issued(provider, response, reply, fields, remarks, last_life=last_life)
    given = _given(provider, fields, len(trace_id))
    return replace(issued, trace_id=_trace_id(provider, reply, (*secrets, *given)) if given else trace_id)


def _counts_less(
    error: ErrorReply, response: ProviderResponse, fields: Mapping[str, Any] | None, shape: ResponseShape
) -> bool:
    """Return whether an error counts for less than the token beside it.

    In a success a usable token is real, whatever is said beside it. Outside of one it is not taken, and where nothing
    but the status makes an error of it, nobody knows what was issued.
    """
    if fields is None:
        return False
    access_token, refresh_token = (_usable(fields.get(name)) for name in (shape.access_token, shape.refresh_token))
    if _is_success(response):
        return error.yields and access_token is not None
    return not error.declared and (access_token or refresh_token) is not None


def read_account(
    provider: Provider,
    call: AccountCall,
    response: ProviderResponse,
    *,
    secrets: Sequence[Secret] = (),
    largest: int = MAX_BODY,
) -> dict[str, Any] | Failure:
    """Return the account's facts from a call with its access token, or the failure, as `read_account_answer`."""
    read = read_account_answer(provider, call, response, secrets=secrets, largest=largest)
    return read if isinstance(read, Failure) else read.facts


def read_account_answer(
    provider: Provider,
    call: AccountCall,
    response: ProviderResponse,
    *,
    secrets: Sequence[Secret] = (),
    largest: int = MAX_BODY,
) -> AccountAnswer | Failure:
    """Return what a call with an access token says of its account, or the failure. Never raises.

    REFUSED means that this access token works no more; every other failure says nothing about it. Nothing is issued
    here: what cannot be read is classed by its status. `largest` bounds the body in bytes.
    """
    reply = _reply(response, largest=largest)
    # Some answer a list: only paths lead into it.
    listed = [] if provider.naming is None or not isinstance(reply, Failure) else _list(response, largest=largest)
    if isinstance(reply, Failure):
        if reply.kind is FailureClass.BUSY:
            return reply
        reply = {}
    challenge = _CHALLENGE.search(response.headers.get("www-authenticate", "")) if call.challenged else None
    read = call.read(reply, response.status) if challenge is None else ErrorReply(code=challenge[1])
    if isinstance(read, dict):
        found = {} if provider.naming is None else provider.naming.found("account", reply or listed)
        return AccountAnswer(facts=read, found=found) if reply or listed else unreadable(response)
    trace_id = _trace_id(provider, reply, secrets)
    return explicit(call, response, read, trace_id=trace_id, secrets=secrets)


def read_revocation(
    provider: Provider, response: ProviderResponse, *, secrets: Sequence[Secret] = ()
) -> Failure | None:
    """Return why an authorization was not revoked, or None where it was. Never raises.

    A success may be empty, RFC 7009 §2.2.
    """
    revoked = _is_success(response)
    status_decides = provider.revocation is None or provider.revocation.status_decides
    if revoked and (status_decides or _is_empty(response)):
        return None
    reply = _reply(response)
    if isinstance(reply, Failure):
        return reply
    error = provider.response.error(reply, response.status)
    if error is not None:
        trace_id = _trace_id(provider, reply, secrets)
        return explicit(provider, response, error, trace_id=trace_id, secrets=secrets)
    return None if revoked else unreadable(response)


def read_consumer(
    consumer: Consumer, response: ProviderResponse, *, secrets: Sequence[Secret] = ()
) -> dict[str, Any] | Failure:
    """Return a consumer's reply to a pair that it was handed, or the failure. Never raises."""
    reply = _reply(response)
    if isinstance(reply, Failure):
        return reply
    error = consumer.error(reply, response.status)
    return reply if error is None else explicit(consumer, response, error, secrets=secrets)


def _reply(response: ProviderResponse, *, largest: int = MAX_BODY) -> dict[str, Any] | Failure:
    """Return the object of a response, or the failure of one that means "later" or cannot be read.

    A server that redirects a token request is not the endpoint that issues tokens (RFC 9700 §4.12): what it says
    counts for nothing.
    """
    failure = busy(response)
    if failure is not None:
        return failure
    if 300 <= response.status < 400:  # noqa: PLR2004 - RFC 9110 §15.4
        return unreadable(response)
    try:
        return read_object(response, largest=largest)
    except Unreadable:
        return unreadable(response)


def _list(response: ProviderResponse, *, largest: int) -> list[Any]:
    """Return the JSON list of a success, empty where it has none."""
    if not _is_success(response) or not response.complete:
        return []
    try:
        return parse_list(unpacked(response, largest=largest))
    except (Unreadable, NotStrictJson):
        return []


def _is_success(response: ProviderResponse) -> bool:
    return 200 <= response.status < 300  # noqa: PLR2004 - RFC 9110 §15.3


def _is_empty(response: ProviderResponse) -> bool:
    try:
        return response.complete and not unpacked(response).strip()
    except Unreadable:
        return False


def _fields(provider: Provider, reply: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the object that holds the tokens, or None where there is no token at all."""
    shape = provider.response
    for path in (shape.envelope or ".").split(","):
        inner = reply if path.strip() == "." else found(reply, path.strip())
        if isinstance(inner, dict):
            fields = _by_path(inner, shape)
            if {shape.access_token, shape.refresh_token} & fields.keys():
                return fields
    return None


def _by_path(fields: Mapping[str, Any], shape: ResponseShape) -> Mapping[str, Any]:
    """Return the fields with those that a path leads to beside them, each under its path."""
    paths = (
        shape.access_token,
        shape.refresh_token,
        shape.token_type,
        shape.expires_in,
        shape.refresh_expires_in or "",
        shape.scope,
    )
    deeper = {path: value for path in paths if path not in fields and (value := found(fields, path)) is not None}
    return {**fields, **deeper} if deeper else fields


def _trace_id(provider: Provider, reply: Mapping[str, Any], secrets: Sequence[Secret]) -> str:
    value = reply.get(provider.response.trace_id) if provider.response.trace_id else None
    return one_line(masked(value, secrets), length=TRACE_ID_LENGTH) if isinstance(value, str) else ""


def _given(provider: Provider, fields: Mapping[str, Any], longest: int) -> list[Secret]:
    """Return the tokens of a response, usable or not, that a text of so many characters may repeat."""
    names = (provider.response.access_token, provider.response.refresh_token, "id_token")
    values = [fields.get(name) for name in names]
    return [Secret(value) for value in values if isinstance(value, str) and 0 < len(value) <= longest]


def _issued(
    provider: Provider,
    response: ProviderResponse,
    reply: Mapping[str, Any],
    fields: Mapping[str, Any],
    remarks: Remarks,
    *,
    last_life: int | None,
) -> Issued:
    shape, clocks = provider.response, Clocks.of(response)
    access_token = _token(fields, shape.access_token, remarks)
    refresh_token = _token(fields, shape.refresh_token, remarks, is_optional=True)
    lifetime = access_lifetime(
        fields, shape.expires_in, clocks, remarks, refreshable=refresh_token is not None, last_life=last_life
    )
    if lifetime is None and (shape.default_expires_in is not None or refresh_token is not None):
        lifetime = Lifetime.of(shape.default_expires_in or ASSUMED_LIFE, clocks)
    ends = REFRESH_ENDS if shape.refresh_expires_in is None else (shape.refresh_expires_in,)
    end = next((name for name in ends if fields.get(name) is not None), ends[0])
    refresh_lifetime = expiry(fields, end, clocks, remarks, may_be_endless=True)
    token_type = fields.get(shape.token_type)
    params = of_response(provider.params, fields, provider.in_hosts, remarks.odd)
    return Issued(
        access_token=access_token,
        refresh_token=refresh_token,
        token_type=one_line(token_type, length=20) if isinstance(token_type, str) else "Bearer",
        scopes=_scopes(fields.get(shape.scope), shape.scope_separator),
        access_expires_at=None if lifetime is None else lifetime.ends_at,
        refresh_expires_at=None if refresh_lifetime is None else refresh_lifetime.ends_at,
        life=None if lifetime is None else lifetime.seconds,
        account=cleaned_account(_account(provider, reply, fields), remarks.odd),
        trace_id="",
        oddities=tuple(remarks.odd),
        notes=tuple(remarks.notes),
        params=params,
        has_id_token=bool(fields.get("id_token") or reply.get("id_token")),
    )


def _account(provider: Provider, reply: Mapping[str, Any], fields: Mapping[str, Any]) -> AccountReply | None:
    """Return what a token response says of the account, by the provider's function and by paths."""
    account = provider.response.account(fields)
    if provider.naming is None:
        return account
    # Paths begin at the top of the response, whatever object of it holds the tokens.
    values = provider.naming.in_answer(reply, fields.get("id_token") or reply.get("id_token"))
    return provider.naming.reply(values, other=account)


def _token(fields: Mapping[str, Any], name: str, remarks: Remarks, *, is_optional: bool = False) -> Secret | None:
    """Return a token that can be used. One that cannot is remarked; an optional one that is absent is none."""
    value = fields.get(name)
    if is_optional:
        if value is None:
            return None
        if isinstance(value, str) and value.strip().lower() in _NO_TOKEN:
            remarks.notes.append(f"{name} empty")
            return None
    token = _usable(value)
    if token is None:
        remarks.odd.append(f"{name} malformed")
    return token


def _usable(value: object) -> Secret | None:
    """Return a token, None where a word stands in its place: an error's, or one that says that there is none."""
    token = token_of(value)
    if token is None:
        return None
    text = token.reveal().lower()
    return None if text in _NO_TOKEN or text in OAUTH_FAILURES or text.startswith(("error:", "error=")) else token


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
    return replace(account, label=one_line(account.label, length=LABEL_LENGTH), kind=one_line(account.kind, length=40))
