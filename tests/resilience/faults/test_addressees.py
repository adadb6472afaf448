"""A refresh token goes to the provider's own address alone: no redirect is followed, no doubtful certificate taken."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from fault_rows import fault
from faults.fleet import Fleet, seeded
from faults.polling import at_rest, batch, scheduled
from faults.tls import TlsServer, authority, issued
from faults.workers import Workers
from tokensync.domain.connection import Exemption, Phase, Status
from tokensync.domain.sealing import Unsealer
from tokensync_cli.sandbox.mint import digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stack import Stack

# What the client says as it breaks the handshake off: RFC 8446 §6.2.
BROKEN_OFF = {
    "expired": "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    "wrong host": "SSLV3_ALERT_BAD_CERTIFICATE",
    "self-signed": "TLSV1_ALERT_UNKNOWN_CA",
}


class Elsewhere(ThreadingHTTPServer):
    """Where a redirect leads: it counts who comes."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Counting)
        self.hits = 0


class _Counting(BaseHTTPRequestHandler):
    server: Elsewhere

    def do_GET(self) -> None:
        self.server.hits += 1
        self.send_error(404)

    do_POST = do_GET  # noqa: N815 - a name of the base class

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's signature
        pass


@pytest.fixture(scope="module")
def workers(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """Processes of the built function; the deployed one rests."""
    with at_rest(stack), Workers(stack, tmp_path_factory.mktemp("addressees")) as workers:
        yield workers


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    """An address that nobody should come to."""
    server = Elsewhere()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@fault("redirect 302", "redirect 307", "redirect 308")
@pytest.mark.parametrize("provider", ["oauth2", "tiktok_shop"])
def test_no_redirect_is_followed(stack: Stack, workers: Workers, elsewhere: Elsewhere, provider: str) -> None:
    """Nobody comes to where it leads; the grant stands, the connection is held, and its neighbour proceeds."""
    fleet = seeded(stack, "redirected", provider=provider, count=4)
    *redirected, neighbour = fleet.names
    target = f"http://127.0.0.1:{elsewhere.server_port}/token"
    for name, status in zip(redirected, (302, 307, 308), strict=True):
        fleet.fault(name, "status", status=status, headers={"Location": target}, body="<h1>Moved</h1>")
    before = {name: stack.stored(name).sealed_grant for name in redirected}
    report = workers.start("rotation", batch([scheduled(connection=str(name)) for name in fleet.names])).finish()

    assert (0, {"batchItemFailures": []}) == (elsewhere.hits, report)
    kept = {name: fleet.kept()[name.account] for name in redirected}
    for name in redirected:
        record = stack.stored(name)
        assert (Status.HELD, Exemption.LAST_ATTEMPT, before[name]) == (
            record.status,
            record.exemption,
            record.sealed_grant,
        )
        assert 1 == sum(entry["account"] == name.account for entry in fleet.presentations())
        (sealed,) = kept[name]
        assert target == Unsealer(fleet.sealer).answer(sealed, record).headers["location"]
    assert 2 == stack.document(neighbour)["generation"]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, TlsServer]]:
    """One server for each kind of certificate; the workers trust the authority of all but the self-signed one."""
    directory = tmp_path_factory.mktemp("tls")
    trusted = authority()
    (directory / "trusted.pem").write_bytes(trusted.certificate.public_bytes(Encoding.PEM))
    certificates = {
        "good": issued(trusted),
        "expired": issued(trusted, ended=True),
        "wrong host": issued(trusted, host="other.example"),
        "self-signed": issued(None),
    }
    servers = {kind: TlsServer(certificate, directory) for kind, certificate in certificates.items()}
    yield servers
    for server in servers.values():
        server.close()


@pytest.fixture(scope="module")
def asked(
    stack: Stack, workers: Workers, servers: dict[str, TlsServer], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Fleet]:
    """One connection for each server, and one of the sandbox, refreshed in one batch."""
    trusted: Path = next(tmp_path_factory.getbasetemp().glob("tls*/trusted.pem"))
    endpoints = {kind: server.url for kind, server in servers.items()} | {"sandbox": ""}
    fleets = {
        kind: seeded(stack, kind.replace(" ", "-"), count=1, token_endpoint=endpoint)
        for kind, endpoint in endpoints.items()
    }
    letters = [scheduled(connection=str(fleet.names[0])) for fleet in fleets.values()]
    worker = workers.start("rotation", batch(letters), environment={"SSL_CERT_FILE": str(trusted)})
    assert {"batchItemFailures": []} == worker.finish()
    return fleets


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("expired", marks=fault("TLS expired")),
        pytest.param("wrong host", marks=fault("TLS wrong host")),
        pytest.param("self-signed", marks=fault("TLS self-signed")),
    ],
)
def test_a_doubtful_certificate_is_refused(
    stack: Stack, asked: dict[str, Fleet], servers: dict[str, TlsServer], kind: str
) -> None:
    """No byte of the request leaves for this very reason; the connection is as it was, and due again soon."""
    (name,) = asked[kind].names
    record, document = stack.stored(name), stack.document(name)

    assert ({BROKEN_OFF[kind]}, 0) == (servers[kind].broken_off, servers[kind].requests)
    assert (Status.ACTIVE, Phase.IDLE, None, None) == (record.status, record.phase, record.attempt, record.exemption)
    assert (1, 1, "active") == (record.generation, document["generation"], document["status"])
    assert document["access_token"] == asked[kind].grant(record).access_token.reveal()
    assert record.last_error is not None
    assert "not_sent" == record.last_error.failure
    assert record.due.renew_at is not None
    assert 10 <= record.due.renew_at - record.last_error.at <= 60


def test_a_good_certificate_is_taken(stack: Stack, asked: dict[str, Fleet], servers: dict[str, TlsServer]) -> None:
    """The same authority's good one is trusted, and the sandbox's connection of the same batch proceeds."""
    (good,), (sandboxed,) = asked["good"].names, asked["sandbox"].names

    assert (set(), 1) == (servers["good"].broken_off, servers["good"].requests)
    assert "new-access" == stack.document(good)["access_token"]
    assert 2 == stack.document(sandboxed)["generation"]
    assert asked["sandbox"].issued()[sandboxed]["access_token"] == digest(stack.document(sandboxed)["access_token"])
