"""API Gateway's HTTP API, payload format 2.0, both ways."""

from __future__ import annotations

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


def http_answer(page: Page) -> dict[str, Any]:
    """Return a page as the HTTP API takes it."""
    return {
        "statusCode": page.status,
        "headers": page.all_headers(),
        "cookies": list(page.cookies),
        "body": page.body,
    }
