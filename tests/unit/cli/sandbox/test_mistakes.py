"""What each provider of the sandbox refuses, in its vendor's own words, and the settings that change its answers."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from samples import GRANT, REDIRECT, VERIFIER

from tokensync.domain.app import App
from tokensync.domain.destinations import Destinations
from tokensync.domain.messages import FailureClass, Issued
from tokensync.domain.secret import Secret
from tokensync.oauth.discovery import discover
from tokensync.oauth.token_request import code_request, refresh_request, revocation_request
from tokensync.providers.tiktok_shop import sign

if TYPE_CHECKING:
    from collections.abc import Callable

PARAMETERS, REQUEST = "98001004", "invalid_request"
EXCHANGES: list[tuple[str, dict[str, Any], str]] = [
    ("tiktok_shop", {"grant_type": "authorization_code"}, PARAMETERS),
    ("tiktok_shop", {"grant_type": ""}, PARAMETERS),
    ("tiktok_shop", {"auth_code": ""}, PARAMETERS),
    ("tiktok_login", {"client_secret": None}, REQUEST),
    ("tiktok_login", {"client_key": None}, REQUEST),
    ("tiktok_login", {"client_secret": ["canary-secret&=", "canary-secret&="]}, REQUEST),
    ("tiktok_login", {"grant_type": "authorized_code"}, "unsupported_grant_type"),
    ("tiktok_login", {"grant_type": None}, "unsupported_grant_type"),
    ("tiktok_login", {"code": None}, REQUEST),
    ("tiktok_login", {"redirect_uri": None}, "invalid_grant"),
    ("tiktok_login", {"redirect_uri": f"{REDIRECT}/"}, "invalid_grant"),
    ("tiktok_ads", {"auth_code": ""}, "40002"),
    ("tiktok_ads", {"auth_code": 7}, "40002"),
    ("tiktok_ads", {"return_advertiser_ids": "no"}, "40002"),
    ("tiktok_accounts", {"grant_type": "refresh_token"}, "40002"),
    ("tiktok_accounts", {"auth_code": None}, "40002"),
    ("tiktok_accounts", {"client_id": None}, "40002"),
    ("tiktok_accounts", {"client_secret": None}, "40002"),
    ("tiktok_accounts", {"redirect_uri": f"{REDIRECT}/"}, "40001"),
    ("oauth2", {"client_secret": "canary-secret&="}, REQUEST),
    ("oauth2", {"client_id": "other"}, REQUEST),
    ("oauth2", {"grant_type": None}, REQUEST),
    ("oauth2", {"grant_type": "password"}, "unsupported_grant_type"),
    ("oauth2", {"grant_type": ["authorization_code", "refresh_token"]}, REQUEST),
    ("oauth2", {"code": ""}, REQUEST),
    ("oauth2", {"code_verifier": None}, "invalid_grant"),
    ("oauth2", {"code_verifier": "short"}, "invalid_grant"),
    ("oauth2", {"code_verifier": "x" * 43}, "invalid_grant"),
    ("oauth2", {"redirect_uri": None}, "invalid_grant"),
    ("oauth2", {"redirect_uri": f"{REDIRECT}/"}, "invalid_grant"),
]
REFRESHES: list[tuple[str, dict[str, Any], str]] = [
    ("tiktok_shop", {"grant_type": "authorized_code"}, PARAMETERS),
    ("tiktok_accounts", {"grant_type": "authorization_code"}, "40002"),
    ("oauth2", {"scope": "read admin"}, "invalid_scope"),
    ("oauth2", {"refresh_token": ""}, REQUEST),
    ("eshopbox", {"refresh_token": 7}, ""),
    ("eshopbox", {"refresh_token": ""}, ""),
    ("eshopbox", {"client_secret": None}, ""),
    ("eshopbox", {"grant_type": "authorization_code"}, ""),
]
REVOCATIONS: list[tuple[str, dict[str, Any], str]] = [
    ("tiktok_login", {"token": ""}, REQUEST),
    ("tiktok_ads", {"access_token": ""}, "40002"),
    ("tiktok_ads", {"access_token": "another than the header's"}, "40105"),
    ("tiktok_accounts", {"access_token": None}, "40104"),
    ("oauth2", {"token": None}, REQUEST),
]


@pytest.mark.parametrize(("name", "change", "word"), EXCHANGES)
def test_a_mistaken_exchange_has_its_word(
    party: Callable[..., Any], name: str, change: dict[str, Any], word: str
) -> None:
    """What is missing, of another type or does not fit the link is named in the vendor's words, and spends nothing."""
    one = party(name)
    code = one.code()
    assert word == one.exchange(code, **change).code
    assert isinstance(one.exchange(code), Issued)


@pytest.mark.parametrize(("name", "change", "word"), REFRESHES)
def test_a_mistaken_refresh_has_its_word(
    party: Callable[..., Any], name: str, change: dict[str, Any], word: str
) -> None:
    """So is a refresh's, and the refresh token stays good; Eshopbox documents no word."""
    one = party(name)
    token = one.grant().refresh_token
    refused = one.refresh(token, **change)
    assert word == refused.code or (not word and refused.kind is FailureClass.UNKNOWN)
    assert isinstance(one.refresh(token), Issued)


@pytest.mark.parametrize(("name", "change", "word"), REVOCATIONS)
def test_a_mistaken_revocation_ends_nothing(
    party: Callable[..., Any], name: str, change: dict[str, Any], word: str
) -> None:
    """Without its token, or with another than the header's, a revocation is refused."""
    one = party(name)
    grant = one.grant()
    assert word == one.revoke(grant, **change).code
    assert one.revoke(grant) is None


@pytest.mark.parametrize("name", ["tiktok_login", "tiktok_accounts"])
def test_a_refresh_token_cannot_be_revoked(party: Callable[..., Any], name: str) -> None:
    """These two end an authorization by its access token alone."""
    one = party(name)
    grant = one.grant()
    assert one.revoke(replace(grant, access_token=grant.refresh_token)) is not None
    assert isinstance(one.refresh(grant.refresh_token), Issued)


def test_any_token_is_revoked_by_the_rfc(party: Callable[..., Any]) -> None:
    """RFC 7009: either token ends the pair; one that is unknown or of another provider is no error and stays."""
    one, shop = party("oauth2"), party("tiktok_shop")
    for token in ("access", "refresh"):
        grant = one.grant()
        request = revocation_request(
            one.provider, one.app, replace(grant, refresh_token=getattr(grant, f"{token}_token"))
        )
        response = one.send(request)
        assert (200, b"") == (response.status_code, response.content)
        assert one.verify(grant).kind is FailureClass.REFUSED
    foreign = shop.grant()
    for token in (foreign.refresh_token, Secret("unknown")):
        assert one.revoke(replace(GRANT, refresh_token=token)) is None
    assert isinstance(shop.refresh(foreign.refresh_token), Issued)


def test_basic_credentials_are_form_encoded(party: Callable[..., Any]) -> None:
    """RFC 6749 §2.3.1: both ways of authentication work; what is not encoded, not Basic or not text is no client."""
    one = party("oauth2")
    request = code_request(one.provider, one.app, one.code(), redirect_uri=REDIRECT, verifier=VERIFIER)
    plain = base64.b64encode(b"client-1:canary-secret&=%").decode()
    for header in (f"Basic {plain}", "Basic %%%", "Basic /w==", "Bearer x", ""):
        response = one.send(replace(request, headers={**request.headers, "authorization": header}))
        assert (401, "invalid_client") == (response.status_code, response.json()["error"])
        assert response.headers["www-authenticate"].startswith("Basic ")
    assert isinstance(one.read(one.send(request, client_id="client-1")), Issued)
    one.app = replace(one.app, settings={"client_auth": "client_secret_post"})
    assert isinstance(one.exchange(one.code()), Issued)


@pytest.mark.parametrize("name", ["tiktok_login", "oauth2"])
def test_a_form_is_a_form(party: Callable[..., Any], name: str) -> None:
    """JSON is refused where a form is documented, and credentials in the query name nobody."""
    one = party(name)
    request = refresh_request(one.provider, one.app, one.grant().refresh_token)
    told = dict(parse_qsl(request.body.decode()))
    response = one.box.request(
        "POST", request.url, json=told, headers=request.headers | {"content-type": "application/json"}
    )
    assert "error" in response.json()
    assert one.box.get(request.url, params=told).status_code in (404, 405)
    told.pop("client_secret", None)
    in_query = one.box.request("POST", f"{request.url}?client_secret=canary-secret%26%3D", data=told)
    assert in_query.json()["error"] in ("invalid_request", "invalid_client")


@pytest.mark.parametrize(("scope", "word"), [("read", None), ("openid", "invalid_scope"), ("admin", "invalid_scope")])
def test_client_credentials_have_impersonal_scopes(party: Callable[..., Any], scope: str, word: str | None) -> None:
    """An app asks for less than its own, and not for what a person grants."""
    one = party("oauth2")
    assert word == getattr(one.mint(scope=scope), "code", None)
    one.app = replace(one.app, scopes=())
    assert one.mint().scopes == ("read", "write")


def test_a_code_used_twice_ends_what_it_gave(party: Callable[..., Any]) -> None:
    """RFC 9700 §4.14, unless the app is set otherwise: reuse of a code or a refresh token ends the whole family."""
    one = party("oauth2")
    code = one.code()
    first = one.exchange(code)
    one.exchange(code)
    assert one.refresh(first.refresh_token).code == "invalid_grant"
    grant = one.grant()
    second = one.refresh(grant.refresh_token)
    one.refresh(grant.refresh_token)
    assert one.refresh(second.refresh_token).code == "invalid_grant"
    assert one.verify(replace(grant, access_token=second.access_token)).kind is FailureClass.REFUSED


def claims(token: str) -> dict[str, Any]:
    """Return what an ID token says."""
    part = token.split(".")[1]
    read: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return read


def test_an_id_token_names_who_it_was(party: Callable[..., Any]) -> None:
    """Issuer, subject, audience, times and nonce, signed with HS256; none without the scope openid, lies where set."""
    one = party("oauth2")
    response = one.ask_exchange(one.code(link={"nonce": "n-1"}))
    token = response.json()["id_token"]
    now = one.box.now
    expected = {
        "iss": "http://localhost:4001/oauth2",
        "sub": one.account,
        "aud": "client-1",
        "iat": now,
        "nonce": "n-1",
    }
    assert {**expected, "exp": now + 3_600} == claims(token)
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    assert ({"alg": "HS256", "typ": "JWT"}, 3) == (header, len(list(filter(None, token.split(".")))))
    assert response.headers["cache-control"] == "no-store"
    assert "id_token" not in one.ask_exchange(one.code(scope=["read"])).json()
    one.register(issuer="https://evil.example", refreshable=False, access_token_seconds=None)
    lying = one.ask_exchange(one.code()).json()
    assert claims(lying["id_token"])["iss"] == "https://evil.example"
    assert {"refresh_token", "expires_in"}.isdisjoint(lying)
    eshopbox = party("eshopbox")
    unsigned = eshopbox.ask_refresh(eshopbox.grant().refresh_token).json()["id_token"]
    assert ("acme-retail", "client-1", "") == (claims(unsigned)["sub"], claims(unsigned)["aud"], unsigned.split(".")[2])


def test_metadata_is_where_the_server_was_reached(party: Callable[..., Any]) -> None:
    """The core's discovery finds every endpoint in either document, and believes no issuer that lies."""
    one = party("oauth2")

    class Wire:
        def send(self, request: Any, *, seconds: float) -> Any:
            del seconds
            return one.received(one.send(request))

    for missing in ((), ("/.well-known/oauth-authorization-server/oauth2",)):
        for path in missing:
            one.box.sandbox.faults.clear()
            assert one.box.get(path).status_code == 200
            one.fault("metadata", "status", status=404)
        found = discover("http://localhost:4001/oauth2", Wire(), Destinations(lambda host: host == "localhost"))
        assert one.endpoints == dict(found.endpoints)
    assert ("required", "client_secret_basic") == (
        found.settings["iss"],
        found.settings.get("client_auth", "client_secret_basic"),
    )
    told = one.box.get("/oauth2/.well-known/openid-configuration").json()
    assert (["code"], ["S256"]) == (told["response_types_supported"], told["code_challenge_methods_supported"])
    assert ["client_secret_basic", "client_secret_post"] == told["token_endpoint_auth_methods_supported"]
    assert {"authorization_code", "refresh_token", "client_credentials"} == set(told["grant_types_supported"])
    assert {"keys": []} == one.box.get(told["jwks_uri"]).json()
    one.fault("metadata", "mangle", set={"issuer": "https://evil.example"})
    lying = one.box.get("/oauth2/.well-known/oauth-authorization-server").json()
    assert (lying["issuer"], lying["token_endpoint"]) == ("https://evil.example", one.endpoints["token"])


def test_user_info_challenges(party: Callable[..., Any]) -> None:
    """RFC 6750 §3: without a token no error is named, a token in the query is none, and insufficient_scope is a 403."""
    one = party("oauth2")
    grant = one.grant()
    for path in ("/oauth2/userinfo", f"/oauth2/userinfo?access_token={grant.access_token.reveal()}"):
        response = one.box.get(path)
        assert (401, b"", 'Bearer realm="sandbox"') == (
            response.status_code,
            response.content,
            response.headers["www-authenticate"],
        )
    poor = replace(grant, access_token=one.exchange(one.code(scope=["read"])).access_token)
    assert one.ask_account(poor).status_code == 403
    foreign = replace(grant, access_token=party("tiktok_shop").grant().access_token)
    assert one.verify(foreign).kind is FailureClass.REFUSED
    plain = replace(grant, access_token=one.exchange(one.code(scope=["openid"])).access_token)
    assert one.verify(plain) == {"sub": one.account}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, None),
        ({"sign": "0" * 64}, "106001"),
        ({"sign": "ä"}, "106001"),
        ({"age": 300}, None),
        ({"age": 301}, "36009004"),
        ({"age": -30}, None),
        ({"age": -31}, "36009004"),
        ({"timestamp": ""}, "36009004"),
        ({"timestamp": "1660000000000"}, "36009004"),
        ({"timestamp": "166000000."}, "36009004"),
        ({"timestamp": "٣" * 10}, "36009004"),
        ({"app_key": "unknown"}, "36009004"),
        ({"shop_cipher": "x"}, "36009004"),
        ({"token": ""}, "36009004"),
        ({"token": "unknown"}, "105001"),
        ({"path": "/order/202309/orders/search"}, "106013"),
        ({"path": "/order/202309/orders/search", "shop_cipher": "TTP_another"}, "101000"),
        ({"path": "/order/202309/orders/search", "shop_cipher": "ROW_m1hTnQAAAABvT2cQ0y9pWk3sLr8uXe5a"}, None),
        ({"body": b'{"a":1}', "path": "/order/202309/orders/search"}, "106013"),
    ],
)
def test_a_shops_call_is_signed_and_timely(shop: Any, change: dict[str, Any], code: str | None) -> None:
    """Signature, time, token header and cipher are checked with the vendor's numbers; the signature is the core's."""
    grant = shop.grant()
    told = {"app_key": "client-1", "timestamp": str(shop.box.now - change.pop("age", 0))}
    path, body = change.pop("path", "/authorization/202309/shops"), change.pop("body", b"")
    token = change.pop("token", grant.access_token.reveal())
    given = change.pop("sign", None)
    query = {**told, **change}
    query["sign"] = given or sign("canary-secret&=", path, query, body)
    headers = {"x-tts-access-token": token} if token else {}
    url = f"/tiktok_shop{path}?{urlencode(query)}"
    read = shop.box.request("POST" if body else "GET", url, headers=headers, content=body).json()
    assert (None if read["code"] == 0 else str(read["code"])) == code


def test_shops_are_a_sellers(party: Callable[..., Any]) -> None:
    """A creator has none, and the end of its authorization is far; the status of a call's error is a setting."""
    one = party("tiktok_shop", user_types=["creator"], api_error_status=401)
    one.account = "7316620945501274118"
    issued = one.exchange(one.code())
    facts = {"open_id": one.account, "user_type": "creator"}
    assert ("creator", None, facts) == (issued.account.kind, issued.refresh_expires_at, issued.account.facts)
    response = one.ask_account(replace(GRANT, access_token=issued.access_token))
    assert (401, 101000) == (response.status_code, response.json()["code"])


@pytest.mark.parametrize("setting", ["code", "text"])
def test_the_ip_allow_list_guards_every_call(shop: Any, setting: str) -> None:
    """A refused address is the operator's, by its number or its text alone, and spends nothing."""
    grant = shop.grant()
    shop.register(ip_denied=setting)
    refused = [shop.refresh(grant.refresh_token), shop.verify(grant)]
    assert {FailureClass.CONFIGURATION} == {failure.kind for failure in refused}
    assert [setting == "code"] * 2 == [failure.code == "36009033" for failure in refused]
    shop.register(ip_denied="no")
    assert isinstance(shop.refresh(grant.refresh_token), Issued)


@pytest.mark.parametrize(
    ("form", "seen"),
    [("missing", [...]), ("null", [None]), ("object", [{}]), ("array", [[]]), ("cycle", [None, {}, [], ...])],
)
def test_the_data_of_an_error_takes_every_documented_form(shop: Any, form: str, seen: list[Any]) -> None:
    """Under `data` of an error is what the app is set to, each in turn where nothing is set."""
    shop.register(error_data=form)
    got = [shop.ask_exchange(Secret("x")).json().get("data", ...) for _ in range(4)]
    assert all(value in got for value in seen)
    assert all(value in seen for value in got)


def test_errors_come_on_each_status_in_turn(party: Callable[..., Any]) -> None:
    """The Login Kit's errors were seen with 200, 400 and 401; an app may be set to one."""
    one = party("tiktok_login")
    assert {200, 400, 401} == {one.ask_refresh(Secret("x")).status_code for _ in range(3)}
    one.register(error_status="400")
    assert {400} == {one.ask_refresh(Secret("x")).status_code for _ in range(3)}


def test_undocumented_refusals_have_nothing_in_common(party: Callable[..., Any]) -> None:
    """Where no page states a number, status or body, they vary, so that no client can rely on one."""
    eshopbox = party("eshopbox")
    responses = [eshopbox.ask_refresh(Secret("unknown")) for _ in range(20)]
    assert len({response.status_code for response in responses}) > 2
    assert {408, 429}.isdisjoint({response.status_code for response in responses})
    assert len({tuple(response.json()) for response in responses}) > 2
    for name, words in (("tiktok_shop", "invalid client_key"), ("tiktok_ads", "do not match")):
        one = party(name)
        one.app = replace(one.app, client_secret=Secret("wrong"))
        refused = [one.exchange(Secret("x")) for _ in range(20)]
        assert len({failure.code for failure in refused}) > 1
        assert all(words in failure.message for failure in refused)
    ads = party("tiktok_ads", likely_codes=True)
    token = ads.grant()
    ads.register(likely_codes=True, access_token_seconds=100)
    soon = ads.grant()
    ads.app = replace(ads.app, client_secret=Secret("wrong"))
    assert ads.exchange(Secret("x")).code == ads.verify(token).code == "40101"
    ads.app = replace(ads.app, client_secret=Secret("canary-secret&="))
    assert ads.verify(replace(token, access_token=Secret(""))).code == "40104"
    ads.box.control("clock", {"offset": 100})
    assert ads.verify(soon).code == "40102"


def test_what_nobody_documents_can_be_made_to_appear(party: Callable[..., Any]) -> None:
    """Eshopbox may rotate, an advertiser's token may end, a refresh may extend, and lives may have no end."""
    eshopbox = party("eshopbox", undocumented_refresh_token=True)
    old = eshopbox.grant().refresh_token
    new = eshopbox.refresh(old).refresh_token
    assert (True, FailureClass.UNKNOWN) == (new not in (None, old), eshopbox.refresh(old).kind)
    ads = party("tiktok_ads", access_token_seconds=7_200, refreshable=True)
    issued = ads.exchange(ads.code())
    assert (7_200, True, None) == (issued.life, issued.refresh_token is not None, issued.refresh_expires_at)
    login = party("tiktok_login", refresh_extends=True)
    grant = login.grant()
    login.box.control("clock", {"offset": 1_000})
    assert login.refresh(grant.refresh_token).refresh_expires_at == login.box.now + 1_000 + 15_552_000
    login.register(access_token_seconds=None, refresh_token_seconds=None)
    assert {"expires_in", "refresh_expires_in"}.isdisjoint(login.ask_exchange(login.code()).json())
    login.app = App(name="x", provider="tiktok_login", client_id="client-1", client_secret=login.app.client_secret)
    login.app = replace(login.app, endpoints=login.endpoints)
    assert login.mint().access_token.reveal().startswith("clt.")


def test_advertisers_can_outgrow_an_answer(party: Callable[..., Any]) -> None:
    """With thousands of advertisers the answer passes 64 KB unless it leaves them out; with none the list is empty."""
    one = party("tiktok_ads")
    many = [{"advertiser_id": str(7_300_000_000_000_000_000 + n), "advertiser_name": "A"} for n in range(4_000)]
    for account, facts in (("big", {"advertisers": many}), ("alone", {})):
        one.box.control("accounts", {"provider": "tiktok_ads", "account": account, "facts": facts})
    one.account = "big"
    assert len(one.ask_exchange(one.code(), return_advertiser_ids=True).content) > 65_536
    assert len(one.ask_exchange(one.code()).content) < 1_000
    one.account = "alone"
    assert one.ask_exchange(one.code(), return_advertiser_ids=None).json()["data"]["advertiser_ids"] == []
    token = one.grant().access_token.reveal()
    path = "/tiktok_ads/open_api/v1.3/user/info/"
    told = one.box.get(path, headers={"access-token": token}).json()
    assert ((0, {}), 40105) == ((told["code"], told["data"]), one.box.get(path).json()["code"])
    one.fault("user_info", "throttle")
    assert one.box.get(path).status_code == 429


def test_login_kit_tells_the_fields_asked_for(party: Callable[..., Any]) -> None:
    """Its user info has the fields of the query, and hostile names come as they are."""
    one = party("tiktok_login")
    one.account = "-000Zz81kPmWvYd3tJrN6uQxGi0cSfHbLoEa"
    grant = one.grant()
    assert "\u202emoc.live\u202c <b>" in one.verify(grant)["display_name"]
    assert one.ask_account(grant, fields="open_id").json()["data"] == {"user": {"open_id": one.account}}
    assert "&lt;b&gt;" in one.box.get(one.link()).text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        *(
            (method, f"tiktok_shop/api/v2/token/{end}", 404)
            for method in ("POST", "HEAD")
            for end in ("get", "refresh")
        ),
        ("GET", "tiktok_shop/", 404),
        ("GET", "tiktok_shop/open/authorize/x", 404),
        ("GET", "tiktok_login/v2/oauth/token/", 404),
        ("POST", "tiktok_login/v2/oauth/token", 404),
        ("POST", "tiktok_accounts/open_api/v1.3/tt_user/oauth2/token", 404),
        ("GET", "eshopbox/authorize", 404),
        ("GET", "oauth2/revoke", 405),
    ],
)
def test_other_paths_and_methods_do_not_exist(shop: Any, method: str, path: str, status: int) -> None:
    """What is not documented is answered as a router answers, and spends nothing."""
    code = shop.code()
    query = dict(parse_qsl(urlsplit(code_request(shop.provider, shop.app, code, redirect_uri="").url).query))
    response = shop.box.request(method, f"/{path}", params=query)
    assert status == response.status_code
    assert status == 405 or response.text in ("404 page not found", "", "Not Found")
    assert isinstance(shop.exchange(code), Issued)
