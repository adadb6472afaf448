"""Errors as RFC 6749 section 5.2 has them: a word, HTTP 400, or 401 where the client is not authenticated."""

from typing import Literal

from tokensync_cli.sandbox.answers import Answer

Word = Literal[
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
]

# RFC 6749 section 5.1: no cache may keep a token.
NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


class RequestError(Exception):
    """A request is refused with this word."""

    def __init__(self, word: Word, text: str) -> None:
        super().__init__(text)
        self.word = word
        self.text = text

    def answer(self) -> Answer:
        """Return it as it goes out."""
        return failure(self.word, self.text)


def failure(code: int | str, message: str) -> Answer:
    """Return an error; a number, which the RFC does not know, stands for a server that cannot answer now."""
    word = code if isinstance(code, str) else "temporarily_unavailable"
    unauthenticated = word == "invalid_client"
    challenge = {"www-authenticate": 'Basic realm="sandbox", charset="UTF-8"'} if unauthenticated else {}
    return Answer(
        payload={"error": word, "error_description": message},
        status=401 if unauthenticated else 400,
        error=word,
        headers={**NO_STORE, **challenge},
    )
