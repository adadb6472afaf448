"""The generic provider against an authorization server of other authors, behind a proxy that compresses."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from field_rows import field
from integration.oidc.compressing import CODINGS, Compressing
from integration.oidc.server import OidcServer
from integration.oidc.test_stack import ROUNDS, connected, refreshed, registered
from stack import Stack, eventually
from tokensync.domain.connection import Status

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, oidc: OidcServer) -> Iterator[OidcServer]:
    """A server whose tokens outlive these tests, so that nothing but they refreshes; `oidc` has looked for Node."""
    del oidc
    with OidcServer(tmp_path_factory.mktemp("compressed"), access_token_seconds=3600) as running:
        yield running


@field("A2")
def test_hundreds_of_refreshes_behind_a_proxy_that_compresses(stack: Stack, server: OidcServer, hundred: int) -> None:
    """Metadata, codes, refreshes, facts and revocation, each answer packed: every token is presented once, all live on.

    The server ends a whole authorization at the first refresh token that it sees twice.
    """
    name, client = registered(stack, server, "client_secret_basic")
    with Compressing(server.issuer) as proxy:
        found = stack.command_to(
            stack.outputs.callback_function,
            {"tokensync": "discover", "issuer": f"{proxy.url}/.well-known/openid-configuration"},
        )
        app = stack.apps.get(name)
        endpoints = {key: url.replace(server.issuer, proxy.url) for key, url in app.endpoints.items()}
        stack.apps.update(replace(app, endpoints={**endpoints, "authorize": app.endpoints["authorize"]}))
        names = [connected(stack, server, name, f"packed-{index}") for index in range(hundred // ROUNDS)]
        for generation in range(1, ROUNDS + 1):
            now = int(time.time())
            for one in names:
                stack.connections.request_refresh(one, generation=generation, now=now)
            stack.tick()
            for one in names:
                refreshed(stack, one, generation)
                eventually(lambda one=one, past=generation: stack.stored(one).generation > past, seconds=180)
        verified, revoked = stack.ask("verify", names[0]), stack.ask("revoke", names[1])
        packed = dict(proxy.packed)
    shown = server.presentations(client)

    # What the document says of itself is packed as well, and it names the server behind the proxy.
    assert f"names another issuer, {server.issuer}" in found["error"]["message"]
    assert (hundred, hundred) == (len(shown), shown.total())
    assert (True, True) == (verified["ok"], revoked["ok"])
    assert {(Status.ACTIVE, ROUNDS + 1)} == {
        (record.status, record.generation) for record in map(stack.stored, [names[0], *names[2:]])
    }
    assert (Status.DISCONNECTED, 1) == (stack.stored(names[1]).status, len(server.revoked(client)))
    # A code, its facts, and as many refreshes of each.
    assert CODINGS.keys() == packed.keys()
    assert sum(packed.values()) >= hundred + 2 * len(names)
