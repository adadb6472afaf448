from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fault_rows import fault
from tokensync.oauth.addresses import PublicOnly

PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "2606:4700:4700::1111", "2a00:1450:4001:80e::200e", "::ffff:8.8.8.8"]
REFUSED = {
    "loopback": "127.0.0.1 127.255.255.254 ::1 ::1%lo",
    "this host and its network": "0.0.0.0 0.1.2.3 ::",
    "private": "10.0.0.1 172.16.0.1 192.168.1.1 fc00::1 fdff::1 fec0::1",
    "shared, carrier NAT": "100.64.0.1",
    "link-local": "169.254.1.1 fe80::1 fe80::1%eth0",
    "metadata and credentials of an instance or a container": "169.254.169.254 169.254.170.2 fd00:ec2::254",
    "multicast and broadcast": "224.0.0.1 233.252.0.1 ff02::1 ff0e::1 255.255.255.255",
    "reserved": "240.0.0.1 198.18.0.1 192.0.0.8 100::1",
    "documentation": "192.0.2.1 2001:db8::1 3fff::1",
    "mapped": "::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.0.0.1 ::ffff:169.254.169.254",
    "translated and compatible": "::ffff:0:127.0.0.1 ::127.0.0.1 ::8.8.8.8",
    "NAT64": "64:ff9b::7f00:1 64:ff9b::169.254.169.254 64:ff9b::8.8.8.8 64:ff9b:1::7f00:1",
    "6to4 and Teredo": "2002:7f00:1:: 2002:a00:1::1 2002:808:808::1 192.88.99.1 2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "no address, or no plain spelling of one": "localhost 2130706433 0177.0.0.1 127.1 0x7f000001",
}


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    """Addresses of the public internet may be reached."""
    assert PublicOnly().allows(address)


@fault("D addresses")
@pytest.mark.parametrize("address", ["", *" ".join(REFUSED.values()).split()])
def test_every_other_address_is_refused(address: str) -> None:
    """Loopback, private, link-local, translated and reserved addresses are refused, and what is no address."""
    assert not PublicOnly().allows(address)


@fault("D addresses")
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
