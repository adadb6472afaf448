"""Signed requests: two providers that sign everything, through the real builders and the real protocol."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from fakes.any_host import AnyHost
from field_rows import field
from tokensync.domain.app import App
from tokensync.domain.connection import Status
from tokensync.domain.messages import AccountReply, FailureClass, Request
from tokensync.domain.runtime import Moment
from tokensync.domain.secret import Secret
from tokensync.oauth.params import Param
from tokensync.oauth.provider import AccountCall, Provider
from tokensync.oauth.shapes import (
    AuthorizeShape,
    CallbackShape,
    ClientAuthentication,
    Encoding,
    ErrorReply,
    ResponseShape,
    RevocationShape,
    TokenShape,
)
from tokensync.oauth.signing import Signed
from tokensync.oauth.token_request import code_request
from tokensync.providers import PROVIDERS
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.grant import Grant

SECRET = "helloworld"
DAY = 86_400


def lazada_sign(secret: str, path: str, fields: Mapping[str, Any]) -> str:
    """Return Lazada's signature: upper-case hex over the path without /rest and the sorted parameters."""
    signed = path.removeprefix("/rest") + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest().upper()


def lazada(app: App, url: str, fields: Mapping[str, Any], moment: Moment) -> Signed:
    """Sign a request of Lazada's: its time is in milliseconds."""
    timed = {**fields, "sign_method": "sha256", "timestamp": str(moment.now * 1000)}
    sign = lazada_sign(app.client_secret.reveal(), urlsplit(url).path, timed)
    return Signed(fields={**timed, "sign": sign})


def numbered(reply: Mapping[str, Any], status: int) -> ErrorReply | None:
    """Return an error of Lazada's, whose success is the text 0."""
    del status
    return None if reply.get("code") == "0" else ErrorReply(code=str(reply.get("code")))


def seller(app: App, url: str, grant: Grant, now: int) -> Request:
    """Ask Lazada whose a token is, signed like everything else."""
    fields = {"access_token": grant.access_token.reveal(), "app_key": app.client_id}
    signed = lazada(app, f"{url}/seller/get", fields, Moment(now, ""))
    return Request(method="GET", url=f"{url}/seller/get?{urlencode(signed.fields)}")


LAZADA = Provider(
    name="lazada",
    title="Lazada",
    docs="https://open.lazada.com",
    hosts=frozenset({"auth.lazada.com", "api.lazada.sg"}),
    endpoints={
        "authorize": "https://auth.lazada.com/oauth/authorize",
        "token": "https://auth.lazada.com/rest/auth/token/create",
        "refresh": "https://auth.lazada.com/rest/auth/token/refresh",
        "api": "https://api.lazada.sg/rest",
    },
    authorize=AuthorizeShape(pkce=None, scope_separator=None),
    token=TokenShape(
        method="GET",
        encoding=Encoding.QUERY,
        authentication=ClientAuthentication.SIGNATURE,
        client_id="app_key",
        authorization_code=None,
        refresh_grant=None,
        redirect_uri=False,
        sign=lazada,
    ),
    response=ResponseShape(
        error=numbered,
        refresh_expires_in="refresh_expires_in",
        account=lambda reply: AccountReply(id=str(reply["account_id"])) if "account_id" in reply else None,
    ),
    failures={"IllegalRefreshToken": FailureClass.REFUSED, "IncompleteSignature": FailureClass.CONFIGURATION},
    account_call=AccountCall(
        request=seller,
        read=lambda reply, _: dict(reply["data"]) if "data" in reply else ErrorReply(code=str(reply.get("code"))),
        carries_secret=True,
    ),
)
APP = App(name="lazada", provider="lazada", client_id="123456", client_secret=Secret(SECRET))


def shopee_sign(app: App, url: str, now: int) -> str:
    """Return Shopee's signature: lower-case hex over partner id, path and time in seconds."""
    signed = f"{app.client_id}{urlsplit(url).path}{now}"
    return hmac.new(app.client_secret.reveal().encode(), signed.encode(), hashlib.sha256).hexdigest()


def shopee(app: App, url: str, fields: Mapping[str, Any], moment: Moment) -> Signed:
    """Sign a request of Shopee's: the signature is in the URL, and ids in the body are numbers."""
    query = {"partner_id": app.client_id, "timestamp": moment.now, "sign": shopee_sign(app, url, moment.now)}
    numbers = {"partner_id", "shop_id"}
    return Signed(
        query=query, fields={name: int(value) if name in numbers else value for name, value in fields.items()}
    )


def shopee_link(app: App, url: str, query: Mapping[str, Any], moment: Moment) -> dict[str, Any]:
    """Sign Shopee's consent page, which knows no state: the redirect URI brings it back."""
    return {
        "partner_id": app.client_id,
        "timestamp": moment.now,
        "sign": shopee_sign(app, url, moment.now),
        "redirect": f"{query['redirect_uri']}?{urlencode({'state': query['state']})}",
    }


def worded(reply: Mapping[str, Any], status: int) -> ErrorReply | None:
    """Return an error of Shopee's, whose success is an empty one."""
    del status
    return None if reply.get("error") == "" else ErrorReply(code=str(reply.get("error")))


SHOPEE = Provider(
    name="shopee",
    title="Shopee",
    docs="https://open.shopee.com",
    hosts=frozenset({"partner.shopeemobile.com"}),
    endpoints={
        "authorize": "https://partner.shopeemobile.com/api/v2/shop/auth_partner",
        "token": "https://partner.shopeemobile.com/api/v2/auth/token/get",
        "refresh": "https://partner.shopeemobile.com/api/v2/auth/access_token/get",
        "revoke": "https://partner.shopeemobile.com/api/v2/shop/cancel_auth_partner",
    },
    params={"shop_id": Param(pattern="[0-9]{1,20}", sources=("callback.shop_id",))},
    authorize=AuthorizeShape(pkce=None, scope_separator=None, sign=shopee_link),
    callback=CallbackShape(),
    token=TokenShape(
        encoding=Encoding.JSON,
        authentication=ClientAuthentication.SIGNATURE,
        client_id="partner_id",
        authorization_code=None,
        refresh_grant=None,
        redirect_uri=False,
        parameters={"shop_id": "{shop_id}"},
        sign=shopee,
    ),
    response=ResponseShape(
        error=worded,
        expires_in="expire_in",
        account=lambda reply: AccountReply(id=str(reply["shop_id_list"][0])) if reply.get("shop_id_list") else None,
    ),
    failures={"refresh_token_expired": FailureClass.REFUSED, "error_sign": FailureClass.CONFIGURATION},
    revocation=RevocationShape(access_token=True, hint=False),
)
SHOPEE_APP = App(name="shopee", provider="shopee", client_id="1", client_secret=Secret("partner-key-canary"))


def stage(monkeypatch: pytest.MonkeyPatch, provider: Provider, app: App) -> AnyHost:
    """Return a stage whose app is of a provider that is registered for this test."""
    monkeypatch.setitem(cast("dict[str, Provider]", PROVIDERS), provider.name, provider)
    return AnyHost.of(app)


def query_of(request: Request) -> dict[str, str]:
    """Return the query of a request."""
    return dict(parse_qsl(urlsplit(request.url).query, strict_parsing=True))


@field("B signed")
def test_a_request_has_the_vendors_signature() -> None:
    """The vendor's own vector, made by the real builder: a signature over path, parameters and time."""
    provider = replace(
        LAZADA,
        endpoints={"token": "https://api.lazada.sg/rest/order/get"},
        token=replace(LAZADA.token, code="order_id", parameters={"access_token": "test"}),
    )
    request = code_request(provider, APP, Secret("1234"), redirect_uri="", moment=Moment(1_517_820_392, "x"))

    assert "4190D32361CFB9581350222F345CB77F3B19F0E31D162316848A2C1FFD5FAB4A" == query_of(request)["sign"]
    assert SECRET not in request.url
    with pytest.raises(ValueError, match="moment"):
        code_request(provider, APP, Secret("1234"), redirect_uri="")


@field("B signed")
def test_every_request_is_signed_in_its_own_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exchange, account call and refresh are each signed at the time at which they are made."""
    one = stage(monkeypatch, LAZADA, APP)
    answer = {"access_token": "A", "refresh_token": "R", "expires_in": 30 * DAY, "refresh_expires_in": 180 * DAY}
    one.server.says("/rest/auth/token/create", {**answer, "account_id": "77", "code": "0"})
    one.server.says("/rest/seller/get", {"code": "0", "data": {"seller_id": "77"}})
    one.server.says("/rest/auth/token/refresh", {**answer, "access_token": "B", "code": "0"})
    one.browser.connect()
    one.browser.back()
    name = one.name("77")
    one.world.clock.advance(25 * DAY)

    assert Result.REFRESHED is one.world.run(name).result
    assert ["/rest/auth/token/create", "/rest/seller/get", "/rest/auth/token/refresh"] == [
        urlsplit(request.url).path for request in one.server.asked
    ]
    for request in one.server.asked:
        sent = query_of(request)
        sign = sent.pop("sign")
        assert lazada_sign(SECRET, urlsplit(request.url).path, sent) == sign
        assert SECRET not in request.url
    times = [int(query_of(request)["timestamp"]) for request in one.server.asked]
    assert 25 * DAY * 1000 <= times[2] - times[0] < 26 * DAY * 1000
    assert "B" == one.world.published(name)


@field("B signed")
def test_a_signature_in_the_url_goes_with_a_body(monkeypatch: pytest.MonkeyPatch) -> None:
    """The link, the JSON of exchange and refresh, and the revocation are signed in their URLs; ids stay numbers."""
    one = stage(monkeypatch, SHOPEE, SHOPEE_APP)
    answer = {"error": "", "refresh_token": "R1", "expire_in": 14_400, "shop_id_list": [2]}
    one.server.says("/api/v2/auth/token/get", {**answer, "access_token": "A1"})
    one.server.says("/api/v2/auth/access_token/get", {**answer, "access_token": "A2", "refresh_token": "R2"})
    page = one.world.seller_pages.connect("shopee", one.world.invite(), (), base_url=one.world.base_url)
    link = page.headers["location"]
    sent = dict(parse_qsl(urlsplit(link).query))
    now = one.world.clock.now()
    assert {
        "partner_id": "1",
        "timestamp": str(now),
        "sign": shopee_sign(SHOPEE_APP, link, now),
    }.items() <= sent.items()
    one.browser.cookies = (page.cookies[0].partition(";")[0],)
    one.browser.arrive(f"code=c-1&shop_id=2&{urlsplit(sent['redirect']).query}")
    name = one.name("2")
    one.world.clock.advance(3 * 3600)
    assert Result.REFRESHED is one.world.run(name).result
    one.server.says("/api/v2/shop/cancel_auth_partner", {"error": ""})
    assert one.world.ask("revoke", connection=str(name))["ok"]

    exchange, refresh, revoke = one.server.asked
    assert {"partner_id": 1, "code": "c-1", "shop_id": 2} == json.loads(exchange.body)
    assert {"partner_id": 1, "refresh_token": "R1", "shop_id": 2} == json.loads(refresh.body)
    for request in (exchange, refresh, revoke):
        signed = query_of(request)
        assert shopee_sign(SHOPEE_APP, request.url, int(signed["timestamp"])) == signed["sign"]
        assert b"partner-key-canary" not in request.body + request.url.encode()
    assert Status.DISCONNECTED is one.world.stored(name).status


@field("B signed")
def test_an_own_client_signs_with_its_own_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection with a client of its own is signed with that client's secret."""
    one = stage(monkeypatch, LAZADA, APP)
    one.server.says("/rest/auth/token/refresh", {"access_token": "B", "expires_in": DAY, "code": "0"})
    one.world.ask("import", app="lazada", account="77", refresh_token="R", client_id="9", client_secret="own-canary")
    sent = query_of(one.server.asked[0])
    sign = sent.pop("sign")

    assert ("9", lazada_sign("own-canary", "/rest/auth/token/refresh", sent)) == (sent["app_key"], sign)
