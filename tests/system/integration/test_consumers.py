"""Pairs reach API2Cart on the deployed stack, one owner refreshes them, and a new client secret proves itself."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from stack import Sandbox, Stack, eventually
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from tokensync.domain.names import ConnectionName

APP = "pushing-shop"
GIVEN = "given-shop"
ROTATED = "rotated-shop"


def told(sandbox: Sandbox) -> dict[str, Any]:
    """Return what API2Cart knows."""
    return sandbox.call("GET", "api2cart")


def add(stack: Stack, name: str, **settings: str) -> Sandbox:
    """Register an app that knows API2Cart, its settings in place before anybody reads it."""
    sandbox = stack.add_app(name, access_token_seconds=3600)
    app = stack.apps.get(name)
    stack.apps.update(
        replace(
            app,
            settings=settings,
            api2cart_key=Secret(told(sandbox)["api_key"]),
            endpoints={**app.endpoints, "push": f"{stack.outputs.sandbox_url}/api2cart/v1.1"},
        )
    )
    return sandbox


def store_of(sandbox: Sandbox, name: ConnectionName) -> dict[str, Any] | None:
    """Return the store that API2Cart has for a connection."""
    stores = [store for store in told(sandbox)["stores"] if store["custom_label"] == str(name)]
    assert len(stores) <= 1
    return stores[0] if stores else None


def shows(stack: Stack, sandbox: Sandbox, name: ConnectionName) -> bool:
    """Return whether API2Cart has the very token that workloads read."""
    store = store_of(sandbox, name)
    digest = hashlib.sha256(stack.document(name)["access_token"].encode()).hexdigest()
    return store is not None and digest == store["access_token"]


def push(stack: Stack, name: ConnectionName, **more: object) -> dict[str, Any]:
    """Push as the command line does."""
    return stack.ask("push", name, to="api2cart", **more)


def prove(stack: Stack, app: str) -> dict[str, Any]:
    """Prove as the command line does."""
    return stack.ask("prove", app=app)


def test_every_new_pair_reaches_api2cart(stack: Stack) -> None:
    """At connect a store is made, after each refresh it is updated, without anybody asking; it can be checked."""
    sandbox = add(stack, APP, push="api2cart", api2cart_store_url="https://shops.example/{account}")
    name = stack.connect(APP, sandbox, sandbox.sellers(1)[0])
    eventually(lambda: shows(stack, sandbox, name))
    first = stack.document(name)["access_token"]

    assert stack.refresh(name)["ok"]
    assert first != stack.document(name)["access_token"]
    eventually(lambda: shows(stack, sandbox, name))

    store = store_of(sandbox, name)
    assert store is not None
    assert (1, 0) == (store["updates"], store["refreshes"])
    assert f"https://shops.example/{name.account}" == store["store_url"]
    assert [] == sandbox.doubles()

    # Once the account has left, the store is accepted no more: nothing was handed over for that.
    assert push(stack, name, check=True)["ok"]
    sandbox.call("POST", "revoke", provider="tiktok_shop", app=sandbox.app_key, account=name.account)
    assert "store_refused" == push(stack, name, check=True)["error"]["class"]
    assert stack.stored(name).consumer.check_failed
    assert 1 == told(sandbox)["stores"][0]["updates"]


def test_a_push_whose_app_has_not_decided_is_refused(stack: Stack) -> None:
    """Two owners would break each other."""
    sandbox = add(stack, "undecided-shop")
    name = stack.connect("undecided-shop", sandbox, sandbox.sellers(1)[0])

    assert "NotOffered" == push(stack, name)["error"]["class"]
    assert store_of(sandbox, name) is None


def test_api2cart_owns_what_was_given_to_it(stack: Stack) -> None:
    """It refreshes the pair by itself; nothing here presents the token any more, and readers are told."""
    sandbox = add(stack, GIVEN, owner="consumer")
    name = stack.connect(GIVEN, sandbox, sandbox.sellers(1)[0])

    given = push(stack, name)
    assert (True, "consumer") == (given["ok"], given["owner"])
    assert "consumer" == stack.document(name)["owner"]

    store = store_of(sandbox, name)
    assert store is not None
    assert 0 == sandbox.call("POST", "api2cart/refresh", store_key=store["store_key"])["code"]
    refused = stack.refresh(name)

    assert "owned_by_consumer" == refused["error"]["class"]
    assert 1 == len(sandbox.entries(kind="refresh_token"))
    assert stack.stored(name).due.next_at is None


@pytest.fixture(scope="module")
def rotated(stack: Stack) -> tuple[Sandbox, ConnectionName]:
    """A connection of an app whose secret is to be replaced."""
    sandbox = stack.add_app(ROTATED, access_token_seconds=3600)
    return sandbox, stack.connect(ROTATED, sandbox, sandbox.sellers(1)[0])


def test_a_secret_that_the_provider_refuses(stack: Stack, rotated: tuple[Sandbox, ConnectionName]) -> None:
    """Nothing is paused, and the connection is refreshed under the old one right after."""
    _, name = rotated
    stack.apps.update(replace(stack.apps.get(ROTATED), new_client_secret=Secret("CANARY-wrong")))

    answer = prove(stack, ROTATED)

    assert (False, "secret_refused") == (answer["ok"], answer["error"]["class"])
    assert "CANARY-wrong" not in str(answer)
    assert "" == stack.apps.state(ROTATED).paused
    assert stack.refresh(name)["ok"]


def test_a_new_secret_proves_itself_when_the_old_one_is_dead(
    stack: Stack, rotated: tuple[Sandbox, ConnectionName]
) -> None:
    """The provider has ended the old secret at once: the new one, stored beside it, still gets a pair."""
    sandbox, name = rotated
    new = f"CANARY-{secrets.token_hex(8)}"
    sandbox.call("POST", "apps", provider="tiktok_shop", app_key=sandbox.app_key, app_secret=new)
    stack.apps.update(replace(stack.apps.get(ROTATED, fresh=True), new_client_secret=Secret(new)))
    before = stack.document(name)["generation"]

    answer = prove(stack, ROTATED)

    assert (True, "refreshed", str(name)) == (answer["ok"], answer["result"], answer["connection"])
    assert before < stack.document(name)["generation"]
