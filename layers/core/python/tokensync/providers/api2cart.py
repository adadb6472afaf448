"""API2Cart, a consumer of TikTok Shop pairs. Docs: https://api2cart.com/docs/.

Its errors are numbers in the body, and an update takes its parameters, tokens included, in the query string.

Also what is stored, sealed, about a connection and each consumer that knows it (`ConsumerKey`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from tokensync.domain.command_line import CommandPattern
from tokensync.domain.messages import FailureClass, Request
from tokensync.domain.secret import Secret
from tokensync.oauth.consumer import Consumer, Mend
from tokensync.oauth.shapes import ErrorReply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.app import App
    from tokensync.domain.grant import Grant
    from tokensync.domain.names import ConnectionName


_OK = 200
_LONGEST_URL = 300  # characters
# Settings of an app.
STORE_URL, VERIFY = "api2cart_store_url", "api2cart_verify"
_NEW_KEY = CommandPattern("tokensync app set-consumer-key {app}")


def _pair(app: App, grant: Grant) -> dict[str, str]:
    return {
        "tiktokshop_app_key": app.client_id,
        "tiktokshop_app_secret": app.client_secret.reveal(),
        "tiktokshop_refresh_token": "" if grant.refresh_token is None else grant.refresh_token.reveal(),
        "tiktokshop_access_token": grant.access_token.reveal(),
    }


def _key(app: App) -> Secret | None:
    return app.api2cart_key


def _headers(app: App) -> dict[str, str]:
    return {"x-api-key": "" if app.api2cart_key is None else app.api2cart_key.reveal()}


def is_store_url(text: str) -> bool:
    """Return whether a store can have this address: an https URL of at most 300 visible characters without a user."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    plain = len(text) <= _LONGEST_URL and text.isascii() and text.isprintable() and " " not in text
    return plain and parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc


def _store_url(app: App, name: ConnectionName) -> str:
    return app.settings.get(STORE_URL, "").replace("{account}", quote(name.account, safe=""))


def _add(app: App, base: str, grant: Grant, name: ConnectionName, /, *, store_url: str = "") -> Request:
    store: dict[str, Any] = {"cart_id": "TikTokShop", **_pair(app, grant)}
    if store_url:
        store["store_url"] = store_url
    # verify: it tries the pair at once, so that a wrong one fails now and not at its first use.
    store |= {"verify": app.settings.get(VERIFY) != "false", "custom_label": str(name)}
    return Request(
        method="POST",
        url=f"{base}/account.cart.add.json",
        headers={**_headers(app), "content-type": "application/json"},
        body=json.dumps(store).encode("ascii"),
    )


def _update(app: App, base: str, grant: Grant, store_key: str) -> Request:
    return Request(
        method="PUT",
        url=f"{base}/account.config.update.json?{urlencode(_pair(app, grant))}",
        headers={**_headers(app), "x-store-key": store_key},
    )


def _validate(app: App, base: str, store_key: str) -> Request:
    return Request(method="GET", url=f"{base}/cart.validate.json", headers={**_headers(app), "x-store-key": store_key})


def _error(reply: Mapping[str, Any], status: int) -> ErrorReply | None:
    code = reply.get("return_code")
    if status == _OK and code == 0 and not isinstance(code, bool):
        return None
    message = reply.get("return_message")
    known = isinstance(code, int | str) and not isinstance(code, bool) and code not in (0, "")
    return ErrorReply(
        code=str(code) if known else f"http_{status}", message=message if isinstance(message, str) else ""
    )


def _store_key(reply: Mapping[str, Any]) -> str:
    result = reply.get("result")
    key = result.get("store_key") if isinstance(result, dict) else None
    return key if isinstance(key, str) and key.isascii() and key.isprintable() else ""


API2CART = Consumer(
    name="api2cart",
    title="API2Cart",
    base="https://api.api2cart.com/v1.1",
    hosts=frozenset({"api.api2cart.com"}),
    providers=frozenset({"tiktok_shop"}),
    key=_key,
    add=_add,
    update=_update,
    validate=_validate,
    error=_error,
    read_key=_store_key,
    failures={
        "2": FailureClass.CONFIGURATION,  # incorrect API key
        "5": FailureClass.CONFIGURATION,  # restricted
        "7": FailureClass.BUSY,  # too many concurrent requests
        "112": FailureClass.REFUSED,  # store not found
    },
    mends={
        "2": Mend("the API key is none of API2Cart's", _NEW_KEY),
        "no_key": Mend("the key of your API2Cart account is not stored yet", _NEW_KEY),
        "5": Mend("API2Cart restricts your account: its console says why, and the same push works after that"),
        "7": Mend("API2Cart works on too many requests of yours; it is tried again by itself"),
        "112": Mend("API2Cart knows its store no more: the same push makes a new one"),
    },
    store_url=_store_url,
)


@dataclass(frozen=True, kw_only=True)
class ConsumerKey:
    """The key that a consumer gave a connection, None before it gave one, and whether a request got no response.

    A request that must not be made twice is marked as unanswered before it is sent: a second one could make a second
    store, or overwrite a newer pair of the consumer's own. `store_url` is the address that an operator gave the store.
    """

    key: Secret | None = None
    unanswered: bool = False
    store_url: str = ""


def consumer_binding(name: ConnectionName) -> str:
    """Return what the keys of a connection are bound to when they are sealed."""
    return f"{name}|consumer|1"


def to_bytes(keys: Mapping[str, ConsumerKey]) -> bytes:
    """Return keys, by the consumer's name, as JSON in clear: only ever for sealing."""
    plain = {
        name: {
            "key": known.key.reveal() if known.key else "",
            "unanswered": known.unanswered,
            **({"store_url": known.store_url} if known.store_url else {}),
        }
        for name, known in keys.items()
    }
    return json.dumps(plain).encode("ascii")


def from_bytes(data: bytes) -> dict[str, ConsumerKey]:
    """Read what `to_bytes` wrote."""
    return {
        name: ConsumerKey(
            key=Secret(stored["key"]) if stored["key"] else None,
            unanswered=stored["unanswered"],
            store_url=stored.get("store_url", ""),
        )
        for name, stored in json.loads(data).items()
    }
