"""Webhooks on the deployed stack: the sandbox sends what the vendor sends, and what somebody else might."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from fault_rows import fault
from stack import Sandbox, Stack, eventually
from tokensync.domain.connection import Status

if TYPE_CHECKING:
    from tokensync.domain.names import ConnectionName

APP = "webhook-shop"
SOON = 20.0  # seconds: a message, a cold start, a publication


@pytest.fixture(scope="module")
def sandbox(stack: Stack) -> Sandbox:
    """An app whose tokens the schedule leaves alone."""
    return stack.add_app(APP, access_token_seconds=36_000)


@pytest.fixture
def name(stack: Stack, sandbox: Sandbox) -> ConnectionName:
    """A seller who connected more than a second ago: notices count in whole seconds."""
    connected = stack.connect(APP, sandbox, sandbox.sellers(1)[0])
    time.sleep(1.1)
    return connected


def url(stack: Stack, app: str = APP) -> str:
    """Return an app's address for notices."""
    return f"{stack.outputs.webhook_url}/{app}"


def notify(stack: Stack, sandbox: Sandbox, name: ConnectionName, event: str, **more: Any) -> list[int]:
    """Let the sandbox send a notice of an account; return every answer's status, each given within 3 seconds."""
    told = sandbox.call(
        "POST",
        "webhook",
        provider="tiktok_shop",
        app=sandbox.app_key,
        account=name.account,
        event=event,
        url=url(stack),
        **more,
    )
    assert [delivery for delivery in told["deliveries"] if delivery["seconds"] > 3] == []
    return [delivery["status"] for delivery in told["deliveries"]]


def test_a_seller_who_leaves(stack: Stack, sandbox: Sandbox, name: ConnectionName) -> None:
    """Within seconds the record and the secret say so; no token is presented, and the same notice changes no more."""
    before = len(sandbox.entries(account=name.account))
    assert [200, 200] == notify(stack, sandbox, name, "deauthorized", repeat=2)
    eventually(lambda: stack.stored(name).status is Status.DISCONNECTED, seconds=SOON)
    eventually(lambda: stack.document(name)["status"] == "disconnected", seconds=SOON)

    record = stack.stored(name)
    assert ("deauthorized", None, None) == (record.reason, record.due.next_at, record.authorized.deauthorized_at)
    assert 1 == [entry.event for entry in record.history].count("connection.deauthorized")
    assert stack.document(name)["access_token"]
    assert before == len(sandbox.entries(account=name.account))


def test_a_seller_who_leaves_and_comes_back(stack: Stack, sandbox: Sandbox, name: ConnectionName) -> None:
    """The new authorization stands, also when the notice of the old one's end is delivered once more."""
    left_at = int(time.time())
    assert [200] == notify(stack, sandbox, name, "deauthorized", timestamp=left_at, notification="1")
    eventually(lambda: stack.document(name)["status"] == "disconnected", seconds=SOON)
    time.sleep(1.1)
    stack.connect(APP, sandbox, name.account, for_account=name.account)
    assert [200] == notify(stack, sandbox, name, "deauthorized", timestamp=left_at, notification="2")

    assert (Status.ACTIVE, None) == (stack.stored(name).status, stack.stored(name).authorized.deauthorized_at)
    assert "active" == stack.document(name)["status"]


@fault("C17")
@pytest.mark.parametrize("tamper", ["signature", "body", "space", "missing", "scheme"])
def test_a_forged_notice(stack: Stack, sandbox: Sandbox, name: ConnectionName, tamper: str) -> None:
    """A digit, a field or a space too many, no signature, another product's scheme: 401, and nothing happens."""
    assert [401] == notify(stack, sandbox, name, "deauthorized", tamper=tamper)
    assert stack.stored(name).authorized.deauthorized_at is None


@fault("C17")
@pytest.mark.parametrize("event", ["expiring", "unknown"])
def test_other_notices(stack: Stack, sandbox: Sandbox, name: ConnectionName, event: str) -> None:
    """A permission that ends soon is told to operators, an unknown type to nobody; the connection stays as it is."""
    before = stack.stored(name)
    assert [200] == notify(stack, sandbox, name, event)
    assert before == stack.stored(name)


def test_a_notice_signed_by_hand(stack: Stack, sandbox: Sandbox, name: ConnectionName) -> None:
    """The raw bytes count, whatever they look like: spaces, other scripts, a header name in capitals."""
    (shop, *_) = stack.document(name)["account"]["shops"]
    told = {"type": 6, "shop_id": shop["id"], "timestamp": int(time.time()), "data": {"who": "日本"}}
    body = json.dumps(told, indent=3, ensure_ascii=False).encode()
    signature = hmac.new(sandbox.app_secret.encode(), sandbox.app_key.encode() + body, hashlib.sha256).hexdigest()
    headers = {"AUTHORIZATION": signature, "content-type": "application/json"}
    assert httpx.codes.OK == httpx.post(url(stack), content=body, headers=headers, timeout=30).status_code
    eventually(lambda: stack.stored(name).status is Status.DISCONNECTED, seconds=SOON)


def test_where_nothing_is(stack: Stack, sandbox: Sandbox) -> None:
    """Another method, an unknown app, a body that no notice has."""
    assert sandbox.app_key
    address = url(stack)
    answers = [
        httpx.get(address, timeout=30),
        httpx.put(address, timeout=30),
        httpx.post(url(stack, "nobody"), content=b"{}", timeout=30),
        httpx.post(address, content=b"{}", timeout=30),
        httpx.post(address, content=bytes(70_000), timeout=30),
    ]
    assert [404, 404, 404, 401, 413] == [answer.status_code for answer in answers]
