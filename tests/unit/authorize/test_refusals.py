"""What operators hear of an exchange that the provider refuses: its own words, and what may be behind them."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from fakes.scripted import ADS, ADS_TOKEN, OIDC, Staged, oidc_token
from fakes.visitors import Browser
from fakes.world import APP, World
from tokensync.authorize.links import Invite
from tokensync.domain.authorization import Authorization
from tokensync.domain.connection import LastError
from tokensync.domain.messages import FailureClass
from tokensync.oauth.hints import hint_for
from tokensync.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Mapping

APPROVED = "not be approved yet"
BYTES = "compared byte for byte"
LISTED = "leave it empty in Partner Center"
LOGIN = "tiktok_login"


def refused(stage: Staged) -> Authorization:
    """Return the last authorization."""
    found = [row.record for key, row in stage.world.table.rows.items() if key[1].startswith("pending#")]
    assert isinstance(found[-1], Authorization)
    return found[-1]


def says(world: World, body: Mapping[str, Any], *, status: int = 200) -> None:
    """Let TikTok Shop refuse the next code."""
    world.shop.script.append(lambda _: world.shop.answer(dict(body), status=status))


@pytest.mark.parametrize(
    ("provider", "code", "message", "kind", "expected"),
    [
        ("oauth2", "unauthorized_client", "", FailureClass.CONFIGURATION, APPROVED),
        ("oauth2", "invalid_client", "", FailureClass.CONFIGURATION, "not approved yet"),
        ("oauth2", "invalid_scope", "", FailureClass.UNKNOWN, APPROVED),
        ("oauth2", "invalid_grant", "", FailureClass.REFUSED, BYTES),
        ("oauth2", "redirect_uri_mismatch", "", FailureClass.UNKNOWN, BYTES),
        ("oauth2", "invalid_grant", "Redirect_URI is not the one of the request", FailureClass.REFUSED, BYTES),
        ("oauth2", "4711", "computer says no", FailureClass.UNKNOWN, APPROVED),
        ("oauth2", "http_500", "", FailureClass.AMBIGUOUS, ""),
        (LOGIN, "invalid_request", "Redirect_uri is not matched", FailureClass.UNKNOWN, BYTES),
        (LOGIN, "unauthorized_client", "", FailureClass.CONFIGURATION, APPROVED),
        ("tiktok_shop", "36009033", "Access denied", FailureClass.CONFIGURATION, LISTED),
        ("tiktok_shop", "36009004", "... not in the IP ALLOW LIST ...", FailureClass.CONFIGURATION, LISTED),
        ("tiktok_shop", "1", "invalid client_key", FailureClass.CONFIGURATION, "no app key"),
        ("tiktok_shop", "98001004", "parameters invalid", FailureClass.UNKNOWN, "not approved yet"),
        ("tiktok_shop", "36004004", "invalid auth code", FailureClass.REFUSED, "30 minutes"),
        ("tiktok_shop", "36004005", "can not find related auth record", FailureClass.REFUSED, ""),
        ("tiktok_ads", "40001", "No permission", FailureClass.UNKNOWN, APPROVED),
        ("tiktok_ads", "40001", "auth_code expired or invalid", FailureClass.REFUSED, "works once"),
        ("tiktok_accounts", "40002", "", FailureClass.UNKNOWN, BYTES),
        ("tiktok_accounts", "40101", "", FailureClass.CONFIGURATION, "do not belong together"),
        ("eshopbox", "http_403", "", FailureClass.UNKNOWN, APPROVED),
    ],
)
def test_what_may_be_behind_a_refusal(
    provider: str, code: str, message: str, kind: FailureClass, expected: str
) -> None:
    """By the error's word or a part of its message, as the provider's file says; an unexplained one has the usual."""
    hint = hint_for(PROVIDERS[provider], LastError(failure=kind, code=code, message=message, trace_id="", at=1))

    assert (expected in hint, bool(hint)) == (True, bool(expected))


def test_hints_are_words_for_people() -> None:
    """Each word is compared in lower case; each hint is a clause that can follow a sentence."""
    for provider in PROVIDERS.values():
        words = [word for word, _ in provider.hints]
        assert len(words) == len(set(words))
        assert all(word == word.lower().strip() != "" for word in words)
        assert all(hint.strip() == hint and not hint.endswith(".") for _, hint in provider.hints)


def test_an_operator_who_pastes_reads_words_trace_id_and_hint() -> None:
    """The provider's words are cleaned, and hold nothing of what was presented."""
    world = World()
    said = "invalid\u202e parameters for code-1 e59af819cc"
    says(world, {"code": 98001004, "message": said, "request_id": "t-9"})
    answer = world.callback_commands.answer({"tokensync": "paste", "app": APP, "text": "code-1"}, world.budget())

    message = answer["error"]["message"]
    assert message.startswith("the provider gave no token (98001004 invalid parameters for *** *** t-9); ")
    assert "may be wrong" in message
    assert [] == world.alerted()  # somebody reads the answer


@pytest.mark.parametrize("late", [False, True])
def test_an_invited_account_that_cannot_connect_is_alerted(*, late: bool) -> None:
    """One alert with the words, the trace id and the hint, whoever finishes; the seller reads none of it."""
    world = World()
    browser = Browser(world)
    says(world, {"code": 98001004, "message": "parameters invalid for code-1", "request_id": "t-9"})
    if late:
        with world.dies_at("exchange.received"):
            browser.authorize()
        world.clock.advance(120)
        world.settle(ticks=15)
    else:
        browser.authorize()

    (alert,) = world.alerts.told
    assert ("authorization.failed", APP, f"tokensync app show {APP}") == (alert.kind, alert.subject, alert.next_command)
    assert "(98001004 parameters invalid for *** t-9); " in alert.detail
    assert "may be wrong" in alert.detail
    page = browser.result().body
    assert not any(word in page for word in ("98001004", "t-9", "approved", "app key"))


@pytest.mark.parametrize(
    ("body", "invited"),
    [
        ({"code": 36004004, "message": "invalid auth code", "request_id": "t"}, True),
        ({"code": 98001004, "message": "parameters invalid", "request_id": "t"}, False),
    ],
    ids=["an old code", "an install"],
)
def test_what_anybody_can_cause_is_no_alert(body: Mapping[str, Any], *, invited: bool) -> None:
    """A code that is refused may just be old, and the callback of an install can be sent by anybody."""
    world = World()
    world.apps.update(replace(world.app, settings={"installs": "provider"}))
    says(world, body)
    if invited:
        Browser(world).authorize()
    else:
        Browser(world).arrive("code=code-1")

    assert [] == world.alerted()


def test_a_refusal_of_the_apps_own_credentials_is_alerted_once() -> None:
    """With the hint and the trace id; the next seller who meets it is no news."""
    world = World()
    for _ in range(2):
        says(world, {"code": 36009033, "message": "Access denied.", "request_id": "t-9"})
        Browser(world).authorize()

    (alert,) = world.alerts.told
    assert ("app.credentials_refused", True) == (alert.kind, LISTED in alert.detail)
    assert "t-9" in alert.detail


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        ("unauthorized_client", APPROVED),
        ("invalid_scope", APPROVED),
        ("invalid_request", BYTES),
        ("server_error", None),
    ],
)
def test_a_request_that_is_refused_has_a_hint(error: str, hint: str | None) -> None:
    """Before any account was asked: the registration differs from the provider's console, or is not live."""
    stage = Staged.of(OIDC)
    stage.browser.authorize(back=f"error={error}")

    (alert,) = stage.world.alerts.told
    assert "authorization.refused" == alert.kind
    assert f"{error}; " in alert.detail if hint else alert.detail.endswith(error)
    assert hint is None or hint in alert.detail


def test_minting_says_what_may_be_behind_it() -> None:
    """The operator waits: words and hint are in the answer, whatever was refused."""
    stage = Staged.of(replace(OIDC, settings={"grant": "client_credentials"}))
    stage.server.says("/token", {"error": "unsupported_thing", "error_description": "Not enabled."})
    answer = stage.command("mint")["error"]["message"]
    assert answer.startswith("the provider gave no token (unsupported_thing Not enabled.); ")
    assert APPROVED in answer
    stage.server.says("/token", {"error": "invalid_client"})
    refused = stage.command("mint")["error"]["message"]
    assert "refuses the credentials" in refused
    assert "may be wrong" in refused


def test_the_authorization_keeps_the_providers_words() -> None:
    """Class, code, message and trace id, as the last error of a connection."""
    stage = Staged.of(ADS)
    stage.server.says(ADS_TOKEN, {"code": 40001, "message": "No permission", "request_id": "t-3", "data": {}})
    invite = Invite(id="", app="ads", expires_at=stage.world.clock.now() + 60)
    stage.browser.connect(f"invite={stage.world.signer.invite(invite)}")
    stage.browser.back("auth_code=code-1")

    now = stage.world.clock.now()
    error = LastError(failure="unknown", code="40001", message="No permission", trace_id="t-3", at=now)
    assert (error, "40001") == (refused(stage).last_error, refused(stage).detail)


@pytest.mark.parametrize("kind", ["authorization.refused", "authorization.failed"])
def test_sellers_who_meet_one_cause_are_one_alert(kind: str) -> None:
    """Until it changes, a consent comes to something or the app is set anew; a refresh says nothing of consents."""
    world = (stage := Staged.of(OIDC)).world
    stage.server.says("/userinfo", {"sub": "u-1"})
    numbers = count()

    def seller(back: str) -> None:
        """Let another seller come back with this."""
        stage.browser.cookies = ()
        stage.browser.connect(world.invite(id=f"invite-{next(numbers)}"))
        stage.browser.back(back)

    def refused(*words: str) -> int:
        """Return how many alerts there are of sellers whom the provider refuses, each with one of these words."""
        before = world.alerted().count(kind)
        for word in words:
            stage.server.says("/token", stage.server.answer({"error": word}, status=400))
            seller(f"error={word}" if kind == "authorization.refused" else f"code=code-{next(numbers)}")
        return world.alerted().count(kind) - before

    causes = ("invalid_scope", "invalid_request")
    assert [1, 1] == [refused(*[causes[0]] * 5), refused(*[causes[1]] * 3)]

    stage.server.says("/token", oidc_token())
    seller("code=good")
    assert 1 == refused(causes[1], causes[1])

    world.clock.advance(3000)
    stage.server.says("/token", oidc_token(access_token="A2"))
    world.settle(ticks=3)
    assert 0 == refused(causes[1])

    world.apps.update(OIDC)
    assert 1 == refused(causes[1])
