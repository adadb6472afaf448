"""What an app of the generic provider may say of its server: requests, callbacks and responses that leave the RFCs."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from documented import SAMPLES
from samples import CODE, GRANT, NOW, REDIRECT, REFRESH_TOKEN, STATE, VERIFIER, answer, failure, issued

from field_rows import field
from tokensync.domain.errors import InvalidApp
from tokensync.domain.messages import FailureClass
from tokensync.domain.runtime import Moment
from tokensync.domain.secret import Secret
from tokensync.oauth.app_check import check_settings, settings_problem
from tokensync.oauth.callback import Query
from tokensync.oauth.token_request import (
    authorize_url,
    client_credentials_request,
    code_request,
    refresh_request,
    revocation_request,
)
from tokensync.providers import PROVIDERS

if TYPE_CHECKING:
    from samples import Sample

    from tokensync.domain.app import App
    from tokensync.domain.messages import Request

OAUTH2 = PROVIDERS["oauth2"]
SAMPLE = SAMPLES["oauth2"]
MOMENT = Moment(NOW, "unique-1")
ENTIRE = "client_secret_post"


def app_with(**settings: str) -> App:
    """Return an app with these settings; two underscores are the dot in a setting's name."""
    return replace(SAMPLE.app, settings={name.replace("__", "."): value for name, value in settings.items()})


def sample(**settings: str) -> Sample:
    """Return the sample of an app that registration lets pass."""
    app = app_with(**settings)
    check_settings(app, OAUTH2)
    return replace(SAMPLE, app=app)


def link(one: Sample, state: str = STATE) -> dict[str, str]:
    """Return the parameters of the consent page."""
    url = authorize_url(one.provider, one.app, state=state, redirect_uri=REDIRECT, verifier=VERIFIER)
    return dict(parse_qsl(urlsplit(url).query, strict_parsing=True))


def exchange(one: Sample, moment: Moment = MOMENT) -> Request:
    """Return the exchange of a code."""
    return code_request(one.provider, one.app, CODE, redirect_uri=REDIRECT, verifier=VERIFIER, moment=moment)


def refresh(one: Sample) -> Request:
    """Return a refresh."""
    return refresh_request(one.provider, one.app, REFRESH_TOKEN, MOMENT)


def form(request: Request) -> dict[str, str]:
    """Return the fields of a form."""
    return dict(parse_qsl(request.body.decode("ascii"), strict_parsing=True))


@field("B encoding")
def test_token_requests_in_json() -> None:
    """Exchange, refresh and revocation are JSON objects, and say so."""
    one = sample(token_format="json", client_auth=ENTIRE)
    revocation = revocation_request(one.provider, one.app, GRANT, MOMENT)

    assert revocation is not None
    for request in (exchange(one), refresh(one), revocation):
        assert ("POST", "application/json") == (request.method, request.headers["content-type"])
        assert "client-1" == json.loads(request.body)["client_id"]
    assert {"grant_type": "refresh_token", "refresh_token": REFRESH_TOKEN.reveal()}.items() <= json.loads(
        refresh(one).body
    ).items()


@field("B encoding")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_token_requests_in_the_query(method: str) -> None:
    """Everything is in the URL, behind the endpoint's own query, and there is no body."""
    one = sample(token_format="query", token_method=method, client_auth=ENTIRE)
    endpoint = {**one.app.endpoints, "token": "https://id.example/token?tenant=a"}
    one = replace(one, app=replace(one.app, endpoints=endpoint))
    request = exchange(one)

    assert (method, b"", None) == (request.method, request.body, request.headers.get("content-type"))
    query = parse_qs(urlsplit(request.url).query, strict_parsing=True)
    assert (["a"], [CODE.reveal()]) == (query["tenant"], query["code"])
    assert CODE.reveal() not in repr(request)


@field("B basic")
@pytest.mark.parametrize(("encoding", "pair"), [("raw", "a:b c:d+e/f%="), ("form", "a%3Ab+c:d%2Be%2Ff%25%3D")])
def test_basic_with_and_without_form_encoding(encoding: str, pair: str) -> None:
    """RFC 6749 §2.3.1 wants both parts encoded; many servers compare them as they are."""
    one = sample(basic_encoding=encoding)
    app = replace(one.app, client_id="a:b c", client_secret=Secret("d+e/f%="))
    request = refresh(replace(one, app=app))

    assert f"Basic {base64.b64encode(pair.encode()).decode()}" == request.headers["authorization"]
    assert "client_id" not in form(request)
    assert "client-1" == form(refresh(sample(basic_client_id="send")))["client_id"]


@field("B names")
def test_parameters_have_the_servers_names() -> None:
    """In the link, and in token requests, in either of which it may call them otherwise."""
    one = sample(
        authorize_name__client_id="appKey",
        authorize_name__redirect_uri="redirectUri",
        authorize_name__state="customField",
        authorize_name__response_type="responseType",
        authorize_name__scope="user_scope",
        client_auth=ENTIRE,
        name__client_id="app_id",
        name__client_secret="app_secret",
        name__code="auth_code",
        name__redirect_uri="callback",
        name__grant_type="grantType",
        name__refresh_token="refreshToken",
        name__code_verifier="verifier",
    )
    asked = link(one)

    assert ("client-1", REDIRECT, STATE) == (asked["appKey"], asked["redirectUri"], asked["customField"])
    assert ("code", "read write") == (asked["responseType"], asked["user_scope"])
    assert {
        "app_id": "client-1",
        "app_secret": SAMPLE.app.client_secret.reveal(),
        "auth_code": CODE.reveal(),
        "grantType": "authorization_code",
        "callback": REDIRECT,
        "verifier": VERIFIER.reveal(),
    } == form(exchange(one))
    assert {"app_id", "app_secret", "grantType", "refreshToken"} == form(refresh(one)).keys()


@field("B names")
def test_the_clients_own_name_for_scopes_where_they_are_minted() -> None:
    """Client credentials ask for scopes in the token request."""
    one = sample(grant="client_credentials", name__scope="scopes")
    assert "read write" == form(client_credentials_request(one.provider, one.app, MOMENT))["scopes"]


@field("B names")
def test_what_a_server_does_not_want_is_left_out() -> None:
    """No response type, no redirect URI, no grant type: some servers refuse what they did not ask for."""
    told = {"exchange__grant_type": "none", "refresh__grant_type": "none", "response_type": "none"}
    one = sample(**told, authorize_name__redirect_uri="none", name__redirect_uri="none")

    assert not {"response_type", "redirect_uri"} & link(one).keys()
    assert {"code", "code_verifier"} == form(exchange(one)).keys()
    assert {"refresh_token"} == form(refresh(one)).keys()
    assert "code id_token" == link(sample(response_type="code id_token"))["response_type"]


@field("B names")
def test_a_parameter_may_belong_to_one_request_alone() -> None:
    """Sent with a code, with a refresh token, or with both; a grant type of the server's own is one of them."""
    one = sample(
        token__audience="https://api",
        exchange__type="web_server",
        exchange__grant_type="authorized_code",
        refresh__type="refresh",
        refresh__scope="https://ads.example/.default",
        refresh__grant_type="ig_refresh_token",
    )
    first, next_one = form(exchange(one)), form(refresh(one))

    assert ("https://api", "https://api") == (first["audience"], next_one["audience"])
    assert ("web_server", "authorized_code") == (first["type"], first["grant_type"])
    assert ("refresh", "ig_refresh_token") == (next_one["type"], next_one["grant_type"])
    assert ("https://ads.example/.default", False) == (next_one["scope"], "scope" in first)


def test_a_random_text_is_new_for_each_link() -> None:
    """A nonce, where the server asks for one, repeats in no other link and says nothing of the state."""
    one = sample(authorize__nonce="{random}", response_type="code id_token")
    nonces = [link(one, state)["nonce"] for state in ("s.1", "s.2", "s.1")]

    assert (nonces[0], True) == (nonces[2], nonces[0] != nonces[1])
    assert all(re.fullmatch(r"[\w-]{22}", nonce) for nonce in nonces)


def test_a_consent_page_behind_a_hash() -> None:
    """A web app reads what follows the `#`: the query follows it too."""
    one = sample(authorize_fragment="/oauth/authorize")
    url = authorize_url(one.provider, one.app, state=STATE, redirect_uri=REDIRECT, verifier=VERIFIER)

    assert url.startswith(f"{SAMPLE.app.endpoints['authorize']}#/oauth/authorize?client_id=client-1&")
    assert "" == urlsplit(url).query


@pytest.mark.parametrize(
    ("separator", "sent"), [("space", "read+write"), ("comma", "read%2Cwrite"), ("plus", "read%2Bwrite")]
)
def test_the_separators_of_scopes(separator: str, sent: str) -> None:
    """A space is a plus sign on the wire already; a server that wants a literal one gets it encoded."""
    one = sample(scope_separator=separator)
    url = authorize_url(one.provider, one.app, state=STATE, redirect_uri=REDIRECT)
    assert f"scope={sent}&" in url


@field("B code")
def test_the_code_has_the_servers_name_in_the_callback() -> None:
    """Only that parameter counts, and not the one that the RFC names."""
    one = sample(callback_code="spapi_oauth_code")

    assert Secret("a") == Query.parse("spapi_oauth_code=a&selling_partner_id=A1").code(one.provider, one.app)
    assert None is Query.parse("code=a").code(one.provider, one.app)


@field("B redirect_uri")
def test_a_redirect_uri_that_is_no_url() -> None:
    """The provider knows ours by a name: link and exchange carry the same name, and never the URL."""
    one = sample(redirect_uri="Acme_Shop-AcmeShop-Prod-abcde")

    assert "Acme_Shop-AcmeShop-Prod-abcde" == link(one)["redirect_uri"] == form(exchange(one))["redirect_uri"]


@field("B headers")
def test_token_requests_have_the_servers_own_headers() -> None:
    """In every request that the client authenticates; a correlation id is new for each."""
    one = sample(header__Api_Version="2025-09-01", **{"header__WM-QOS": "id {uuid}"})
    one = replace(one, app=replace(one.app, settings={**one.app.settings, "header.WM_SVC.NAME": "Shop"}))
    revocation = revocation_request(one.provider, one.app, GRANT, MOMENT)

    assert revocation is not None
    for request in (exchange(one), refresh(one), revocation):
        assert ("2025-09-01", "Shop") == (request.headers["api_version"], request.headers["wm_svc.name"])
        assert re.fullmatch(
            r"id [0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", request.headers["wm-qos"]
        )
    again = exchange(one, Moment(NOW, "unique-2"))
    assert again.headers["wm-qos"] != exchange(one).headers["wm-qos"]
    assert again.headers["authorization"].startswith("Basic ")


@field("B names")
def test_the_fields_of_a_response_are_found_by_path() -> None:
    """At the top, in an envelope, or each where the server has it."""
    paths = {
        "response__access_token": "result.token.value",
        "response__refresh_token": "result.refresh",
        "response__expires_in": "result.token.seconds",
        "response__refresh_expires_in": "result.until",
        "response__scope": "granted",
        "response__token_type": "result.token.kind",
    }
    token = {"value": "A1", "seconds": 600, "kind": "MAC"}
    body = {"result": {"token": token, "refresh": "R1", "until": 86_400}, "granted": "a b"}
    read = issued(sample(**paths), body)

    assert (Secret("A1"), Secret("R1")) == (read.access_token, read.refresh_token)
    assert (600, NOW + 86_400, ("a", "b"), "MAC") == (read.life, read.refresh_expires_at, read.scopes, read.token_type)


@field("B names")
@pytest.mark.parametrize(
    ("body", "token"),
    [
        ({"access_token": "bot", "authed_user": {"access_token": "user"}}, "bot"),
        ({"ok": True, "authed_user": {"access_token": "user", "refresh_token": "R"}}, "user"),
        ({"authed_user": {"id": "U1"}, "data": [{"access_token": "listed"}]}, "listed"),
    ],
)
def test_the_first_envelope_that_holds_a_token(body: dict[str, Any], token: str) -> None:
    """A pair is never put together from two of them."""
    read = issued(sample(response__envelope=".,authed_user,data.0"), body)
    assert Secret(token) == read.access_token


@field("B names")
@pytest.mark.parametrize(
    ("name", "value", "seconds"),
    [
        ("refresh_token_expires_in", 100, 100),
        ("refresh_expires_in", "200", 200),
        ("x_refresh_token_expires_in", 8_726_400, 8_726_400),
        ("refresh_token_expires_at", datetime.fromtimestamp(NOW + 600, UTC).isoformat(), 600),
        ("refresh_token_expires_at", NOW + 300, 300),
    ],
)
def test_the_refresh_tokens_end_under_its_common_names(name: str, value: object, seconds: int) -> None:
    """Nobody has to declare what most servers say in one of a few ways."""
    read = issued(sample(), {"access_token": "A", "refresh_token": "R", "expires_in": 60, name: value})

    assert NOW + seconds == read.refresh_expires_at


@field("B names")
@pytest.mark.parametrize("life", ["7200", "5184000"])
def test_a_server_that_states_no_life(life: str) -> None:
    """What its documentation says counts; what a response states counts more."""
    one = sample(life=life)

    assert int(life) == issued(one, {"access_token": "A", "refresh_token": "R"}).life
    assert 60 == issued(one, {"access_token": "A", "refresh_token": "R", "expires_in": 60}).life


@field("B errors")
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"error": "bad_refresh_token"}, FailureClass.REFUSED),
        ({"error": "invalid_code"}, FailureClass.REFUSED),
        ({"error": "app_suspended"}, FailureClass.CONFIGURATION),
        ({"error": "slow_down"}, FailureClass.BUSY),
        ({"error": "maybe"}, FailureClass.AMBIGUOUS),
        ({"error": "invalid_grant"}, FailureClass.BUSY),  # the app's word goes before the RFC's
        ({"error": "invalid_client"}, FailureClass.CONFIGURATION),
        ({"error": "x", "error_description": "The Token was REVOKED by the user"}, FailureClass.REFUSED),
        ({"error": "x", "error_description": "unknown"}, FailureClass.UNKNOWN),
    ],
)
def test_error_words_have_the_class_that_the_app_says(body: dict[str, str], kind: FailureClass) -> None:
    """Words and parts of messages, each of one class, before those of RFC 6749 §5.2."""
    one = sample(
        errors__refused="bad_refresh_token, invalid_code",
        errors__configuration="app_suspended",
        errors__busy="slow_down,invalid_grant",
        errors__ambiguous="maybe",
        error_texts__refused="token was revoked|gone, for good",
    )
    assert kind is failure(one, body, 400).kind


@field("B errors")
@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"status": {"code": "5001", "text": "dead"}}, "5001", "dead"),
        ({"status": {"code": 5001}}, "5001", ""),
        ({"status": {"code": "0"}, "error": "invalid_grant", "error_description": "x"}, "invalid_grant", "x"),
        ({"error": "invalid_grant", "status": {"text": "said elsewhere"}}, "invalid_grant", "said elsewhere"),
    ],
)
def test_the_error_is_where_the_app_says(body: dict[str, Any], code: str, message: str) -> None:
    """By path, at any status; a word that means success is none, and RFC 6749's own place is read after it."""
    paths = {"error": "status.code", "error_message": "status.text", "success": "0,ok"}
    one = sample(**{f"response__{name}": path for name, path in paths.items()}, errors__refused="5001")

    for status in (200, 400):
        read = failure(one, body, status)
        assert (code, message, FailureClass.REFUSED) == (read.code, read.message, read.kind)
    fine = {"status": {"code": 0}, "access_token": "A"}
    assert Secret("A") == issued(one, fine).access_token


def test_the_account_call_carries_the_token_where_the_server_looks() -> None:
    """In a header of another name or scheme, or in the query; a header beside it leaves Bearer in its place."""
    call_of = {
        "header": sample(account_header__Authorization="Zoho-oauthtoken {access_token}"),
        "query": sample(account_query__access_token="{access_token}", account_query__fields="id,name"),
        "beside": sample(**{"account_header__Client-Id": "{client_id}"}),
    }
    asked = {}
    for name, one in call_of.items():
        call = one.provider.account_call
        assert call is not None
        asked[name] = call.request(one.app, "https://id.example/me?v=1", GRANT, NOW)
    token = GRANT.access_token.reveal()

    assert {"authorization": f"Zoho-oauthtoken {token}"} == asked["header"].headers
    assert {"v": ["1"], "access_token": [token], "fields": ["id,name"]} == parse_qs(urlsplit(asked["query"].url).query)
    assert "authorization" not in asked["query"].headers
    assert {"authorization": f"Bearer {token}", "client-id": "client-1"} == asked["beside"].headers


REFUSED: list[tuple[dict[str, str], str]] = [
    (
        {"authorize__redirect_uri": "https://evil.example"},
        "authorize.redirect_uri would be ignored.*setting redirect_uri",
    ),
    ({"authorize__client_id": "x"}, "authorize.client_id would be ignored.*client id"),
    ({"authorize__state": "x"}, "authorize.state would be ignored"),
    ({"authorize__scope": "x"}, "authorize.scope would be ignored.*--scope"),
    ({"authorize__response_type": "token"}, "authorize.response_type would be ignored.*response_type"),
    ({"authorize__code_challenge": "x"}, "authorize.code_challenge would be ignored"),
    ({"authorize__client_secret": "x"}, "authorize.client_secret would be ignored"),
    ({"authorize__appKey": "x", "authorize_name__client_id": "appKey"}, "authorize.appKey would be ignored"),
    *(
        ({f"{prefix}__{name}": "x"}, f"{prefix}.{name} would be ignored")
        for prefix in ("token", "exchange", "refresh")
        for name in ("client_id", "client_secret", "code", "code_verifier", "redirect_uri", "refresh_token")
    ),
    ({"token__grant_type": "x"}, "token.grant_type would be ignored.*exchange.grant_type"),
    ({"token__client_assertion": "x"}, "token.client_assertion would be ignored.*private_key_jwt"),
    ({"token__type": "a", "refresh__type": "b"}, "token.type would be ignored where refresh.type"),
    ({"grant": "client_credentials", "token__scope": "x"}, "token.scope would be ignored.*--scope"),
    *(
        ({f"header__{name}": "x"}, f"header.{name} is not")
        for name in ("Authorization", "content-type", "Host", "COOKIE")
    ),
    ({"header__Content-Length": "0"}, "header.Content-Length is not"),
    ({"header__a b": "x"}, "header.a b is no header"),
    ({"header__X-A": "1", "header__x-a": "2"}, "one header two values"),
    ({"account_header__X": "ä"}, "account_header.X is ASCII"),
    ({"grace_seconds": "60"}, "grace_seconds does nothing without refresh_reuse=grace"),
    ({"refresh_reuse": "grace"}, "needs grace_seconds"),
    ({"refresh_reuse": "grace", "grace_seconds": "soon"}, "grace_seconds is a number"),
    ({"life": "1h"}, "life is a number"),
    ({"life": "0"}, "life is a number"),
    ({"token_method": "GET"}, "token_method=GET needs token_format=query"),
    ({"token_method": "GET", "token_format": "json"}, "token_method=GET needs token_format=query"),
    ({"client_auth": ENTIRE, "basic_encoding": "raw"}, "basic_encoding does nothing without client_auth"),
    ({"client_auth": "none", "basic_client_id": "send"}, "basic_client_id does nothing"),
    ({"assertion_key_id": "k1"}, "assertion_key_id does nothing without client_auth=private_key_jwt"),
    ({"client_auth": "none", "pkce": "none"}, "client_auth=none needs pkce"),
    ({"client_auth": "none", "grant": "client_credentials"}, "proves no client"),
    *(
        ({"grant": grant, name: value}, f"{name.replace('__', '.')} does nothing with grant={grant}")
        for grant in ("client_credentials", "refresh_token")
        for name, value in (
            ("callback_code", "c"),
            ("redirect_uri", "Ru"),
            ("response_type", "x"),
            ("authorize_fragment", "x"),
            ("authorize__prompt", "x"),
            ("authorize_name__state", "x"),
            ("exchange__type", "x"),
        )
    ),
    ({"grant": "client_credentials", "refresh__type": "x"}, "refresh.type does nothing"),
    ({"grant": "client_credentials", "refresh_reuse": "safe"}, "refresh_reuse does nothing"),
    ({"grant": "client_credentials", "account_field": "x"}, "account_field does nothing"),
    ({"name__client_secret": "s"}, "name.client_secret does nothing"),
    ({"name__client_id": "s"}, "name.client_id does nothing"),
    ({"name__scope": "s"}, "name.scope does nothing"),
    ({"name__nothing": "s"}, "name.nothing renames nothing"),
    ({"authorize_name__prompt": "s"}, "authorize_name.prompt renames nothing"),
    ({"name__code": "none"}, "name.code=none is no name"),
    ({"name__code": "a b"}, "name.code is a parameter's name"),
    ({"name__code": "redirect_uri"}, "two parameters one name"),
    ({"authorize_name__redirect_uri": "none", "name__redirect_uri": "none", "redirect_uri": "Ru"}, "redirect_uri does"),
    *(({"callback_code": name}, "callback_code would find no code") for name in ("state", "error", "iss")),
    ({"callback_code": "st", "authorize_name__state": "st"}, "callback_code would find no code"),
    *(
        ({"authorize_name__state": name}, "authorize_name.state would bring no state back")
        for name in ("code", "error", "error_description", "iss")
    ),
    ({"callback_code": "c", "authorize_name__state": "c"}, "callback_code would find no code"),
    ({"name__code": "client_assertion", "client_auth": "private_key_jwt"}, "two parameters one name"),
    *(
        ({"pkce": "none", name: "x"}, f"{name.replace('__', '.')} does nothing.*pkce=S256")
        for name in ("authorize_name__code_challenge", "authorize_name__code_challenge_method", "name__code_verifier")
    ),
    ({"name__grant_type": "x", "exchange__grant_type": "none", "refresh__grant_type": "none"}, "name.grant_type does"),
    ({"name__grant_type": "x", "grant": "refresh_token", "refresh__grant_type": "none"}, "name.grant_type does"),
    ({"authorize_name__response_type": "x", "response_type": "none"}, "authorize_name.response_type does nothing"),
    *(
        ({**why, name: "x"}, f"{name.replace('__', '.')} does nothing with")
        for why in ({"grant": "client_credentials"}, {"renewal": "access_token"})
        for name in ("response__refresh_token", "response__refresh_expires_in")
    ),
    *(
        ({name: f"a {{{word}}}"}, f"{name.replace('__', '.')} would send {{{word}}} as it is written.*{place}.NAME")
        for name, word, place in (
            ("token__x", "random", "authorize"),
            ("exchange__x", "uuid", "header"),
            ("refresh__x", "uuid", "header"),
            ("header__x", "random", "authorize"),
            ("header__x", "access_token", "account_header"),
            ("authorize__x", "uuid", "header"),
            ("authorize__x", "client_id", "account_query"),
            ("account_header__x", "uuid", "header"),
            ("account_query__x", "random", "authorize"),
            ("redirect_uri", "random", "authorize"),
        )
    ),
    ({"renewal": "access_token", "upgrade__x": "{random}"}, "upgrade.x would send {random}"),
    ({"renewal": "access_token", "upgrade__x": "{nobody}"}, "nobody: it is not declared"),
    ({"renewal": "access_token", "upgrade__refresh_token": "x"}, "upgrade.refresh_token would replace"),
    ({"param__shop": "[a-z]+", "fact__shop": "param.shop", "account_query__x": "{shop}"}, "account_query.x would send"),
    (
        {"param__shop": "[a-z]+", "fact__shop": "param.shop", "refresh__grant_type": "{shop}"},
        "refresh.grant_type would",
    ),
    ({"param__shop": "[a-z]+", "param_title__shop": "Shop"}, r"param.shop does nothing.*fact.shop=param.shop"),
    ({"param__shop": "[a-z]+", "value__shop": "a"}, r"param.shop does nothing.*fact.shop=param.shop"),
    ({"param__shop": ".+", "param_source__shop": "token.refresh_token"}, "param_source.shop has token.refresh_token"),
    ({"param__shop": ".+", "param_source__shop": "callback.code"}, "param_source.shop has callback.code"),
    ({"authorize_fragment": "a?b"}, "authorize_fragment is what follows"),
    ({"response__token": "x"}, "response.token is read nowhere"),
    ({"response__access_token": "data.refresh_token"}, "response.access_token leads to the refresh token"),
    *(
        ({f"response__{name}": path, "response__refresh_token": "data.0.rt"}, f"response.{name} leads to a token")
        for name in ("token_type", "expires_in", "refresh_expires_in", "scope", "error", "error_message")
        for path in ("access_token", "data.0.rt", "data.00.rt", "data.0", "data", "a.id_token")
    ),
    ({"response__success": "0"}, "response.success needs response.error"),
    ({"errors__dead": "x"}, "errors.dead is no class"),
    ({"errors__busy": "a,b", "errors__refused": "b"}, "both have 'b'"),
    ({"client_auht": "none"}, "has no setting 'client_auht'; it has .*client_auth.*return_url"),
    ({"authorize.": "x"}, "has no setting 'authorize.'"),
    ({"client_auth": "client_secret_jwt"}, "client_auth is one of client_secret_basic"),
    ({"title": "a\nb"}, "title is 1 to 512 printable"),
    ({"title": "a" * 513}, "title is 1 to 512 printable"),
]


@field("B refused")
@pytest.mark.parametrize(
    ("settings", "why"), REFUSED, ids=[" ".join(f"{k}={v}"[:30] for k, v in s.items()) for s, _ in REFUSED]
)
def test_a_setting_that_would_be_ignored_is_refused_by_name(settings: dict[str, str], why: str) -> None:
    """The message names the setting, and what does what it was meant to do."""
    app = app_with(**settings)
    assert re.search(why, settings_problem(app, OAUTH2))
    with pytest.raises(InvalidApp, match=r"^app shop: "):
        check_settings(app, OAUTH2)


@field("B refused")
@pytest.mark.parametrize("grant", ["authorization_code", "client_credentials"])
def test_a_scope_has_another_name_where_there_is_one(grant: str) -> None:
    """`--scope` brings it; without it the name is refused, in the link and where a token is minted."""
    name = "name.scope" if grant == "client_credentials" else "authorize_name.scope"
    app = replace(app_with(grant=grant), scopes=())
    named = replace(app, settings={**app.settings, name: "permissions"})

    assert re.search(f"{name} does nothing.*--scope", settings_problem(named, OAUTH2))
    assert "" == settings_problem(replace(named, scopes=("read",)), OAUTH2)


@field("B refused")
@pytest.mark.parametrize(
    "settings",
    [
        {"fact__shop": "param.shop"},
        {"label": "param.shop"},
        {"refresh__shop": "{shop}"},
        {"header__shop": "{shop} {uuid}"},
        {"param_source__shop": "callback.shop"},
        {"param_source__shop": "token.shop"},
        {"param_source__shop": "invite,callback.shop"},
    ],
    ids=str,
)
def test_a_parameter_that_is_sent_named_or_held_is_taken(settings: dict[str, str]) -> None:
    """A request has it, a path names it, or what comes back has to agree with it and is published."""
    assert "" == settings_problem(app_with(param__shop="[a-z]+", **settings), OAUTH2)


@field("B refused")
def test_the_account_call_is_declared_before_it_is_shaped() -> None:
    """Without its endpoint there is none."""
    endpoints = {key: url for key, url in SAMPLE.app.endpoints.items() if key != "verify"}
    app = replace(app_with(account_query__token="{access_token}"), endpoints=endpoints)
    assert "account_query.token does nothing without --endpoint verify" in settings_problem(app, OAUTH2)


@pytest.mark.parametrize("name", ["client_auth", "scope_separator", "grant", "token_format", "refresh_reuse"])
def test_a_value_that_a_hand_wrote_is_named(name: str) -> None:
    """A secret may be edited: what cannot be read is refused where it is used, by its name."""
    with pytest.raises(InvalidApp, match=f"the setting {name} is one of"):
        OAUTH2.for_app(app_with(**{name: "whatever"}))
    for settings, match in (
        ({"life": "x"}, "life"),
        ({"errors__x": "y"}, "class"),
        ({"response__x": "y"}, "response.x"),
    ):
        with pytest.raises(InvalidApp, match=match):
            OAUTH2.for_app(app_with(**settings))


@pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS.keys())
def test_every_setting_says_what_it_does(provider: Any) -> None:
    """`provider show` has a line for each."""
    assert provider.settings.keys() == provider.meanings.keys()


def test_an_answer_that_fits_no_path_is_kept_as_unreadable() -> None:
    """Nothing is guessed: the response is like one without a token."""
    one = sample(response__access_token="a.b", response__refresh_token="a.c")
    for body in ({"a": {"x": 1}}, {"a": []}, {"a": "text"}, {}):
        assert FailureClass.AMBIGUOUS is failure(one, body).kind
    assert answer({}).status == 200
