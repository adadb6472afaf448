"""Keeps web pages from driving the sandbox through a visitor's browser."""

from urllib.parse import urlsplit

from starlette.requests import Request

_OWN_NAMES = frozenset({"localhost", "127.0.0.1"})
# What a browser says of an address typed in, and of the sandbox's own pages.
_OWN_SITES = frozenset({"none", "same-origin"})


def crosses_sites(request: Request) -> bool:
    """Tell whether a browser says that a page from elsewhere made the request (Fetch Metadata)."""
    return request.headers.get("sec-fetch-site", "none").lower() not in _OWN_SITES


def is_foreign(request: Request) -> bool:
    """Tell whether a request to the control plane may come from a web page.

    A command line sends no Origin, and a page that rebinds its name to 127.0.0.1 still sends that name as Host.
    """
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname
    return host not in _OWN_NAMES or "origin" in request.headers or crosses_sites(request)
