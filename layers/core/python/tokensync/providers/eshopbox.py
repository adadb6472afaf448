"""Eshopbox. Docs: https://help.eshopbox.com/en/articles/8127829-generate-access-token.

It has no consent page: the credentials are copied from the workspace's app page, so connections are imported. Its
refresh token never rotates and is in no response: the stored one is the only credential.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensync.oauth.provider import GrantType, Provider, RefreshReuse
from tokensync.oauth.shapes import Encoding, ErrorReply, ResponseShape, TokenShape, plain_text

if TYPE_CHECKING:
    from collections.abc import Mapping


def _error(reply: Mapping[str, Any], status: int) -> ErrorReply | None:
    """Return the error, judged by the status alone: its body is documented nowhere, so no word of it decides."""
    if status < 400:  # noqa: PLR2004 - RFC 9110 §15
        return None
    return ErrorReply(code=f"http_{status}", message=plain_text(reply.get("message")))


PROVIDER = Provider(
    name="eshopbox",
    title="Eshopbox",
    docs="https://help.eshopbox.com/en/articles/8127829-generate-access-token",
    endpoints={"token": "https://auth.myeshopbox.com/api/v1/generateToken"},
    hosts=frozenset({"auth.myeshopbox.com"}),
    wanted_facts={"workspace": "part of the host, and the header ProxyHost, of API calls"},
    grant_type=GrantType.REFRESH_TOKEN,
    token=TokenShape(encoding=Encoding.JSON),
    response=ResponseShape(error=_error, default_expires_in=86_400),
    # No error is documented: a 4xx is for an operator to look at and marks nothing dead; 408, 429 and 5xx are retried.
    failures={},
    refresh_reuse=RefreshReuse.SAFE,
)
