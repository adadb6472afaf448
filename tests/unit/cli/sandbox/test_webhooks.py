import asyncio
import hashlib
import hmac
import json
from typing import Any

import httpx
import pytest

from tokensync_cli.sandbox.control.webhooks import Delivery, post
from tokensync_cli.sandbox.tiktok_login import webhook as login_webhook
from tokensync_cli.sandbox.tiktok_shop import webhook as shop_webhook

SHOP = {"provider": "tiktok_shop", "app": "29a39d", "account": "7010736057180325637", "url": "http://localhost:1/w"}
USER = "-000MjQ5wTqFhVn1bCzk7sXoRg2yLpEdAuHi"
LOGIN = {"provider": "tiktok_login", "app": "awkey", "account": USER, "url": "http://127.0.0.1:1/w"}


@pytest.fixture
def registered(box: Any) -> Any:
    box.control("apps", {"provider": "tiktok_login", "app_key": "awkey", "app_secret": "login-secret"})
    return box


def sent(box: Any, notice: dict[str, Any], **change: Any) -> tuple[dict[str, str], bytes]:
    box.posted.clear()
    box.control("webhook", {**notice, **change})
    url, headers, content = box.posted[-1]
    assert notice["url"] == url
    return headers, content


def shop_signature(content: bytes) -> str:
    return hmac.new(b"e59af819cc", b"29a39d" + content, hashlib.sha256).hexdigest()


def login_signature(at: int, content: bytes) -> str:
    mac = hmac.new(b"login-secret", str(at).encode() + b"." + content, hashlib.sha256).hexdigest()
    return f"t={at},s={mac}"


def test_the_vendors_vector_of_a_shop_notice() -> None:
    """The signature of the vendor's own sample comes out."""
    body = (
        b'{"type":1,"tts_notification_id":"7380066284010030890","shop_id":"7495540735365777507",'
        b'"timestamp":1718305585,"data":{"is_on_hold_order":true,"order_id":"576653688135258178",'
        b'"order_status":"UNPAID","update_time":1718305585}}'
    )
    expected = "5dec0f11ec2f6783b8deee53c9ffbf8d024302f7c7e7fa55a35d17629031ac05"
    assert ("Authorization", expected) == shop_webhook.signature("abcdef", "123", body)


def test_a_login_notices_signature_covers_its_time() -> None:
    """Time, a dot and the raw body are signed, and the header tells the time."""
    expected = hmac.new(b"s", b"7.{}", hashlib.sha256).hexdigest()
    assert ("TikTok-Signature", f"t=7,s={expected}") == login_webhook.signature("s", 7, b"{}")


def test_a_shop_is_deauthorized(registered: Any) -> None:
    """Type 6 names the account's first shop and carries the bare signature of the raw body."""
    headers, content = sent(registered, SHOP, event="deauthorized")
    told = json.loads(content)
    assert ["type", "tts_notification_id", "shop_id", "timestamp", "data"] == list(told)
    assert (6, "7494101200441805910", registered.now, {}) == tuple(
        told[name] for name in ("type", "shop_id", "timestamp", "data")
    )
    assert {"content-type": "application/json", "Authorization": shop_signature(content)} == headers


def test_an_expiry_is_told_in_a_string(registered: Any) -> None:
    """Type 7 tells when the authorization ends, as text; without one, thirty days ahead."""
    _, before = sent(registered, SHOP, event="expiring")
    assert {"expiration_time": str(registered.now + 2_592_000)} == json.loads(before)["data"]
    end = registered.pair(seconds=1_000)["refresh_token_expire_in"]
    _, content = sent(registered, SHOP, event="expiring")
    assert (7, {"expiration_time": str(end)}) == tuple(json.loads(content)[name] for name in ("type", "data"))


def test_a_removed_authorization_of_login_kit(registered: Any) -> None:
    """The content is JSON in a string, and the header carries time and signature."""
    headers, content = sent(registered, LOGIN, event="deauthorized")
    assert {
        "client_key": "awkey",
        "event": "authorization.removed",
        "create_time": registered.now,
        "user_openid": USER,
        "content": '{"reason":1}',
    } == json.loads(content)
    assert login_signature(registered.now, content) == headers["TikTok-Signature"]
    assert "Authorization" not in headers


@pytest.mark.parametrize("notice", [SHOP, LOGIN])
def test_unknown_events_are_signed_as_well(registered: Any, notice: dict[str, Any]) -> None:
    """A notice of a kind that nobody documented arrives with a good signature."""
    headers, content = sent(registered, notice, event="unknown")
    told = json.loads(content)
    assert (told.get("type", 9_999), told.get("event", "sandbox.unheard_of")) == (9_999, "sandbox.unheard_of")
    good = {"Authorization": shop_signature(content), "TikTok-Signature": login_signature(registered.now, content)}
    assert [good[name] == value for name, value in headers.items() if name in good] == [True]


def test_time_id_and_shop_can_be_chosen(registered: Any) -> None:
    """A replay has the id of the first; a topic without a shop has none."""
    chosen = {"timestamp": 7, "notification": "n1"}
    _, content = sent(registered, SHOP, event="deauthorized", shop_id="9", **chosen)
    told = json.loads(content)
    assert (7, "n1", "9") == (told["timestamp"], told["tts_notification_id"], told["shop_id"])
    _, content = sent(registered, SHOP, event="deauthorized", shop_id="", **chosen)
    assert "shop_id" not in json.loads(content)
    headers, content = sent(registered, LOGIN, event="deauthorized", timestamp=7)
    assert login_signature(7, content) == headers["TikTok-Signature"]


def test_a_creator_has_no_shop(registered: Any) -> None:
    """The notice of an account without shops names none."""
    _, content = sent(registered, {**SHOP, "account": registered.creator}, event="deauthorized")
    assert "shop_id" not in json.loads(content)


def test_a_repetition_is_the_same_to_the_byte(registered: Any) -> None:
    """Sent three times, a notice keeps id, time and signature, and every answer is told."""
    told = registered.control("webhook", {**SHOP, "event": "deauthorized", "repeat": 3})
    assert {"status": 202, "seconds": 0.25} == {name: told[name] for name in ("status", "seconds")}
    assert [202, 202, 202] == [delivery["status"] for delivery in told["deliveries"]]
    first, *others = registered.posted
    assert [first, first] == others


@pytest.mark.parametrize("tamper", ["signature", "body", "space", "missing", "scheme"])
@pytest.mark.parametrize("notice", [SHOP, LOGIN])
def test_what_is_tampered_with_does_not_verify(registered: Any, notice: dict[str, Any], tamper: str) -> None:
    """A digit, a field or a space more, no signature, or the other product's: none fits."""
    headers, content = sent(registered, notice, event="deauthorized", tamper=tamper)
    assert json.loads(content)
    if notice is SHOP:
        assert headers.get("Authorization") != shop_signature(content)
    else:
        assert headers.get("TikTok-Signature") != login_signature(registered.now, content)
    other = "TikTok-Signature" if notice is SHOP else "Authorization"
    assert (tamper == "scheme") == (other in headers)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/w",
        "http://127.0.0.1.evil.example/w",
        "http://localhost@evil.example/",
        "http://evil.example@localhost/",
        "http://10.0.0.1/",
        "ftp://localhost/",
        "http://localhost:x/",
        "",
    ],
)
def test_notices_stay_on_this_machine(registered: Any, url: str) -> None:
    """No notice goes to another host, and a revocation that could not be told does not happen."""
    asked = {**SHOP, "url": url, "event": "deauthorized"}
    answer = registered.request("POST", "/_sandbox/webhook", json=asked)
    assert 400 == answer.status_code
    assert "url must be" in answer.json()["error"]
    pair = registered.pair()
    named = {name: SHOP[name] for name in ("provider", "app", "account")}
    assert 400 == registered.request("POST", "/_sandbox/revoke", json={**named, "notify": url}).status_code
    assert 0 == registered.refresh(pair["refresh_token"]).json()["code"]
    assert [] == registered.posted


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"provider": "eshopbox"}, 400, "sends no webhooks"),
        ({"provider": "x"}, 400, "sends no webhooks"),
        ({"app": "x"}, 404, "no app x"),
        ({"account": "x"}, 404, "no account x"),
        ({"repeat": 0}, 400, "repeat"),
        ({"tamper": "all"}, 400, "tamper must be one of"),
        ({"event": "expiring"}, 400, "no webhook for the event expiring"),
        ({"shop_id": "1"}, 400, "neither notification nor shop_id"),
        ({"notification": "1"}, 400, "neither notification nor shop_id"),
    ],
)
def test_says_what_cannot_be_sent(registered: Any, change: dict[str, Any], status: int, text: str) -> None:
    """Every refusal names its cause, and nothing is sent."""
    asked = {**LOGIN, "event": "deauthorized", **change}
    answer = registered.request("POST", "/_sandbox/webhook", json=asked)
    assert status == answer.status_code
    assert text in answer.json()["error"]
    assert [] == registered.posted


def test_a_revocation_can_be_told(registered: Any) -> None:
    """With `notify` the end of an authorization is followed by the vendor's notice of it."""
    registered.pair()
    named = {name: SHOP[name] for name in ("provider", "app", "account")}
    told = registered.control("revoke", {**named, "notify": SHOP["url"]})
    assert (1, 202) == (told["revoked"], told["notified"]["status"])
    ((_, _, content),) = registered.posted
    assert 6 == json.loads(content)["type"]
    assert {"revoked": 0} == registered.control("revoke", named)


def delivered(answer: httpx.Response | None) -> tuple[Delivery, list[httpx.Request]]:
    seen = []

    def receive(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if answer is None:
            raise httpx.ConnectError("refused")
        return answer

    transport = httpx.MockTransport(receive)
    return asyncio.run(post("http://localhost:1/w?x=1", {"Authorization": "ab"}, b"{}", transport)), seen


def test_the_very_bytes_are_posted_and_no_redirect_followed() -> None:
    """Body and header arrive as they were signed; where the receiver points elsewhere nothing goes."""
    delivery, (request,) = delivered(httpx.Response(307, headers={"location": "https://evil.example/"}))
    assert 307 == delivery.status
    assert ("POST", "/w?x=1", b"{}", "ab") == (
        request.method,
        request.url.raw_path.decode(),
        request.content,
        request.headers["authorization"],
    )


def test_a_receiver_that_is_gone_has_no_status() -> None:
    """Where nobody listens the status is null and the time is told all the same."""
    delivery, _ = delivered(None)
    assert delivery.status is None
    assert delivery.seconds >= 0
