import base64
import json

from tokensync_cli.sandbox.id_token import base64url, id_token


def decoded(part: str) -> object:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_without_a_secret_a_token_is_unsigned() -> None:
    """The algorithm is none and the signature empty (RFC 7515 appendix A.5)."""
    header, claims, signature = id_token({"sub": "jane"}).split(".")
    assert {"alg": "none", "typ": "JWT"} == decoded(header)
    assert {"sub": "jane"} == decoded(claims)
    assert signature == ""


def test_with_a_secret_it_is_signed_with_hs256() -> None:
    """The signature is an HMAC over header and claims, and differs with the secret."""
    signed, other = id_token({"sub": "jane"}, "k"), id_token({"sub": "jane"}, "l")
    assert {"alg": "HS256", "typ": "JWT"} == decoded(signed.split(".")[0])
    assert signed.rpartition(".")[0] == other.rpartition(".")[0]
    assert signed != other


def test_base64url_has_no_padding() -> None:
    """The vector of RFC 7515 appendix C."""
    assert base64url(bytes([3, 236, 255, 224, 193])) == "A-z_4ME"
