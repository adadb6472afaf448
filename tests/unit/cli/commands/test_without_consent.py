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


def test_connect_mints(desk: Any, server: ScriptedServer) -> None:
    """No browser is opened, and nobody is waited for."""
    result = desk.run("connect", "own", "--label", "Ours")

    assert 0 == result.exit_code, result.output
    assert "own/client-1 is connected: the app acts for itself, and nobody was asked.\n" == result.stdout
    assert "Next: tokensync token own/client-1" in result.stderr
    assert [] == desk.opened
    assert 1 == server.times("/token")
    assert "OA" not in result.output


def test_connect_mints_as_json(desk: Any, server: ScriptedServer) -> None:
    """The connection's summary, as for any other."""
    told = desk.json("connect", "own", "--label", "Ours")

    assert ("own/client-1", "active", 1, "Ours") == (
        told["connection"],
        told["status"],
        told["generation"],
        told["label"],
    )
    assert 1 == server.times("/token")


def test_a_minting_that_fails_says_what_the_provider_said(desk: Any, server: ScriptedServer) -> None:
    """No seller can mend it: the registration is what differs."""
    server.says("/token", {"error": "invalid_scope"})
    code, error = desk.error("connect", "own")

    assert (1, "tokensync app show own") == (code, error["next"])
    assert "invalid_scope" in error["message"]


def test_a_minting_with_a_wrong_secret(desk: Any, server: ScriptedServer) -> None:
    """The provider refuses the app, which is paused by that, and the command that gives it another secret is named."""
    server.says("/token", {"error": "invalid_client"})
    code, error = desk.error("connect", "own")

    assert (1, "tokensync app rotate-secret own") == (code, error["next"])
    assert "refuses the app's credentials (invalid_client), and own is paused now" in error["message"]
    assert desk.world.apps.state("own").paused


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("failure", "why"), [(NotSent("dns"), "cannot be reached"), (NoAnswer("cut"), "no whole answer")]
)
def test_a_minting_at_a_dead_host(desk: Any, failure: Exception, why: str) -> None:
    """A matter of time, with its cause."""

    def dead(_: object) -> NoReturn:
        raise failure

    desk.world.shop.others["id.example"] = dead
    code, error = desk.error("connect", "own")

    assert (5, "tokensync connect own") == (code, error["next"])
    assert why in error["message"]


def test_a_minting_at_a_busy_provider(desk: Any, server: ScriptedServer) -> None:
    """A matter of time too."""
    server.says("/token", {"error": "temporarily_unavailable"})

    code, error = desk.error("connect", "own")
    assert (5, "tokensync connect own") == (code, error["next"])


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("address", "code", "said"),
    [
        ("?error=access_denied", 4, "The account declined (access_denied)."),
        ("?error=invalid_scope", 1, "The provider refused the request (invalid_scope)."),
        ("", 2, "no code and no state"),
        ("?x=1", 2, "no code and no state"),
        ("?state=s", 2, "This address holds no code:"),
    ],
)
def test_an_address_that_finishes_nothing(desk: Any, address: str, code: int, said: str) -> None:
    """What it says, or lacks, is told before any function is asked."""
    told, error = desk.error("paste", "oidc", stdin=f"https://connect.example/callback/oidc{address}")

    assert code == told
    assert said in error["message"]
    assert [] == desk.functions.asked


def test_connect_to_an_app_that_imports_is_refused(desk: Any, server: ScriptedServer) -> None:
    """It says how its connections are made."""
    code, error = desk.error("connect", "eshopbox")

    assert (1, "NoConsent", "tokensync import eshopbox --account ID") == (code, error["class"], error["next"])
    assert [] == desk.opened
    assert [] == server.asked


@pytest.mark.parametrize(
    ("name", "following"), [("eshopbox", "tokensync import eshopbox --account ID"), ("own", "tokensync connect own")]
)
@pytest.mark.usefixtures("server")
def test_nobody_is_invited_to_an_app_without_consent(desk: Any, name: str, following: str) -> None:
    """Its link would lead nowhere."""
    code, error = desk.error("invite", name)

    assert (1, "NoConsent", following) == (code, error["class"], error["next"])


@pytest.mark.parametrize("name", ["eshopbox", "own"])
def test_nothing_is_pasted_for_an_app_without_consent(desk: Any, server: ScriptedServer, name: str) -> None:
    """Neither begun nor finished."""
    for arguments in (("paste", name), ("paste", name, "--begin")):
        code, error = desk.error(*arguments, stdin="code-1")
        assert (1, "InvalidApp") == (code, error["class"])
    assert [] == server.asked


def test_a_bare_code_of_a_server_with_pkce_has_to_be_begun(desk: Any, server: ScriptedServer) -> None:
    """The next command names the app."""
    code, error = desk.error("paste", "oidc", stdin="code-1")

    assert (2, "BeginFirst", "tokensync paste oidc --begin") == (code, error["class"], error["next"])
    assert [] == server.asked


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


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("arguments", "following"),
    [
        (("paste", "oidc", "--label", "Ada"), "tokensync paste oidc --begin --label L"),
        (("paste", "oidc", "--begin", "--label", "a\nb"), "tokensync paste oidc --begin --label L"),
        (("connect", "own", "--label", "x" * 101), "tokensync connect own --label L"),
        (("invite", "oidc", "--label", "\u202e"), "tokensync invite oidc --label L"),
    ],
)
def test_a_label_is_one_that_a_page_can_show(desk: Any, arguments: tuple[str, ...], following: str) -> None:
    """Wherever it is given; and it is given where something begins."""
    code, error = desk.error(*arguments, stdin="code-1")

    assert (2, following) == (code, error["next"])
    assert [] == desk.functions.asked
