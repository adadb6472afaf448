"""The exact bytes that API2Cart gets, and what is read of its answers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from samples import answer

from tokensync.domain.app import App
from tokensync.domain.messages import Failure, FailureClass, ProviderResponse
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
from tokensync.oauth.token_response import read_consumer
from tokensync.providers import CONSUMERS
from tokensync.providers.api2cart import ConsumerKey, from_bytes, to_bytes

if TYPE_CHECKING:
    from tokensync.domain.grant import Grant

CART = CONSUMERS["api2cart"]
NAME = ConnectionName("shop", "account-1")


SHOP = App(
    name="shop",
    provider="tiktok_shop",
    client_id="29a39d",
    client_secret=Secret("e59&819cc"),
    api2cart_key=Secret("key-1"),
    settings={"push": "api2cart"},
)


def test_a_store_is_added_by_a_post_with_everything_in_the_body(grant: Grant) -> None:
    """The key of the account stands in its header, and the URL holds no secret."""
    request = CART.add(SHOP, CART.endpoint(SHOP), grant, NAME)

    assert ("POST", "https://api.api2cart.com/v1.1/account.cart.add.json") == (request.method, request.url)
    assert {"x-api-key": "key-1", "content-type": "application/json"} == request.headers
    assert (
        b'{"cart_id": "TikTokShop", "tiktokshop_app_key": "29a39d", "tiktokshop_app_secret": "e59&819cc", '
        b'"tiktokshop_refresh_token": "canary-refresh", "tiktokshop_access_token": "canary-access", '
        b'"verify": true, "custom_label": "shop/account-1"}'
    ) == request.body


def test_an_update_is_a_put_with_everything_in_the_query(grant: Grant) -> None:
    """Both keys stand in headers, and the body is empty."""
    request = CART.update(SHOP, CART.endpoint(SHOP), grant, "store-1")

    assert "PUT" == request.method
    assert (
        "https://api.api2cart.com/v1.1/account.config.update.json?tiktokshop_app_key=29a39d"
        "&tiktokshop_app_secret=e59%26819cc&tiktokshop_refresh_token=canary-refresh"
        "&tiktokshop_access_token=canary-access"
    ) == request.url
    assert {"x-api-key": "key-1", "x-store-key": "store-1"} == request.headers
    assert b"" == request.body


def test_a_store_is_validated_by_a_get_with_both_keys() -> None:
    """Nothing but the two headers says what is asked about."""
    request = CART.validate(SHOP, CART.endpoint(SHOP), "store-1")

    assert ("GET", "https://api.api2cart.com/v1.1/cart.validate.json") == (request.method, request.url)
    assert ({"x-api-key": "key-1", "x-store-key": "store-1"}, b"") == (request.headers, request.body)


def test_an_address_and_a_trial_are_sent_where_they_are_wanted(grant: Grant) -> None:
    """The address lies before the other options; `verify` is true unless the app's setting says otherwise."""
    app = replace(SHOP, settings={**SHOP.settings, "api2cart_verify": "false"})
    for one, verify in ((SHOP, True), (app, False)):
        sent = json.loads(CART.add(one, CART.endpoint(one), grant, NAME, store_url="https://a.example").body)
        assert ("https://a.example", verify, "shop/account-1") == (
            sent["store_url"],
            sent["verify"],
            sent["custom_label"],
        )
    odd = replace(SHOP, settings={"api2cart_store_url": "https://a.example/{account}"})
    assert CART.store_url(odd, ConnectionName("shop", "a b/c")) == "https://a.example/a%20b%2Fc"
    assert CART.store_url(SHOP, NAME) == ""


def test_each_documented_code_has_its_mend() -> None:
    """What it means, and the command where that is another than the same again."""
    assert {"2", "5", "7", "112", "no_key"} == CART.mends.keys()
    assert {"2", "5", "7", "112"} == CART.failures.keys()
    assert {code for code, mend in CART.mends.items() if mend.command is not None} == {"2", "no_key"}


def test_a_request_prints_as_its_address(grant: Grant) -> None:
    """No token is in what a log or a traceback shows of it; an embedded stack's endpoint `push` is the base URL."""
    request = CART.update(SHOP, CART.endpoint(SHOP), grant, "store-1")
    assert "Request(PUT api.api2cart.com/v1.1/account.config.update.json)" == repr(request)

    local = replace(SHOP, endpoints={"push": "http://localhost:4001/api2cart/v1.1"})
    url = CART.add(local, CART.endpoint(local), grant, NAME).url
    assert "http://localhost:4001/api2cart/v1.1/account.cart.add.json" == url


def test_success_is_200_and_zero() -> None:
    """Only both together are a success."""
    reply = {"return_code": 0, "return_message": "", "result": {"store_key": "s1"}}

    assert reply == read_consumer(CART, answer(reply))
    assert "s1" == CART.read_key(reply)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (2, FailureClass.CONFIGURATION),
        (5, FailureClass.CONFIGURATION),
        (7, FailureClass.BUSY),
        (112, FailureClass.REFUSED),
        (113, FailureClass.UNKNOWN),
        ("2", FailureClass.CONFIGURATION),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_each_return_code_has_a_class(code: int | str, kind: FailureClass, status: int) -> None:
    """The HTTP status of an error is not documented, so the number alone counts."""
    read = read_consumer(CART, answer({"return_code": code, "return_message": "no"}, status))

    assert Failure(kind=kind, code=str(code), message="no") == read


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        *((code, 200, FailureClass.UNKNOWN) for code in (None, True, False, [], {}, "", 0.5)),
        (0, 500, FailureClass.AMBIGUOUS),
    ],
)
def test_what_is_no_zero_in_a_200_is_no_success(code: object, status: int, kind: FailureClass) -> None:
    """Both conditions have to hold; nothing else is the number of a success."""
    read = read_consumer(CART, answer({"return_code": code}, status))

    assert isinstance(read, Failure)
    assert (kind, f"http_{status}") == (read.kind, read.code)


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (answer(b"<html>"), FailureClass.AMBIGUOUS),
        (answer(b"", 502), FailureClass.AMBIGUOUS),
        (answer(b"nothing", 404), FailureClass.AMBIGUOUS),
        (replace(answer({"return_code": 0}), complete=False), FailureClass.AMBIGUOUS),
    ],
)
def test_what_cannot_be_read_may_have_been_done(response: ProviderResponse, kind: FailureClass) -> None:
    """Without a readable body it is open what was done, whatever the status."""
    read = read_consumer(CART, response)

    assert isinstance(read, Failure)
    assert kind == read.kind


def test_what_a_refusal_says() -> None:
    """429 and 503 are not processed, and Retry-After is honoured; should it repeat a token, nobody reads it."""
    busy = read_consumer(CART, answer({}, 429, retry_after="7"))
    assert Failure(kind=FailureClass.BUSY, code="http_429", retry_after=7) == busy
    body = {"return_code": 9, "return_message": "bad token canary-access"}
    read = read_consumer(CART, answer(body), secrets=[Secret("canary-access")])
    assert isinstance(read, Failure)
    assert "bad token ***" == read.message


@pytest.mark.parametrize("result", [None, [], {}, {"store_key": 5}, {"store_key": ""}, {"store_key": "a\nb"}])
def test_a_key_that_is_none_is_empty(result: object) -> None:
    """What a header cannot carry is no key."""
    assert "" == CART.read_key({"result": result})


def test_standings_read_back_the_same() -> None:
    """What is sealed of consumers survives."""
    standings = {
        "api2cart": ConsumerKey(key=Secret("s1")),
        "other": ConsumerKey(unanswered=True),
        "third": ConsumerKey(store_url="https://a.example"),
    }

    assert standings == from_bytes(to_bytes(standings))
    # As the versions before stored it.
    assert {"api2cart": ConsumerKey(key=Secret("s1"))} == from_bytes(
        b'{"api2cart": {"key": "s1", "unanswered": false}}'
    )
