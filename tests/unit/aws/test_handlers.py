"""API Gateway's events, as the samples in events/ show them."""

from __future__ import annotations

import base64
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from tokensync.aws.handlers import Callback, Rotation, cookies_of, headers_of, raw_body
from tokensync.domain.app import App
from tokensync.domain.secret import Secret
from tokensync.providers import PROVIDERS

_EVENTS = Path(__file__).parents[3] / "events"
_SECRET = Secret("e59af819cc")


def sample(name: str) -> dict[str, Any]:
    """Return a sample event."""
    told: dict[str, Any] = json.loads((_EVENTS / f"{name}.json").read_text())
    return told


@pytest.mark.parametrize(
    ("name", "provider", "client_id"),
    [("webhook", "tiktok_shop", "29a39d"), ("webhook-login", "tiktok_login", "awx1y2z3")],
)
@pytest.mark.parametrize("encoded", [False, True])
def test_the_sample_webhooks_are_signed(name: str, provider: str, client_id: str, *, encoded: bool) -> None:
    """The signature holds over the body of the sample, plain or encoded as API Gateway does with what is no text."""
    event = sample(name)
    if encoded:
        event["body"] = base64.b64encode(event["body"].encode()).decode()
        event["isBase64Encoded"] = True
    shape = PROVIDERS[provider].webhook
    assert shape is not None
    app = App(name="shop", provider=provider, client_id=client_id, client_secret=_SECRET)
    headers, body = headers_of(event), raw_body(event)
    signature = shape.signature(headers)
    assert signature is not None
    assert hmac.compare_digest(shape.expected(app, _SECRET, headers, body), signature)
    assert event["headers"]["content-length"] == str(len(body))
    assert "deauthorized" == shape.read(json.loads(body)).kind


def test_header_names_in_any_case() -> None:
    """AWS sends them in lower case, the embedded stack as they came."""
    assert {"authorization": "A", "x-b": "C"} == headers_of({"headers": {"Authorization": "A", "X-B": "C"}})
    assert {} == headers_of({}) == headers_of({"headers": None})


@pytest.mark.parametrize(
    ("event", "cookies"),
    [
        ({"cookies": ["a=1", "b=2"], "headers": {"cookie": "c=3"}}, ["a=1", "b=2"]),
        ({"headers": {"cookie": "a=1;b=2 ; "}}, ["a=1", "b=2"]),
        ({"cookies": None, "headers": None}, []),
        ({}, []),
    ],
)
def test_cookies_come_in_either_place(event: dict[str, Any], cookies: list[str]) -> None:
    """AWS sends a list, the embedded stack leaves them in the header."""
    assert cookies == cookies_of(event)


UNDECODABLE = ("YQ", "no base64!", "é")


@pytest.mark.parametrize(
    ("event", "body"),
    [
        ({}, b""),
        ({"body": None}, b""),
        ({"body": "日本"}, "日本".encode()),
        ({"body": "\ud800"}, b"\xed\xa0\x80"),
        ({"body": "YQ==", "isBase64Encoded": False}, b"YQ=="),
        ({"body": "YQ==", "isBase64Encoded": True}, b"a"),
        ({"body": "/+8=", "isBase64Encoded": True}, b"\xff\xef"),
        *(({"body": text, "isBase64Encoded": True}, b"") for text in UNDECODABLE),
    ],
)
def test_a_body_is_the_bytes_that_were_sent(event: dict[str, Any], body: bytes) -> None:
    """Text as UTF-8, even a lone surrogate; what is encoded decoded; and what is neither as nothing at all."""
    assert body == raw_body(event)


@pytest.mark.parametrize(
    ("qualifier", "is_command"),
    [("", False), (":operator", True), (":1", False), (":$LATEST", False), (":operators", False), (":OPERATOR", False)],
)
def test_a_command_is_what_the_operators_alias_was_invoked_with(qualifier: str, *, is_command: bool) -> None:
    """What the event says of itself counts for nothing; the ARN that was invoked is Lambda's own word."""

    class Context:
        """What Lambda tells a handler."""

        invoked_function_arn = f"arn:aws:lambda:eu-central-1:000000000000:function:operator{qualifier}"

    context: Any = Context()
    assert is_command is Rotation.is_command(context) is Callback.is_command(context)
