"""TikTok Shop's signed calls and webhooks, from its vendor's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import row
from samples import GRANT, answer

from tokensync.domain.app import App
from tokensync.domain.messages import Failure
from tokensync.domain.secret import Secret
from tokensync.oauth.provider import WebhookEvent, WebhookEventKind
from tokensync.oauth.token_response import read_account
from tokensync.providers.tiktok_shop import PROVIDER, sign

if TYPE_CHECKING:
    from collections.abc import Mapping

APP = App(
    name="shop",
    provider="tiktok_shop",
    client_id="29a39d",
    client_secret=Secret("e59af819cc"),
    service_id="7172553411213117190",
)
assert PROVIDER.account_call is not None
assert PROVIDER.webhook is not None
CALL = PROVIDER.account_call
WEBHOOK = PROVIDER.webhook

VECTOR = "b596b73e0cc6de07ac26f036364178ab16b0a907af13d43f0a0cd2345f582dc8"


@row("2 signing: the vendor's vector")
def test_the_vendors_signature_vector() -> None:
    """The vendor's own example of a signed call gives its signature."""
    query = {"app_key": "29a39d", "timestamp": "1623812664"}

    assert sign("e59af819cc", "/authorization/202309/shops", query) == VECTOR


@row("2 signing: sign and access_token left out")
def test_a_signature_leaves_itself_and_the_token_out() -> None:
    """`sign` and `access_token` are not signed, and the order in which parameters are given does not matter."""
    query = {"timestamp": "1623812664", "access_token": "t", "sign": "s", "app_key": "29a39d"}

    assert sign("e59af819cc", "/authorization/202309/shops", query) == VECTOR


@row("2 signing: the very bytes of the body")
def test_a_signature_is_over_the_very_bytes_of_the_body() -> None:
    """One space more in the body is another signature."""
    bodies = [b"", b"{}", b"{ }", b'{"a":1}']
    signatures = {sign("secret", "/path", {"app_key": "k"}, body) for body in bodies}

    assert len(signatures) == len(bodies)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1), st.text(st.characters(codec="utf-8"), max_size=5)), st.binary())
def test_a_signature_is_lower_case_hex(query: dict[str, str], body: bytes) -> None:
    """Whatever is signed, the signature is 64 lower-case hex digits, and repeats."""
    signature = sign("sécret", "/path", query, body)

    assert len(bytes.fromhex(signature)) == 32
    assert signature == signature.lower() == sign("sécret", "/path", dict(reversed(query.items())), body)


@row("2 shops: the call")
def test_the_shops_call_is_the_signed_vector() -> None:
    """The facts call is a GET without shop_cipher, signed over what it sends, the token in its header."""
    request = CALL.request(APP, PROVIDER.endpoint(APP, "api"), GRANT, 1_623_812_664)

    parts = urlsplit(request.url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == (
        "https://open-api.tiktokglobalshop.com/authorization/202309/shops"
    )
    assert parse_qsl(parts.query) == [("app_key", "29a39d"), ("timestamp", "1623812664"), ("sign", VECTOR)]
    assert request.headers == {"x-tts-access-token": "canary-access", "content-type": "application/json"}
    assert (request.method, request.body) == ("GET", b"")


def test_a_mounted_api_signs_the_vendors_path() -> None:
    """Below a mount path, as a sandbox has it, the signature is still over the vendor's own path."""
    request = CALL.request(APP, "http://localhost:9000/tiktok_shop", GRANT, 1_623_812_664)

    assert request.url == (
        "http://localhost:9000/tiktok_shop/authorization/202309/shops"
        f"?app_key=29a39d&timestamp=1623812664&sign={VECTOR}"
    )


SHOP = {
    "id": "7000714532876273420",
    "name": "Maomao beauty shop",
    "region": "GB",
    "seller_type": "CROSS_BORDER",
    "cipher": "GCP_XF90igAAAABh00qsWgtvOiGFNqyubMt3",
    "code": "CNGBCBA4LLU8",
}


def shops(reply: object, status: int = 200) -> object:
    """Return the facts read from a reply, or the failure."""
    return read_account(PROVIDER, CALL, answer(reply, status))


@row("2 shops: the vendor's sample")
def test_the_vendors_shops_are_read() -> None:
    """The vendor's sample gives the shop with id, cipher, name and region."""
    reply = {"code": 0, "data": {"shops": [SHOP]}, "message": "Success", "request_id": "r"}

    assert shops(reply) == {"shops": [SHOP]}


@row("2 shops: all are told")
def test_all_shops_are_published() -> None:
    """One authorization can hold several shops: all are told, none is chosen, and none is told as none."""
    several = [{**SHOP, "id": str(number)} for number in range(3)]

    assert shops({"code": 0, "data": {"shops": several}}) == {"shops": several}
    assert shops({"code": 0, "data": {"shops": []}}) == {"shops": []}


def test_odd_shops_are_left_out() -> None:
    """What is no shop with an id is left out, and so is a field that is no text or that nobody documents."""
    odd = [None, 5, {}, {"id": 7}, {"id": "1", "cipher": None, "name": 5, "secret": "x"}]

    assert shops({"code": 0, "data": {"shops": odd}}) == {"shops": [{"id": "1"}]}


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"code": 105005, "message": "missing scope", "data": {"shops": [SHOP]}},
        {"code": 105002, "message": "access token expired"},
        {"code": 36009004, "message": "sign"},
        {"code": 0},
        {"code": 0, "data": None},
        {"code": 0, "data": {}},
        {"code": 0, "data": []},
        {"code": 0, "data": {"shops": None}},
        {"code": 0, "data": {"shops": {"id": "1"}}},
        {"code": "0", "data": {"shops": []}},
    ],
)
def test_any_other_reply_tells_no_shops(reply: Mapping[str, object]) -> None:
    """An error is not an empty list: what was known of the shops stays."""
    assert isinstance(shops(reply), Failure)


def test_notices_name_an_account_by_its_shops() -> None:
    """A webhook names a shop, not the account: every shop's id leads to the connection."""
    assert CALL.lookups({"shops": [SHOP, {**SHOP, "id": "8"}]}) == (SHOP["id"], "8")
    assert CALL.lookups({}) == ()


WEBHOOK_APP = App(name="shop", provider="tiktok_shop", client_id="abcdef", client_secret=Secret("123"))
BODY = (
    b'{"type":1,"tts_notification_id":"7380066284010030890","shop_id":"7495540735365777507","timestamp":1718305585,'
    b'"data":{"is_on_hold_order":true,"order_id":"576653688135258178","order_status":"UNPAID","update_time":1718305585}}'
)
SIGNATURE = "5dec0f11ec2f6783b8deee53c9ffbf8d024302f7c7e7fa55a35d17629031ac05"


@row("2 webhook: the vendor's vector")
def test_the_vendors_webhook_vector() -> None:
    """The vendor's own example of a signed webhook gives its signature."""
    assert WEBHOOK.expected(WEBHOOK_APP, WEBHOOK_APP.client_secret, {}, BODY) == SIGNATURE


@row("8 14 re-serialised bodies")
@pytest.mark.parametrize("body", [BODY + b" ", b" " + BODY, BODY.replace(b":", b": "), BODY[:-1], b""])
def test_a_webhook_is_signed_over_its_very_bytes(body: bytes) -> None:
    """One space more in the body is another signature: the raw body is signed, not what it means."""
    assert WEBHOOK.expected(WEBHOOK_APP, WEBHOOK_APP.client_secret, {}, body) != SIGNATURE


@row("2 webhook: no Bearer, no time")
@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"authorization": SIGNATURE}, SIGNATURE),
        ({"authorization": f"Bearer {SIGNATURE}"}, None),
        ({"authorization": SIGNATURE.upper()}, None),
        ({"authorization": SIGNATURE[:-1]}, None),
        ({"authorization": SIGNATURE + "\n"}, None),
        ({"authorization": ""}, None),
        ({}, None),
    ],
)
def test_the_signature_is_the_whole_header(headers: dict[str, str], found: str | None) -> None:
    """The header holds 64 lower-case hex digits and nothing else; anything else costs no look at the body."""
    assert WEBHOOK.signature(headers) == found


@row("8 15 one product's webhook by another's scheme")
def test_the_login_kits_signature_is_none_here() -> None:
    """The header of the vendor's other product is no signature, whatever stands in it."""
    assert WEBHOOK.signature({"tiktok-signature": f"t=1718305585,s={SIGNATURE}"}) is None


@row("2 webhook: envelope", "2 webhook: unknown type")
@pytest.mark.parametrize("kind", [1, 2, 5, 8, 99, 0, -6, None, "6", 6.5, True, [6], {}])
def test_a_webhook_of_another_type_is_acknowledged(kind: object) -> None:
    """Its id, time and shop are read, and nothing is asked of us."""
    body = {"type": kind, "tts_notification_id": "n-1", "shop_id": "7", "timestamp": 1718305585, "data": {}}

    assert WEBHOOK.read(body) == WebhookEvent(kind=WebhookEventKind.OTHER, id="n-1", at=1718305585, lookup="7")


@row("2 webhook: type 6")
def test_a_deauthorization_names_a_shop() -> None:
    """Type 6: the seller ended the authorization; the connection is found by the envelope's shop_id."""
    body = {"type": 6, "tts_notification_id": "n-1", "shop_id": "7", "timestamp": 1718305585, "data": {"message": "x"}}

    assert WEBHOOK.read(body) == WebhookEvent(kind=WebhookEventKind.DEAUTHORIZED, id="n-1", at=1718305585, lookup="7")


@row("2 webhook: type 7")
@pytest.mark.parametrize(
    ("ends", "at"), [("1720897585", 1_720_897_585), ("soon", None), ("", None), (1_720_897_585, None), ("9" * 40, None)]
)
def test_an_authorization_that_ends_soon(ends: object, at: int | None) -> None:
    """Type 7: only a new authorization helps; its end is an epoch in a string."""
    body = {"type": 7, "tts_notification_id": "n", "shop_id": "7", "timestamp": 1, "data": {"expiration_time": ends}}

    assert WEBHOOK.read(body) == WebhookEvent(kind=WebhookEventKind.EXPIRING, id="n", at=1, lookup="7", expires_at=at)


@row("2 webhook: no shop_id")
@pytest.mark.parametrize("body", [{"type": 6}, {"type": 6, "shop_id": None, "data": []}, {"type": 6, "shop_id": 7}])
def test_a_webhook_without_a_shop_names_nobody(body: dict[str, Any]) -> None:
    """Some topics carry no shop_id: then no connection is looked for."""
    assert WEBHOOK.read(body) == WebhookEvent(kind=WebhookEventKind.DEAUTHORIZED)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["type", "tts_notification_id", "shop_id", "timestamp", "data"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=5)
        | st.dictionaries(st.text(), st.text()),
    )
)
def test_no_webhook_breaks_its_reader(body: dict[str, Any]) -> None:
    """Whatever a signed body holds, it is a notice of some kind."""
    assert WEBHOOK.read(body).kind in WebhookEventKind
