"""Errors as RFC 6749 section 5.2 has them: a word, HTTP 400, or 401 where the client is not authenticated."""

from tokensync_cli.sandbox.responses import ProviderResponse

# RFC 6749 section 5.1: no cache may keep a token.
NO_STORE = {"cache-control": "no-store", "pragma": "no-cache"}


def failure(code: int | str, message: str) -> ProviderResponse:
    """Return an error; a number, which the RFC does not know, is a server that cannot answer now."""
    word = code if isinstance(code, str) else "temporarily_unavailable"
    unauthenticated = word == "invalid_client"
    challenge = {"www-authenticate": 'Basic realm="sandbox", charset="UTF-8"'} if unauthenticated else {}
    return ProviderResponse(
        payload={"error": word, "error_description": message},
        status=401 if unauthenticated else 400,
        error=word,
        headers={**NO_STORE, **challenge},
    )
