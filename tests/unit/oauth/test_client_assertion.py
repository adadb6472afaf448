"""Client authentication by a signed assertion, RFC 7523, and by nothing at all."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from field_rows import field
from tokensync.domain.app import App
from tokensync.domain.errors import InvalidApp
from tokensync.domain.grant import Grant
from tokensync.domain.runtime import Moment
from tokensync.domain.secret import Secret
from tokensync.oauth.app_check import check_credentials
from tokensync.oauth.token_request import (
    client_credentials_request,
    code_request,
    refresh_request,
    revocation_request,
)
from tokensync.providers import PROVIDERS

if TYPE_CHECKING:
    from tokensync.domain.messages import Request
    from tokensync.oauth.provider import Provider

NOW = 1_780_000_000
MOMENT = Moment(NOW, "jti-1")
RSA = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
SHORT = rsa.generate_private_key(public_exponent=65_537, key_size=1024)  # noqa: S505 - it is to be refused
EC = ec.generate_private_key(ec.SECP256R1())
OAUTH2 = PROVIDERS["oauth2"]
TOKEN = "https://id.example/token"


def pem(key: Any, **changes: Any) -> Secret:
    """Return a private key as an operator has it in a file."""
    kept = changes.get("encryption", NoEncryption())
    return Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, kept).decode("ascii"))


def client(key: Any = RSA, **settings: str) -> tuple[Provider, App]:
    """Return provider and app of a client that signs."""
    app = App(
        name="bank",
        provider="oauth2",
        client_id="client-1",
        client_secret=Secret(""),
        private_key=key if isinstance(key, Secret) else pem(key),
        endpoints={"authorize": "https://id.example/a", "token": TOKEN, "revoke": "https://id.example/revoke"},
        settings={"client_auth": "private_key_jwt", **settings},
    )
    return OAUTH2.for_app(app), app


def requests(provider: Provider, app: App) -> list[Request]:
    """Return every request that a client authenticates."""
    grant = Grant(
        account_id="a",
        label="",
        access_token=Secret("AT"),
        refresh_token=Secret("RT"),
        token_type="Bearer",
        scopes=(),
        obtained_at=NOW,
    )
    revocation = revocation_request(provider, app, grant, MOMENT)
    assert revocation is not None
    return [
        code_request(provider, app, Secret("c"), redirect_uri="https://x", moment=MOMENT),
        refresh_request(provider, app, Secret("RT"), MOMENT),
        client_credentials_request(provider, app, MOMENT),
        revocation,
    ]


def fields(request: Request) -> dict[str, str]:
    """Return the fields of a form."""
    return dict(parse_qsl(request.body.decode("ascii"), strict_parsing=True))


def part(text: str) -> bytes:
    """Return the bytes of one part of a JWS."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verify(assertion: str, algorithm: str) -> None:
    """Verify a signature as a provider does, by the public key alone."""
    signed, _, signature = assertion.rpartition(".")
    raw, data = part(signature), signed.encode("ascii")
    sha256 = hashes.SHA256()
    if algorithm == "ES256":
        assert 64 == len(raw)
        der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
        EC.public_key().verify(der, data, ec.ECDSA(sha256))
        return
    pss = padding.PSS(mgf=padding.MGF1(sha256), salt_length=32)
    RSA.public_key().verify(raw, data, padding.PKCS1v15() if algorithm == "RS256" else pss, sha256)


@field("B private_key_jwt")
@pytest.mark.parametrize(
    ("key", "chosen", "algorithm"),
    [
        pytest.param(RSA, "by_key", "RS256", id="RSA"),
        pytest.param(RSA, "RS256", "RS256", id="RS256"),
        pytest.param(RSA, "PS256", "PS256", id="PS256"),
        pytest.param(EC, "by_key", "ES256", id="P-256"),
        pytest.param(EC, "ES256", "ES256", id="ES256"),
    ],
)
def test_every_call_carries_a_signed_assertion(key: Any, chosen: str, algorithm: str) -> None:
    """RFC 7523 §3: the client for the client, to the token endpoint, once, for minutes; and no secret beside it."""
    provider, app = client(key, assertion_algorithm=chosen, assertion_key_id="key-7")
    for request in requests(provider, app):
        told = fields(request)
        header, claims, _ = told["client_assertion"].split(".")

        verify(told["client_assertion"], algorithm)
        assert {"alg": algorithm, "typ": "JWT", "kid": "key-7"} == json.loads(part(header))
        assert {
            "iss": "client-1",
            "sub": "client-1",
            "aud": TOKEN,
            "jti": "jti-1",
            "iat": NOW,
            "exp": NOW + 300,
        } == json.loads(part(claims))
        assert "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" == told["client_assertion_type"]
        assert ("client-1", False, False) == (
            told["client_id"], "client_secret" in told, "authorization" in request.headers,
        )  # fmt: skip


@field("B private_key_jwt")
def test_the_audience_may_be_the_servers_issuer() -> None:
    """Some servers take their issuer alone; a key of its own needs no name."""
    provider, app = client(assertion_audience="https://id.example")
    header, claims, _ = fields(requests(provider, app)[0])["client_assertion"].split(".")

    assert "https://id.example" == json.loads(part(claims))["aud"]
    assert "kid" not in json.loads(part(header))


@field("B private_key_jwt")
@pytest.mark.parametrize(
    ("key", "algorithm", "why"),
    [
        (Secret("canary-no-key"), "by_key", "is no private key in PEM"),
        (Secret(""), "by_key", "is no private key in PEM"),
        (Secret("\ud800"), "by_key", "is no private key in PEM"),
        (pem(RSA, encryption=BestAvailableEncryption(b"canary")), "by_key", "without a passphrase"),
        (SHORT, "by_key", "shorter than 2048 bits"),
        (ed25519.Ed25519PrivateKey.generate(), "by_key", "neither RSA nor P-256"),
        (ec.generate_private_key(ec.SECP384R1()), "by_key", "neither RSA nor P-256"),
        (EC, "RS256", "is a P-256 key and cannot sign with RS256"),
        (RSA, "ES256", "is an RSA key and cannot sign with ES256"),
    ],
    ids=range(9),
)
def test_a_key_that_cannot_sign_is_refused_before_anything_is_sent(key: Any, algorithm: str, why: str) -> None:
    """The message says why, and holds nothing of the key."""
    provider, app = client(key, assertion_algorithm=algorithm)

    with pytest.raises(InvalidApp, match=f"private_key of app bank .*{why}") as refused:
        check_credentials(app, provider)
    assert "canary" not in str(refused.value)
    assert refused.value.__cause__ is None


@field("B private_key_jwt", "B public client")
@pytest.mark.parametrize(
    ("way", "lacks"),
    [
        ("private_key_jwt", "private_key"),
        ("client_secret_basic", "client_secret"),
        ("client_secret_post", "client_secret"),
        ("none", ""),
    ],
)
def test_what_a_client_must_have_depends_on_how_it_authenticates(way: str, lacks: str) -> None:
    """A hand that emptied the secret is answered with the field's name."""
    provider, app = client(client_auth=way)
    app = replace(app, private_key=None)

    if not lacks:
        check_credentials(app, provider)
        return
    with pytest.raises(InvalidApp, match=f"lacks {lacks}$"):
        check_credentials(app, provider)


@field("B public client")
def test_a_public_client_sends_its_id_alone() -> None:
    """RFC 6749 §3.2.1: nothing proves it, and no empty secret is sent as if it did."""
    provider, app = client(client_auth="none")
    for request in requests(provider, app):
        told = fields(request)
        assert "client-1" == told["client_id"]
        assert not {"client_secret", "client_assertion"} & told.keys()
        assert "authorization" not in request.headers


def test_a_request_without_its_moment_is_no_request() -> None:
    """An assertion that is not new each time would be refused as a replay."""
    provider, app = client()
    with pytest.raises(ValueError, match="moment"):
        refresh_request(provider, app, Secret("RT"))


def test_the_key_is_in_the_apps_secret_and_in_no_print() -> None:
    """It is stored where the client secret would be, comes back whole, and shows itself nowhere."""
    _, app = client()
    again = App.from_json("bank", app.to_json())

    assert (app, app.private_key) == (again, again.private_key)
    assert "PRIVATE KEY" not in repr(again)
    bare = replace(app, private_key=None)
    assert 'private_key"' not in bare.to_json()
