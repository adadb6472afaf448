"""The generic provider on the deployed stack, against an authorization server that nobody here wrote."""

from __future__ import annotations

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from field_rows import field
from integration.oidc.server import KEY_ID, Client, OidcServer
from stack import Browser, Sandbox, Stack, eventually
from tokensync.domain.app import App
from tokensync.domain.connection import Status
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 5  # refreshes of each connection
METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt", "none")
NO_SANDBOX = Sandbox("", "", "", "")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, oidc: OidcServer) -> Iterator[OidcServer]:
    """A server whose tokens outlive these tests, so that nothing but they refreshes; `oidc` has looked for Node."""
    del oidc
    with OidcServer(tmp_path_factory.mktemp("long-lived"), access_token_seconds=3600) as running:
        yield running


def registered(stack: Stack, server: OidcServer, method: str, **settings: str) -> tuple[str, Client]:
    """Register an app there and here, by discovery; return its name and client."""
    name = f"oidc-{secrets.token_hex(4)}"
    client = server.register(f"{stack.outputs.callback_url}/{name}", method)
    found = stack.command_to(stack.outputs.callback_function, {"tokensync": "discover", "issuer": server.issuer})
    assert found["ok"], found
    signs = {"assertion_key_id": KEY_ID, "assertion_algorithm": "ES256"} if client.private_key else {}
    stack.apps.register(
        App(
            name=name,
            provider="oauth2",
            client_id=client.client_id,
            client_secret=Secret(client.client_secret),
            private_key=Secret(client.private_key) if client.private_key else None,
            scopes=("openid", "offline_access", "profile"),
            endpoints=found["endpoints"],
            settings={**found["settings"], "client_auth": method, **signs, **settings},
        )
    )
    return name, client


def connected(stack: Stack, server: OidcServer, app: str, account: str) -> ConnectionName:
    """Connect one account through our pages and the server's own."""
    browser = Browser(stack, app, NO_SANDBOX)
    away = browser.connect(stack.invite(app))
    assert httpx.codes.FOUND == away.status_code
    back = browser.get(server.authorize(away.headers["location"], account))
    assert httpx.codes.SEE_OTHER == back.status_code
    assert "Your account is connected" in browser.result().text
    return ConnectionName(app, account)


def refreshed(stack: Stack, name: ConnectionName, generation: int) -> bool:
    """Refresh past a generation, as one of many who want that."""
    return bool(stack.refresh(name, generation=generation)["ok"])


@field("B public client", "B private_key_jwt")
@pytest.mark.parametrize("method", METHODS)
def test_connect_refresh_verify_revoke(stack: Stack, server: OidcServer, method: str) -> None:
    """Discovery, PKCE, iss, every client authentication, UserInfo and RFC 7009 with a server of other authors."""
    app, client = registered(stack, server, method)
    name = connected(stack, server, app, f"user-{method}")
    first = stack.document(name)
    assert refreshed(stack, name, 1)
    second = stack.document(name)
    exchanges = server.log(event="grant.success", client=client.client_id)

    assert ("active", 1, 2) == (first["status"], first["generation"], second["generation"])
    assert first["access_token"] != second["access_token"]
    assert f"user-{method}" == second["account"]["sub"]
    assert {method} == {event["method"] for event in exchanges}
    verified = stack.ask("verify", name)
    assert verified["ok"], verified
    revoked = stack.ask("revoke", name)
    assert revoked["ok"], revoked
    assert Status.DISCONNECTED is stack.stored(name).status
    assert httpx.codes.UNAUTHORIZED == _user_info(server, second["access_token"]).status_code


def test_a_declined_consent_connects_nobody(stack: Stack, server: OidcServer) -> None:
    """A denial with `iss` is a denial; the code endpoint is never asked."""
    app, client = registered(stack, server, METHODS[0])
    browser = Browser(stack, app, NO_SANDBOX)
    away = browser.connect(stack.invite(app))
    browser.get(server.authorize(away.headers["location"], None))

    assert "connected" not in browser.result().text.partition("</h1>")[0]
    assert [] == server.log(event="grant.success", client=client.client_id)


def test_another_issuer_in_the_callback_is_refused(stack: Stack, server: OidcServer) -> None:
    """RFC 9207: a code that says it comes from elsewhere is exchanged with nobody."""
    app, client = registered(stack, server, METHODS[0])
    browser = Browser(stack, app, NO_SANDBOX)
    away = browser.connect(stack.invite(app))
    callback = server.authorize(away.headers["location"], "mixed-up")
    issuer = httpx.QueryParams({"iss": server.issuer})
    forged = callback.replace(str(issuer), "iss=https%3A%2F%2Fevil.example")
    assert forged != callback

    assert httpx.codes.BAD_REQUEST == browser.get(forged).status_code
    assert [] == server.log(event="grant.success", client=client.client_id)


def test_client_credentials_are_minted_and_renewed(stack: Stack, server: OidcServer) -> None:
    """An app that acts for itself has a connection without anybody's consent, renewed like any other."""
    app, client = registered(stack, server, METHODS[1], grant="client_credentials")
    minted = stack.command_to(stack.outputs.callback_function, {"tokensync": "mint", "app": app})
    assert minted["ok"], minted
    name = ConnectionName.parse(minted["connection"])
    first = stack.document(name)
    assert refreshed(stack, name, 1)

    assert client.client_id == name.account
    assert (2, True) == (
        stack.document(name)["generation"],
        stack.document(name)["access_token"] != first["access_token"],
    )


@pytest.mark.parametrize("method", ["client_secret_basic", "private_key_jwt", "none"])
def test_hundreds_of_refreshes_by_concurrent_workers(
    stack: Stack, server: OidcServer, hundred: int, method: str
) -> None:
    """Operators and the queue's workers at the same connections: each refresh token is presented once, all live on.

    The server ends a whole authorization at the first refresh token that it sees twice, and takes no assertion twice.
    """
    app, client = registered(stack, server, method)
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda index: connected(stack, server, app, f"a{index}"), range(hundred // ROUNDS)))
        for generation in range(1, ROUNDS + 1):
            now = int(time.time())
            for name in names:
                stack.connections.request_refresh(name, generation=generation, now=now)
            ticks = [pool.submit(stack.tick) for _ in range(2)]
            asked = [pool.submit(refreshed, stack, name, generation) for name in names for _ in range(2)]
            for future in (*ticks, *asked):
                future.result()
            for name in names:
                eventually(lambda name=name, past=generation: stack.stored(name).generation > past, seconds=60)
    shown = server.presentations(client)

    assert hundred == len(shown) == shown.total()
    assert set() == server.revoked(client)
    assert {(Status.ACTIVE, ROUNDS + 1)} == {(r.status, r.generation) for r in map(stack.stored, names)}
    for name in names[:5]:
        assert httpx.codes.OK == _user_info(server, stack.document(name)["access_token"]).status_code


def _user_info(server: OidcServer, access_token: str) -> httpx.Response:
    url = server.metadata()["userinfo_endpoint"]
    return httpx.get(url, headers={"authorization": f"Bearer {access_token}"}, timeout=10)
