"""That nothing is sent which was not cleared, and what clears it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import tokensync
from tokensync.domain.bound import Bound, Credential
from tokensync.domain.destinations import Destinations
from tokensync.domain.errors import EndpointRefused
from tokensync.domain.messages import Request
from tokensync.providers import provider_named

CORE = Path(tokensync.__file__).parent
GENERIC = provider_named("oauth2")
BOUND = Bound(provider="oauth2", rule="r", token=("https://id.example",), api=("https://api.example",))


def calls(name: str) -> set[str]:
    """Return the files of the core that call something of this name."""
    found = set()
    for file in CORE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and name in (getattr(node.func, "id", ""), getattr(node.func, "attr", "")):
                found.add(file.relative_to(CORE).as_posix())
    return found


def test_one_place_clears_what_is_sent() -> None:
    """`Wire.send` takes nothing else, as the type checker sees; so whatever is sent was looked at there."""
    assert {"domain/destinations.py"} == calls("ClearedRequest")


def test_an_access_tokens_server_gets_no_refresh_token() -> None:
    """The server of the account's data is sent the access token, and nothing that is for the authorization server."""
    to_api = Request(method="POST", url="https://api.example/token")
    destinations = Destinations()
    assert to_api.url == destinations.cleared(to_api, GENERIC, BOUND, Credential.ACCESS).url

    with pytest.raises(EndpointRefused, match=r"names api\.example by now, and it came from id\.example"):
        destinations.cleared(to_api, GENERIC, BOUND, Credential.TOKEN)


def test_a_grant_whose_origins_nobody_noted_goes_nowhere() -> None:
    """It is bound first."""
    request = Request(method="POST", url="https://id.example/token")

    with pytest.raises(EndpointRefused, match="an unknown host"):
        Destinations().cleared(request, GENERIC, Bound(provider="oauth2"), Credential.TOKEN)


def test_no_other_providers_grant_is_from_there() -> None:
    """Not even one of the same origins: what the one gave is read and sent by the other's rules."""
    other = Bound(provider="tiktok_shop", rule="r", token=BOUND.token)

    assert (True, False) == (
        Destinations().is_from_there(BOUND, BOUND, GENERIC, Credential.TOKEN),
        Destinations().is_from_there(other, BOUND, GENERIC, Credential.TOKEN),
    )


def test_a_cleared_request_is_the_request() -> None:
    """Byte for byte, and it shows no more of itself."""
    request = Request(method="POST", url="https://id.example/t?s=1", headers={"a": "b"}, body=b"c", largest=7)
    cleared = Destinations().cleared(request, GENERIC, BOUND, Credential.TOKEN)

    assert (request.method, request.url, request.headers, request.body, request.largest, repr(request)) == (
        cleared.method, cleared.url, cleared.headers, cleared.body, cleared.largest, repr(cleared)
    )  # fmt: skip


CARRYING = [
    Request(method="POST", url="https://a.example"),
    Request(method="GET", url="https://a.example", body=b"x"),
    Request(method="GET", url="https://a.example", headers={"authorization": "x"}),
]


@pytest.mark.parametrize("carrying", CARRYING)
def test_what_carries_something_is_not_cleared_as_if_it_did_not(carrying: Request) -> None:
    """Only a server's documents are fetched without saying for whom."""
    with pytest.raises(ValueError, match="carries nothing"):
        Destinations().cleared_without_credential(carrying)
