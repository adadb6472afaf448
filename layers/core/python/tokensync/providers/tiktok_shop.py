"""TikTok Shop, Partner Center. Docs: https://partner.tiktokshop.com/docv2/page/authorization-overview-202407.

It leaves the RFCs in most places: the token endpoint is a GET with everything in the query, errors are numbers in an
HTTP 200, expiries are absolute epoch seconds, and the redirect URL and scopes are set in Partner Center.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from tokensync.answers import AccountReply, FailureClass
from tokensync.providers.contract import (
    AnswerShape,
    AuthorizeShape,
    CallbackShape,
    Encoding,
    ErrorReply,
    FactsCall,
    Provider,
    TokenShape,
)
from tokensync.request import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.app import App
    from tokensync.grant import Grant

_SHOPS = "/authorization/202309/shops"
_KINDS = {"0": "seller", "1": "creator", "3": "partner"}


def sign(secret: str, path: str, query: Mapping[str, str], body: bytes = b"") -> str:
    """Return the `sign` of an API call: HMAC-SHA256 over secret, path, sorted query, raw body, secret.

    Values stand unencoded; `sign` and `access_token` are left out. The body must be the very bytes that are sent.
    """
    signed = "".join(name + query[name] for name in sorted(query) if name not in ("sign", "access_token"))
    message = secret.encode() + path.encode() + signed.encode() + body + secret.encode()
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def _error(reply: Mapping[str, Any], status: int) -> ErrorReply | None:
    del status
    code = reply.get("code")
    # True == 1 and 0.0 == 0 in Python: only the number zero itself is a success.
    if isinstance(code, int) and not isinstance(code, bool) and code == 0:
        return None
    return ErrorReply(code="missing" if code is None else str(code), message=str(reply.get("message") or ""))


def _account(data: Mapping[str, Any]) -> AccountReply | None:
    open_id = data.get("open_id")
    if not isinstance(open_id, str) or not open_id:
        return None
    user_type = data.get("user_type")
    kind = "" if user_type is None else _KINDS.get(str(user_type), str(user_type))
    facts = {
        key: data[field]
        for key, field in (("seller_name", "seller_name"), ("region", "seller_base_region"))
        if isinstance(data.get(field), str)
    }
    return AccountReply(
        id=open_id,
        label=facts.get("seller_name", ""),
        kind=kind,
        facts=facts,
    )


def _shops_request(app: App, api: str, grant: Grant, now: int) -> Request:
    query = {"app_key": app.client_id, "timestamp": str(now)}
    query["sign"] = sign(app.client_secret.reveal(), _SHOPS, query)
    return Request(
        method="GET",
        url=f"{api}{_SHOPS}?{urlencode(query)}",
        headers={"x-tts-access-token": grant.access_token.reveal(), "content-type": "application/json"},
    )


def _read_shops(reply: Mapping[str, Any]) -> dict[str, Any] | None:
    data = reply.get("data")
    shops = data.get("shops") if isinstance(data, dict) else None
    if _error(reply, 200) is not None or not isinstance(shops, list):
        return None
    wanted = ("id", "cipher", "name", "region", "code", "seller_type")
    return {
        "shops": [
            {key: shop[key] for key in wanted if isinstance(shop.get(key), str)}
            for shop in shops
            if isinstance(shop, dict) and isinstance(shop.get("id"), str)
        ]
    }


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
    settings={"account_kind": ("seller", "creator", "partner")},
    required=("service_id",),
    authorize=AuthorizeShape(
        client_id="service_id",
        identified_by="service_id",
        response_type=None,
        redirect_uri=False,
        scope_separator=None,
        pkce=None,
    ),
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
    answer=AnswerShape(
        envelope="data",
        error=_error,
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
    facts=FactsCall(request=_shops_request, read=_read_shops),
)
