"""Authorizations that an operator finishes by hand: with PKCE only what was begun by hand, without it any redirect."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from fakes.scripted import OIDC, Staged, oidc_token
from fakes.visitors import Browser
from fakes.world import ACCOUNT, APP, World
from field_rows import field
from tokensync.authorize.links import Signer
from tokensync.domain.app_state import PauseKind
from tokensync.domain.secret import Secret

LOOPBACK = "http://localhost:7777/done"
ISSUER_APP = replace(OIDC, settings={**OIDC.settings, "iss": "required"})


@pytest.fixture
def stage() -> Staged:
    """An OpenID provider with PKCE."""
    return answering(Staged.of(OIDC))


def answering(stage: Staged) -> Staged:
    """Let the server answer every code."""
    stage.server.says("/token", oidc_token())
    stage.server.says("/userinfo", {"sub": "u-1"})
    return stage


def begun(stage: Staged, **asked: str) -> dict[str, str]:
    """Begin by hand, and return what the consent link carries."""
    result = stage.command("begin", **asked)
    assert result["ok"], result
    assert result["expires_at"] == stage.world.clock.now() + 3600
    return {name: values[0] for name, values in parse_qs(urlsplit(result["url"]).query).items()}


def redirected(state: str, query: str = "code=code-1") -> str:
    """Return where a browser is sent with this state."""
    return f"{LOOPBACK}?{query}&state={quote(state)}"


def s256(verifier: str) -> str:
    """Return the challenge of RFC 7636 §4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def test_what_was_begun_by_hand_is_finished_by_hand_once(stage: Staged) -> None:
    """The verifier belongs to the challenge of the link, the redirect URI is the same, and once is enough."""
    link = begun(stage, label="Ada", redirect_uri=LOOPBACK)
    result = stage.command("paste", text=redirected(link["state"]), redirect_uri="https://other.example")
    again = stage.command("paste", text=redirected(link["state"]))

    assert (True, "oidc/u-1") == (result["ok"], result["connection"])
    assert "AlreadyConsumed" == again["error"]["class"]
    (form,) = stage.server.forms("/token")
    assert ("S256", link["code_challenge"]) == (link["code_challenge_method"], s256(form["code_verifier"]))
    assert (LOOPBACK, LOOPBACK) == (link["redirect_uri"], form["redirect_uri"])
    assert "Ada" == stage.world.document(stage.name("u-1"))["label"]
    assert "https://connect.example/callback/oidc" == begun(stage)["redirect_uri"]


@field("A3")
def test_a_pasted_address_may_hold_what_nobody_reads(stage: Staged) -> None:
    """It is the address that the browser shows, with all that the server added; what is read is there once."""
    link = begun(stage)
    junk = "&session_state=100%&scope=a&scope=b&name=M%fcller&error_description=%0d%0a"
    doubled = stage.command("paste", text=redirected(link["state"], f"code=code-1&code=code-2{junk}"))
    result = stage.command("paste", text=redirected(link["state"], f"code=code-1{junk}"))

    assert ("BadRequest", "a parameter stands twice") == (doubled["error"]["class"], doubled["error"]["message"])
    assert (True, "oidc/u-1") == (result["ok"], result["connection"])


def test_two_that_were_begun_have_verifiers_of_their_own(stage: Staged) -> None:
    """The operator's cookie is one for the app; the verifier is not."""
    first, second = begun(stage), begun(stage)
    assert first["code_challenge"] != second["code_challenge"]
    stage.command("paste", text=redirected(second["state"], "code=code-2"))
    stage.command("paste", text=redirected(first["state"]))

    assert [second["code_challenge"], first["code_challenge"]] == [
        s256(form["code_verifier"]) for form in stage.server.forms("/token")
    ]


def test_a_bare_code_is_refused_with_the_command_that_begins(stage: Staged) -> None:
    """Nobody here holds its verifier; nothing is stored or presented."""
    for text in ("code-1", f"{LOOPBACK}?code=code-1"):
        result = stage.command("paste", text=text)
        assert ("BeginFirst", "tokensync paste oidc --begin") == (result["error"]["class"], result["error"]["next"])
        assert 2 == result["exit"]
    assert 0 == stage.world.authorizations.calls["put"]
    assert [] == stage.server.asked


def test_a_state_begun_in_a_browser_is_refused_and_not_consumed(stage: Staged) -> None:
    """Only that browser can finish it, and it still can."""
    stage.browser.connect()
    result = stage.command("paste", text=redirected(stage.browser.state))
    assert "BeginFirst" == result["error"]["class"]
    assert [] == stage.server.asked

    assert 303 == stage.browser.back().status
    assert "Your account is connected" in stage.browser.result().body


def test_a_browser_cannot_finish_what_was_begun_by_hand(stage: Staged) -> None:
    """The operator's link, finished by a browser's callback: it has not the cookie, and nothing is consumed."""
    link = begun(stage)
    stage.browser.connect()
    stage.browser.state = link["state"]
    assert 400 == stage.browser.back().status

    assert stage.command("paste", text=redirected(link["state"]))["ok"]


@pytest.mark.parametrize("state", ["x.y", "x", "é.x", ".", "expired", "another app's"])
def test_a_state_that_is_not_ours_is_refused(stage: Staged, state: str) -> None:
    """Its signature, its hour and its app are checked, pasted or not."""
    link, app = begun(stage), "oidc"
    if state == "expired":
        stage.world.clock.advance(3600)
        state = link["state"]
    if state == "another app's":
        stage.world.apps.register(replace(OIDC, name="second"))
        state, app = link["state"], "second"
    result = stage.command("paste", app=app, text=redirected(state))

    assert ("BadRequest", "tokensync paste --help") == (result["error"]["class"], result["error"]["next"])
    assert [] == stage.server.asked


def test_a_denial_is_reported(stage: Staged) -> None:
    """The seller declined; there is nothing to exchange."""
    link = begun(stage)
    result = stage.command("paste", text=redirected(link["state"], "error=access_denied"))

    assert ("cancelled", 4) == (result["outcome"], result["exit"])
    assert "access_denied" in result["error"]["message"]
    assert [] == stage.server.asked


def test_an_account_that_could_not_be_asked_for_is_reported_as_unfinished(stage: Staged) -> None:
    """The code is spent and its answer stored: it is a matter of time, and of no new authorization."""
    stage.server.says("/userinfo", 500, {"sub": "u-1"})
    result = stage.command("paste", text=redirected(begun(stage)["state"]))

    assert ("working", 5, "tokensync list --app oidc") == (result["outcome"], result["exit"], result["error"]["next"])
    stage.world.settle(ticks=3)
    assert "active" == stage.world.document(stage.name("u-1"))["status"]


def test_the_issuer_is_checked_in_what_is_pasted() -> None:
    """RFC 9207: a pasted redirect URL is a callback like any other."""
    stage = answering(Staged.of(ISSUER_APP))
    link = begun(stage)
    for query in ("code=code-1", "code=code-1&iss=https://evil.example"):
        assert "BadRequest" == stage.command("paste", text=redirected(link["state"], query))["error"]["class"]
    assert [] == stage.server.asked

    assert stage.command("paste", text=redirected(link["state"], "code=code-1&iss=https://id.example"))["ok"]


def test_a_paused_app_begins_nothing(stage: Staged) -> None:
    """It would end in vain."""
    stage.world.apps.pause("oidc", kind=PauseKind.CONFIGURATION, why="invalid_client", now=1)

    assert "InvalidApp" == stage.command("begin")["error"]["class"]


def test_without_pkce_a_browsers_state_a_link_and_a_bare_code_will_do() -> None:
    """TikTok Shop knows no verifier: what a seller's browser could not deliver, an operator pastes."""
    stage = Staged(World(), Staged.of(OIDC).server, Staged.of(OIDC).browser)
    browser = Browser(stage.world)
    browser.connect()
    link = begun(stage)
    texts = redirected(browser.state), "code-2", redirected(link["state"], "code=code-3")

    assert [f"{APP}/{ACCOUNT}"] * 3 == [stage.command("paste", text=text)["connection"] for text in texts]
    assert ["code-1", "code-2", "code-3"] == stage.world.shop.ledger
    assert "code_challenge" not in link


def test_the_operators_cookie_is_of_the_app_and_of_the_stack() -> None:
    """It is derived from the stack's key: names and code alone do not make it."""
    ours, theirs = Signer([Secret("k" * 64)]), Signer([Secret("j" * 64)])
    made = {signer.operator(app).reveal() for signer in (ours, theirs) for app in ("a", "b")}

    assert 4 == len(made)
    assert ours.operator("a").reveal() in made
    constants = ("operator", "operator.a", "a")
    digests = {hashlib.sha256(text.encode()).digest() for text in constants}
    assert not {base64.urlsafe_b64encode(digest).rstrip(b"=").decode() for digest in digests} & made
