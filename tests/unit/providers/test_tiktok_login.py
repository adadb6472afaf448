"""Facts about TikTok's Login Kit v2 that no other provider shares, from its vendor's pages."""

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

from tokensync.domain.messages import AccountReply, Failure, FailureClass
from tokensync.domain.secret import Secret
from tokensync.oauth.callback import Query
from tokensync.oauth.provider import GrantType, RefreshReuse, WebhookEvent, WebhookEventKind
from tokensync.oauth.token_request import authorize_url, code_request
from tokensync.oauth.token_response import read_account
from tokensync.providers import PROVIDERS

SAMPLE = SAMPLES["tiktok_login"]
PROVIDER = PROVIDERS["tiktok_login"]
APP = SAMPLE.app
CHALLENGE = "13d31e961a1ad8ec2f16b10c4c982e0876a878ad6df144566ee1894acb70f9c3"
assert PROVIDER.account_call is not None
assert PROVIDER.webhook is not None
CALL = PROVIDER.account_call
WEBHOOK = PROVIDER.webhook


def link(**app_settings: str) -> dict[str, str]:
    """Return the parameters of the consent page for an app with these settings."""
    app = replace(APP, settings=app_settings)
    url = authorize_url(PROVIDER.for_app(app), app, state=STATE, redirect_uri=REDIRECT, verifier=VERIFIER)
    return dict(parse_qsl(urlsplit(url).query, strict_parsing=True))


@row("3 authorize: disable_auto_auth", "3 PKCE: hex vector", "7 7636 4.2 hex", "3 PKCE: desktop and mobile alone")
def test_what_an_app_sets_for_the_consent_page() -> None:
    """A desktop app's challenge is lower-case hex, called S256; a user who agreed before may be asked again."""
    assert link(pkce="S256") == {**link(), "code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    assert link(disable_auto_auth="1") == {**link(), "disable_auto_auth": "1"}
    assert link(disable_auto_auth="0") == link()


@row("3 token: code_verifier")
def test_the_verifier_goes_where_a_challenge_went() -> None:
    """A desktop app sends its verifier with the code; a web app has neither challenge nor verifier."""
    desktop = replace(APP, settings={"pkce": "S256"})
    bodies = [
        code_request(PROVIDER.for_app(app), app, CODE, redirect_uri=REDIRECT, verifier=VERIFIER).body
        for app in (desktop, APP)
    ]
    assert bodies[0] == bodies[1] + f"&code_verifier={VERIFIER.reveal()}".encode()


@row("3 authorize: redirect URI to the last slash")
@pytest.mark.parametrize("redirect_uri", ["https://a.example/cb", "https://a.example/cb/", "http://localhost:8080/cb"])
def test_the_redirect_uri_is_sent_as_registered(redirect_uri: str) -> None:
    """Link and exchange carry the redirect URI byte for byte, last slash included."""
    url = authorize_url(PROVIDER, APP, state=STATE, redirect_uri=redirect_uri)
    request = code_request(PROVIDER, APP, CODE, redirect_uri=redirect_uri)

    assert redirect_uri == dict(parse_qsl(urlsplit(url).query))["redirect_uri"]
    assert redirect_uri == dict(parse_qsl(request.body.decode()))["redirect_uri"]


@row("3 callback: * and ! decoded once", "3 callback: error is a denial")
@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("code=Pf2a%2A3%214521.va&scopes=user.info.basic&state=s", "Pf2a*3!4521.va"),
        ("code=Pf2a*3!4521.va&state=s", "Pf2a*3!4521.va"),
        ("code=a%252A&state=s", "a%2A"),
        ("error=access_denied&error_description=no&state=s", None),
        ("error=server_error&state=s", None),
        ("code=&error=x&state=s", None),
    ],
)
def test_a_code_is_decoded_once_and_encoded_once(raw: str, code: str | None) -> None:
    """Asterisks and exclamation marks arrive percent-encoded, and the form brings the same code back; errors deny."""
    found = Query.parse(raw).code(PROVIDER, APP)

    assert code == (found and found.reveal())
    if found is not None:
        assert code == dict(parse_qsl(code_request(PROVIDER, APP, found, redirect_uri="").body.decode()))["code"]


@row("3 token: the answer is flat", "3 refresh: the old one dies", "3 callback: scopes granted may be fewer")
def test_what_an_answer_says() -> None:
    """An envelope is none; fewer scopes may be granted; two hours and a day were documented: the answer decides."""
    assert failure(SAMPLE, {"data": dict(SAMPLE.success), "code": 0}).kind is FailureClass.AMBIGUOUS
    assert issued(SAMPLE, varied(SAMPLE, scope="user.info.basic")).scopes == ("user.info.basic",)
    assert [86_400, 7_200] == [issued(SAMPLE, varied(SAMPLE, expires_in=life)).life for life in (86_400, ...)]
    assert (RefreshReuse.SINGLE_USE, 0) == (PROVIDER.refresh_reuse, PROVIDER.grace_seconds)


@row("3 client credentials")
def test_an_app_may_mint_tokens_of_its_own() -> None:
    """The answer has no refresh token and names nobody; minting again does no harm, and there is nobody to verify."""
    assert SAMPLE.minting is not None
    provider = PROVIDER.for_app(SAMPLE.minting)
    minting = replace(SAMPLE, app=SAMPLE.minting)

    read = issued(minting, {"access_token": "clt.example", "expires_in": 7200, "token_type": "Bearer"})

    assert (Secret("clt.example"), None, 7200, None) == (read.access_token, read.refresh_token, read.life, read.account)
    assert (GrantType.CLIENT_CREDENTIALS, RefreshReuse.SAFE) == (provider.grant_type, provider.refresh_reuse)
    assert (None, (), True) == (
        provider.account_call,
        provider.required,
        provider.renews(replace(GRANT, refresh_token=None)),
    )


USER = {"open_id": "o-1", "union_id": "u-1", "avatar_url": "https://a.example/x.webp", "display_name": "Tik Toker"}
OK = {"code": "ok", "message": "", "log_id": "l-1"}
ERROR = {"code": "access_token_invalid", "message": "m", "log_id": "l"}


@row("3 verify: ok")
def test_a_users_facts_are_read() -> None:
    """Success says ok; the user's facts are taken, and the display name is the label; a name alone is no account."""
    assert USER == read_account(PROVIDER, CALL, answer({"data": {"user": {**USER, "bio": "x"}}, "error": OK}))
    assert AccountReply(id="o-1", label="Tik Toker") == CALL.account(USER, "")
    assert AccountReply(id="o-1") == CALL.account({"open_id": "o-1", "display_name": 5}, "")
    for facts in ({}, {"open_id": ""}, {"open_id": 5}, {"display_name": "x"}):
        assert CALL.account(facts, "o-1") is None


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ({"data": {"user": USER}}, "http_200"),
        ({"data": {"user": USER}, "error": {}}, "http_200"),
        ({"data": {"user": USER}, "error": ERROR}, "access_token_invalid"),
        ({"data": {"user": USER}, "error": "ok"}, "http_200"),
        ({"data": {}, "error": OK}, "missing_user"),
        ({"data": None, "error": OK}, "missing_user"),
        ({"data": {"user": []}, "error": OK}, "missing_user"),
        ({}, "http_200"),
    ],
)
def test_anything_but_ok_gives_no_facts(reply: dict[str, Any], code: str) -> None:
    """Facts beside an error, and a success without a user, say nothing."""
    read = read_account(PROVIDER, CALL, answer(reply))
    assert isinstance(read, Failure)
    assert code == read.code


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
SHOPS = hmac.new(b"webhook-secret", b"client-1" + BODY, hashlib.sha256).hexdigest()


@row("3 webhook: signature", "3 webhook: no window", "8 15 one product's webhook by another's scheme")
@pytest.mark.parametrize(
    ("header", "body", "holds"),
    [
        (f"t=1633174587,s={SIGNATURE}", BODY, True),
        (f"t=1633174588,s={SIGNATURE}", BODY, False),
        (f"t=1633174587,s={SIGNATURE}", BODY + b" ", False),
        (f"t=1633174587,s={SHOPS}", BODY, False),
    ],
)
def test_a_webhook_is_signed_over_time_and_body(header: str, body: bytes, holds: object) -> None:
    """HMAC-SHA256 over t, a full stop and the raw body; how long ago t was says nothing: deliveries are repeated."""
    headers = {"tiktok-signature": header}
    assert holds is (WEBHOOK.signature(headers) == WEBHOOK.expected(APP, SECRET, headers, body))


@pytest.mark.parametrize(
    "header",
    ["", SIGNATURE, f"s={SIGNATURE},t=1", f"t=,s={SIGNATURE}", f"t=-1,s={SIGNATURE}", f"t=1,s={SIGNATURE}0", "t=1,s="],
)
def test_another_form_of_signature_is_none(header: str) -> None:
    """What is not of the documented form, or in the other product's header, costs no look at the body."""
    assert WEBHOOK.signature({"tiktok-signature": header, "authorization": SHOPS}) is None


@row("3 webhook: authorization.removed")
@pytest.mark.parametrize(
    ("content", "detail"),
    [('{"reason":1}', "reason 1"), ("{}", ""), ("not json", ""), (None, ""), ({"reason": 1}, ""), ("[" * 100_000, "")],
)
def test_a_removed_authorization_is_told(content: object, detail: str) -> None:
    """The user is named by their open id; `content` is JSON in a string and tells why."""
    assert WEBHOOK.read({**json.loads(BODY), "content": content}) == WebhookEvent(
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
    """Whatever a signed body holds, it is an event of some kind."""
    assert WEBHOOK.read(body).kind in WebhookEventKind
