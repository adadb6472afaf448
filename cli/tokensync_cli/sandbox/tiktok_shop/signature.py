"""The vendor's signature of API calls."""

import hashlib
import hmac
from collections.abc import Iterable

_UNSIGNED = frozenset({"sign", "access_token"})


def sign(secret: str, path: str, query: Iterable[tuple[str, str]], body: bytes = b"") -> str:
    """Return the lowercase hex HMAC-SHA256 over the wrapped path, the sorted query and the raw body.

    Names and values are unencoded; `sign` and `access_token` are left out. The key is the secret, which is also at
    both ends of the text.
    """
    pairs = sorted((name, value) for name, value in query if name not in _UNSIGNED)
    text = path.encode() + "".join(name + value for name, value in pairs).encode() + body
    key = secret.encode()
    return hmac.new(key, key + text + key, hashlib.sha256).hexdigest()


def is_signed(sent: str, secret: str, path: str, query: Iterable[tuple[str, str]], body: bytes = b"") -> bool:
    """Return whether `sent` is the signature of the call."""
    return hmac.compare_digest(sent.encode(), sign(secret, path, query, body).encode())
