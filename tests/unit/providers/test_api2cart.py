"""The exact bytes that API2Cart gets, and what is read of its answers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tokensync.domain.app import App
from tokensync.domain.messages import Failure, FailureClass, ProviderResponse
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
from tokensync.oauth.token_response import read_consumer
from tokensync.providers import CONSUMERS
from tokensync.providers.api2cart import Standing, from_bytes, to_bytes

if TYPE_CHECKING:
    from tokensync.domain.grant import Grant

CART = CONSUMERS["api2cart"]
NAME = ConnectionName("shop", "account-1")


@pytest.fixture
def shop() -> App:
    """An app that hands its pairs to API2Cart."""
    return App(
        name="shop",
        provider="tiktok_shop",
        client_id="29a39d",
        client_secret=Secret("e59&819cc"),
        api2cart_key=Secret("key-1"),
        settings={"push": "api2cart"},
    )


def answered(body: object, *, status: int = 200, **headers: str) -> ProviderResponse:
    """Return an answer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ProviderResponse(status=status, headers=named, body=raw, received_at=1_700_000_000)


def test_a_store_is_added_by_a_post_with_everything_in_the_body(shop: App, grant: Grant) -> None:
    """The key of the account stands in its header, and the URL holds no secret."""
    request = CART.add(shop, CART.endpoint(shop), grant, NAME)

    assert ("POST", "https://api.api2cart.com/v1.1/account.cart.add.json") == (request.method, request.url)
    assert {"x-api-key": "key-1", "content-type": "application/json"} == request.headers
    assert (
        b'{"cart_id": "TikTokShop", "tiktokshop_app_key": "29a39d", "tiktokshop_app_secret": "e59&819cc", '
        b'"tiktokshop_refresh_token": "canary-refresh", "tiktokshop_access_token": "canary-access", '
        b'"verify": true, "custom_label": "shop/account-1"}'
    ) == request.body


def test_an_update_is_a_put_with_everything_in_the_query(shop: App, grant: Grant) -> None:
    """Both keys stand in headers, and the body is empty."""
    request = CART.update(shop, CART.endpoint(shop), grant, "store-1")

    assert "PUT" == request.method
    assert (
        "https://api.api2cart.com/v1.1/account.config.update.json?tiktokshop_app_key=29a39d"
        "&tiktokshop_app_secret=e59%26819cc&tiktokshop_refresh_token=canary-refresh"
        "&tiktokshop_access_token=canary-access"
    ) == request.url
    assert {"x-api-key": "key-1", "x-store-key": "store-1"} == request.headers
    assert b"" == request.body


def test_a_request_prints_as_its_address(shop: App, grant: Grant) -> None:
    """No token stands in what a log or a traceback shows of it."""
    request = CART.update(shop, CART.endpoint(shop), grant, "store-1")

    assert "Request(PUT api.api2cart.com/v1.1/account.config.update.json)" == repr(request)


def test_an_app_of_the_embedded_stack_names_another_address(shop: App, grant: Grant) -> None:
    """The endpoint `push` stands for the base URL."""
    local = replace(shop, endpoints={"push": "http://localhost:4001/api2cart/v1.1"})

    request = CART.add(local, CART.endpoint(local), grant, NAME)

    assert "http://localhost:4001/api2cart/v1.1/account.cart.add.json" == request.url


def test_success_is_200_and_zero() -> None:
    """Only both together are a success."""
    reply = {"return_code": 0, "return_message": "", "result": {"store_key": "s1"}}

    assert reply == read_consumer(CART, answered(reply))
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
    read = read_consumer(CART, answered({"return_code": code, "return_message": "no"}, status=status))

    assert Failure(kind=kind, code=str(code), message="no") == read


@pytest.mark.parametrize("code", [None, True, False, [], {}, "", 0.5])
def test_what_is_no_zero_is_no_success(code: object) -> None:
    """Zero alone is the number of a success; nothing else stands for it."""
    read = read_consumer(CART, answered({"return_code": code}))

    assert isinstance(read, Failure)
    assert (FailureClass.UNKNOWN, "http_200") == (read.kind, read.code)


def test_zero_outside_a_200_is_no_success() -> None:
    """Both conditions have to hold."""
    read = read_consumer(CART, answered({"return_code": 0}, status=500))

    assert isinstance(read, Failure)
    assert (FailureClass.AMBIGUOUS, "http_500") == (read.kind, read.code)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (answered(b"<html>"), FailureClass.AMBIGUOUS),
        (answered(b"", status=502), FailureClass.AMBIGUOUS),
        (answered(b"nothing", status=404), FailureClass.UNKNOWN),
        (replace(answered({"return_code": 0}), complete=False), FailureClass.AMBIGUOUS),
    ],
)
def test_what_cannot_be_read_may_have_been_done(answer: ProviderResponse, kind: FailureClass) -> None:
    """A success or a server's error without a readable body leaves open what was done."""
    read = read_consumer(CART, answer)

    assert isinstance(read, Failure)
    assert kind == read.kind


def test_throttling_says_when_to_come_again() -> None:
    """429 and 503 are not processed, and Retry-After is honoured."""
    read = read_consumer(CART, answered({}, status=429, retry_after="7"))

    assert Failure(kind=FailureClass.BUSY, code="http_429", retry_after=7) == read


def test_its_words_are_masked() -> None:
    """Should it repeat a token, nobody reads it."""
    body = {"return_code": 9, "return_message": "bad token canary-access"}

    read = read_consumer(CART, answered(body), secrets=[Secret("canary-access")])

    assert isinstance(read, Failure)
    assert "bad token ***" == read.message


@pytest.mark.parametrize("result", [None, [], {}, {"store_key": 5}, {"store_key": ""}, {"store_key": "a\nb"}])
def test_a_key_that_is_none_is_empty(result: object) -> None:
    """What a header cannot carry is no key."""
    assert "" == CART.read_key({"result": result})


def test_standings_read_back_the_same() -> None:
    """What is sealed of consumers survives."""
    standings = {"api2cart": Standing(key=Secret("s1")), "other": Standing(unanswered=True)}

    assert standings == from_bytes(to_bytes(standings))
