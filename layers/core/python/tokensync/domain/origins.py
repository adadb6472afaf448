"""Origins of URLs, RFC 6454 §4, and the hosts that who deploys the stack trusts with what came from elsewhere."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import quote

from tokensync.domain.errors import EndpointRefused

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
# The whole shape of a URL that may be used, RFC 3986 §3: what reads it later can find no other host in it. No user, no
# backslash, no space; a host's last dot would make it another name for the same server.
_URL = re.compile(r"(?i:(https?))://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?([/?#][\x21-\x5b\x5d-\x7e]*)?")
_PORTS = {"https": 443, "http": 80}
_LAST_PORT = 65535
_SHOWN = 100  # characters of a host from outside
_SHORT_COUNTRY, _SHORT_SECOND = 2, 3  # letters, as in co.uk, com.br, org.nz
_ODD = re.compile(r"[^A-Za-z0-9.:\[\]-]")


@dataclass(frozen=True)
class Origin:
    """Where a request goes, in its one spelling: lower case, no default port, IPv6 as RFC 5952 writes it."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Return a URL's origin.

        Raises:
            EndpointRefused: it is no plain http or https URL.
        """
        match = _URL.fullmatch(url)
        if match is None:
            raise EndpointRefused("an endpoint is no plain https URL")
        scheme, host = match[1].lower(), match[2].lower()
        port = int(match[3]) if match[3] else _PORTS[scheme]
        if host.startswith("["):
            try:
                host = f"[{ipaddress.IPv6Address(host[1:-1]).compressed}]"
            except ValueError:
                raise EndpointRefused("an endpoint's host is no address") from None
        elif not _HOST.fullmatch(host):
            raise EndpointRefused("an endpoint's host is no name of a host")
        if not 0 < port <= _LAST_PORT:
            raise EndpointRefused("an endpoint's port is none")
        return cls(scheme, host, port)

    @property
    def is_https(self) -> bool:
        """Return whether it is https at its usual port."""
        return self.scheme == "https" and self.port == _PORTS["https"]

    @property
    def name(self) -> str:
        """Return the host without the brackets of an address."""
        return self.host.strip("[]")

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}{'' if self.port == _PORTS[self.scheme] else f':{self.port}'}"


def shown(url: str) -> str:
    """Return the host of a URL that may hold anything, as people may be shown it: cut, in plain ASCII."""
    _, slashes, rest = url.partition("://")
    authority = re.split(r"[/?#\\]", rest if slashes else url, maxsplit=1)[0]
    host = _ODD.sub(lambda char: quote(char[0], safe="", errors="surrogatepass"), authority[: _SHOWN + 1])
    return f"{host[:_SHOWN]}…" if len(host) > _SHOWN else host or "no host"


def is_registrable(ending: str) -> bool:
    """Return whether a host's ending belongs to one owner: `.example.com` does, `.com` and `.co.uk` do not."""
    labels = ending.strip(".").split(".")
    if len(labels) < 2 or not all(labels):  # noqa: PLR2004
        return False
    return len(labels) > 2 or len(labels[1]) != _SHORT_COUNTRY or len(labels[0]) > _SHORT_SECOND  # noqa: PLR2004


class BadHosts(Exception):
    """An entry names no host. The text says which one, by its place, and nothing of it."""


@dataclass(frozen=True)
class TrustedHosts:
    """The hosts of the stack's parameter TrustedHosts, separated by commas.

    `id.example.com` is this host over https, `id.example.com:8443` the same at another port, and `.example.com` every
    host below it, but not itself, at the usual port.
    """

    hosts: frozenset[tuple[str, int]] = frozenset()
    suffixes: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> TrustedHosts:
        """Read the parameter's value.

        Raises:
            BadHosts: an entry is none of these.
        """
        hosts, suffixes = set(), []
        entries = [entry.strip().lower() for entry in text.split(",")] if text.strip() else []
        for place, entry in enumerate(entries, start=1):
            name, colon, port = entry.partition(":")
            is_suffix = name.startswith(".")
            # `lower` makes ASCII of some letters that are none.
            if (
                not text.isascii()
                or not _HOST.fullmatch(name.removeprefix("."))
                or (is_suffix and not is_registrable(name))
            ):
                raise BadHosts(f"entry {place} is neither a host nor a suffix such as .example.com")
            if colon and (is_suffix or not port.isdigit() or not 0 < int(port) <= _LAST_PORT):
                raise BadHosts(f"entry {place} has no usable port")
            if is_suffix:
                suffixes.append(name)
            else:
                hosts.add((name, int(port) if colon else _PORTS["https"]))
        return cls(frozenset(hosts), tuple(suffixes))

    def names(self, origin: Origin) -> bool:
        """Return whether they name this origin."""
        is_below = origin.port == _PORTS["https"] and origin.host.endswith(self.suffixes)
        return is_below or (origin.name, origin.port) in self.hosts
