"""An authorization server by other authors on loopback: npm's oidc-provider, strict about PKCE, rotation and reuse."""

from __future__ import annotations

import base64
import hashlib
import json
import selectors
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from integration.oidc.packages import HERE, Unavailable, installed, node

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 20  # seconds until it has to print its issuer (it takes one), and to answer
FAREWELL = 5  # seconds to end by itself
STARTS = 2  # once in hundreds of starts Node 20 stands still before its first line
KEY_ID = "key-1"
LONGEST_WALK = 10  # redirects from the authorization endpoint to the callback


@dataclass(frozen=True)
class Client:
    """A client, registered for one redirect URI and one way to authenticate (RFC 7591); its secret may be empty."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    method: str
    private_key: str = field(default="", repr=False)


def fingerprint(token: str) -> str:
    """Return what stands in the log for a token or a code."""
    return hashlib.sha256(token.encode()).hexdigest()


class OidcServer:
    """One server process with nothing in it.

    Args:
        directory: takes its log and what it writes to standard error.
        access_token_seconds: how long its access tokens live.
    """

    def __init__(self, directory: Path, *, access_token_seconds: int = 200) -> None:
        self.issuer = ""
        self._log = directory / "oidc-provider.jsonl"
        self._errors = directory / "oidc-provider.stderr"
        self._access_token_seconds = access_token_seconds
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            Unavailable: Node, npm or the packages are missing.
        """
        command = [node(), str(HERE / "server.mjs"), str(installed()), str(self._log), str(self._access_token_seconds)]
        self._log.touch()
        for _ in range(STARTS):
            with self._errors.open("ab") as errors:
                self._process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
                )
            self.issuer = _first_line(self._process)
            if self.issuer:
                return
            self.stop()
        raise AssertionError(f"oidc-provider did not start: {self._errors.read_text()[-500:]}")

    def stop(self) -> None:
        """End the process. It ends by itself when its standard input closes."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.communicate(timeout=FAREWELL)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

    def metadata(self) -> dict[str, Any]:
        """Return its discovery document."""
        answer = httpx.get(f"{self.issuer}/.well-known/openid-configuration", timeout=PATIENCE)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def register(self, redirect_uri: str, method: str) -> Client:
        """Register a client for a `token_endpoint_auth_method`. The log tells which one it used.

        Its id and secret hold characters that a client must form-encode (RFC 6749 section 2.3.1). A client that signs
        has a key of its own, of which the server learns the public part.
        """
        key = ec.generate_private_key(ec.SECP256R1()) if method == "private_key_jwt" else None
        grants = ["authorization_code", "refresh_token"]
        wanted = {
            "redirect_uris": [redirect_uri],
            "token_endpoint_auth_method": method,
            "grant_types": grants if method == "none" else [*grants, "client_credentials"],
            "response_types": ["code"],
            **({} if key is None else {"jwks": {"keys": [_jwk(key)]}}),
        }
        answer = httpx.post(self.metadata()["registration_endpoint"], json=wanted, timeout=PATIENCE)
        answer.raise_for_status()
        told = answer.json()
        return Client(told["client_id"], told.get("client_secret", ""), redirect_uri, method, _pem(key))

    def authorize(self, url: str, account: str | None) -> str:
        """Walk from an authorization request to the callback as a new browser, and return the callback's URL.

        The account signs in and consents to everything; None declines.
        """
        if account is not None:
            url = f"{url}&{urlencode({'login_hint': account})}"
        with httpx.Client(timeout=PATIENCE) as browser:
            for _ in range(LONGEST_WALK):
                answer = browser.get(url)
                if not answer.has_redirect_location:
                    raise AssertionError(f"authorization ended with HTTP {answer.status_code}: {answer.text[:1000]}")
                url = str(answer.url.join(answer.headers["location"]))
                if not url.startswith(f"{self.issuer}/"):
                    return url
        raise AssertionError(f"authorization did not end within {LONGEST_WALK} redirects")

    def log(self, **wanted: object) -> list[dict[str, Any]]:
        """Return the logged events whose fields are as wanted, oldest first."""
        events = [json.loads(line) for line in self._log.read_text().splitlines()]
        return [event for event in events if wanted.items() <= {name: event.get(name) for name in wanted}.items()]

    def presentations(self, client: Client) -> Counter[str]:
        """Return how often each refresh token of a client was presented, by fingerprint, whatever was answered."""
        events = self.log(client=client.client_id, grant_type="refresh_token")
        return Counter(event["presented"] for event in events)

    def revoked(self, client: Client) -> set[str]:
        """Return the grants of a client that are dead: by the reuse of a token or a code, or by revocation."""
        return {event["grant"] for event in self.log(event="grant.revoked", client=client.client_id)}


def _jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """Return the public part of a key, RFC 7518 section 6.2.1."""
    numbers = key.public_key().public_numbers()
    x, y = (base64.urlsafe_b64encode(each.to_bytes(32)).rstrip(b"=").decode() for each in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y, "use": "sig", "alg": "ES256", "kid": KEY_ID}


def _pem(key: ec.EllipticCurvePrivateKey | None) -> str:
    if key is None:
        return ""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


def _first_line(process: subprocess.Popen[str]) -> str:
    """Return the first line that a process prints, or nothing if it ended or is late."""
    if process.stdout is None:
        return ""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        return process.stdout.readline().strip() if selector.select(PATIENCE) else ""


__all__ = ["Client", "OidcServer", "Unavailable", "fingerprint"]
