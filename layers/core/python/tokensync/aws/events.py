"""API Gateway's HTTP API, payload format 2.0, both ways."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.pages import Page


def cookies_of(event: Mapping[str, Any]) -> list[str]:
    """Return the request's cookies, each as `name=value`.

    AWS sends them in `cookies`; the embedded stack leaves them in the header.
    """
    cookies: list[str] = list(event.get("cookies") or ())
    header = (event.get("headers") or {}).get("cookie", "")
    return cookies or [part.strip() for part in header.split(";") if part.strip()]


def headers_of(event: Mapping[str, Any]) -> dict[str, str]:
    """Return the request's headers, names in lower case: AWS sends them so, the embedded stack as they came."""
    return {name.lower(): value for name, value in (event.get("headers") or {}).items()}


def raw_body(event: Mapping[str, Any]) -> bytes:
    """Return the request's body, byte for byte as it was sent: signatures are over these bytes.

    API Gateway encodes what it does not take for text. What claims to be encoded and is not, becomes an empty body,
    which no signature holds for.
    """
    body: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except ValueError:
        return b""


def http_answer(page: Page) -> dict[str, Any]:
    """Return a page as the HTTP API takes it."""
    return {
        "statusCode": page.status,
        "headers": page.all_headers(),
        "cookies": list(page.cookies),
        "body": page.body,
    }
