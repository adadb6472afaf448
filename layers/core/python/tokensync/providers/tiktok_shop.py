"""TikTok Shop, Partner Center. Docs: https://partner.tiktokshop.com/docv2/page/authorization-overview-202407.

It leaves the RFCs in most places: the token endpoint is a GET with everything in the query, errors are numbers in an
HTTP 200, expiries are absolute epoch seconds, and the redirect URL and scopes are set in Partner Center.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tokensync.domain.messages import AccountReply, FailureClass, Request
from tokensync.oauth.hints import IdForm
from tokensync.oauth.provider import AccountCall, Provider, WebhookEvent, WebhookEventKind, WebhookShape
from tokensync.oauth.shapes import (
    AuthorizeShape,
    CallbackShape,
    Encoding,
    ErrorReply,
    ResponseShape,
    TokenShape,
    numbered_error,
)
from tokensync.providers.api2cart import STORE_URL, VERIFY, is_store_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.app import App
    from tokensync.domain.grant import Grant
    from tokensync.domain.secret import Secret

_SHOPS = "/authorization/202309/shops"
_KINDS = {"0": "seller", "1": "creator", "3": "partner"}
_SELLER_LINK = AuthorizeShape(
    client_id="service_id",
    identified_by="service_id",
    response_type=None,
    redirect_uri=False,
    scope_separator=None,
    pkce=None,
)
_CREATOR_LINK = "https://shop.tiktok.com/alliance/creator/auth"
# Types of webhooks: https://partner.tiktokshop.com/docv2/page/tts-webhooks-overview
_EVENT_KINDS = {6: WebhookEventKind.DEAUTHORIZED, 7: WebhookEventKind.EXPIRING}
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_ALLOW_LIST = (
    "the app's IP allow list does not name this stack: leave it empty in Partner Center, or give the stack fixed "
    "addresses (parameters SubnetIds and SecurityGroupIds)"
)
_KEYS = "the app key or the app secret may be wrong; the service id of the link is no app key"
_EPOCH = re.compile(r"[0-9]{1,10}")  # expiration_time is epoch seconds in a string


def sign(secret: str, path: str, query: Mapping[str, str], body: bytes = b"") -> str:
    """Return the `sign` of an API call: HMAC-SHA256 over secret, path, sorted query, raw body, secret.

    Values are not URL-encoded; `sign` and `access_token` are left out. The body must be the very bytes that are sent.
    """
    signed = "".join(name + query[name] for name in sorted(query) if name not in ("sign", "access_token"))
    message = secret.encode() + path.encode() + signed.encode() + body + secret.encode()
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def _account(data: Mapping[str, Any]) -> AccountReply | None:
    open_id = data.get("open_id")
    if not isinstance(open_id, str) or not open_id:
        return None
    user_type = data.get("user_type")
    kind = "" if user_type is None else _KINDS.get(str(user_type), str(user_type))
    facts = {
        key: data[field]
        for key, field in (("open_id", "open_id"), ("seller_name", "seller_name"), ("region", "seller_base_region"))
        if isinstance(data.get(field), str)
    }
    if isinstance(user_type, int | str) and not isinstance(user_type, bool):
        facts["user_type"] = kind
    return AccountReply(id=open_id, label=facts.get("seller_name", ""), kind=kind, facts=facts)


def _shops_request(app: App, api: str, grant: Grant, now: int) -> Request:
    query = {"app_key": app.client_id, "timestamp": str(now)}
    query["sign"] = sign(app.client_secret.reveal(), _SHOPS, query)
    return Request(
        method="GET",
        url=f"{api}{_SHOPS}?{urlencode(query)}",
        headers={"x-tts-access-token": grant.access_token.reveal(), "content-type": "application/json"},
    )


def _read_shops(reply: Mapping[str, Any], status: int) -> dict[str, Any] | ErrorReply:
    error = numbered_error(reply, status)
    if error is not None:
        return error
    data = reply.get("data")
    shops = data.get("shops") if isinstance(data, dict) else None
    if not isinstance(shops, list):
        return ErrorReply(code="missing_shops")
    wanted = ("id", "cipher", "name", "region", "code", "seller_type")
    return {
        "shops": [
            {key: shop[key] for key in wanted if isinstance(shop.get(key), str)}
            for shop in shops
            if isinstance(shop, dict) and isinstance(shop.get("id"), str)
        ]
    }


def _shop_ids(facts: Mapping[str, Any]) -> tuple[str, ...]:
    shops = facts.get("shops")
    return tuple(shop["id"] for shop in shops) if isinstance(shops, list) else ()


def _signature(headers: Mapping[str, str]) -> str | None:
    given = headers.get("authorization", "")
    return given if _SIGNATURE.fullmatch(given) else None


def webhook_signature(app: App, secret: Secret, headers: Mapping[str, str], body: bytes) -> str:
    """Return the signature of a webhook: HMAC-SHA256 over the app key and the raw body; no time is part of it."""
    del headers
    return hmac.new(secret.reveal().encode(), app.client_id.encode() + body, hashlib.sha256).hexdigest()


def _webhook_event(body: Mapping[str, Any]) -> WebhookEvent:
    kind, data, at, shop = body.get("type"), body.get("data"), body.get("timestamp"), body.get("shop_id")
    event_id = body.get("tts_notification_id")
    ends = data.get("expiration_time") if isinstance(data, dict) else None
    return WebhookEvent(
        kind=_EVENT_KINDS.get(kind, WebhookEventKind.OTHER) if isinstance(kind, int) else WebhookEventKind.OTHER,
        id=event_id if isinstance(event_id, str) else "",
        at=at if isinstance(at, int) else None,
        lookup=shop if isinstance(shop, str) else "",
        expires_at=int(ends) if isinstance(ends, str) and _EPOCH.fullmatch(ends) else None,
    )


def _contradiction(provider: Provider, app: App) -> str:
    """Return what API2Cart would never hear of, or could not use."""
    del provider
    given = [name for name in (STORE_URL, VERIFY) if name in app.settings]
    if given and not app.push and not app.gives_away:
        return f"{given[0]} does nothing without push=api2cart or owner=consumer"
    if STORE_URL in given and not is_store_url(app.settings[STORE_URL].replace("{account}", "1")):
        return f"{STORE_URL} is an https URL without a name in it"
    return ""


def _configured(provider: Provider, app: App) -> Provider:
    """Return the provider for one app: a creators' app needs no service id, as its link has the app key."""
    if provider.setting(app, "account_kind") != "creator":
        return provider
    return replace(
        provider,
        endpoints={**provider.endpoints, "authorize": _CREATOR_LINK},
        regions={name: {} for name in provider.regions},
        required=(),
        authorize=replace(_SELLER_LINK, client_id="app_key", identified_by="client_id"),
    )


PROVIDER = Provider(
    name="tiktok_shop",
    title="TikTok Shop",
    docs="https://partner.tiktokshop.com/docv2/page/authorization-overview-202407",
    endpoints={
        "authorize": "https://services.tiktokshop.com/open/authorize",
        "token": "https://auth.tiktok-shops.com/api/v2/token/get",
        "refresh": "https://auth.tiktok-shops.com/api/v2/token/refresh",
        "api": "https://open-api.tiktokglobalshop.com",
    },
    regions={
        "global": {},
        "us": {"authorize": "https://services.us.tiktokshop.com/open/authorize"},
        # The vendor's pages disagree about the US host; this is the other one.
        "us-alternative": {"authorize": "https://services.tiktokshops.us/open/authorize"},
        "partner": {"authorize": "https://partner.tiktokshop.com/open/authorize"},
    },
    hosts=frozenset(
        {
            "services.tiktokshop.com",
            "services.us.tiktokshop.com",
            "services.tiktokshops.us",
            "partner.tiktokshop.com",
            "shop.tiktok.com",
            "auth.tiktok-shops.com",
            "auth-sandbox.tiktok-shops.com",
            "open-api.tiktokglobalshop.com",
        }
    ),
    settings={
        "account_kind": ("seller", "creator", "partner"),
        "installs": ("none", "provider"),
        "owner": ("tokensync", "consumer"),
        "push": ("none", "api2cart"),
        STORE_URL: (),
        VERIFY: ("true", "false"),
    },
    contradiction=_contradiction,
    meanings={
        "account_kind": "the type of account that may be connected; another is refused",
        "installs": "whether an authorization without state is taken, as the App Store of TikTok Shop begins it",
        "owner": "who refreshes what was handed to a consumer",
        "push": "the consumer that is given each new pair",
        STORE_URL: "the address under which API2Cart adds a store: an https URL, `{account}` in it is the account id",
        VERIFY: "whether API2Cart tries a pair when it adds its store",
    },
    required=("service_id",),
    facts={
        "open_id": "the account, opaque; it is the account id too",
        "user_type": "seller, creator or partner; a number that no page explains is kept as its text",
        "seller_name": "the seller's name",
        "region": "the seller's base region",
        "shops": "the shops of the authorization, each with id, cipher, name, region, code and seller_type",
    },
    authorize=_SELLER_LINK,
    callback=CallbackShape(no_code=frozenset({"", "null"}), client_id="app_key"),
    token=TokenShape(
        method="GET",
        encoding=Encoding.QUERY,
        client_id="app_key",
        client_secret="app_secret",  # noqa: S106 - the parameter's name
        code="auth_code",
        authorization_code="authorized_code",
        redirect_uri=False,
    ),
    response=ResponseShape(
        envelope="data",
        error=numbered_error,
        expires_in="access_token_expire_in",
        refresh_expires_in="refresh_token_expire_in",
        default_expires_in=86_400,  # seven days are usual; where none are stated, a cautious one
        scope="granted_scopes",
        trace_id="request_id",
        account=_account,
    ),
    failures={
        "36004004": FailureClass.REFUSED,  # invalid auth code
        "36004005": FailureClass.REFUSED,  # can not find related auth record
        "36004001": FailureClass.REFUSED,  # refresh token has expired
        "98001005": FailureClass.REFUSED,  # code already used
        "98001006": FailureClass.REFUSED,  # refresh token invalid
        "98001004": FailureClass.UNKNOWN,  # parameters invalid
        "36009033": FailureClass.CONFIGURATION,  # the IP allow list also guards the token calls
        "36009002": FailureClass.BUSY,  # rate limit
        "36009007": FailureClass.AMBIGUOUS,  # timeout
    },
    failure_texts=(
        ("ip allow list", FailureClass.CONFIGURATION),
        ("invalid client_key", FailureClass.CONFIGURATION),
        ("invalid app_key", FailureClass.CONFIGURATION),
    ),
    hints=(
        ("ip allow list", _ALLOW_LIST),
        ("36009033", _ALLOW_LIST),
        ("invalid client_key", _KEYS),
        ("invalid app_key", _KEYS),
        ("36004004", "a code works once, for 30 minutes, and for the app that asked for it"),
        ("98001005", "a code works once"),
        ("98001004", f"{_KEYS}; or the app is not approved yet or not live"),
    ),
    id_forms={
        "client_id": IdForm(re.compile("(?=[0-9]*[A-Za-z])[0-9A-Za-z]{4,14}"), "an app key, such as 29a39d"),
        "service_id": IdForm(re.compile("[0-9]{15,20}"), "a service id, such as 7172839405060708090"),
        "client_secret": IdForm(re.compile("[0-9a-f]{30,64}"), "an app secret"),
    },
    account_call=AccountCall(
        request=_shops_request,
        read=_read_shops,
        failures={
            "105002": FailureClass.REFUSED,  # access token expired
            "105001": FailureClass.REFUSED,  # deauthorized
            "36009002": FailureClass.BUSY,  # rate limit
            "36009007": FailureClass.AMBIGUOUS,  # timeout
            "36009033": FailureClass.CONFIGURATION,  # IP allow list
        },
        failure_texts=(("ip allow list", FailureClass.CONFIGURATION),),
        carries_secret=True,
        lookups=_shop_ids,
    ),
    webhook=WebhookShape(signature=_signature, expected=webhook_signature, read=_webhook_event),
    configured=_configured,
)
