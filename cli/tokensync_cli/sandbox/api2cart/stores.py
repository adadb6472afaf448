"""The stores that API2Cart knows, and its settings."""

from dataclasses import dataclass, field, replace
from typing import Any

from tokensync_cli.sandbox.mint import Mint, digest

TOKENS = ("tiktokshop_access_token", "tiktokshop_refresh_token")
REQUIRED = ("tiktokshop_app_key", "tiktokshop_app_secret", *TOKENS)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How it treats its one account."""

    api_key: str = field(repr=False)
    restricted: bool = False
    """The account may not use the API: return code 5."""
    concurrent_requests: int | None = None
    """How many requests it works on at a time; one more is answered with return code 7. None means any number."""
    error_status: int = 200
    """The HTTP status of an error, which is not documented."""


@dataclass(frozen=True, kw_only=True)
class Store:
    """A connected shop. `parameters` are the vendor's own names, tokens included."""

    store_key: str
    cart_id: str
    parameters: dict[str, str] = field(repr=False)
    updated_at: float
    updates: int = 0
    """How often a configuration update reached it."""
    refreshes: int = 0
    """How often it got itself a new pair."""

    def public(self) -> dict[str, Any]:
        """Return it as JSON: the tokens as the SHA-256 that the ledger has too, the secret not at all."""
        sent = self.parameters
        return {
            "store_key": self.store_key,
            "cart_id": self.cart_id,
            "app_key": sent["tiktokshop_app_key"],
            "store_url": sent.get("store_url", ""),
            "custom_label": sent.get("custom_label", ""),
            "access_token": digest(sent["tiktokshop_access_token"]),
            "refresh_token": digest(sent["tiktokshop_refresh_token"]),
            "updated_at": self.updated_at,
            "updates": self.updates,
            "refreshes": self.refreshes,
        }


class Stores:
    """All stores by their key, and the settings. It forgets them when the process ends."""

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._stores: dict[str, Store] = {}
        self.settings = Settings(api_key=mint.word(32))

    def all(self) -> list[Store]:
        """Return the stores in the order they were added."""
        return list(self._stores.values())

    def find(self, store_key: str) -> Store | None:
        """Return the store, or None if there is none."""
        return self._stores.get(store_key)

    def add(self, cart_id: str, parameters: dict[str, str], now: float) -> Store:
        """Add a store, also beside one of the same URL: nothing documents that they are one."""
        store = Store(store_key=self._mint.word(32), cart_id=cart_id, parameters=parameters, updated_at=now)
        self._stores[store.store_key] = store
        return store

    def update(self, store: Store, parameters: dict[str, str], now: float, *, itself: bool = False) -> None:
        """Replace parameters of a store; `itself` means that a refresh of its own brought them."""
        self._stores[store.store_key] = replace(
            store,
            parameters={**store.parameters, **parameters},
            updated_at=now,
            updates=store.updates + (not itself),
            refreshes=store.refreshes + itself,
        )
