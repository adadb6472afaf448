"""The one place where the adapters come together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tokensync.aws import wiring
from tokensync.aws.config import BadEnvironment, callback_config, rotation_config
from tokensync.domain.origins import Origin
from unit.aws.test_config import CALLBACK, ROTATION

if TYPE_CHECKING:
    from tokensync.aws.clients import Clients
    from tokensync.domain.ports import Ports


def holds(ports: Ports, clients: Clients) -> bool:
    """Return whether each adapter speaks through the client of its own service, and to what its environment names."""
    adapters = (
        (ports.connections._table._client, clients.dynamodb),  # type: ignore[attr-defined]  # as the rest
        (ports.authorizations._table._client, clients.dynamodb),  # type: ignore[attr-defined]
        (ports.origin._table._client, clients.dynamodb),  # type: ignore[attr-defined]
        (ports.apps._table._client, clients.dynamodb),  # type: ignore[attr-defined]
        (ports.secrets._client, clients.secrets),  # type: ignore[attr-defined]
        (ports.queue._client, clients.sqs),  # type: ignore[attr-defined]
        (ports.alerts._client, clients.sns),  # type: ignore[attr-defined]
    )
    return all(one is other for one, other in adapters)


def test_the_callback_function(clients: Clients) -> None:
    """Its pages, webhooks and commands share the ports; what its environment says arrives."""
    made = wiring.callback(callback_config(CALLBACK), clients)

    assert holds(made.seller_pages.ports, clients)
    assert made.seller_pages.ports is made.webhooks.ports is made.commands.ports
    assert ("https://connect.example", "table") == (made.public_url, made.seller_pages.ports.connections._table.name)  # type: ignore[attr-defined]


def test_the_rotation_function(clients: Clients) -> None:
    """Its tick, batches and commands share the ports; what its environment says arrives."""
    made = wiring.rotation(rotation_config(ROTATION), clients)

    assert holds(made.ticker.ports, clients)
    assert made.ticker.ports is made.batches.ports is made.commands.on_demand.ports
    destinations = made.ticker.ports.destinations
    assert (True, False) == (destinations.trusted.names(Origin.of("https://a.example.com")), destinations.is_local("x"))
    assert (720, "team/demo", "demo") == (made.ticker.claim, made.commands.prefix, made.stack)
    dead_letters = made.commands.recoverer.redriver.dead_letters
    assert ("https://sqs/dead", clients.sqs) == (dead_letters._url, dead_letters._client)  # type: ignore[attr-defined]


def test_a_function_reads_its_environment(monkeypatch: pytest.MonkeyPatch, clients: Clients) -> None:
    """Where a test brings no other parts; what is missing stops the start."""
    for assemble in (wiring.callback, wiring.rotation):
        with pytest.raises(BadEnvironment):
            assemble(clients=clients)
    for name, value in {**CALLBACK, **ROTATION}.items():
        monkeypatch.setenv(name, value)

    assert "https://connect.example" == wiring.callback(clients=clients).public_url
    assert "demo" == wiring.rotation(clients=clients).stack
