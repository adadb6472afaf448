"""Any OAuth 2.0 authorization server, by configuration alone.

RFC 6749 (OAuth 2.0), RFC 6750 (Bearer), RFC 7009 (revocation), RFC 7636 (PKCE), RFC 8414 (metadata), RFC 9207 (iss),
RFC 9700 §4.14 (refresh token rotation), and of OpenID Connect Core 1.0 the ID token's and the UserInfo's `sub`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tokensync.domain.messages import AccountReply, FailureClass, Request
from tokensync.oauth.id_token import app_claims
from tokensync.oauth.provider import AccountCall, GrantType, Provider, RefreshReuse
from tokensync.oauth.shapes import ClientAuthentication, ErrorReply, Pkce, RevocationShape, no_account
from tokensync.providers.oauth2_naming import naming_of, second_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokensync.domain.app import App
    from tokensync.domain.grant import Grant

_SEPARATORS = {"space": " ", "comma": ","}
_MINTED_LIFE = 3600  # seconds; RFC 6749 §4.4.3's own example
# Claims about the account that workloads may need; no other claim is kept.
_CLAIMS = ("sub", "name", "preferred_username", "email", "zoneinfo", "locale")


def _account(
    reply: Mapping[str, Any], *, claims: Callable[[object], Mapping[str, Any]], named: bool
) -> AccountReply | None:
    """Return the account of the ID token: its subject, or no name where it is `named` by other means."""
    told = claims(reply.get("id_token"))
    subject = told.get("sub")
    if not isinstance(subject, str) or not subject:
        return None
    return AccountReply(id=subject if named else "", label=_label(told), facts=_facts(told))


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
    account, naming, second = no_account, None, None  # a minted token's account is the app, whatever its response names
    if not minted:
        claims = partial(app_claims, client_id=app.client_id, issuer=issuer)
        naming, second = naming_of(provider, app, claims), second_of(provider, app, claims)
        account = partial(_account, claims=claims, named=naming is None or naming.account is None)
        if setting("account_field"):
            account = no_account
    userinfo = None
    if "verify" in app.endpoints and not minted:
        # One account has one name: where paths give it, the UserInfo's subject does not.
        by_paths = naming is not None and naming.account is not None
        userinfo = replace(_USERINFO, account=no_account) if by_paths else _USERINFO
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
        naming=naming,
        second=second,
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
        "account": (),
        "label": (),
        "fact.": (),
        "second_token": (),
        "second_account": (),
        "authorize.": (),
        "token.": (),
    },
    revocation=RevocationShape(),
    configured=_configured,
)
