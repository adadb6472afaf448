"""Origins of URLs in their one spelling, and the hosts that a stack trusts."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensync.domain.errors import EndpointRefused
from tokensync.domain.origins import BadHosts, Origin, TrustedHosts, shown


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://id.example", "https://id.example"),
        ("HTTPS://ID.Example:443/token?x=1#y", "https://id.example"),
        ("https://id.example:8443/", "https://id.example:8443"),
        ("http://localhost:80/a", "http://localhost"),
        ("http://127.0.0.1:8401/a", "http://127.0.0.1:8401"),
        ("https://[2001:DB8:0::1]/", "https://[2001:db8::1]"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example"),
        ("https://id.example?a=b@c", "https://id.example"),
    ],
)
def test_one_origin_has_one_spelling(url: str, origin: str) -> None:
    """RFC 6454 section 4: lower case, no usual port, no path."""
    assert origin == str(Origin.of(url))


@pytest.mark.parametrize(
    "url",
    [
        *("", "x", "id.example", "//id.example", "https:/id.example", "https:id.example", "ftp://id.example"),
        *("javascript:alert(1)", " https://id.example", "https://id.example /", "https://id.example\n", "https://"),
        *("https://user@id.example", "https://@id.example", "https://a:b@id.example/", "https://id.example\\@x/"),
        *("https://id.example\\", "https://id.example/a\\b", "https://id.example\t/", "https://id.example/\x00"),
        *("https://id.example.", "https://.id.example", "https://id..example", "https://-id.example", "https://id-/"),
        *("https://id_x.example/", "https://id.example:0", "https://id.example:65536", "https://id.example:x/"),
        *("https://id.example:/", "https://id.example:443:443/", "https://\u0456d.example", "https://id\uff0eexample"),
        *("https://[::1", "https://::1/", "https://[::g]/", "https://[1.2.3.4]/", "https://[fe80::1%25eth0]/"),
        f"https://{'a' * 64}.example/",
        f"https://{'.'.join(['a' * 60] * 5)}/",
    ],
)
def test_what_is_no_plain_url_has_no_origin(url: str) -> None:
    """Nothing that another program could read as another host."""
    with pytest.raises(EndpointRefused):
        Origin.of(url)


@given(st.text(alphabet="htps:/\\@.#?%[]1a-\t\u3002:0", max_size=25).map(lambda end: f"https://{end}"))
def test_every_reader_finds_the_same_host(url: str) -> None:
    """What has an origin has the same one for the standard library and for the client that sends it."""
    try:
        origin = Origin.of(url)
    except EndpointRefused:
        return
    parts = urlsplit(url)
    assert (origin.name, origin.scheme) == ((parts.hostname or ""), parts.scheme) or "[" in url
    try:
        read = httpx.URL(url)
    except httpx.InvalidURL:
        return
    assert (origin.host.strip("[]"), origin.port) == (read.host, read.port or 443)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://id.example:8443/token?secret=1", "id.example:8443"),
        ("https://\u0456d.example/", "%D1%96d.example"),
        ("https://a\u202e\x1b[31m$(id)`x`/", "a%E2%80%AE%1B[31m%24%28id%29%60x%60"),
        ("https://user:pass@evil.example/", "user:pass%40evil.example"),
        ("", "no host"),
        (f"https://{'a' * 300}", f"{'a' * 100}…"),
    ],
)
def test_a_host_is_shown_in_plain_characters(url: str, text: str) -> None:
    """Cut, and nothing in it does anything to a terminal, a mail or a shell."""
    assert text == shown(url)


@pytest.mark.parametrize("entry", [".com", ".co.uk", ".com.br", ".org.nz", ".", "..example.com"])
def test_a_suffix_that_many_own_is_not_trusted(entry: str) -> None:
    """Below a registry's own name anybody has a host; the refusal names the entry by its place alone."""
    with pytest.raises(BadHosts, match=r"^entry 2 is neither a host nor a suffix such as \.example\.com$"):
        TrustedHosts.parse(f"id.example.com,{entry}")


def test_trusted_hosts() -> None:
    """A host at its usual port or at another one, and every host below a suffix; nothing is trusted by itself."""
    trusted = TrustedHosts.parse("Id.Example, b.example:8443,.c.example")
    urls = {
        "https://id.example": True,
        "https://id.example:8443": False,
        "https://b.example:8443": True,
        "https://b.example": False,
        "https://x.c.example": True,
        "https://x.y.c.example": True,
        "https://c.example": False,
        "https://xc.example": False,
        "https://x.c.example:8443": False,
        "https://c.example.evil.example": False,
    }

    assert urls == {url: trusted.names(Origin.of(url)) for url in urls}
    assert not any(TrustedHosts.parse("").names(Origin.of(url)) for url in urls)
