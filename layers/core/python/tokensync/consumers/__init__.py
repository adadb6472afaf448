"""The consumers that pairs can be handed to, by name."""

from __future__ import annotations

from tokensync.providers.api2cart import API2CART

CONSUMERS = {API2CART.name: API2CART}

__all__ = ["CONSUMERS"]
