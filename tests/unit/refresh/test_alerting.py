"""What is alerted is alerted once for each connection and cause, until the cause changes or ends."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from fakes.scripted import ISSUER, OIDC, Staged, id_token, oidc_token
from field_rows import field
from tokensync.domain.visible import Line
from tokensync.refresh.alerting import Notice, judged

ODD = {"scope": ["a"], "expires_in": "soon"}


def staged(first: dict[str, Any] | None = None, **app: Any) -> Staged:
    """Return a stage with one connection, u-1."""
    stage = Staged.of(replace(OIDC, **app))
    stage.server.says("/token", says(**(first or {})))
    stage.server.says("/userinfo", {"sub": "u-1"})
    stage.connect()
    return stage


def says(**fields: Any) -> dict[str, Any]:
    """Return a token response that names the account."""
    token = id_token(iss=ISSUER, aud="client-1", sub="u-1")
    return oidc_token(**{"id_token": token, **fields})


def refresh(stage: Staged, response: Any, *, times: int = 1, every: int = 4000) -> list[str]:
    """Refresh so often with this response, `every` so many seconds; return the kinds of the alerts that this made."""
    before = len(stage.world.alerts.told)
    stage.server.says("/token", response)
    for _ in range(times):
        stage.world.clock.advance(every)
        stage.world.run(stage.name("u-1"), force=True)
    return [alert.kind for alert in stage.world.alerts.told[before:]]


@field("A11")
def test_an_odd_response_is_alerted_once_however_often_it_comes() -> None:
    """A thousand refreshes are one mail; the log has each."""
    stage = staged()

    assert ["answer.odd"] == refresh(stage, says(expires_in="soon"), times=20)
    assert 20 == stage.world.log.events().count("answer.odd")


@field("A11")
def test_another_oddity_is_another_cause_and_one_that_ended_is_alerted_when_it_comes_back() -> None:
    """The record remembers what lasts, and no more."""
    stage = staged()
    odd, other = says(expires_in="soon"), says(expires_in="soon", refresh_token=7)

    assert ["answer.odd"] == refresh(stage, odd)
    assert ["answer.odd"] == refresh(stage, other)
    assert [] == refresh(stage, other)
    assert [] == refresh(stage, says(), times=2)
    assert () == stage.world.stored(stage.name("u-1")).alerted
    assert ["answer.odd"] == refresh(stage, odd, times=2)


@field("A11")
def test_an_odd_response_at_each_consent_is_alerted_once() -> None:
    """The take-over keeps what operators know of the account."""
    stage = staged({"expires_in": "soon"})
    for number in (2, 3):
        stage.world.clock.advance(60)
        stage.connect(code=f"code-{number}")
    refresh(stage, says(expires_in="soon"))

    assert ["answer.odd"] == stage.alerts()


@field("A11", "A10")
def test_scopes_that_stay_missing_are_alerted_once() -> None:
    """Another missing scope is another cause; the page says it each time."""
    stage = staged({"scope": "a"}, scopes=("a", "b", "c"))
    stage.world.clock.advance(60)
    assert "b, c" in stage.connect(code="code-2").body
    assert ["authorization.scopes_missing"] == stage.alerts()
    stage.server.says("/token", says(scope="a b"))
    stage.world.clock.advance(60)
    stage.connect(code="code-3")

    assert ["authorization.scopes_missing"] * 2 == stage.alerts()


@field("A11")
def test_a_consent_without_a_refresh_token_is_alerted_once() -> None:
    """Nothing was there that could stay; the same again is no news."""
    alone = {key: value for key, value in says().items() if key != "refresh_token"}
    stage = Staged.of(OIDC)
    stage.server.says("/token", alone)
    stage.server.says("/userinfo", {"sub": "u-1"})
    for number in (1, 2, 3):
        stage.world.clock.advance(60)
        stage.connect(code=f"code-{number}")
        stage.world.drain()

    assert ["connection.cannot_refresh"] == stage.alerts()


@field("A11")
def test_an_unexplained_error_is_alerted_once() -> None:
    """Another word is another cause, and tokens end it."""
    stage = staged()
    odd, other = (stage.server.answer(json.dumps({"error": word}).encode(), status=400) for word in ("odd", "other"))

    assert ["refresh.unexplained"] == refresh(stage, odd, times=5, every=60)
    assert ["refresh.unexplained"] == refresh(stage, other, times=2, every=60)
    assert [] == refresh(stage, says(), every=60)
    assert ["refresh.unexplained"] == refresh(stage, odd, every=60)


@field("A11")
@pytest.mark.parametrize(
    ("codes", "told"),
    [
        ([f"E-{number:04x}-down" for number in range(9)], 1),
        ([f"request {chr(98 + number) * 5}" for number in range(9)], 3),
        (["backend_a_down", "backend_b_down"] * 5, 2),
        ([40001, 40002] * 3, 2),
    ],
    ids=["an id", "an id without digits", "two in turn", "numbers"],
)
def test_an_unexplained_error_with_an_id_is_no_other_cause(codes: list[Any], told: int) -> None:
    """What changes each time is no news, nor are two causes in turn; the alert has the code as it came."""
    stage = staged()
    words = (stage.server.answer({"error": code}, status=400) for code in codes)
    kinds = [kind for word in words for kind in refresh(stage, word, every=60)]

    assert ["refresh.unexplained"] * told == kinds
    assert str(codes[0]) in stage.world.alerts.told[0].detail
    assert told == len(stage.world.stored(stage.name("u-1")).alerted)


@field("A11")
def test_an_account_call_that_names_another_account_is_alerted_once() -> None:
    """A token that never expires is verified daily: the same is no news each day."""
    stage = Staged.of(OIDC)
    stage.server.says("/token", {"access_token": "OA", "token_type": "Bearer"})
    stage.server.says("/userinfo", {"sub": "u-1"})
    stage.connect()
    stage.server.says("/userinfo", {"sub": "u-2"})
    for _ in range(5):
        stage.world.clock.advance(86_400)
        stage.world.run(stage.name("u-1"))
    assert ["account.changed"] == stage.alerts()
    stage.server.says("/userinfo", {"sub": "u-1"}, {"sub": "u-2"})
    for _ in range(2):
        stage.world.clock.advance(86_400)
        stage.world.run(stage.name("u-1"))

    assert ["account.changed"] * 2 == stage.alerts()


def notice(kind: str, cause: str) -> Notice:
    """Return a notice."""
    return Notice(kind=kind, cause=cause, detail=Line(""), next_command=Line(""))


def test_only_what_was_judged_can_end() -> None:
    """A refresh says nothing of the scopes of a consent; nor does a record hold ever more."""
    marks, new = judged((), [notice("a", "1"), notice("b", "1"), notice("b", "1")], kinds=("a", "b"))
    assert ([notice("a", "1"), notice("b", "1")], 2) == (new, len(marks))
    assert ((marks[1],), []) == judged(marks, [], kinds=("a",))
    many = [notice("c", str(number)) for number in range(100)]
    assert 40 == len(judged(marks, many, kinds=("c",))[0])
