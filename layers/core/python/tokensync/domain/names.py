"""Names of apps and connections, and the secret names made from them."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass

from tokensync.domain.errors import InvalidName

STACK_TAG = "tokensync:stack"  # the tag that makes a secret ours; its value is the stack's name

_APP = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_ACCOUNT_BYTES = 900  # with the prefixes it stays below DynamoDB's 1024-byte sort key
_STANDS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.@-")
_LONGEST_ENCODED = 200
_KEPT_OF_LONG = 150
_HASH_DIGITS = 32
# AWS appends a hyphen and six characters to a secret's ARN and takes such an ending of a name for it.
_LIKE_ARN_SUFFIX = re.compile(r"-(?=.{6}\Z)")


def app_name(text: str) -> str:
    """Return `text` if it is a valid app name.

    Raises:
        InvalidName: it is not 1 to 40 lowercase letters, digits and hyphens, starting with a letter or digit.
    """
    if not _APP.fullmatch(text):
        raise InvalidName("an app's name is 1 to 40 of a-z, 0-9 and '-', and starts with a letter or a digit")
    return text


def account_id(text: str) -> str:
    """Return `text` if it is an account id that a record's key can hold, whatever its alphabet.

    Raises:
        InvalidName: it is not 1 to 900 bytes of UTF-8, or holds control characters.
    """
    try:
        length = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        raise InvalidName("an account id is UTF-8") from None
    if not 0 < length <= _ACCOUNT_BYTES or any(unicodedata.category(char) == "Cc" for char in text):
        raise InvalidName(f"an account id is 1 to {_ACCOUNT_BYTES} bytes without control characters")
    return text


@dataclass(frozen=True, order=True)
class ConnectionName:
    """One account that authorized one app, written `app/account`."""

    app: str
    account: str

    def __post_init__(self) -> None:
        app_name(self.app)
        account_id(self.account)

    @classmethod
    def parse(cls, text: str) -> ConnectionName:
        """Read `app/account`; the account may itself hold slashes.

        Raises:
            InvalidName: there is no slash, or a part is not valid.
        """
        app, slash, account = text.partition("/")
        if not slash:
            raise InvalidName("a connection is written app/account")
        return cls(app, account)

    def __str__(self) -> str:
        return f"{self.app}/{self.account}"


def encoded_account(account: str) -> str:
    """Return the account id as a secret's name spells it: safe, at most 200 bytes, distinct per account."""
    raw = account.encode("utf-8", "surrogatepass")
    encoded = "".join(chr(byte) if byte in _STANDS else f"={byte:02X}" for byte in raw)
    encoded = _LIKE_ARN_SUFFIX.sub("=2D", encoded)
    if len(encoded) > _LONGEST_ENCODED:
        digest = hashlib.sha512(raw).hexdigest()
        # Escapes are upper-case, so a hash that starts with a lower-case letter can never be read as one.
        start = next(index for index, digit in enumerate(digest) if digit.isalpha())
        encoded = f"{encoded[:_KEPT_OF_LONG]}={(digest + digest)[start : start + _HASH_DIGITS]}"
    return encoded


def token_secret_name(prefix: str, name: ConnectionName) -> str:
    """Return the name of the secret that workloads read for this connection."""
    return f"{prefix}/tokens/{name.app}/{encoded_account(name.account)}"


def app_secret_name(prefix: str, app: str) -> str:
    """Return the name of the secret that holds an app's client id and client secret."""
    return f"{prefix}/apps/{_LIKE_ARN_SUFFIX.sub('=2D', app_name(app))}"
