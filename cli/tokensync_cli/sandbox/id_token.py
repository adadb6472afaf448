"""ID tokens (OpenID Connect Core section 2): who consented, as a JSON Web Token."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any


def id_token(claims: Mapping[str, Any], secret: str = "") -> str:
    """Return the claims as a token, signed with HS256 under the client's secret, or unsigned where none is given."""
    header = {"alg": "HS256" if secret else "none", "typ": "JWT"}
    text = f"{_encoded(header)}.{_encoded(claims)}"
    if not secret:
        return f"{text}."
    return f"{text}.{base64url(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())}"


def base64url(raw: bytes) -> str:
    """Return bytes as RFC 7515 section 2 has them: base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _encoded(value: Mapping[str, Any]) -> str:
    return base64url(json.dumps(value, separators=(",", ":")).encode())
