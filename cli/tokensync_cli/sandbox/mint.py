"""Makes codes, tokens and ids, from randomness that is passed in."""

import hashlib
import random
import string
import time

_LETTERS = string.ascii_letters + string.digits + "-_"
# A token's secret part: 64 characters of 6 bits.
_LENGTH = 64


def digest(credential: str) -> str:
    """Return the SHA-256 of a code or token in hex: the only form in which the sandbox keeps one."""
    return hashlib.sha256(credential.encode("utf-8", "surrogatepass")).hexdigest()


class Mint:
    """The source of everything that must be unguessable or unique."""

    def __init__(self, source: random.Random | None = None) -> None:
        self._source = source or random.SystemRandom()

    def credential(self, prefix: str, marker: str = "") -> str:
        """Return a new code or token; `marker` makes it findable in a search for leaks."""
        return f"{prefix}{marker}{''.join(self._source.choices(_LETTERS, k=_LENGTH))}"

    def number(self) -> str:
        """Return a 19-digit id in a string, beyond what a double can hold (2^53)."""
        return str(self._source.randrange(7_000_000_000_000_000_000, 7_700_000_000_000_000_000))

    def word(self, length: int) -> str:
        """Return `length` capital letters and digits."""
        return "".join(self._source.choices(string.ascii_uppercase + string.digits, k=length))

    def undocumented(self, first: int, last: int) -> int:
        """Return a number between the two, for an error whose number is not documented and cannot be relied on."""
        return self._source.randint(first, last)

    def trace(self, now: float) -> str:
        """Return a request id as the vendor's samples show it: a UTC time and 20 characters."""
        return time.strftime("%Y%m%d%H%M%S", time.gmtime(now)) + self.word(20)
