"""The registries of providers and of the consumers that take token pairs, one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.domain.errors import InvalidApp
from tokensync.providers import (
    api2cart,
    eshopbox,
    oauth2,
    tiktok_accounts,
    tiktok_ads,
    tiktok_login,
    tiktok_shop,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.oauth.consumer import Consumer
    from tokensync.oauth.provider import Provider

PROVIDERS: Mapping[str, Provider] = {
    provider.name: provider
    for provider in (
        tiktok_shop.PROVIDER,
        tiktok_login.PROVIDER,
        tiktok_ads.PROVIDER,
        tiktok_accounts.PROVIDER,
        eshopbox.PROVIDER,
        oauth2.PROVIDER,
    )
}  # fmt: skip
CONSUMERS: Mapping[str, Consumer] = {api2cart.API2CART.name: api2cart.API2CART}


def provider_named(name: str) -> Provider:
    """Return a provider by name.

    Raises:
        InvalidApp: there is none of that name.
    """
    try:
        return PROVIDERS[name]
    except KeyError:
        known = ", ".join(sorted(PROVIDERS))
        raise InvalidApp(f"there is no provider {name!r}; there are: {known}") from None
