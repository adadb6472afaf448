"""Which network addresses a request to a provider may reach."""

from __future__ import annotations

import ipaddress
from typing import Protocol

# All that IANA has assigned as global unicast. Outside of it lie loopback, site-local and IPv4-compatible addresses,
# NAT64 (RFC 6052, RFC 8215) and the IPv4-translated form (RFC 2765).
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_REFUSED = tuple(
    ipaddress.ip_network(text)
    for text in (
        # 6to4 (RFC 3056) and Teredo (RFC 4380) carry an IPv4 address inside, whose own kind nothing at this end can
        # see: refused as a whole, with the relays that unpack 6to4 (RFC 7526).
        "2002::/16",
        "2001::/32",
        "192.88.99.0/24",
        # Protocol assignments (RFC 6890) and documentation (RFC 9637), which not every Python knows.
        "192.0.0.0/24",
        "3fff::/20",
    )
)


class AddressPolicy(Protocol):
    """Decides which addresses a request may reach. It is asked after name resolution, so a name can hide nothing."""

    def allows(self, address: str) -> bool:
        """Return whether a connection to this IP address may be opened."""
        ...

    def allows_plain(self, host: str) -> bool:
        """Return whether this host may be spoken to without TLS."""
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
            elif parsed not in _GLOBAL_UNICAST:
                return False
        if any(parsed in network for network in _REFUSED):
            return False
        return parsed.is_global and not parsed.is_multicast

    def allows_plain(self, host: str) -> bool:
        """Return False: a secret never goes over the internet in clear."""
        del host
        return False
