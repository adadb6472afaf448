"""What a token endpoint issued, from the fields of its response."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tokensync.domain.errors import InvalidName
from tokensync.domain.messages import AccountReply, Issued
from tokensync.domain.names import account_id
from tokensync.domain.secret import Secret, token_of
from tokensync.domain.text import LABEL_LENGTH, one_line
from tokensync.oauth.expiry import Clocks, Lifetime, Remarks, access_lifetime, expiry
from tokensync.oauth.params import of_response
from tokensync.oauth.shapes import OAUTH_FAILURES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.messages import ProviderResponse
    from tokensync.oauth.provider import Provider

_MOST_SCOPES = 200  # the published secret has 64 KB in all
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
_NO_SIGNS = re.compile(r"[^a-z0-9]")
# Errors by their letters alone, as servers spell them in many ways: of RFC 6749 §4.1.2.1, RFC 6750 §3.1 and RFC 8628
# §3.5, and words that no RFC knows. No server issues a token that is one of them.
_ERRORS = frozenset(
    _NO_SIGNS.sub("", word)
    for word in (
        *OAUTH_FAILURES,
        *("access_denied", "unsupported_response_type", "invalid_token", "insufficient_scope"),
        *("authorization_pending", "slow_down", "expired_token", "token_expired", "revoked_token", "token_revoked"),
        *("token_invalid", "invalid_access_token", "access_token_expired", "access_token_invalid", "no_token"),
        *("token_not_found", "invalid_code", "invalid_credentials", "invalid_user", "user_not_found", "not_found"),
        *("error", "errors", "fail", "failed", "failure", "expired", "revoked", "invalid", "denied", "unauthorized"),
        *("unauthenticated", "unauthorised", "forbidden", "permission_denied", "bad_request", "internal_error"),
        *("internal_server_error", "unknown_error", "unknown", "unavailable", "service_unavailable", "timeout"),
        *("gateway_timeout", "bad_gateway", "not_authorized", "not_authenticated", "login_required"),
        *("consent_required", "interaction_required", "bearer", "true", "0"),
    )
)
_PLACEHOLDERS = "-*._"
# An error that says which, and what is a page, an object or a list and no token.
_NO_TOKEN_BEGINS = ("error:", "error=", "error_description=", "<", "{", "[")


def issued_by(
    provider: Provider,
    response: ProviderResponse,
    reply: Mapping[str, Any],
    fields: Mapping[str, Any],
    remarks: Remarks,
    *,
    last_life: int | None,
) -> Issued:
    """Return what the fields of a response hold; what is not as documented is added to `remarks`."""
    shape, clocks = provider.response, Clocks.of(response)
    access_token = _token(fields, shape.access_token, remarks)
    refresh_token = _token(fields, shape.refresh_token, remarks, is_optional=True)
    # Where a refresh brings no refresh token, the one that was presented stays.
    refreshable = refresh_token is not None or last_life is not None
    lifetime = access_lifetime(fields, shape.expires_in, clocks, remarks, refreshable=refreshable, last_life=last_life)
    if lifetime is None and (shape.default_expires_in is not None or refresh_token is not None):
        lifetime = Lifetime.of(shape.default_expires_in or ASSUMED_LIFE, clocks)
    ends = REFRESH_ENDS if shape.refresh_expires_in is None else (shape.refresh_expires_in,)
    end = next((name for name in ends if fields.get(name) is not None), ends[0])
    refresh_lifetime = expiry(fields, end, clocks, remarks, may_be_endless=True)
    token_type = fields.get(shape.token_type)
    params = of_response(provider.params, fields, reply, provider.in_hosts, remarks.odd)
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
    token = usable(value)
    if token is None:
        remarks.odd.append(f"{name} malformed")
    return token


def usable(value: object) -> Secret | None:
    """Return a token, None where a word stands in its place: an error's, or one that says that there is none."""
    token = token_of(value)
    if token is None:
        return None
    text = token.reveal().lower()
    letters = _NO_SIGNS.sub("", text)
    is_none = (
        text in _NO_TOKEN or not text.strip(_PLACEHOLDERS) or letters in _ERRORS or text.startswith(_NO_TOKEN_BEGINS)
    )
    return None if is_none else token


def _scopes(value: object, separator: str) -> tuple[str, ...] | None:
    """Return the granted scopes from a separated string or an array of strings or numbers, None where it says nothing.

    An empty one says nothing, RFC 6749 §3.3 and §A.4: GitHub sends it with every token of a GitHub App.
    """
    parts: list[Any]
    if isinstance(value, str):
        parts = value.replace(",", " ").split() if separator in (",", " ") else value.split(separator)
    elif isinstance(value, list):
        parts = [part for part in value if isinstance(part, str | int)]
    else:
        return None
    scopes = tuple(one_line(str(part), length=LABEL_LENGTH) for part in parts[:_MOST_SCOPES] if str(part).strip())
    return scopes or None


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
