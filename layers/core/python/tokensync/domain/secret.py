"""The one type that carries tokens, codes and client secrets through the program."""

from __future__ import annotations

import hmac
from typing import NoReturn

MASK = "***"


# Characters: no provider gives a longer token that a header could carry.
LONGEST_TOKEN = 16_384


class NeverPickled:
    """What holds secrets in clear and so is never pickled or copied into another process."""

    __slots__ = ()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {type(self).__name__} is never pickled")


class Secret(NeverPickled):
    """A string that cannot be printed, formatted, pickled or logged by accident.

    Only `reveal` gives the text back, so every place that lets a secret out can be found by that name.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret text itself."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        # As bytes: compare_digest raises on text outside ASCII. surrogatepass: a response may hold lone surrogates.
        return hmac.compare_digest(
            self._text.encode("utf-8", "surrogatepass"), other._text.encode("utf-8", "surrogatepass")
        )

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __bool__(self) -> bool:
        return bool(self._text)


def token_of(value: object) -> Secret | None:
    """Return a token if a header can carry it: visible ASCII without spaces, RFC 6750 §2.1.

    The RFC's own alphabet is narrower, and real tokens hold `^`, `#`, `|`, `!` or `*`. RFC 6749 §A.12 and §A.17 allow a
    space, which no token holds: text with one is a sentence, such as an error's.
    """
    if isinstance(value, str) and 0 < len(value) <= LONGEST_TOKEN and all("!" <= char <= "~" for char in value):
        return Secret(value)
    return None
