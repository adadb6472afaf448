"""Which network addresses a request to a provider may reach."""

from __future__ import annotations

import ipaddress
from typing import Protocol

# NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056) and Teredo (RFC 4380) carry an IPv4 address inside, whose own kind
# nothing at this end can see: refused as a whole.
_TRANSLATED = tuple(
    ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")
)


class AddressPolicy(Protocol):
    """Decides at connect time, after name resolution, so that a name can hide nothing."""

    def allows(self, address: str) -> bool:
        """Return whether a connection to this IP address may be opened."""
        ...


class PublicOnly:
    """Only addresses of the public internet: no loopback, private, link-local, multicast or translated ones."""

    def allows(self, address: str) -> bool:
        """Return whether the address is public."""
        try:
            parsed = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(parsed, ipaddress.IPv6Address):
            if parsed.ipv4_mapped is not None:
                parsed = parsed.ipv4_mapped
            elif any(parsed in network for network in _TRANSLATED):
                return False
        return parsed.is_global and not parsed.is_multicast
