"""Any OAuth 2.0 authorization server, by configuration alone.

RFC 6749 (OAuth 2.0), RFC 6750 (Bearer), RFC 7009 (revocation), RFC 7636 (PKCE), RFC 8414 (metadata), RFC 9207 (iss),
RFC 9700 §4.14 (refresh token rotation), and of OpenID Connect Core 1.0 the ID token's and the UserInfo's `sub`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tokensync.domain.errors import InvalidApp
from tokensync.domain.messages import AccountReply, FailureClass, Request
from tokensync.oauth.account_paths import NoPath
from tokensync.oauth.id_token import app_claims
from tokensync.oauth.provider import AccountCall, GrantType, Provider, RefreshReuse
from tokensync.oauth.shapes import ErrorReply, RevocationShape, id_text, no_account, oauth_error
from tokensync.providers.oauth2_contradictions import contradiction
from tokensync.providers.oauth2_naming import naming_of, second_of
from tokensync.providers.oauth2_params import declared_params
from tokensync.providers.oauth2_renewal import renewal_shape
from tokensync.providers.oauth2_settings import (
    MEANINGS,
    SETTINGS,
    Declared,
    authorize_shape,
    callback_shape,
    failure_texts,
    failures,
    is_seconds,
    response_shape,
    token_shape,
)
from tokensync.providers.oauth2_tokens import token_path_problems

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokensync.domain.app import App
    from tokensync.domain.grant import Grant
    from tokensync.oauth.naming import Naming, SecondToken
    from tokensync.oauth.shapes import CallbackShape

_MINTED_LIFE = 3600  # seconds; RFC 6749 §4.4.3's own example
# Claims about the account that workloads may need; no other claim is kept.
_CLAIMS = ("sub", "name", "preferred_username", "email", "zoneinfo", "locale")


def _account(
    reply: Mapping[str, Any], *, claims: Callable[[object], Mapping[str, Any]], by_subject: bool
) -> AccountReply | None:
    """Return the account of the ID token, its name the subject; no name where that is found by other means."""
    told = claims(reply.get("id_token"))
    subject = id_text(told.get("sub"))
    if not subject:
        return None
    return AccountReply(id=subject if by_subject else "", label=_label(told), facts=_facts(told))


def _label(claims: Mapping[str, Any]) -> str:
    values = (claims.get(name) for name in ("name", "preferred_username", "email"))
    return next((value for value in values if isinstance(value, str)), "")


def _facts(claims: Mapping[str, Any]) -> dict[str, Any]:
    subject = id_text(claims.get("sub"))
    texts = {name: claims[name] for name in _CLAIMS if isinstance(claims.get(name), str)}
    return {"sub": subject, **texts} if subject else texts


def _userinfo_request(app: App, userinfo: str, grant: Grant, now: int) -> Request:
    del app, now
    return Request(method="GET", url=userinfo, headers={"authorization": f"Bearer {grant.access_token.reveal()}"})


def _account_request(
    app: App, url: str, grant: Grant, now: int, *, headers: Mapping[str, str], query: Mapping[str, str]
) -> Request:
    """Return the account call as an app has it: the access token in a Bearer header, unless it is placed elsewhere."""
    del now

    def filled(text: str) -> str:
        # The token last: what it holds is not looked at again.
        return text.replace("{client_id}", app.client_id).replace("{access_token}", grant.access_token.reveal())

    own = {name.lower(): filled(value) for name, value in headers.items()}
    if not any("{access_token}" in value for value in (*headers.values(), *query.values())):
        own = {"authorization": f"Bearer {grant.access_token.reveal()}", **own}
    parameters = urlencode({name: filled(value) for name, value in query.items()})
    joint = "" if not parameters else "&" if "?" in url else "?"
    return Request(method="GET", url=f"{url}{joint}{parameters}", headers=own)


def _read_userinfo(reply: Mapping[str, Any], status: int) -> dict[str, Any] | ErrorReply:
    if not 200 <= status < 300:  # noqa: PLR2004 - RFC 9110 §15.3
        # RFC 6750 §3: here the challenge has the word, and no body.
        return ErrorReply(code=f"http_{status}")
    facts, error = _facts(reply), oauth_error(reply, status)
    # Some say no in a success: that verifies nothing.
    return facts if error is None or "sub" in facts else error


def _named(facts: Mapping[str, Any], wanted: str) -> AccountReply | None:
    del wanted
    subject = id_text(facts.get("sub"))
    return AccountReply(id=subject, label=_label(facts)) if subject else None


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
    return int(text) if is_seconds(text) else 0


def _configured(provider: Provider, app: App) -> Provider:
    told = Declared(provider, app)
    for problem in token_path_problems(app.settings):
        raise InvalidApp(f"app {app.name}: {problem}")
    minted = told.text("grant") == GrantType.CLIENT_CREDENTIALS
    callback = callback_shape(provider.callback, told)
    account, naming, second = no_account, None, None  # a minted token's account is the app, whatever its response names
    if not minted:
        naming, second = _naming(app, callback)
        if not told.text("account_field"):
            by_subject = naming is None or naming.account is None
            account = partial(_account, claims=_claims_for(app), by_subject=by_subject)
    account_call = None
    if "verify" in app.endpoints and not minted:
        # One account has one name: where paths give it, the UserInfo's subject does not.
        named = no_account if naming is not None and naming.account is not None else _USERINFO.account
        headers, query = told.under("account_header."), told.under("account_query.")
        request = partial(_account_request, headers=headers, query=query) if headers or query else _USERINFO.request
        account_call = replace(_USERINFO, account=named, request=request)
    response = response_shape(provider.response, told)
    if minted and response.default_expires_in is None:
        # Minting again costs nothing, so a minted token that states no life gets a short one.
        response = replace(response, default_expires_in=_MINTED_LIFE)
    renewal = renewal_shape(told)
    is_safe = minted or renewal.presents_access_token  # neither is used up by being presented
    return replace(
        provider,
        title=told.text("title") or provider.title,
        params=declared_params(told),
        grant_type=GrantType(told.text("grant")),
        authorize=authorize_shape(provider.authorize, told),
        callback=callback,
        token=token_shape(provider.token, told),
        response=replace(response, account=account),
        failures=failures(told),
        failure_texts=failure_texts(told),
        refresh_reuse=RefreshReuse.SAFE if is_safe else RefreshReuse(told.text("refresh_reuse")),
        renewal=renewal,
        grace_seconds=_grace_seconds(told.text("grace_seconds")),
        account_call=account_call,
        naming=naming,
        second=second,
    )


def _claims_for(app: App) -> Callable[[object], Mapping[str, Any]]:
    return partial(app_claims, client_id=app.client_id, issuer=app.settings.get("issuer", ""))


def _naming(app: App, callback: CallbackShape) -> tuple[Naming | None, SecondToken | None]:
    """Return what an app's settings say of its accounts' names.

    Raises:
        InvalidApp: one of them is no path, as it can only be by a hand in the app's secret.
    """
    claims = _claims_for(app)
    try:
        return naming_of(app.settings, callback, claims), second_of(app.settings, callback, claims)
    except NoPath as error:
        raise InvalidApp(f"app {app.name}: {error}") from None


PROVIDER = Provider(
    name="oauth2",
    title="OAuth 2.0",
    docs="https://www.rfc-editor.org/rfc/rfc6749",
    endpoints={},
    hosts=None,
    settings=SETTINGS,
    meanings=MEANINGS,
    contradiction=contradiction,
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
