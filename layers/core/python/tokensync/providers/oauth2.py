"""Any OAuth 2.0 authorization server, by configuration alone.

RFC 6749 (OAuth 2.0), RFC 6750 (Bearer), RFC 7009 (revocation), RFC 7636 (PKCE), RFC 8414 (metadata), RFC 9207 (iss),
RFC 9700 §4.14 (refresh token rotation), and of OpenID Connect Core 1.0 the ID token's and the UserInfo's `sub`.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tokensync.domain.messages import AccountReply, FailureClass, Request
from tokensync.oauth.provider import AccountCall, GrantType, Provider, RefreshReuse
from tokensync.oauth.shapes import ClientAuthentication, ErrorReply, Pkce, RevocationShape, no_account

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.app import App
    from tokensync.domain.grant import Grant

_SEPARATORS = {"space": " ", "comma": ","}
_MINTED_LIFE = 3600  # seconds; RFC 6749 §4.4.3's own example
# Claims about the account that workloads may need; no other claim is kept.
_CLAIMS = ("sub", "name", "preferred_username", "email", "zoneinfo", "locale")


def _claims(id_token: object) -> Mapping[str, Any]:
    """Return the claims of an ID token, empty where it is none.

    Its signature is not checked: it comes straight from the token endpoint, OpenID Connect Core §3.1.3.7(6).
    """
    parts = id_token.split(".") if isinstance(id_token, str) else []
    if len(parts) != 3:  # noqa: PLR2004 - RFC 7515 §3.1
        return {}
    try:
        read = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _account(reply: Mapping[str, Any], *, field: str, issuer: str, client_id: str) -> AccountReply | None:
    """Name the account by the field in the app's settings, else by the ID token's subject."""
    if field:
        value = reply.get(field)
        # True is an int in Python, and no account's id.
        usable = isinstance(value, str | int) and not isinstance(value, bool)
        return AccountReply(id=str(value)) if usable and value != "" else None
    claims = _claims(reply.get("id_token"))
    audience = claims.get("aud")
    ours = client_id in audience if isinstance(audience, list) else audience == client_id
    subject = claims.get("sub")
    if not ours or (issuer and claims.get("iss") != issuer) or not isinstance(subject, str) or not subject:
        return None
    return AccountReply(id=subject, label=_label(claims), facts=_facts(claims))


def _label(claims: Mapping[str, Any]) -> str:
    values = (claims.get(name) for name in ("name", "preferred_username", "email"))
    return next((value for value in values if isinstance(value, str)), "")


def _facts(claims: Mapping[str, Any]) -> dict[str, Any]:
    return {name: claims[name] for name in _CLAIMS if isinstance(claims.get(name), str)}


def _userinfo_request(app: App, userinfo: str, grant: Grant, now: int) -> Request:
    del app, now
    return Request(method="GET", url=userinfo, headers={"authorization": f"Bearer {grant.access_token.reveal()}"})


def _read_userinfo(reply: Mapping[str, Any], status: int) -> dict[str, Any] | ErrorReply:
    if not 200 <= status < 300:  # noqa: PLR2004 - RFC 9110 §15.3
        return ErrorReply(code=f"http_{status}")
    return _facts(reply)


def _named(facts: Mapping[str, Any], wanted: str) -> AccountReply | None:
    del wanted
    subject = facts.get("sub")
    return AccountReply(id=subject, label=_label(facts)) if isinstance(subject, str) and subject else None


_USERINFO = AccountCall(
    request=_userinfo_request,
    read=_read_userinfo,
    endpoint="verify",
    # RFC 6750 §3.1. A bare 401 may come from any proxy, and marks nothing dead.
    failures={"invalid_token": FailureClass.REFUSED},
    challenged=True,
    account=_named,
)


def _grace_seconds(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0  # noqa: PLR2004 - 11 days


def _extra(app: App, prefix: str) -> dict[str, str]:
    return {key.removeprefix(prefix): value for key, value in app.settings.items() if key.startswith(prefix)}


def _configured(provider: Provider, app: App) -> Provider:
    def setting(key: str) -> str:
        return provider.setting(app, key)

    minted = setting("grant") == GrantType.CLIENT_CREDENTIALS
    issuer = setting("issuer")
    named_by_field = setting("account_field")
    account = no_account  # a minted token's account is the app, whatever its response names
    if not minted:
        account = partial(_account, field=named_by_field, issuer=issuer, client_id=app.client_id)
    userinfo = None
    if "verify" in app.endpoints and not minted:
        # One account has one name: where a field of the token response gives it, the UserInfo's subject does not.
        userinfo = replace(_USERINFO, account=no_account) if named_by_field else _USERINFO
    return replace(
        provider,
        title=setting("title") or provider.title,
        grant_type=GrantType(setting("grant")),
        authorize=replace(
            provider.authorize,
            scope_separator=_SEPARATORS[setting("scope_separator")],
            pkce=Pkce.S256 if setting("pkce") == "S256" else None,
            parameters=_extra(app, "authorize."),
        ),
        callback=replace(provider.callback, issuer=issuer, issuer_announced=setting("iss") == "required"),
        token=replace(
            provider.token,
            authentication=ClientAuthentication(setting("client_auth")),
            parameters=_extra(app, "token."),
        ),
        response=replace(
            provider.response,
            account=account,
            scope_separator=_SEPARATORS[setting("scope_separator")],
            # Minting again costs nothing, so a minted token that states no life gets a short one.
            default_expires_in=_MINTED_LIFE if minted else None,
        ),
        refresh_reuse=RefreshReuse.SAFE if minted else RefreshReuse(setting("refresh_reuse")),
        grace_seconds=_grace_seconds(setting("grace_seconds")),
        account_call=userinfo,
    )


PROVIDER = Provider(
    name="oauth2",
    title="OAuth 2.0",
    docs="https://www.rfc-editor.org/rfc/rfc6749",
    endpoints={},
    hosts=None,
    settings={
        "title": (),
        "issuer": (),
        "iss": ("optional", "required"),
        "grant": (
            GrantType.AUTHORIZATION_CODE.value,
            GrantType.CLIENT_CREDENTIALS.value,
            GrantType.REFRESH_TOKEN.value,
        ),
        "client_auth": (ClientAuthentication.BASIC.value, ClientAuthentication.POST.value),
        "pkce": ("S256", "none"),
        "scope_separator": ("space", "comma"),
        "refresh_reuse": (RefreshReuse.SINGLE_USE.value, RefreshReuse.GRACE.value, RefreshReuse.SAFE.value),
        "grace_seconds": (),
        "account_field": (),
        "authorize.": (),
        "token.": (),
    },
    facts={
        "sub": "the account, from the ID token or the UserInfo; it is the account id too",
        "name": "the account's full name",
        "preferred_username": "the name that the account goes by",
        "email": "the account's mail address",
        "zoneinfo": "the account's time zone",
        "locale": "the account's language",
    },
    revocation=RevocationShape(),
    configured=_configured,
)
