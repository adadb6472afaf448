"""Facts about TikTok Shop that no other provider shares, from its vendor's pages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from documented import SAMPLES
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import case, row
from samples import GRANT, NOW, answer, failure, issued, varied

from tokensync.domain.app import App
from tokensync.domain.errors import BadRequest
from tokensync.domain.messages import AccountReply, Failure, FailureClass, Issued, Request
from tokensync.domain.secret import Secret
from tokensync.oauth.callback import Query
from tokensync.oauth.provider import RefreshReuse, WebhookEvent, WebhookEventKind
from tokensync.oauth.scopes import missing_scopes
from tokensync.oauth.token_request import authorize_url, code_request, refresh_request
from tokensync.oauth.token_response import read_account, read_token_response
from tokensync.providers.tiktok_shop import PROVIDER, sign

if TYPE_CHECKING:
    from collections.abc import Mapping

SAMPLE = SAMPLES["tiktok_shop"]
SERVICE = "7172553411213117190"
APP = App(
    name="shop", provider="tiktok_shop", client_id="29a39d", client_secret=Secret("e59af819cc"), service_id=SERVICE
)
CREATOR = "https://shop.tiktok.com/alliance/creator/auth?app_key=29a39d&state=s.t"
assert PROVIDER.account_call is not None
assert PROVIDER.webhook is not None
CALL = PROVIDER.account_call
WEBHOOK = PROVIDER.webhook


@row("2 creator link: app_key, state required", "2 token calls: one host for every region")
@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("", "services.tiktokshop.com"),
        case("2 authorize host: global", "global", "services.tiktokshop.com"),
        case("2 authorize host: us", "us", "services.us.tiktokshop.com"),
        case("2 authorize host: us-alternative", "us-alternative", "services.tiktokshops.us"),
        case("2 authorize host: partner", "partner", "partner.tiktokshop.com"),
    ],
)
def test_the_links_of_each_region(region: str, host: str) -> None:
    """A seller's link has a host for each region, a creator's and the token calls have one for all."""

    def url(provider: Any, app: App) -> str:
        return authorize_url(provider, app, state="s.t", redirect_uri="https://a.example/cb", verifier=Secret("v"))

    app = replace(APP, region=region)
    assert f"https://{host}/open/authorize?service_id={SERVICE}&state=s.t" == url(PROVIDER, app)
    creator = replace(app, service_id="", settings={"account_kind": "creator"})
    assert CREATOR == url(PROVIDER.for_app(creator), creator)
    assert (("service_id",), ()) == (PROVIDER.required, PROVIDER.for_app(creator).required)
    for kind in ("seller", "partner"):
        assert PROVIDER == PROVIDER.for_app(replace(app, settings={"account_kind": kind}))
    for one in (app, creator):
        request = code_request(
            PROVIDER.for_app(one), one, Secret("TTP_a+b/c= d"), redirect_uri="x", verifier=Secret("v")
        )
        assert request == Request(
            method="GET",
            url="https://auth.tiktok-shops.com/api/v2/token/get?app_key=29a39d&app_secret=e59af819cc"
            "&auth_code=TTP_a%2Bb%2Fc%3D+d&grant_type=authorized_code",
        )
        assert refresh_request(PROVIDER.for_app(one), one, Secret("x")) == refresh_request(PROVIDER, APP, Secret("x"))


@row(
    "2 callback: code=null is a denial",
    "2 callback: prefixes mean nothing",
    "2 callback: unknown parameters ignored",
    "8 3 code=null",
)
@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("code=TTP_x&state=s", "TTP_x"),
        ("app_key=29a39d&code=ROW_x&locale=en-GB&shop_region=GB&state=s", "ROW_x"),
        ("code=GCP_a%2Bb%2F%3D&state=s", "GCP_a+b/="),
        ("code=plain&state=s&unknown=1", "plain"),
        ("code=null&error=auth_denied&state=s", None),
        ("code=null&state=s", None),
        ("code=&state=s", None),
        ("error=auth_denied&state=s", None),
    ],
)
def test_every_form_of_the_callback(raw: str, code: str | None) -> None:
    """Prefixes mean nothing, unknown parameters are ignored, and any error or the text null is a denial."""
    found = Query.parse(raw).code(PROVIDER, APP)

    assert code == (found and found.reveal())


@row("2 callback: app_key checked where present")
@pytest.mark.parametrize("raw", ["code=x&app_key=another", "code=x&app_key=", "code=null&app_key=another&error=x"])
def test_an_authorization_for_another_app_is_refused(raw: str) -> None:
    """Where app_key is present it is this app's."""
    with pytest.raises(BadRequest, match="another client"):
        Query.parse(raw).code(PROVIDER, APP)


@row("2 callback: install without state", "8 4 App Store install without state")
def test_an_install_from_the_app_store_brings_no_state() -> None:
    """Its code is read like any other; the state is empty, which is refused unless the app's setting allows it."""
    query = Query.parse("app_key=29a39d&code=TTP_x&locale=en-GB&shop_region=GB")

    assert ("", Secret("TTP_x")) == (query.state, query.code(PROVIDER, APP))
    assert ("none", ("none", "provider")) == (PROVIDER.setting(APP, "installs"), PROVIDER.settings["installs"])


@row("2 token calls: sandbox by configuration", "2 whether the old refresh token dies is unknown")
def test_what_is_not_known_is_taken_to_be_strict() -> None:
    """The old sandbox host is used only where an app names it; a refresh token counts as used up when presented."""
    app = replace(APP, endpoints={"token": "https://auth-sandbox.tiktok-shops.com/api/v2/token/get"})

    assert urlsplit(code_request(PROVIDER, app, Secret("x"), redirect_uri="").url).hostname in PROVIDER.hosts
    assert PROVIDER.refresh_reuse is RefreshReuse.SINGLE_USE


@row("2 expiries: magnitude", "2 expiries: absolute epoch seconds")
@pytest.mark.parametrize(
    ("given_value", "expires_at"),
    [
        (NOW + 604_800, NOW + 604_800),
        ((NOW + 604_800) * 1000, NOW + 604_800),
        (604_800, NOW + 604_800),
        (str(NOW + 604_800), NOW + 604_800),
    ],
)
def test_expiries_are_told_apart_by_magnitude(given_value: object, expires_at: int) -> None:
    """Milliseconds, epoch seconds and durations are each taken for what they are, an epoch never for a duration."""
    assert expires_at == issued(SAMPLE, varied(SAMPLE, access_token_expire_in=given_value)).access_expires_at


@row("2 refresh end counts from the authorization", "2 a creator authorization has no end")
@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (NOW + 100, NOW + 100),
        *((end, None) for end in (4_102_444_800, 253_402_300_799, 10**12, 9_223_372_036_854_775_807, None, ...)),
    ],
)
def test_the_end_of_an_authorization(end: object, expected: int | None) -> None:
    """A refresh later brings the same end; a far one is how the vendor says that there is none."""
    later = replace(answer(varied(SAMPLE, refresh_token_expire_in=end)), received_at=NOW + 50)
    read = read_token_response(PROVIDER, later)

    assert isinstance(read, Issued)
    assert (expected, 604_800 - 50) == (read.refresh_expires_at, read.life)


@row("2 seller_name null, region and scopes absent", "2 user_type 0 1 3")
@pytest.mark.parametrize(
    ("user_type", "kind"), [(0, "seller"), (1, "creator"), (3, "partner"), (2, "2"), (99, "99"), (..., ""), (None, "")]
)
def test_the_kind_of_account_is_told(user_type: object, kind: str) -> None:
    """An unknown number stays a number, which no app expects; name, region and scopes may be absent."""
    for name in (None, ..., 5):
        body = varied(SAMPLE, user_type=user_type, seller_name=name, seller_base_region=..., granted_scopes=...)
        read = issued(SAMPLE, body)
        facts = {"open_id": "7010736057180325637", **({"user_type": kind} if kind else {})}
        expected = AccountReply(id="7010736057180325637", label="", kind=kind, facts=facts)
        assert (expected, None) == (read.account, read.scopes)


@row("2 a creator may grant part of the scopes")
def test_a_creator_may_grant_part_of_the_scopes() -> None:
    """What was asked for and not granted is missing; where no scopes come, nobody knows of any that lack."""
    app = replace(APP, scopes=("a.read", "b.write"))
    for scopes, missing in ((["a.read"], ("b.write",)), (..., ()), ("a.read,b.write", ())):
        read = issued(SAMPLE, varied(SAMPLE, user_type=1, granted_scopes=scopes))
        assert missing == missing_scopes(app.scopes, read.scopes, has_refresh_token=True, has_id_token=False)


@row("2 open_id is opaque", "8 17 ids beyond 2^53")
@pytest.mark.parametrize("open_id", ["9007199254740993", "7010736057180325637", "aBc-_=+/x"])
def test_an_open_id_is_opaque(open_id: str) -> None:
    """It exceeds 2^53, and stays the text that it is."""
    account = issued(SAMPLE, varied(SAMPLE, open_id=open_id)).account

    assert account is not None
    assert open_id == account.id


@pytest.mark.parametrize("code", [0, 1, 36004005, 36009004, 98001004, None, "x"])
def test_configuration_is_known_by_its_text(code: object) -> None:
    """The IP allow list and a wrong key have no code of their own: under any number their text is the operator's."""
    for message in ("your ip is not in the IP ALLOW LIST", "invalid client_key", "Invalid app_key or app_secret"):
        kind = failure(SAMPLE, {"code": code, "message": message}).kind
        assert kind is (FailureClass.AMBIGUOUS if code == 0 else FailureClass.CONFIGURATION)


@row("2 code is compared, never message")
def test_only_the_number_zero_is_success() -> None:
    """Anything else beside tokens may have committed, "success" or not; so may a 0 without data."""
    data = dict(SAMPLE.success["data"])
    for code in (..., None, "0", "", True, False, 0.0, [0], {}):
        body = {"message": "success", "data": data, "code": code}
        body = {key: value for key, value in body.items() if value is not ...}
        assert failure(SAMPLE, body).kind is FailureClass.AMBIGUOUS
    assert failure(SAMPLE, {"code": 36004005, "message": "success", "data": data}).kind is FailureClass.REFUSED
    assert issued(SAMPLE, {"code": 0, "message": "error", "data": data}).access_token
    for nothing in (..., None, {}, [], "x", 5):
        body = {"code": 0, "message": "success", **({} if nothing is ... else {"data": nothing})}
        assert failure(SAMPLE, body).kind is FailureClass.AMBIGUOUS


def test_a_rate_limit_may_say_how_long() -> None:
    """Retry-After is honoured with the number as with the status."""
    assert failure(SAMPLE, {"code": 36009002, "message": "rate limit"}, retry_after="5").retry_after == 5


VECTOR = "b596b73e0cc6de07ac26f036364178ab16b0a907af13d43f0a0cd2345f582dc8"
SHOPS = "/authorization/202309/shops"


@row(
    "2 signing: the vendor's vector",
    "2 signing: sign and access_token left out",
    "2 signing: the very bytes of the body",
)
def test_the_vendors_signature_vector() -> None:
    """The vendor's example gives its signature; order, `sign` and `access_token` do not matter, every byte does."""
    query = {"timestamp": "1623812664", "app_key": "29a39d"}
    assert VECTOR == sign("e59af819cc", SHOPS, query)
    assert VECTOR == sign("e59af819cc", SHOPS, {"access_token": "t", "sign": "s", **query})
    assert len({sign("secret", "/path", {"app_key": "k"}, body) for body in (b"", b"{}", b"{ }", b'{"a":1}')}) == 4
    assert len({sign("secret", path, {"app_key": "k"}) for path in ("/path", "/path/")}) == 2


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1), st.text(st.characters(codec="utf-8"), max_size=5)), st.binary())
def test_a_signature_is_lower_case_hex(query: dict[str, str], body: bytes) -> None:
    """Whatever is signed, the signature is 64 lower-case hex digits, and repeats."""
    signature = sign("sécret", "/path", query, body)

    assert len(bytes.fromhex(signature)) == 32
    assert signature == signature.lower() == sign("sécret", "/path", dict(reversed(query.items())), body)


@row("2 shops: the call")
@pytest.mark.parametrize("base", [PROVIDER.endpoint(APP, "api"), "http://localhost:9000/tiktok_shop"])
def test_the_shops_call_is_the_signed_vector(base: str) -> None:
    """Below a mount path, as a sandbox has it, the signature is still over the vendor's own path."""
    request = CALL.request(APP, base, GRANT, 1_623_812_664)

    assert f"{base}{SHOPS}?app_key=29a39d&timestamp=1623812664&sign={VECTOR}" == request.url


SHOP = {
    "id": "7000714532876273420",
    "name": "Maomao beauty shop",
    "region": "GB",
    "seller_type": "CROSS_BORDER",
    "cipher": "GCP_XF90igAAAABh00qsWgtvOiGFNqyubMt3",
    "code": "CNGBCBA4LLU8",
}
ODD = [None, 5, {}, {"id": 7}, {"id": "1", "cipher": None, "name": 5, "secret": "x"}]


@row("2 shops: the vendor's sample", "2 shops: all are told")
@pytest.mark.parametrize(
    ("given_shops", "read"),
    [([SHOP], [SHOP]), ([SHOP, {**SHOP, "id": "8"}], [SHOP, {**SHOP, "id": "8"}]), ([], []), (ODD, [{"id": "1"}])],
)
def test_all_shops_are_published(given_shops: list[Any], read: list[Any]) -> None:
    """One authorization can hold several shops: all are published, none is chosen; what is no shop is left out."""
    reply = {"code": 0, "data": {"shops": given_shops}, "message": "Success", "request_id": "r"}
    facts = read_account(PROVIDER, CALL, answer(reply))

    assert {"shops": read} == facts
    assert isinstance(facts, dict)
    # A webhook names a shop, not the account: every shop's id leads to the connection.
    assert tuple(shop["id"] for shop in read) == CALL.lookups(facts)
    assert CALL.lookups({}) == ()


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"code": 105005, "message": "missing scope", "data": {"shops": [SHOP]}},
        {"code": 36009004, "message": "sign"},
        *({"code": 0, "data": data} for data in (None, {}, [], {"shops": None}, {"shops": {"id": "1"}})),
        {"code": 0},
        {"code": "0", "data": {"shops": []}},
    ],
)
def test_any_other_reply_says_nothing_of_shops(reply: Mapping[str, object]) -> None:
    """An error is not an empty list: what was known of the shops stays."""
    assert isinstance(read_account(PROVIDER, CALL, answer(reply)), Failure)


WEBHOOK_APP = replace(APP, client_id="abcdef", client_secret=Secret("123"))
BODY = (
    b'{"type":1,"tts_notification_id":"7380066284010030890","shop_id":"7495540735365777507","timestamp":1718305585,'
    b'"data":{"is_on_hold_order":true,"order_id":"576653688135258178","order_status":"UNPAID","update_time":1718305585}}'
)
SIGNATURE = "5dec0f11ec2f6783b8deee53c9ffbf8d024302f7c7e7fa55a35d17629031ac05"


@row("2 webhook: the vendor's vector", "8 14 re-serialised bodies")
def test_the_vendors_webhook_vector() -> None:
    """The vendor's own example gives its signature; the raw body is signed, not what it means."""
    expected = [
        WEBHOOK.expected(WEBHOOK_APP, WEBHOOK_APP.client_secret, {}, body)
        for body in (BODY, BODY + b" ", b" " + BODY, BODY.replace(b":", b": "), BODY[:-1], b"")
    ]
    assert [0] == [index for index, signature in enumerate(expected) if signature == SIGNATURE]


@row("2 webhook: no Bearer, no time", "8 15 one product's webhook by another's scheme")
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
        ({"tiktok-signature": f"t=1718305585,s={SIGNATURE}"}, None),
    ],
)
def test_the_signature_is_the_whole_header(headers: dict[str, str], found: str | None) -> None:
    """The header holds 64 lower-case hex digits and nothing else; anything else costs no look at the body."""
    assert found == WEBHOOK.signature(headers)


OTHER, DEAUTHORIZED, EXPIRING = WebhookEventKind.OTHER, WebhookEventKind.DEAUTHORIZED, WebhookEventKind.EXPIRING


@row("2 webhook: envelope", "2 webhook: unknown type", "2 webhook: type 6")
@pytest.mark.parametrize(
    ("told", "kind"),
    [(6, DEAUTHORIZED), *((kind, OTHER) for kind in (1, 2, 5, 8, 99, 0, -6, None, "6", 6.5, True, [6], {}))],
)
def test_the_type_of_a_webhook_decides(told: object, kind: WebhookEventKind) -> None:
    """6 ends an authorization, found by the envelope's shop_id; of any other type nothing is asked of us."""
    body = {"type": told, "tts_notification_id": "n-1", "shop_id": "7", "timestamp": 1718305585, "data": {}}

    assert WebhookEvent(kind=kind, id="n-1", at=1718305585, lookup="7") == WEBHOOK.read(body)


@row("2 webhook: type 7")
@pytest.mark.parametrize(
    ("ends", "at"), [("1720897585", 1_720_897_585), ("soon", None), ("", None), (1_720_897_585, None), ("9" * 40, None)]
)
def test_an_authorization_that_ends_soon(ends: object, at: int | None) -> None:
    """Type 7: only a new authorization helps; its end is an epoch in a string."""
    body = {"type": 7, "tts_notification_id": "n", "shop_id": "7", "timestamp": 1, "data": {"expiration_time": ends}}

    assert WebhookEvent(kind=EXPIRING, id="n", at=1, lookup="7", expires_at=at) == WEBHOOK.read(body)


@row("2 webhook: no shop_id")
@pytest.mark.parametrize("body", [{"type": 6}, {"type": 6, "shop_id": None, "data": []}, {"type": 6, "shop_id": 7}])
def test_a_webhook_without_a_shop_names_nobody(body: dict[str, Any]) -> None:
    """Some topics carry no shop_id: then no connection is looked for."""
    assert WebhookEvent(kind=DEAUTHORIZED) == WEBHOOK.read(body)


FIELDS = st.sampled_from(["type", "tts_notification_id", "shop_id", "timestamp", "data"])
ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(FIELDS, ANYTHING | st.dictionaries(st.text(), st.text())))
def test_no_webhook_breaks_its_reader(body: dict[str, Any]) -> None:
    """Whatever a signed body holds, it is an event of some kind."""
    assert WEBHOOK.read(body).kind in WebhookEventKind
