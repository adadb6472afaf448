"""One request to a provider: one fresh connection, a total deadline, no redirects, bounded memory, no logging.

`present` sends a code or a refresh token, again only where no byte of the request left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tokensync.domain.errors import NoAnswer, NotSent
from tokensync.domain.messages import Failure, FailureClass, ProviderResponse
from tokensync.oauth.addresses import AddressPolicy, PublicOnly

if TYPE_CHECKING:
    import ssl

    from tokensync.domain.messages import ClearedRequest, Request
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Clock

_KEPT_HEADERS = frozenset({"content-type", "content-encoding", "date", "location", "retry-after", "www-authenticate"})
_CLIENT_HEADERS = {
    "accept": "application/json",
    "accept-encoding": "identity",  # some compress all the same, see `body`
    "connection": "close",
    "user-agent": "tokensync",
}
_FIRST_PAUSE = 0.2


class HttpWire:
    """The real wire. `context` is a TLS context other than the one that all requests share."""

    def __init__(
        self, clock: Clock, *, policy: AddressPolicy | None = None, context: ssl.SSLContext | None = None
    ) -> None:
        self._clock = clock
        self._policy = policy or PublicOnly()
        self._context = context

    def send(self, request: Request, *, seconds: float) -> ProviderResponse:
        """Send one request; see `Wire.send`."""
        end = self._clock.monotonic() + seconds
        from tokensync.oauth import transport  # noqa: PLC0415 - httpx takes long to load, and a tick needs none

        deadline = transport.Deadline(self._clock.monotonic, end)
        try:
            parts = urlsplit(request.url)
            if parts.scheme != "https" and not self._policy.allows_plain(parts.hostname or ""):
                raise NotSent("a provider is spoken to over https alone")
            # `host` last: no request says which server is asked behind an address.
            headers = {**_CLIENT_HEADERS, **request.headers, "host": parts.netloc}
            if request.method != "GET":
                headers["content-length"] = str(len(request.body))
            own = transport.Transport(self._policy, self._context or transport.TRUSTED, deadline, request.largest)
            response = transport.response_to(request.method, request.url, headers, request.body, own)
            return ProviderResponse(
                status=response.status_code,
                headers=_kept(response.extensions["headers"]),
                body=response.content,
                received_at=self._clock.now(),
                complete=response.extensions["complete"],
            )
        except transport.FOREIGN_ERRORS as error:
            # from None: a foreign exception may repeat the request.
            name = type(error).__name__
            if deadline.sent:
                raise NoAnswer(f"no whole answer came back ({name})") from None
            raise NotSent(f"the request did not leave ({name})") from None


def _kept(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    kept: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name = raw_name.decode("ascii", "replace").lower()
        if name in _KEPT_HEADERS:
            # RFC 9110 §5.2: a list may come in several lines. Of the others the last one counts.
            before = f"{kept[name]}," if name == "content-encoding" and name in kept else ""
            kept[name] = f"{before}{raw_value.decode('latin-1')}"[:200]
    return kept


def present(request: ClearedRequest, ports: Ports) -> ProviderResponse | Failure:
    """Return the raw response, or the failure where there is none, within the time that a provider has for it."""
    clock, pause = ports.clock, _FIRST_PAUSE
    end = clock.monotonic() + ports.limits.provider
    while True:
        try:
            response = ports.wire.send(request, seconds=end - clock.monotonic())
        except NoAnswer as error:
            return Failure(kind=FailureClass.AMBIGUOUS, code="no_answer", message=str(error))
        except NotSent as error:
            if clock.monotonic() + 2 * pause >= end:
                return Failure(kind=FailureClass.NOT_SENT, code="not_sent", message=str(error))
            clock.sleep(pause)
            pause *= 2
        else:
            ports.failpoints.reached("answered")
            return response
