"""Records that most tests of the core start from."""

from __future__ import annotations

import pytest

from tokensync.domain.app import App
from tokensync.domain.connection import Attempt, Connection, Phase
from tokensync.domain.grant import Grant
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
from tokensync.oauth.provider import Provider

NOW = 1_700_000_000


@pytest.fixture
def now() -> int:
    """Return the time at which these tests take place."""
    return NOW


@pytest.fixture
def app() -> App:
    """Return a registration with a provider of the RFCs' own kind."""
    return App(
        name="shop",
        provider="by_the_book",
        client_id="client-1",
        client_secret=Secret("canary-client-secret"),
        scopes=("read", "write"),
    )


@pytest.fixture
def provider() -> Provider:
    """Return a provider that departs from the RFCs in nothing."""
    return Provider(
        name="by_the_book",
        title="By the Book",
        docs="https://provider.example/docs",
        endpoints={
            "authorize": "https://provider.example/authorize",
            "token": "https://provider.example/token",
        },
        hosts=frozenset({"provider.example"}),
    )


@pytest.fixture
def grant() -> Grant:
    """Return a grant whose tokens are canaries."""
    return Grant(
        account_id="account-1",
        label="Acme GmbH",
        access_token=Secret("canary-access"),
        refresh_token=Secret("canary-refresh"),
        token_type="Bearer",
        scopes=("read", "write"),
        obtained_at=NOW - 7200,
        access_expires_at=NOW + 7200,
        refresh_expires_at=NOW + 90 * 86_400,
        account={"region": "GB"},
    )


@pytest.fixture
def record() -> Connection:
    """Return a connection that is leased, and whose refresh token has just been presented."""
    return Connection(
        name=ConnectionName("shop", "account-1"),
        provider="by_the_book",
        phase=Phase.SENT,
        fence=7,
        lease_until=NOW + 65,
        attempt=Attempt(id="attempt-1", fence=7, at=NOW - 5),
        generation=3,
        allocated=4,
        sealed_grant=b"sealed grant",
        sealed_answer=b"sealed answer",
        label="Acme GmbH",
        obtained_at=NOW - 7200,
        access_expires_at=NOW + 7200,
        refresh_expires_at=NOW + 90 * 86_400,
    )
