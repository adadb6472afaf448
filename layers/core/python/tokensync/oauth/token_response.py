"""Reads responses of providers and consumers by their data: what was issued or found, or a failure with its class."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tokensync.domain.messages import (
    MAX_BODY,
    AccountAnswer,
    Failure,
    FailureClass,
    Issued,
    ProviderResponse,
)
from tokensync.domain.secret import Secret
from tokensync.domain.text import masked, one_line
from tokensync.oauth.body import Unreadable, read_object, unpacked
from tokensync.oauth.expiry import Remarks
from tokensync.oauth.failure import TRACE_ID_LENGTH, busy, explicit, unreadable
from tokensync.oauth.issued import issued_by, usable
from tokensync.oauth.paths import found
from tokensync.oauth.shapes import NO_NUMBER, ErrorReply
from tokensync.oauth.strict_json import NotStrictJson, parse_list

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from tokensync.oauth.consumer import Consumer
    from tokensync.oauth.provider import AccountCall, Provider
    from tokensync.oauth.shapes import ResponseShape

# RFC 6750 §3: `error` among the parameters of a challenge.
_CHALLENGE = re.compile(r'\berror="([\x21\x23-\x5b\x5d-\x7e]{1,60})"')


# A word with or without the quotes of a JSON text; a number alone may be anything.
_WORD = re.compile(rb'"?([A-Za-z][A-Za-z_.-]{2,59})"?')


def read_token_response(
    provider: Provider, response: ProviderResponse, *, secrets: Sequence[Secret] = (), last_life: int | None = None
) -> Issued | Failure:
    """Return what a token endpoint issued, or why it issued nothing. Never raises, whatever the bytes are.

    `secrets` are those that the provider was shown: where its words repeat one, it is masked before anything is cut.
    `last_life` is the seconds that the access token before this one was given, None where they are not known.
    """
    reply = _reply(response, words=provider.failures)
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
    issued = issued_by(provider, response, reply, fields, remarks, last_life=last_life)
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
    access_token, refresh_token = (usable(fields.get(name)) for name in (shape.access_token, shape.refresh_token))
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
    reply = _reply(response, words=call.failures, largest=largest)
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
    reply = _reply(response, words=provider.failures)
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
    reply = _reply(response, words=consumer.failures)
    if isinstance(reply, Failure):
        return reply
    error = consumer.error(reply, response.status)
    return reply if error is None else explicit(consumer, response, error, secrets=secrets)


def _reply(response: ProviderResponse, *, words: Container[str], largest: int = MAX_BODY) -> dict[str, Any] | Failure:
    """Return the object of a response, or the failure of one that means "later" or cannot be read.

    A server that redirects a token request is not the endpoint that issues tokens (RFC 9700 §4.12): what it says
    counts for nothing. In a 4xx an error may be the one object of a list, as Salesforce's, or nothing but one of the
    provider's known `words`.
    """
    failure = busy(response)
    if failure is not None:
        return failure
    if 300 <= response.status < 400:  # noqa: PLR2004 - RFC 9110 §15.4
        return unreadable(response)
    try:
        return read_object(response, largest=largest)
    except Unreadable:
        bare = _bare_error(response, words, largest) if 400 <= response.status < 500 else None  # noqa: PLR2004 - §15.5
        return unreadable(response) if bare is None else bare


def _bare_error(response: ProviderResponse, words: Container[str], largest: int) -> dict[str, Any] | None:
    """Return the error of a body that is no object, as one: the only one of a list, or a known word; else None."""
    if not response.complete:
        return None
    try:
        body = unpacked(response, largest=largest)
    except Unreadable:
        return None
    try:
        only = parse_list(body)
    except NotStrictJson:
        word = _WORD.fullmatch(body.strip())
        text = word[1].decode("ascii") if word else ""
        return {"error": text} if text in words else None
    return only[0] if len(only) == 1 and isinstance(only[0], dict) else None


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
