"""Authorization servers at loopback with certificates of every kind, and the test's own authority behind them."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import ssl
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from pathlib import Path

_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def pem(self) -> bytes:
        """Return both, as a server loads them."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return key + self.certificate.public_bytes(serialization.Encoding.PEM)


def authority() -> Certificate:
    """Return a certificate authority of our own."""
    key = ec.generate_private_key(ec.SECP256R1())
    usage = dict.fromkeys(_USAGES, False) | {"key_cert_sign": True, "crl_sign": True}
    builder = (
        _begun("Test authority", key, _now() - 2 * _DAY, _now() + _DAY)
        .issuer_name(_name("Test authority"))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
    )
    return Certificate(builder.sign(key, hashes.SHA256()), key)


def issued(by: Certificate | None, *, host: str = "localhost", ended: bool = False) -> Certificate:
    """Return a server's certificate for a host; by nobody, it is signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    end = _now() - _DAY if ended else _now() + _DAY
    signer = by or Certificate(by, key)  # type: ignore[arg-type]  # its own certificate is only about to be made
    issuer = by.certificate.subject if by else _name(host)
    builder = (
        _begun(host, key, _now() - 2 * _DAY, end)
        .issuer_name(issuer)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([_subject(host)]), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), critical=False)
    )
    return Certificate(builder.sign(signer.key, hashes.SHA256()), key)


_USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def _begun(
    name: str, key: ec.EllipticCurvePrivateKey, begins: dt.datetime, ends: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _subject(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class TlsServer(ThreadingHTTPServer):
    """Answers every request with a new pair; counts them, and keeps why clients broke their handshakes off."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, certificate: Certificate, directory: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Tokens)
        file = directory / f"{self.server_port}.pem"
        file.write_bytes(certificate.pem())
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(file)
        self.requests = 0
        self.broken_off: set[str] = set()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        """Return the address of its token endpoint."""
        return f"https://localhost:{self.server_port}/token"

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Greet the client, in its own thread."""
        try:
            wrapped = self._context.wrap_socket(request, server_side=True)
        except ssl.SSLError as error:
            self.broken_off.add(error.reason)
            return
        with wrapped:
            super().finish_request(wrapped, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients may go as they like."""

    def close(self) -> None:
        """Stop."""
        self.shutdown()
        self.server_close()


class _Tokens(BaseHTTPRequestHandler):
    server: TlsServer

    def do_POST(self) -> None:
        """Give a pair."""
        self.server.requests += 1
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps({"access_token": "new-access", "refresh_token": "new-refresh", "expires_in": 3600}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's signature
        """Write nothing to stderr."""
