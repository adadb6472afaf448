"""The assertion by which a client authenticates with its private key: RFC 7523 §2.2 and §3, as a JWS of RFC 7515.

The private key is in the app's secret, and nowhere else: it is never sent, and no provider ever had it.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from tokensync.domain.errors import InvalidApp

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from tokensync.domain.app import App
    from tokensync.domain.runtime import Moment
    from tokensync.domain.secret import Secret

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523 §2.2
ALGORITHMS = ("RS256", "PS256", "ES256")  # RFC 7518 §3.1
_LIFE = 300  # seconds; a provider may refuse a life that it finds unreasonably long, RFC 7523 §3(4)
_SHORTEST_RSA = 2048  # bits, RFC 7518 §3.3
_P256 = 32  # bytes of a coordinate, RFC 7518 §3.4


class UnfitKey(Exception):
    """A private key cannot sign. The text says why, and nothing of the key."""


@dataclass(frozen=True, kw_only=True)
class AssertionShape:
    """The assertion by which a client authenticates, RFC 7523 §3.

    An empty `audience` is the token endpoint's URL; an empty `algorithm` (RFC 7518 §3.1) is the one that fits the key;
    `key_id` is the key's name with the provider, RFC 7515 §4.1.4, empty where it has one key alone.
    """

    audience: str = ""
    algorithm: str = ""
    key_id: str = ""


def client_assertion(app: App, shape: AssertionShape, *, audience: str, moment: Moment) -> str:
    """Return a signed assertion of the app's identity for one request.

    Raises:
        InvalidApp: the app has no private key that can sign it.
    """
    if app.private_key is None:
        raise InvalidApp(f"app {app.name} authenticates by private_key_jwt and has no private_key")
    try:
        algorithm, sign = _signer(app.private_key, shape.algorithm)
    except UnfitKey as error:
        raise InvalidApp(f"the private_key of app {app.name} {error}") from None
    header = {"alg": algorithm, "typ": "JWT", **({"kid": shape.key_id} if shape.key_id else {})}
    claims = {
        "iss": app.client_id,
        "sub": app.client_id,
        "aud": shape.audience or audience,
        "jti": moment.unique,
        "iat": moment.now,
        "exp": moment.now + _LIFE,
    }
    signed = f"{_part(json.dumps(header).encode('ascii'))}.{_part(json.dumps(claims).encode('ascii'))}"
    return f"{signed}.{_part(sign(signed.encode('ascii')))}"


def key_problem(private_key: Secret, algorithm: str) -> str:
    """Return why a private key cannot sign with an algorithm (the one that fits it if empty); empty if it can."""
    try:
        _signer(private_key, algorithm)
    except UnfitKey as error:
        return str(error)
    return ""


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


# A key is read once in a function's life: it is checked as it is read, which takes tens of milliseconds.
@lru_cache(maxsize=32)
def _signer(private_key: Secret, algorithm: str) -> tuple[str, Callable[[bytes], bytes]]:
    """Return the algorithm, and the function that signs.

    Raises:
        UnfitKey: it cannot.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, rsa  # noqa: PLC0415 - few apps need them
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        key = load_pem_private_key(private_key.reveal().encode("utf-8"), password=None)
    except (ValueError, TypeError, UnicodeError):
        # from None: the foreign text may describe the key.
        raise UnfitKey("is no private key in PEM without a passphrase") from None
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < _SHORTEST_RSA:
            raise UnfitKey(f"is shorter than {_SHORTEST_RSA} bits")
        return _rsa(key, algorithm or "RS256")
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return _p256(key, algorithm or "ES256")
    raise UnfitKey("is neither RSA nor P-256")


def _rsa(key: RSAPrivateKey, algorithm: str) -> tuple[str, Callable[[bytes], bytes]]:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415

    sha256 = hashes.SHA256()
    if algorithm == "RS256":
        return algorithm, lambda data: key.sign(data, padding.PKCS1v15(), sha256)
    if algorithm == "PS256":  # RFC 7518 §3.5: the salt is as long as the hash
        pss = padding.PSS(mgf=padding.MGF1(sha256), salt_length=sha256.digest_size)
        return algorithm, lambda data: key.sign(data, pss, sha256)
    raise UnfitKey(f"is an RSA key and cannot sign with {algorithm}")


def _p256(key: EllipticCurvePrivateKey, algorithm: str) -> tuple[str, Callable[[bytes], bytes]]:
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature  # noqa: PLC0415

    if algorithm != "ES256":
        raise UnfitKey(f"is a P-256 key and cannot sign with {algorithm}")

    def sign(data: bytes) -> bytes:
        # RFC 7518 §3.4: both numbers side by side, and not the DER that other protocols use.
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(_P256, "big") + s.to_bytes(_P256, "big")

    return algorithm, sign
