"""The two doorways, run in this process on the sample events, with the deployed function's own environment."""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib.util
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fault_rows import fault
from stack import Browser, Sandbox, Stack, eventually
from tokensync.domain.connection import Status
from tokensync.domain.names import ConnectionName

if TYPE_CHECKING:
    from types import ModuleType

_ROOT = Path(__file__).parents[3]
APP = "tiktok-shop"


class Context:
    """What Lambda tells a handler: here, that it has a minute, and which ARN was invoked."""

    invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:ours"

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds left."""
        return 60_000


class Commands(Context):
    """An operator's invocation."""

    invoked_function_arn = f"{Context.invoked_function_arn}:operator"


def event(name: str) -> dict[str, Any]:
    """Return a sample event."""
    told: dict[str, Any] = json.loads((_ROOT / "events" / f"{name}.json").read_text())
    return told


@pytest.fixture(scope="module")
def sandbox(stack: Stack) -> Sandbox:
    """The app that the sample events name."""
    return stack.add_app(APP, access_token_seconds=36_000)


@pytest.fixture
def load(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return how to load a function's module with the environment that the deployed one has."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", stack.outputs.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", stack.outputs.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", stack.outputs.secret_access_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", stack.outputs.region)
    # The package that lets loopback providers be reached; the embedded stack's layer holds it.
    monkeypatch.syspath_prepend(str(_ROOT / "layers" / "core" / "host"))

    def loaded(function: str, physical: str) -> ModuleType:
        configured = stack.client("lambda").get_function_configuration(FunctionName=physical)
        for name, value in configured["Environment"]["Variables"].items():
            monkeypatch.setenv(name, value)
        spec = importlib.util.spec_from_file_location(f"{function}_app", _ROOT / "functions" / function / "app.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return loaded


@pytest.fixture
def callback(load: Any, stack: Stack) -> ModuleType:
    """The callback function's module."""
    module: ModuleType = load("callback", stack.outputs.callback_function)
    return module


@pytest.fixture
def rotation(load: Any, stack: Stack) -> ModuleType:
    """The rotation function's module."""
    module: ModuleType = load("rotation", stack.outputs.rotation_function)
    return module


def filled(name: str, **texts: str) -> dict[str, Any]:
    """Return a sample event with its placeholders filled in."""
    text = json.dumps(event(name))
    for placeholder, value in texts.items():
        text = text.replace(placeholder.upper(), value)
    told: dict[str, Any] = json.loads(text)
    return told


def begun(callback: ModuleType, stack: Stack, sandbox: Sandbox) -> Browser:
    """Open an invite with the sample event, and return the browser that went away with a state and a cookie."""
    invite = stack.invite(APP).partition("invite=")[2]
    answer = callback.handler(filled("connect", invite=invite), Context())
    browser = Browser(stack, APP, sandbox)
    browser.cookie = answer["cookies"][0].partition(";")[0]
    browser.state = answer["headers"]["location"].partition("state=")[2]
    assert 302 == answer["statusCode"]
    return browser


def test_a_seller_walks_through_the_sample_events(callback: ModuleType, stack: Stack, sandbox: Sandbox) -> None:
    """connect.json, callback.json, result.json: with AWS's own shape of cookies and raw query."""
    browser = begun(callback, stack, sandbox)
    seller = sandbox.sellers(1)[0]
    came_back = event("callback")
    came_back["rawQueryString"] = browser.consent(seller).partition("?")[2]
    came_back["cookies"] = [browser.cookie]
    answer = callback.handler(came_back, Context())
    shown = callback.handler({**event("result"), "cookies": [browser.cookie]}, Context())

    assert (303, f"/connect/{APP}/result") == (answer["statusCode"], answer["headers"]["location"])
    assert "Your account is connected" in shown["body"]
    assert "text/html; charset=utf-8" == shown["headers"]["content-type"]
    assert 1 == stack.document(ConnectionName(APP, seller))["generation"]


def test_a_denial_in_the_vendors_form(callback: ModuleType, stack: Stack, sandbox: Sandbox) -> None:
    """callback-denied.json: `code=null` is no code."""
    browser = begun(callback, stack, sandbox)
    denied = filled("callback-denied", state=browser.state)
    denied["cookies"] = [browser.cookie]

    assert 303 == callback.handler(denied, Context())["statusCode"]
    shown = callback.handler({**event("result"), "cookies": [browser.cookie]}, Context())
    assert "You did not connect your account" in shown["body"]


def test_cookies_are_found_in_the_header_too(callback: ModuleType, stack: Stack, sandbox: Sandbox) -> None:
    """The embedded AWS leaves them in the header."""
    asked = event("result")
    del asked["cookies"]
    asked["headers"]["cookie"] = f"other=1; {begun(callback, stack, sandbox).cookie}"

    assert 200 == callback.handler(asked, Context())["statusCode"]


def test_without_a_public_url_the_requests_own_domain_is_the_address(
    load: Any, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stack with no domain of its own sends sellers back to the API's address."""
    module = load("callback", stack.outputs.callback_function)
    monkeypatch.setenv("TOKENSYNC_PUBLIC_URL", "")
    plain = module.callback()

    assert "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com" == plain.base_url(event("connect"))
    assert stack.outputs.connect_url == f"{module.CALLBACK.base_url(event('connect'))}/connect"


def test_a_paste_of_an_unknown_code(callback: ModuleType, sandbox: Sandbox) -> None:
    """paste.json: the provider refuses the code, and the answer says so with exit code 4."""
    answer = callback.handler(event("paste"), Commands())

    assert (False, 4) == (answer["ok"], answer["exit"])
    assert "36004004" in answer["error"]["message"]
    assert sandbox.entries(kind="code", outcome="refused")


def signed(told: dict[str, Any], sandbox: Sandbox, **changed: object) -> dict[str, Any]:
    """Return a sample webhook with some fields changed, signed anew."""
    told["body"] = json.dumps({**json.loads(told["body"]), **changed})
    message = (sandbox.app_key + told["body"]).encode()
    told["headers"]["authorization"] = hmac.new(sandbox.app_secret.encode(), message, hashlib.sha256).hexdigest()
    return told


@pytest.mark.parametrize("encoded", [False, True])
def test_a_sellers_leave(callback: ModuleType, stack: Stack, sandbox: Sandbox, *, encoded: bool) -> None:
    """webhook.json: the shop's connection is marked; API Gateway may have encoded the body."""
    name = stack.connect(APP, sandbox, sandbox.sellers(1)[0])
    (shop, *_) = stack.document(name)["account"]["shops"]
    at = int(time.time()) + 1  # a second after the authorization
    told = signed(event("webhook"), sandbox, shop_id=shop["id"], timestamp=at, tts_notification_id=shop["id"])
    if encoded:
        told |= {"body": base64.b64encode(told["body"].encode()).decode(), "isBase64Encoded": True}
    time.sleep(1.1)
    answer = callback.handler(told, Context())

    assert (200, "no-store") == (answer["statusCode"], answer["headers"]["cache-control"])
    eventually(lambda: stack.stored(name).status is Status.DISCONNECTED)


@pytest.mark.parametrize("name", ["webhook", "webhook-login"])
def test_a_webhook_that_is_not_signed_for_this_app(callback: ModuleType, sandbox: Sandbox, name: str) -> None:
    """webhook.json and webhook-login.json as they stand: another secret, another product's scheme."""
    told = event(name) | {"pathParameters": {"app": APP}}

    assert sandbox.app_secret
    assert 401 == callback.handler(told, Context())["statusCode"]


def test_the_queues_batch_is_worked_through(rotation: ModuleType, stack: Stack, sandbox: Sandbox) -> None:
    """queue.json: what is due is refreshed, and nothing comes back as a failure."""
    seller = sandbox.sellers(1)[0]
    name = stack.connect(APP, sandbox, seller)
    assert stack.connections.request_refresh(name, generation=1, now=int(time.time()))
    batch = event("queue")
    batch["Records"][0]["body"] = json.dumps({"connection": str(name)})

    assert {"batchItemFailures": []} == rotation.handler(batch, Context())
    assert 2 == stack.document(name)["generation"]


def test_a_batch_names_what_must_come_again(rotation: ModuleType, stack: Stack, sandbox: Sandbox) -> None:
    """With too little life left every message is returned by its id."""

    class Short(Context):
        """A function that is about to end."""

        def get_remaining_time_in_millis(self) -> int:
            """Return 8 seconds."""
            return 8_000

    name = stack.connect(APP, sandbox, sandbox.sellers(1)[0])
    batch = event("queue")
    batch["Records"][0]["body"] = json.dumps({"connection": str(name)})

    failures = rotation.handler(batch, Short())["batchItemFailures"]
    assert [{"itemIdentifier": batch["Records"][0]["messageId"]}] == failures


@pytest.mark.parametrize(("name", "context"), [("schedule", Context()), ("tick", Commands())])
def test_the_tick(rotation: ModuleType, name: str, context: Context) -> None:
    """schedule.json and tick.json: what is due is counted and queued."""
    answer = rotation.handler(event(name), context)

    assert answer["due"] >= answer["queued"] >= 0


def test_a_refresh_on_demand(rotation: ModuleType, stack: Stack, sandbox: Sandbox) -> None:
    """refresh.json, for a connection that stands and for one that does not."""
    name = stack.connect(APP, sandbox, sandbox.sellers(1)[0])

    assert rotation.handler({**event("refresh"), "connection": str(name)}, Commands())["ok"]
    assert 3 == rotation.handler({**event("refresh"), "connection": f"{APP}/nobody"}, Commands())["exit"]


@fault("D foreign errors")
def test_an_unforeseen_error_shows_its_text_to_nobody(rotation: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """What breaks a function is told by type and place; its text may hold anything."""
    with pytest.raises(Exception, match=r"^KeyError$"):
        rotation.handler({"Records": [{"secret": "a token"}]}, Context())

    assert "a token" not in capsys.readouterr().out
