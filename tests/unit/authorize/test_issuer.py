"""RFC 9207: an authorization response names the server that gave it, where that server announced to do so."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import pytest

from fakes.scripted import ISSUER, OIDC, Staged, oidc_token

REQUIRED = {"issuer": ISSUER, "iss": "required"}
OURS = f"iss={quote(ISSUER, safe='')}"


def stage(settings: dict[str, str]) -> Staged:
    """Return a stage whose app has these settings, with a seller at the consent page."""
    made = Staged.of(replace(OIDC, settings=settings))
    made.server.says("/token", oidc_token())
    made.server.says("/userinfo", {"sub": "u-1"})
    made.browser.connect()
    return made


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "&iss=",
        "&iss=https%3A%2F%2Fevil.example",
        f"&{OURS}%2F",
        f"&{OURS}&{OURS}",
        "&iss=HTTPS%3A%2F%2Fid.example",
        "&iss=https%253A%252F%252Fid.example",
    ],
)
@pytest.mark.parametrize("response", ["code=code-1", "error=access_denied"])
def test_where_it_is_announced_no_other_answer_counts(response: str, wrong: str) -> None:
    """Missing, empty, another, twice or nearly right: 400, for errors too, and nothing is consumed."""
    made = stage(REQUIRED)
    assert 400 == made.browser.back(f"{response}{wrong}").status
    assert [] == made.server.asked
    assert 0 == made.world.authorizations.calls["consume"]

    assert 303 == made.browser.back(f"code=code-1&{OURS}").status
    assert "Your account is connected" in made.browser.result().body


def test_a_denial_of_the_right_server_is_one() -> None:
    """The error is heard where its issuer is right."""
    made = stage(REQUIRED)
    made.browser.back(f"error=access_denied&{OURS}")

    assert "You did not connect your account" in made.browser.result().body


@pytest.mark.parametrize(("settings", "iss"), [({"issuer": ISSUER}, ""), ({}, "&iss=https%3A%2F%2Fanybody.example")])
def test_where_it_is_not_announced_or_not_known(settings: dict[str, str], iss: str) -> None:
    """It may be missing, and an app without metadata cannot check it."""
    made = stage(settings)

    assert 303 == made.browser.back(f"code=code-1{iss}").status
    assert "Your account is connected" in made.browser.result().body


def test_where_it_comes_unannounced_it_is_held_to_what_is_known() -> None:
    """Another server's is refused all the same."""
    made = stage({"issuer": ISSUER})
    assert 400 == made.browser.back("code=code-1&iss=https%3A%2F%2Fevil.example").status

    assert 303 == made.browser.back(f"code=code-1&{OURS}").status
    assert [1] == [made.server.times("/token")]
