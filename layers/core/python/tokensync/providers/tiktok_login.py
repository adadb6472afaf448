"""TikTok for Developers, Login Kit v2. Docs: https://developers.tiktok.com/doc/oauth-user-access-token-management.

It leaves the RFCs in its names (`client_key`), in scopes separated by commas, in PKCE for desktop apps alone and with a
hexadecimal challenge, in errors on any HTTP status, and in revoking by the access token.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tokensync.domain.messages import AccountReply, FailureClass, Request
from tokensync.oauth.hints import IdForm
from tokensync.oauth.provider import (
    AccountCall,
    GrantType,
    Provider,
    RefreshReuse,
    WebhookEvent,
    WebhookEventKind,
    WebhookShape,
)
from tokensync.oauth.shapes import (
    RFC_FAILURES,
    AuthorizeShape,
    ErrorReply,
    Pkce,
    ResponseShape,
    RevocationShape,
    TokenShape,
    oauth_error,
    plain_text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.app import App
    from tokensync.domain.grant import Grant
    from tokensync.domain.secret import Secret

_USER_INFO = "/v2/user/info/?fields=open_id,union_id,avatar_url,display_name"
_FACTS = ("open_id", "union_id", "avatar_url", "display_name")
_SIGNATURE = re.compile(r"t=([0-9]{1,12}),s=([0-9a-f]{64})")


def _account(reply: Mapping[str, Any]) -> AccountReply | None:
    open_id = reply.get("open_id")
    return AccountReply(id=open_id, facts={"open_id": open_id}) if isinstance(open_id, str) and open_id else None


def _error(reply: Mapping[str, Any], status: int) -> ErrorReply | None:
    """Return the error of a token response: a success has none, so a token beside one is not taken."""
    found = oauth_error(reply, status)
    return None if found is None else replace(found, yields=False)


def _user_info_request(app: App, api: str, grant: Grant, now: int) -> Request:
    del app, now
    return Request(
        method="GET", url=f"{api}{_USER_INFO}", headers={"authorization": f"Bearer {grant.access_token.reveal()}"}
    )


def _read_user_info(reply: Mapping[str, Any], status: int) -> dict[str, Any] | ErrorReply:
    """Return a user's facts. API errors have another shape than those of the token endpoint; success is `ok`."""
    error, data = reply.get("error"), reply.get("data")
    code = error.get("code") if isinstance(error, dict) else None
    if code != "ok":
        message, trace_id = (error.get("message"), error.get("log_id")) if isinstance(error, dict) else (None, None)
        code = plain_text(code) or f"http_{status}"
        return ErrorReply(code=code, message=plain_text(message), trace_id=plain_text(trace_id))
    user = data.get("user") if isinstance(data, dict) else None
    if not isinstance(user, dict):
        return ErrorReply(code="missing_user")
    return {key: user[key] for key in _FACTS if isinstance(user.get(key), str)}


def _named(facts: Mapping[str, Any], wanted: str) -> AccountReply | None:
    del wanted
    open_id, name = facts.get("open_id"), facts.get("display_name")
    if not isinstance(open_id, str) or not open_id:
        return None
    return AccountReply(id=open_id, label=name if isinstance(name, str) else "")


def _signature(headers: Mapping[str, str]) -> str | None:
    found = _SIGNATURE.fullmatch(headers.get("tiktok-signature", ""))
    return None if found is None else found[2]


def webhook_signature(app: App, secret: Secret, headers: Mapping[str, str], body: bytes) -> str:
    """Return the signature of a webhook: HMAC-SHA256 over its time, a full stop and the raw body.

    The time is signed and otherwise unused: deliveries are repeated for up to 72 hours.
    """
    del app
    found = _SIGNATURE.fullmatch(headers.get("tiktok-signature", ""))
    at = "" if found is None else found[1]
    return hmac.new(secret.reveal().encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()


def _webhook_event(body: Mapping[str, Any]) -> WebhookEvent:
    event, at, account = body.get("event"), body.get("create_time"), body.get("user_openid")
    return WebhookEvent(
        kind=WebhookEventKind.DEAUTHORIZED if event == "authorization.removed" else WebhookEventKind.OTHER,
        at=at if isinstance(at, int) else None,
        account=account if isinstance(account, str) else "",
        detail=_reason(body.get("content")),
    )


def _reason(content: object) -> str:
    """Return why an authorization ended, from `content`: JSON in a string."""
    try:
        read = json.loads(content) if isinstance(content, str) else None
    except (ValueError, RecursionError):
        return ""
    reason = read.get("reason") if isinstance(read, dict) else None
    return f"reason {reason}" if isinstance(reason, int) else ""


def _configured(provider: Provider, app: App) -> Provider:
    if provider.setting(app, "grant") == GrantType.CLIENT_CREDENTIALS:
        # Minted tokens name no user, and asking again does no harm.
        return replace(
            provider,
            grant_type=GrantType.CLIENT_CREDENTIALS,
            required=(),
            refresh_reuse=RefreshReuse.SAFE,
            account_call=None,
        )
    parameters = {"disable_auto_auth": "1"} if provider.setting(app, "disable_auto_auth") == "1" else {}
    pkce = Pkce.S256_HEX if provider.setting(app, "pkce") == "S256" else None
    return replace(provider, authorize=replace(provider.authorize, pkce=pkce, parameters=parameters))


def _contradiction(provider: Provider, app: App) -> str:
    """Return a setting that an app which mints its tokens has for nothing, as there is no link."""
    if provider.setting(app, "grant") != GrantType.CLIENT_CREDENTIALS:
        return ""
    key = next((key for key in ("pkce", "disable_auto_auth") if key in app.settings), "")
    return f"{key} does nothing with grant={GrantType.CLIENT_CREDENTIALS}, where nobody is asked" if key else ""


PROVIDER = Provider(
    name="tiktok_login",
    title="TikTok",
    docs="https://developers.tiktok.com/doc/oauth-user-access-token-management",
    endpoints={
        "authorize": "https://www.tiktok.com/v2/auth/authorize/",
        "token": "https://open.tiktokapis.com/v2/oauth/token/",
        "revoke": "https://open.tiktokapis.com/v2/oauth/revoke/",
        "api": "https://open.tiktokapis.com",
    },
    hosts=frozenset({"www.tiktok.com", "open.tiktokapis.com"}),
    settings={
        "grant": (GrantType.AUTHORIZATION_CODE.value, GrantType.CLIENT_CREDENTIALS.value),
        "pkce": ("none", "S256"),  # for desktop and mobile apps, where it is required
        "disable_auto_auth": ("0", "1"),
    },
    meanings={
        "grant": "where the app's tokens come from: consent, or the app's own credentials",
        "pkce": "whether codes are bound by PKCE: desktop and mobile apps need it",
        "disable_auto_auth": "1 shows the consent page even to an account that agreed before",
    },
    contradiction=_contradiction,
    required=("scopes",),
    facts={
        "open_id": "the user, for this app alone; it is the account id too",
        "union_id": "the user, the same for all apps of one developer",
        "avatar_url": "the address of the user's picture, which ends after a while",
        "display_name": "the user's name",
    },
    authorize=AuthorizeShape(client_id="client_key", scope_separator=",", pkce=None),
    token=TokenShape(client_id="client_key"),
    response=ResponseShape(
        error=_error,
        refresh_expires_in="refresh_expires_in",
        default_expires_in=7_200,  # two hours since November 2026, a day before
        scope_separator=",",
        trace_id="log_id",
        account=_account,
    ),
    failures=RFC_FAILURES,
    account_call=AccountCall(
        request=_user_info_request,
        read=_read_user_info,
        failures={
            "access_token_invalid": FailureClass.REFUSED,
            "scope_not_authorized": FailureClass.UNKNOWN,  # the token works, for other calls
            "rate_limit_exceeded": FailureClass.BUSY,
            "internal_error": FailureClass.AMBIGUOUS,
        },
        account=_named,
    ),
    id_forms={
        "client_id": IdForm(re.compile("(?=[0-9]*[a-z])[0-9a-z]{4,20}"), "a client key, such as aw1b2c3d4e"),
        "client_secret": IdForm(re.compile("[0-9A-Za-z]{30,64}"), "a client secret"),
        "app_id": IdForm(re.compile("[0-9]{15,20}"), "an app id of TikTok for Business, or an app id of the console"),
    },
    revocation=RevocationShape(access_token=True, hint=False, status_decides=False),
    webhook=WebhookShape(signature=_signature, expected=webhook_signature, read=_webhook_event),
    configured=_configured,
)
