"""The addresses that an app may name: where a client secret, a pair or a seller's browser may go."""

from urllib.parse import SplitResult, urlsplit

from tokensync.domain.app import App
from tokensync.domain.command_line import typed
from tokensync.domain.visible import Line
from tokensync.oauth.provider import Provider
from tokensync.providers import CONSUMERS, provider_named
from tokensync_cli.output.failures import UsageFailed

_HTTPS_PORTS = (None, 443)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PUSH = "push"  # the endpoint that is a consumer's and not the provider's
# Paths are put after these. The others are endpoints of RFC 6749 §3.1 and §3.2, which may have a query.
_BASES = frozenset({"api", _PUSH})


def refused(message: str) -> UsageFailed:
    """Return the refusal of an app that does not fit its provider."""
    return UsageFailed(message, next_command=typed("tokensync provider list"))


def check_issuer(url: str, *, is_embedded: bool) -> None:
    """Refuse an issuer whose metadata somebody on the way could write.

    Raises:
        UsageFailed: it is neither https nor, for the embedded stack, on this machine.
    """
    parts = _parts(url)
    if parts is None or (parts.scheme != "https" and not (is_embedded and _is_loopback(parts))):
        raise UsageFailed(
            "--discover takes the server's issuer, an https URL.", next_command=Line("--discover https://ISSUER")
        )


def live_hosts(app: App) -> list[str]:
    """Return the hosts beyond this machine that an app would speak to, in order."""
    provider = provider_named(app.provider)
    provider = provider.for_app(app)
    urls = (provider.template(app, key) for key in {*provider.endpoints, *app.endpoints})
    hosts = (urlsplit(url).hostname or url.partition("/")[0] for url in urls)
    return sorted({host for host in hosts if host not in _LOOPBACK})


def check_endpoint(key: str, url: str, provider: Provider, *, is_embedded: bool) -> None:
    """Refuse an endpoint that is not the provider's, or for `push` not a consumer's.

    Raises:
        UsageFailed: the message says what it may be.
    """
    where = f"--endpoint {key}"
    if url.startswith("{") and provider.hosts is None and key != _PUSH:
        return  # a whole base: its parameter's pattern says where it leads
    parts = _parts(url)
    if parts is None or parts.username or parts.password or "#" in url:
        raise refused(f"{where} is an https URL without user or fragment.")
    if "?" in url and (provider.hosts is not None or key in _BASES):
        raise refused(f"{where} is an https URL without query.")
    if _is_loopback(parts):
        if not is_embedded:
            raise refused(f"{where} is on this machine, which only the embedded stack can reach.")
        return
    if parts.scheme != "https" or (provider.hosts is not None and parts.port not in _HTTPS_PORTS):
        raise refused(f"{where} is an https URL.")
    if key == _PUSH:
        _check_consumers_host(parts, provider)
        return
    if provider.hosts is not None and parts.hostname not in provider.hosts:
        raise refused(
            f"{where}: {parts.hostname} is none of {provider.title}'s hosts, so no client secret goes there. "
            f"It has {', '.join(sorted(provider.hosts))}."
        )


def _check_consumers_host(parts: SplitResult, provider: Provider) -> None:
    takers = [consumer for consumer in CONSUMERS.values() if provider.name in consumer.providers]
    hosts = sorted({host for consumer in takers for host in consumer.hosts})
    if parts.hostname not in hosts or parts.port not in _HTTPS_PORTS:
        known = f"It may be {', '.join(hosts)}." if hosts else f"Nobody takes what {provider.title} gives."
        raise refused(f"--endpoint {_PUSH}: {parts.hostname} is no consumer's host, so no pair goes there. {known}")


def check_return_url(app: App, *, is_embedded: bool) -> None:
    """Refuse a page that no seller's browser can come back to.

    Raises:
        UsageFailed: it is no such page.
    """
    parts = _parts(app.return_url)
    if parts is None or not app.return_url.isprintable() or parts.username or parts.password:
        raise refused("--set return_url is an https URL, or http on this machine for the embedded stack.")
    if _is_loopback(parts) and not is_embedded:
        raise refused("--set return_url is on this machine, where no seller's browser finds it.")


def _is_loopback(parts: SplitResult) -> bool:
    return parts.scheme in ("http", "https") and parts.hostname in _LOOPBACK


def _parts(url: str) -> SplitResult | None:
    """Return a URL's parts, None if it is no usable URL."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    has_odd = any(char.isspace() or not char.isprintable() or char == "\\" for char in url)
    return None if has_odd or not parts.hostname or parts.scheme not in ("http", "https") else parts
