"""RFC 9207: an authorization response names the server that gave it, where that server announced to do so."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

import pytest

from fakes.scripted import ISSUER, OIDC, Staged, id_token, oidc_token
from fault_rows import fault
from field_rows import field

REQUIRED = {"issuer": ISSUER, "iss": "required"}
NO_CALL = {name: url for name, url in OIDC.endpoints.items() if name != "verify"}
OURS = f"iss={quote(ISSUER, safe='')}"


def stage(settings: dict[str, str]) -> Staged:
    """Return a stage whose app has these settings, with a seller at the consent page."""
    made = Staged.of(replace(OIDC, settings=settings))
    made.server.says("/token", oidc_token())
    made.server.says("/userinfo", {"sub": "u-1"})
    made.browser.connect()
    return made


@fault("C10")
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


@field("A14")
@pytest.mark.parametrize(
    ("setting", "claimed"), [(ISSUER, f"{ISSUER}/"), (f"{ISSUER}/", ISSUER), (f"{ISSUER}/", f"{ISSUER}/")]
)
def test_an_id_token_is_read_with_and_without_the_issuers_last_slash(setting: str, claimed: str) -> None:
    """Its issuer names the account's server in both spellings; nothing but that slash may differ."""
    made = Staged.of(replace(OIDC, endpoints=NO_CALL, settings={"issuer": setting}))
    for number, iss in enumerate((claimed, f"{ISSUER}//", f"{ISSUER}/other", "https://evil.example")):
        made.server.says("/token", oidc_token(id_token=id_token(iss=iss, aud="client-1", sub=f"u-{number}")))
        made.browser.cookies = ()
        made.browser.authorize(back=f"code=code-{number}")

    assert ["u-0"] == [record.name.account for record in made.world.connections.list("oidc")]


@field("A14")
@pytest.mark.parametrize(
    ("said", "command"),
    [
        (f"{ISSUER}/", f"tokensync app set oidc issuer={ISSUER}/"),
        ("https://evil.example/;rm", "tokensync app show oidc"),
    ],
)
def test_a_refused_issuer_is_alerted_once_with_both_names(said: str, command: str) -> None:
    """RFC 9207 compares letter by letter; the operator reads both, and no command holds what a stranger wrote."""
    made = stage(REQUIRED)
    for _ in range(3):
        assert 400 == made.browser.back(f"code=code-1&iss={quote(said, safe='')}").status

    (alert,) = made.world.alerts.told
    assert ("authorization.refused", command) == (alert.kind, alert.next_command)
    assert f"issuer {said}, and the app says issuer={ISSUER}:" in alert.detail
