"""PROVIDERS' facts about TikTok's Login Kit v2, from its vendor's pages."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from documented import SAMPLES
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import row
from samples import CODE, GRANT, REDIRECT, STATE, VERIFIER, answer, failure, issued, varied

from tokensync.domain.messages import AccountReply, Failure, FailureClass, Request
from tokensync.domain.secret import Secret
from tokensync.oauth.callback import Query
from tokensync.oauth.provider import GrantType, RefreshReuse, WebhookEvent, WebhookEventKind
from tokensync.oauth.shapes import ClientAuthentication
from tokensync.oauth.token_request import authorize_url, code_request, refresh_request, revocation_request
from tokensync.oauth.token_response import read_account
from tokensync.providers import PROVIDERS

SAMPLE = SAMPLES["tiktok_login"]
PROVIDER = PROVIDERS["tiktok_login"]
APP = SAMPLE.app
DESKTOP = replace(APP, settings={"pkce": "S256"})
CHALLENGE = "13d31e961a1ad8ec2f16b10c4c982e0876a878ad6df144566ee1894acb70f9c3"
assert PROVIDER.account_call is not None
assert PROVIDER.webhook is not None
CALL = PROVIDER.account_call
WEBHOOK = PROVIDER.webhook


def link(**app_settings: str) -> dict[str, str]:
    """Return the parameters of the consent page for an app with these settings."""
    app = replace(APP, settings=app_settings)
    url = authorize_url(PROVIDER.for_app(app), app, state=STATE, redirect_uri=REDIRECT, verifier=VERIFIER)
    assert url.startswith("https://www.tiktok.com/v2/auth/authorize/?")
    return dict(parse_qsl(urlsplit(url).query, strict_parsing=True))


@row("3 authorize")
def test_the_consent_page() -> None:
    """The link names the client key, scopes with commas, the code, the redirect URI and the state."""
    assert link() == {
        "client_key": "client-1",
        "response_type": "code",
        "redirect_uri": REDIRECT,
        "scope": "user.info.basic,video.list",
        "state": STATE,
    }


@row("3 authorize: disable_auto_auth")
def test_the_consent_page_may_be_shown_every_time() -> None:
    """An app may ask that a user who agreed before is asked again."""
    assert link(disable_auto_auth="1") == {**link(), "disable_auto_auth": "1"}
    assert link(disable_auto_auth="0") == link()


@row("3 authorize: redirect URI to the last slash")
@pytest.mark.parametrize("redirect_uri", ["https://a.example/cb", "https://a.example/cb/", "http://localhost:8080/cb"])
def test_the_redirect_uri_is_sent_as_registered(redirect_uri: str) -> None:
    """Link and exchange carry the redirect URI byte for byte, last slash included."""
    url = authorize_url(PROVIDER, APP, state=STATE, redirect_uri=redirect_uri)
    request = code_request(PROVIDER, APP, CODE, redirect_uri=redirect_uri)

    assert dict(parse_qsl(urlsplit(url).query))["redirect_uri"] == redirect_uri
    assert dict(parse_qsl(request.body.decode()))["redirect_uri"] == redirect_uri


@row("3 PKCE: hex vector", "7 7636 4.2 hex")
def test_the_challenge_is_hex() -> None:
    """A desktop app's challenge is the vendor's own: SHA-256 of the verifier in lower-case hex, called S256."""
    assert link(pkce="S256") == {**link(), "code_challenge": CHALLENGE, "code_challenge_method": "S256"}


@row("3 token: code_verifier", "3 PKCE: desktop and mobile alone")
def test_the_verifier_goes_where_a_challenge_went() -> None:
    """A desktop app sends its verifier with the code; a web app has neither challenge nor verifier."""
    desktop = code_request(PROVIDER.for_app(DESKTOP), DESKTOP, CODE, redirect_uri=REDIRECT, verifier=VERIFIER)
    seller_pages = code_request(PROVIDER.for_app(APP), APP, CODE, redirect_uri=REDIRECT, verifier=VERIFIER)

    assert desktop.body == seller_pages.body + f"&code_verifier={VERIFIER.reveal()}".encode()
    assert "code_challenge" not in link()


@row("3 callback: * and ! decoded once")
@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("code=Pf2a%2A3%214521.va&scopes=user.info.basic&state=s", "Pf2a*3!4521.va"),
        ("code=Pf2a*3!4521.va&state=s", "Pf2a*3!4521.va"),
        ("code=a%252A&state=s", "a%2A"),
    ],
)
def test_a_code_is_decoded_once_and_encoded_once(raw: str, code: str) -> None:
    """Asterisks and exclamation marks arrive percent-encoded; the form's own encoding brings the same code back."""
    found = Query.parse(raw).code(PROVIDER, APP)

    assert found == Secret(code)
    assert found is not None
    request = code_request(PROVIDER, APP, found, redirect_uri=REDIRECT)
    assert dict(parse_qsl(request.body.decode()))["code"] == code


@row("3 callback: error is a denial")
@pytest.mark.parametrize(
    "raw", ["error=access_denied&error_description=no&state=s", "error=server_error&state=s", "code=&error=x&state=s"]
)
def test_any_error_is_a_denial(raw: str) -> None:
    """A callback with an error brings no code."""
    assert Query.parse(raw).code(PROVIDER, APP) is None


@row("3 callback: scopes granted may be fewer")
def test_scopes_granted_are_what_the_answer_says() -> None:
    """Fewer scopes than asked for may be granted: those of the answer count."""
    assert issued(SAMPLE, varied(SAMPLE, scope="user.info.basic")).scopes == ("user.info.basic",)


@row("3 token: the form", "3 refresh: the form")
def test_token_requests_are_forms_on_one_url() -> None:
    """Code and refresh token go to the same URL, its slash included, as a form with the credentials in it."""
    requests = (
        code_request(PROVIDER, APP, CODE, redirect_uri=REDIRECT),
        refresh_request(PROVIDER, APP, Secret("r")),
    )

    for request in requests:
        assert (request.method, request.url) == ("POST", "https://open.tiktokapis.com/v2/oauth/token/")
        assert request.headers == {"content-type": "application/x-www-form-urlencoded"}
        assert request.body.startswith(b"client_key=client-1&client_secret=canary-secret%26%3D&")
    assert PROVIDER.token.authentication is ClientAuthentication.POST


@row("3 token: the answer is flat")
def test_an_envelope_is_no_answer() -> None:
    """Tokens in an envelope, as the vendor's other product has them, are none here."""
    assert failure(SAMPLE, {"data": dict(SAMPLE.success), "code": 0}).kind is FailureClass.AMBIGUOUS


@row("3 refresh: the old one dies")
def test_a_refresh_token_is_presented_once() -> None:
    """The previous refresh token stops working with the answer: presented twice is presented in vain."""
    assert (PROVIDER.refresh_reuse, PROVIDER.grace_seconds) == (RefreshReuse.SINGLE_USE, 0)


@pytest.mark.parametrize("life", [7200, 86_400])
def test_the_life_is_the_answers(life: int) -> None:
    """Two hours by newer pages and a day by older ones: the answer decides, and without it two hours."""
    assert issued(SAMPLE, varied(SAMPLE, expires_in=life)).life == life
    assert issued(SAMPLE, varied(SAMPLE, expires_in=...)).life == 7200


@row("3 revoke: the form")
def test_the_access_token_is_revoked() -> None:
    """The access token is presented, alone, even where there is a refresh token."""
    request = revocation_request(PROVIDER, APP, GRANT)

    assert request is not None
    assert request.url == "https://open.tiktokapis.com/v2/oauth/revoke/"
    assert dict(parse_qsl(request.body.decode())) == {
        "client_key": "client-1",
        "client_secret": "canary-secret&=",
        "token": "canary-access",
    }


@row("3 client credentials")
def test_an_app_may_mint_tokens_of_its_own() -> None:
    """The answer has no refresh token and names nobody; minting again does no harm, and there is nobody to verify."""
    assert SAMPLE.minting is not None
    provider = PROVIDER.for_app(SAMPLE.minting)
    minting = replace(SAMPLE, app=SAMPLE.minting)

    read = issued(minting, {"access_token": "clt.example", "expires_in": 7200, "token_type": "Bearer"})

    assert (read.access_token, read.refresh_token, read.life, read.account) == (Secret("clt.example"), None, 7200, None)
    assert (provider.grant_type, provider.refresh_reuse) == (GrantType.CLIENT_CREDENTIALS, RefreshReuse.SAFE)
    assert (provider.account_call, provider.renews(replace(GRANT, refresh_token=None))) == (None, True)


@row("3 verify: the call")
def test_a_token_is_verified_by_its_user() -> None:
    """The user's facts are asked for with the token as Bearer and the fields by name."""
    request = CALL.request(APP, "https://open.tiktokapis.com", GRANT, 0)

    assert request == Request(
        method="GET",
        url="https://open.tiktokapis.com/v2/user/info/?fields=open_id,union_id,avatar_url,display_name",
        headers={"authorization": "Bearer canary-access"},
    )
    assert request.headers == {"authorization": "Bearer canary-access"}


USER = {"open_id": "o-1", "union_id": "u-1", "avatar_url": "https://a.example/x.webp", "display_name": "Tik Toker"}
OK = {"code": "ok", "message": "", "log_id": "l-1"}


@row("3 verify: ok")
def test_a_users_facts_are_read() -> None:
    """Success says ok; the user's facts are taken, and the display name is the label."""
    facts = read_account(PROVIDER, CALL, answer({"data": {"user": {**USER, "bio": "x"}}, "error": OK}))

    assert facts == USER
    assert CALL.account(USER, "") == AccountReply(id="o-1", label="Tik Toker")


@pytest.mark.parametrize("facts", [{}, {"open_id": ""}, {"open_id": 5}, {"display_name": "x"}])
def test_facts_without_an_open_id_name_nobody(facts: dict[str, Any]) -> None:
    """A name that anybody may bear is no account."""
    assert CALL.account(facts, "o-1") is None


@pytest.mark.parametrize(
    "reply",
    [
        {"data": {"user": USER}},
        {"data": {"user": USER}, "error": {}},
        {"data": {"user": USER}, "error": {"code": "access_token_invalid", "message": "m", "log_id": "l"}},
        {"data": {"user": USER}, "error": "ok"},
        {"data": {}, "error": OK},
        {"data": None, "error": OK},
        {"data": {"user": []}, "error": OK},
        {},
    ],
)
def test_anything_but_ok_tells_no_facts(reply: dict[str, Any]) -> None:
    """Facts beside an error, and a success without a user, tell nothing."""
    assert isinstance(read_account(PROVIDER, CALL, answer(reply)), Failure)


SECRET = Secret("webhook-secret")
BODY = json.dumps(
    {
        "client_key": "client-1",
        "event": "authorization.removed",
        "create_time": 1_615_338_610,
        "user_openid": "act.example12345Example12345Example",
        "content": '{"reason":1}',
    }
).encode()
SIGNATURE = hmac.new(b"webhook-secret", b"1633174587." + BODY, hashlib.sha256).hexdigest()


def signed(header: str, body: bytes = BODY) -> tuple[str | None, str]:
    """Return the signature that a webhook carries and the one that it must carry."""
    headers = {"tiktok-signature": header}
    return WEBHOOK.signature(headers), WEBHOOK.expected(APP, SECRET, headers, body)


@row("3 webhook: signature", "3 webhook: no window")
def test_a_webhook_is_signed_over_time_and_body() -> None:
    """HMAC-SHA256 over t, a full stop and the raw body; how long ago t was says nothing: deliveries are repeated."""
    assert signed(f"t=1633174587,s={SIGNATURE}") == (SIGNATURE, SIGNATURE)
    found, expected = signed(f"t=1633174588,s={SIGNATURE}")
    assert found != expected
    found, expected = signed(f"t=1633174587,s={SIGNATURE}", BODY + b" ")
    assert found != expected


@row("8 15 one product's webhook by another's scheme")
def test_tiktok_shops_signature_is_none_here() -> None:
    """The vendor's other product signs in another header and over other bytes: neither passes here."""
    shops = hmac.new(b"webhook-secret", b"client-1" + BODY, hashlib.sha256).hexdigest()
    found, expected = signed(f"t=1633174587,s={shops}")

    assert WEBHOOK.signature({"authorization": shops}) is None
    assert found != expected


@pytest.mark.parametrize(
    "header",
    ["", SIGNATURE, f"s={SIGNATURE},t=1", f"t=,s={SIGNATURE}", f"t=-1,s={SIGNATURE}", f"t=1,s={SIGNATURE}0", "t=1,s="],
)
def test_another_form_of_signature_is_none(header: str) -> None:
    """What is not of the documented form costs no look at the body."""
    assert WEBHOOK.signature({"tiktok-signature": header}) is None


@row("3 webhook: authorization.removed")
@pytest.mark.parametrize(
    ("content", "detail"),
    [('{"reason":1}', "reason 1"), ("{}", ""), ("not json", ""), (None, ""), ({"reason": 1}, ""), ("[" * 100_000, "")],
)
def test_a_removed_authorization_is_told(content: object, detail: str) -> None:
    """The user is named by their open id; `content` is JSON in a string and tells why."""
    body = {**json.loads(BODY), "content": content}

    assert WEBHOOK.read(body) == WebhookEvent(
        kind=WebhookEventKind.DEAUTHORIZED,
        at=1_615_338_610,
        account="act.example12345Example12345Example",
        detail=detail,
    )


@pytest.mark.parametrize("event", ["video.upload.failed", "", None, 6, "authorization.removed "])
def test_another_event_is_acknowledged(event: object) -> None:
    """Events that nobody asked for ask nothing of us."""
    assert WEBHOOK.read({**json.loads(BODY), "event": event}).kind is WebhookEventKind.OTHER


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.lists(st.integers())


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from(["event", "create_time", "user_openid", "content"]), VALUES))
def test_no_webhook_breaks_its_reader(body: dict[str, Any]) -> None:
    """Whatever a signed body holds, it is a notice of some kind."""
    assert WEBHOOK.read(body).kind in WebhookEventKind


def test_the_hosts_are_exactly_the_vendors() -> None:
    """No other host may be named by an app."""
    assert PROVIDER.hosts == {"www.tiktok.com", "open.tiktokapis.com"}
