"""Where a credential may be sent, decided where it is sent: an app's secret may say anything.

The one place that every request to a provider passes: `Wire.send` takes what is cleared here and nothing else. For a
provider with a list of hosts it is that list. For any other it is what the grant is bound to, sealed within it, or what
the stack's parameter TrustedHosts names, which only who deploys may set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Protocol

from tokensync.domain.bound import Bound, Credential
from tokensync.domain.connection import Reason
from tokensync.domain.errors import EndpointRefused
from tokensync.domain.messages import ClearedRequest, Failure, FailureClass
from tokensync.domain.origins import Origin, TrustedHosts, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tokensync.domain.messages import Request


_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,60}")  # RFC 9110 §5.6.2
# RFC 9110 §7.2, §7.6, §8.6, RFC 9112 §6.1: behind one address many servers answer, and `Host` says which is asked;
# where a request ends decides what is read as the next one. The wire alone sets these.
_OF_THE_WIRE = frozenset({
    "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization", "proxy-connection", "te",
    "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip


class Recipient(Protocol):
    """Who is sent something: a provider, or a consumer of pairs. `hosts` are its only ones, None if any may be."""

    @property
    def name(self) -> str:
        """Return its name among its kind."""

    @property
    def title(self) -> str:
        """Return its name for people."""

    @property
    def hosts(self) -> frozenset[str] | None:
        """Return the hosts that it has."""


def _nowhere(host: str) -> bool:
    """Return False: no host is this machine."""
    del host
    return False


@dataclass(frozen=True)
class Destinations:
    """Decides where requests may go. `is_local` says which hosts are this machine: none but on the embedded stack."""

    is_local: Callable[[str], bool] = _nowhere
    trusted: TrustedHosts = field(default_factory=TrustedHosts)

    def cleared(self, request: Request, provider: Recipient, bound: Bound, credential: Credential) -> ClearedRequest:
        """Return a request that may be sent, with a credential that is bound like this.

        Raises:
            EndpointRefused: it would go where the credential may not, or a header could lead it there.
        """
        check_provider(provider, bound)
        origin = self._origin(request.url)
        if not self._may_take(origin, provider, bound, credential):
            raise _elsewhere(origin, provider, bound)
        return _cleared(request)

    def cleared_for(self, consumer: Recipient, request: Request) -> ClearedRequest:
        """Return a request that may be sent to a consumer of token pairs.

        Its account there is the one that the app's secret names, and whoever writes that could name his own. So pairs
        leave only for a host that who deploys has named.

        Raises:
            EndpointRefused: it would go to a host that is not the consumer's, or that TrustedHosts does not name.
        """
        origin = self._origin(request.url)
        if not self._is_local(origin) and not _is_listed(origin, consumer):
            raise _elsewhere(origin, consumer, None)
        if not self.trusted.names(origin):
            raise EndpointRefused(
                f"pairs go to {consumer.title} only where the stack's parameter TrustedHosts names {shown(str(origin))}"
            )
        return _cleared(request)

    def cleared_without_credential(self, request: Request) -> ClearedRequest:
        """Return a request that may be sent as it carries nothing: a server's metadata is fetched by it.

        Raises:
            EndpointRefused: it would go in clear.
            ValueError: it carries something.
        """
        if request.headers or request.body or request.method != "GET":
            raise ValueError("a request that carries nothing has no headers and no body")
        self._origin(request.url)
        return _cleared(request)

    def link(self, url: str, provider: Recipient) -> str:
        """Return the URL of a consent page, to which a seller's browser may be sent.

        Raises:
            EndpointRefused: it is none of the provider's.
        """
        origin = self._origin(url)
        if provider.hosts is not None and not self._is_local(origin) and not _is_listed(origin, provider):
            raise _elsewhere(origin, provider, None)
        return url

    def check_named(self, url: str, *, by: str) -> None:
        """Refuse an endpoint that a server names, where that cannot be its own.

        Raises:
            EndpointRefused: it is without https, or on this machine where the server is not.
        """
        if self._is_local(self._origin(url)) and not self._is_local(Origin.of(by)):
            raise EndpointRefused("an endpoint on this machine is named from elsewhere")

    def kept(self, sealed: Bound | None, now: Bound) -> Bound:
        """Return what a grant is bound to whose provider answered: where it may go by now.

        Where the rule is the same, that is what the app's endpoints are `now`: an account's parameters may have moved
        within it. Where somebody changed it, it is what it was, with what TrustedHosts names.
        """
        if sealed is None:
            return now
        if not sealed.is_known or sealed.rule == now.rule:
            return replace(now, provider=sealed.provider, reading=sealed.reading if sealed.is_known else now.reading)
        return replace(
            sealed,
            token=tuple(dict.fromkeys((*sealed.token, *self._trusted(now.token)))),
            api=tuple(dict.fromkeys((*sealed.api, *self._trusted(now.api)))),
        )

    def is_from_there(self, old: Bound, new: Bound, provider: Recipient, credential: Credential) -> bool:
        """Return whether a credential that is bound to the `old` may be sent wherever the `new` may be.

        Under one rule it is the account's parameters that have to agree.
        """
        if old.provider != new.provider:
            return False
        if old.rule == new.rule:
            return True
        places = (*new.token, *new.api) if credential is Credential.ACCESS else new.token
        return all(self._may_take(Origin.of(origin), provider, old, credential) for origin in places)

    def _trusted(self, origins: Iterable[str]) -> list[str]:
        return [origin for origin in origins if self.trusted.names(Origin.of(origin))]

    def _may_take(self, origin: Origin, provider: Recipient, bound: Bound, credential: Credential) -> bool:
        """Return whether an origin of a provider may be sent what is bound like this."""
        if provider.hosts is not None and not self._is_local(origin):
            return _is_listed(origin, provider)
        return bound.allows(str(origin), credential) or self.trusted.names(origin)

    def _origin(self, url: str) -> Origin:
        origin = Origin.of(url)
        if origin.scheme != "https" and not self._is_local(origin):
            raise EndpointRefused(f"its app names {shown(url)} without https")
        return origin

    def _is_local(self, origin: Origin) -> bool:
        return self.is_local(origin.name)


def check_provider(provider: Recipient, bound: Bound) -> None:
    """Refuse a grant that came by another provider's rules.

    Raises:
        EndpointRefused: it did.
    """
    if provider.name != bound.provider:
        raise EndpointRefused(f"its app is one of {provider.name} by now, and it came from {bound.provider}")


def kept_back(error: EndpointRefused) -> Failure:
    """Return the failure of a request that was not made, as it would have gone elsewhere."""
    return Failure(kind=FailureClass.NOT_SENT, code=Reason.ENDPOINT_CHANGED, message=str(error))


def _is_listed(origin: Origin, recipient: Recipient) -> bool:
    return recipient.hosts is not None and origin.is_https and origin.host in recipient.hosts


def _elsewhere(origin: Origin, recipient: Recipient, bound: Bound | None) -> EndpointRefused:
    named = f"its app names {shown(str(origin))} by now"
    if recipient.hosts is not None:
        return EndpointRefused(f"{named}, which is none of {recipient.title}'s hosts")
    came_from = shown(bound.token[0]) if bound is not None and bound.token else "an unknown host"
    return EndpointRefused(f"{named}, and it came from {came_from}")


def _cleared(request: Request) -> ClearedRequest:
    for name, value in request.headers.items():
        if not _HEADER.fullmatch(name) or name.lower() in _OF_THE_WIRE or any(char in value for char in "\r\n\0"):
            raise EndpointRefused(f"its app sets the header {shown(name)}, which could lead a request elsewhere")
    return ClearedRequest(**{one.name: getattr(request, one.name) for one in fields(request)})
