"""`connect`, `invite` and `paste` for apps whose accounts give no consent, and for those whose codes belong to PKCE."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, NoReturn
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from fakes.scripted import OIDC, ScriptedServer, oidc_token
from tokensync.domain.app import App
from tokensync.domain.errors import NoAnswer, NotSent
from tokensync.domain.secret import Secret

MINTING = replace(
    OIDC, name="own", endpoints={"token": OIDC.endpoints["token"]}, settings={"grant": "client_credentials"}
)
IMPORTING = App(name="eshopbox", provider="eshopbox", client_id="c-1", client_secret=Secret("canary"))


@pytest.fixture
def server(desk: Any) -> ScriptedServer:
    """A server with an app that mints, one that asks for consent, and one whose connections are imported."""
    for app in (MINTING, OIDC, IMPORTING):
        desk.world.apps.register(app)
    made = ScriptedServer(desk.world.clock)
    made.says("/token", oidc_token())
    made.says("/userinfo", {"sub": "u-1"})
    desk.world.shop.others["id.example"] = made
    return made


def test_paste_begins_and_finishes(desk: Any, server: ScriptedServer) -> None:
    """The link is printed, then the address that the browser was sent to is read."""
    told: list[str] = []
    honest = desk.functions.invoke

    def invoke(function: str, payload: dict[str, Any]) -> bytes:
        if payload["tokensync"] == "paste":
            # What a browser would show in its address bar: known only once the link was printed.
            query = parse_qs(urlsplit(told[0]).query)
            redirect = f"https://connect.example/callback/oidc?code=code-1&state={quote(query['state'][0])}"
            payload = {**payload, "text": redirect}
        answer: bytes = honest(function, payload)
        if payload["tokensync"] == "begin":
            told.append(str(json.loads(answer)["url"]))
        return answer

    desk.functions.invoke = invoke
    result = desk.run("paste", "oidc", "--begin", "--label", "Ada", stdin="an address\n")

    assert 0 == result.exit_code, result.output
    assert told[0] in result.stderr
    assert "oidc/u-1 is connected.\n" == result.stdout
    assert 1 == server.times("/token")
    assert "code_verifier" in server.forms("/token")[0]


def test_connect_mints(desk: Any, server: ScriptedServer) -> None:
    """No browser is opened, and nobody is waited for; programs get the connection's summary."""
    result = desk.run("connect", "own", "--label", "Ours")

    assert 0 == result.exit_code, result.output
    assert "own/client-1 is connected: the app acts for itself, and nobody was asked.\n" == result.stdout
    assert "Next: tokensync token own/client-1" in result.stderr
    assert ([], 1, False) == (desk.opened, server.times("/token"), "OA" in result.output)
    told = desk.json("connect", "own", "--label", "Ours")
    assert ("own/client-1", "active", "Ours") == (told["connection"], told["status"], told["label"])


@pytest.mark.parametrize(
    ("answer", "expected", "words"),
    [
        ({"error": "invalid_scope"}, (1, "tokensync app show own"), "invalid_scope"),
        (
            {"error": "invalid_client"},
            (1, "tokensync app rotate-secret own"),
            "refuses the credentials of own (invalid_client)",
        ),
        ({"error": "temporarily_unavailable"}, (5, "tokensync connect own"), ""),
        (NotSent("dns"), (5, "tokensync connect own"), "cannot be reached"),
        (NoAnswer("cut"), (5, "tokensync connect own"), "no whole answer"),
    ],
)
def test_a_minting_that_fails(
    desk: Any, server: ScriptedServer, answer: Any, expected: tuple[int, str], words: str
) -> None:
    """What the provider said, and whether the registration or time mends it."""
    if isinstance(answer, Exception):

        def dead(_: object) -> NoReturn:
            raise answer

        desk.world.shop.others["id.example"] = dead
    else:
        server.says("/token", answer)
    found, error = desk.error("connect", "own")

    assert expected == (found, error["next"])
    assert words in error["message"]
