from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokensync.oauth.addresses import PublicOnly

PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:80e::200e", "::ffff:8.8.8.8"]
REFUSED = {
    "loopback": "127.0.0.1",
    "loopback, another": "127.255.255.254",
    "loopback, IPv6": "::1",
    "this host": "0.0.0.0",  # noqa: S104 - an address to refuse, not to bind
    "this network": "0.1.2.3",
    "unspecified, IPv6": "::",
    "private 10": "10.0.0.1",
    "private 172": "172.16.0.1",
    "private 192": "192.168.1.1",
    "shared, carrier NAT": "100.64.0.1",
    "link-local": "169.254.1.1",
    "instance metadata": "169.254.169.254",
    "instance metadata, IPv6": "fd00:ec2::254",
    "container credentials": "169.254.170.2",
    "link-local, IPv6": "fe80::1",
    "link-local with a zone": "fe80::1%eth0",
    "loopback with a zone": "::1%lo",
    "unique local": "fc00::1",
    "unique local, assigned": "fdff::1",
    "site-local": "fec0::1",
    "multicast": "224.0.0.1",
    "multicast, global scope": "233.252.0.1",
    "multicast, IPv6": "ff02::1",
    "multicast, IPv6 global scope": "ff0e::1",
    "broadcast": "255.255.255.255",
    "reserved": "240.0.0.1",
    "benchmarks": "198.18.0.1",
    "documentation": "192.0.2.1",
    "documentation, IPv6": "2001:db8::1",
    "protocol assignments": "192.0.0.8",
    "discard": "100::1",
    "documentation, IPv6, newer": "3fff::1",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped loopback, hex": "::ffff:7f00:1",
    "mapped private": "::ffff:10.0.0.1",
    "mapped metadata": "::ffff:169.254.169.254",
    "translated loopback": "::ffff:0:127.0.0.1",
    "compatible loopback": "::127.0.0.1",
    "compatible public": "::8.8.8.8",
    "NAT64 loopback": "64:ff9b::7f00:1",
    "NAT64 metadata": "64:ff9b::169.254.169.254",
    "NAT64 public": "64:ff9b::8.8.8.8",
    "NAT64 local": "64:ff9b:1::7f00:1",
    "6to4 loopback": "2002:7f00:1::",
    "6to4 private": "2002:a00:1::1",
    "6to4 public": "2002:808:808::1",
    "6to4 relay": "192.88.99.1",
    "Teredo": "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "a name": "localhost",
    "nothing": "",
    "a decimal number": "2130706433",
    "an octal spelling": "0177.0.0.1",
    "a short spelling": "127.1",
    "a hexadecimal spelling": "0x7f000001",
}


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    """Addresses of the public internet may be reached."""
    assert PublicOnly().allows(address)


@pytest.mark.parametrize("address", REFUSED.values(), ids=REFUSED.keys())
def test_every_other_address_is_refused(address: str) -> None:
    """Loopback, private, link-local, translated and reserved addresses are refused, and what is no address."""
    assert not PublicOnly().allows(address)


@pytest.mark.parametrize(
    "spelling",
    ["2130706433", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "127.1", "017700000001", "localhost", "0", "2852039166"],
)
def test_no_spelling_resolves_past_the_policy(spelling: str) -> None:
    """Decimal, octal, hexadecimal and short spellings and names resolve to addresses that are refused."""
    resolved = {str(entry[4][0]) for entry in socket.getaddrinfo(spelling, 80, type=socket.SOCK_STREAM)}

    assert resolved
    assert not any(PublicOnly().allows(address) for address in resolved)


@settings(max_examples=60, deadline=None)
@given(st.ip_addresses(v=4))
def test_no_wrapping_reaches_what_is_refused(address: ipaddress.IPv4Address) -> None:
    """Mapped into IPv6 an address is judged by itself; in any other wrapping it is refused."""
    mapped = ipaddress.IPv6Address(f"::ffff:{address}")
    wrapped = [f"::ffff:0:{address}", f"::{address}", f"64:ff9b::{address}", f"64:ff9b:1::{address}"]
    wrapped.append(str(ipaddress.IPv6Address(0x2002 << 112 | int(address) << 80)))

    assert PublicOnly().allows(str(mapped)) == PublicOnly().allows(str(address))
    assert not any(PublicOnly().allows(text) for text in wrapped)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_what_is_no_address_is_refused(text: str) -> None:
    """No text raises: what cannot be judged may not be reached."""
    assert PublicOnly().allows(text) in (True, False)
