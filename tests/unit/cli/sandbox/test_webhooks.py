"""Webhook events: the core takes what the sandbox signs, and nothing that is tampered with."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tokensync.oauth.provider import WebhookEventKind
from tokensync_cli.sandbox.control.webhooks import Delivery, post
from tokensync_cli.sandbox.tiktok_shop.webhook import signature

if TYPE_CHECKING:
    from collections.abc import Callable

URL = "http://localhost:1/w"
NOTIFYING = ["tiktok_shop", "tiktok_login"]


def asked(one: Any, **change: Any) -> dict[str, Any]:
    """Return a webhook event as the control plane takes it."""
    return {**one.named, "url": URL, "event": "deauthorized", **change}


def sent(one: Any, **change: Any) -> tuple[dict[str, str], bytes]:
    """Send a webhook event; return the headers, names in lower case, and the body."""
    one.box.posted.clear()
    one.box.control("webhook", asked(one, **change))
    url, headers, content = one.box.posted[-1]
    assert url == URL
    return {name.lower(): value for name, value in headers.items()}, content


def verifies(one: Any, headers: dict[str, str], content: bytes) -> bool:
    """Return whether the core takes the signature."""
    shape = one.provider.webhook
    found = shape.signature(headers)
    return found is not None and found == shape.expected(one.app, one.app.client_secret, headers, content)


@pytest.mark.parametrize("name", NOTIFYING)
def test_the_core_reads_an_end(party: Callable[..., Any], name: str) -> None:
    """The signature holds over the raw bytes, and account or first shop are named; a creator has no shop."""
    one = party(name)
    headers, content = sent(one)
    event = one.provider.webhook.read(json.loads(content))
    assert verifies(one, headers, content)
    assert (WebhookEventKind.DEAUTHORIZED, one.box.now) == (event.kind, event.at)
    if name == "tiktok_login":
        assert (one.account, "reason 1") == (event.account, event.detail)
        return
    assert (("7494101200441805910", ""), True) == ((event.lookup, event.account), len(event.id) == 19)
    one.account = "7316620945501274118"
    assert "shop_id" not in json.loads(sent(one)[1])


@pytest.mark.parametrize("name", NOTIFYING)
def test_unknown_events_are_signed_as_well(party: Callable[..., Any], name: str) -> None:
    """An event that nobody documented has a good signature and is of no known kind."""
    one = party(name)
    headers, content = sent(one, event="unknown")
    assert verifies(one, headers, content)
    assert one.provider.webhook.read(json.loads(content)).kind is WebhookEventKind.OTHER


def test_the_vendors_vector_of_a_shop_notice() -> None:
    """The signature of the vendor's own sample comes out."""
    body = (
        b'{"type":1,"tts_notification_id":"7380066284010030890","shop_id":"7495540735365777507",'
        b'"timestamp":1718305585,"data":{"is_on_hold_order":true,"order_id":"576653688135258178",'
        b'"order_status":"UNPAID","update_time":1718305585}}'
    )
    expected = "5dec0f11ec2f6783b8deee53c9ffbf8d024302f7c7e7fa55a35d17629031ac05"
    assert ("Authorization", expected) == signature("abcdef", "123", body)


def test_an_expiry_names_the_end(shop: Any) -> None:
    """Type 7 has the end of the newest authorization; without one, thirty days ahead."""
    read = shop.provider.webhook.read
    early = read(json.loads(sent(shop, event="expiring")[1]))
    assert (WebhookEventKind.EXPIRING, shop.box.now + 2_592_000) == (early.kind, early.expires_at)
    shop.code(duration="1000")
    assert read(json.loads(sent(shop, event="expiring")[1])).expires_at == shop.box.now + 1_000


def test_time_id_and_shop_can_be_chosen(shop: Any, party: Callable[..., Any]) -> None:
    """A replay has the id of the first; a topic without a shop has none."""
    told = json.loads(sent(shop, shop_id="9", timestamp=7, notification="n1")[1])
    assert (7, "n1", "9") == (told["timestamp"], told["tts_notification_id"], told["shop_id"])
    assert "shop_id" not in json.loads(sent(shop, shop_id="")[1])
    login = party("tiktok_login")
    headers, content = sent(login, timestamp=7)
    assert (True, True) == (verifies(login, headers, content), headers["tiktok-signature"].startswith("t=7,"))


def test_a_repetition_is_the_same_to_the_byte(shop: Any) -> None:
    """Sent three times, an event keeps id, time and signature, and every answer is reported."""
    told = shop.box.control("webhook", asked(shop, repeat=3))
    assert (202, 0.25, [202] * 3) == (told["status"], told["seconds"], [each["status"] for each in told["deliveries"]])
    first, *others = shop.box.posted
    assert [first, first] == others


@pytest.mark.parametrize("tamper", ["signature", "body", "space", "missing", "scheme"])
@pytest.mark.parametrize("name", NOTIFYING)
def test_what_is_tampered_with_does_not_verify(party: Callable[..., Any], name: str, tamper: str) -> None:
    """A digit, a field or a space more, no signature, or the other product's: none fits."""
    one = party(name)
    headers, content = sent(one, tamper=tamper)
    assert json.loads(content)
    assert not verifies(one, headers, content)
    other = "tiktok-signature" if name == "tiktok_shop" else "authorization"
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
def test_notices_stay_on_this_machine(shop: Any, url: str) -> None:
    """No event goes to another host, and a revocation that could not be reported does not happen."""
    assert "url must be" in shop.box.refused("webhook", asked(shop, url=url))
    grant = shop.grant()
    shop.box.refused("revoke", {**shop.named, "notify": url})
    assert shop.refresh(grant.refresh_token).access_token
    assert shop.box.posted == []


@pytest.mark.parametrize(
    ("change", "status", "text"),
    [
        ({"provider": "eshopbox"}, 400, "sends no webhooks"),
        ({"provider": "x"}, 400, "sends no webhooks"),
        ({"app": "x"}, 404, "no app x"),
        ({"account": "x"}, 404, "no account x"),
        ({"repeat": 0}, 400, "repeat"),
        ({"repeat": 1_001}, 400, "repeat"),
        ({"tamper": "all"}, 400, "tamper must be one of"),
        ({"event": "expiring"}, 400, "no webhook for the event expiring"),
        ({"shop_id": "1"}, 400, "neither notification nor shop_id"),
        ({"notification": "1"}, 400, "neither notification nor shop_id"),
    ],
)
def test_says_what_cannot_be_sent(party: Callable[..., Any], change: dict[str, Any], status: int, text: str) -> None:
    """Every refusal names its cause, and nothing is sent."""
    one = party("tiktok_login")
    assert text in one.box.refused("webhook", asked(one, **change), status)
    assert one.box.posted == []


def test_a_revocation_can_be_told(shop: Any) -> None:
    """With `notify` the end of an authorization is followed by the vendor's webhook event."""
    shop.grant()
    told = shop.box.control("revoke", {**shop.named, "notify": URL})
    assert (1, 202) == (told["revoked"], told["notified"]["status"])
    ((_, _, content),) = shop.box.posted
    assert json.loads(content)["type"] == 6
    assert shop.box.control("revoke", shop.named) == {"revoked": 0}


@pytest.mark.parametrize(
    ("answer", "status"), [(httpx.Response(307, headers={"location": "https://evil.example/"}), 307), (None, None)]
)
def test_the_very_bytes_are_posted_and_no_redirect_followed(answer: httpx.Response | None, status: int | None) -> None:
    """Body and header arrive as they were signed, once; where nobody listens there is a time and no status."""
    seen: list[httpx.Request] = []

    def receive(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if answer is None:
            raise httpx.ConnectError("refused")
        return answer

    transport = httpx.MockTransport(receive)
    delivery: Delivery = asyncio.run(post("http://localhost:1/w?x=1", {"Authorization": "ab"}, b"{}", transport))
    (request,) = seen
    assert (status, True) == (delivery.status, delivery.seconds >= 0)
    assert ("POST", b"/w?x=1", b"{}") == (request.method, request.url.raw_path, request.content)
    assert request.headers["authorization"] == "ab"
