from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from field_rows import field
from tokensync.oauth.account_paths import SOURCES, NoPath, Paths
from tokensync.oauth.naming import Naming

DATA: dict[str, Any] = {
    "token": {"team": {"id": "T1", "n": 7, "yes": True}, "data": [{"id": "D0"}, {"id": 12}], "0": "zero"},
    "callback": {"realmId": "123", "empty": ""},
    "id_token": {"tid": "t", "oid": "o", "https://example.com/org": "org-1"},
    "account": [{"tenantId": "x-1"}, {"tenantId": "x-2", "half": 1.5}],
    "param": {"shop": "acme"},
}
PAIRS = st.tuples(st.text(min_size=1), st.text(min_size=1))


def name(text: str, *sources: str) -> str | None:
    """Return the name that paths give where these sources were looked into, all of them by default."""
    paths = Paths.parse(text)
    naming = Naming(account=paths)
    found = {key: value for source in sources or SOURCES for key, value in naming.found(source, DATA[source]).items()}
    return paths.name(found, sources or tuple(SOURCES))


@field("A5", "B account")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("token.team.id", "T1"),
        ("token.team.n", "7"),
        ("token.data.0.id", "D0"),
        ("token.data[1].id", "12"),
        ("token.0", "zero"),
        ("callback.realmId", "123"),
        ("param.shop", "acme"),
        ("account.1.tenantId", "x-2"),
        ("account[0].tenantId", "x-1"),
        ('id_token["https://example.com/org"]', "org-1"),
        ("id_token.tid+id_token.oid", "t:o"),
        ("callback.none,token.team.id", "T1"),
        ("callback.empty+token.team.id,param.shop", "acme"),
        ("callback.realmId,token.team.id", "123"),
        ("token.team", None),
        ("token.team.yes", None),
        ("token.data.9.id", None),
        ("token.data.id", None),
        ("token.team.id.more", None),
        ("account.1.half", None),
        ("callback.empty", None),
        ("id_token.tid+id_token.none", None),
    ],
)
def test_a_path_leads_to_a_name(text: str, expected: str | None) -> None:
    """Text and whole numbers are names; whatever else is there, or nothing, is none."""
    assert expected == name(text)


@field("A5")
@given(
    first=st.tuples(st.text(min_size=1), st.text(min_size=1)),
    second=st.tuples(st.text(min_size=1), st.text(min_size=1)),
)
def test_different_values_never_join_to_one_name(first: tuple[str, str], second: tuple[str, str]) -> None:
    """Two accounts must not share a secret because of where a separator lies."""
    paths = Paths.parse("id_token.tid+id_token.oid")
    made = [paths.name({"id_token.tid": tid, "id_token.oid": oid}, ("id_token",)) for tid, oid in (first, second)]
    assert (first == second) is (made[0] == made[1])


def test_what_was_not_looked_into_decides_nothing() -> None:
    """A response to a refresh has no callback: the alternative behind it must not name another account."""
    assert None is name("callback.realmId,token.team.id", "token")
    assert "T1" == name("token.team.id,callback.realmId", "token")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "team.id",
        "token",
        "token.",
        "token..id",
        "token.a+",
        "token.a,",
        "+token.a",
        "token.a token.b",
        'token["a',
        "token[x]",
        f"token.{'a' * 600}",
        "token.access_token",
        "token.authed_user.refresh_token",
        'token["id_token"]',
        "callback.code",
        "callback.state",
    ],
)
def test_what_is_no_path_is_refused(text: str) -> None:
    """A secret is never a name or a fact, wherever it lies."""
    with pytest.raises(NoPath):
        Paths.parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("callback.shop", "the callback has no shop"),
        ("token.enterprise.id", "the token response has no enterprise.id"),
        ("id_token.tid+id_token.sid", "the ID token has no sid"),
        ("account.0.id", "the account call's response has no 0.id"),
    ],
)
def test_what_is_missing_is_named(text: str, words: str) -> None:
    """An operator learns which path led nowhere."""
    naming = Naming(account=Paths.parse(text))
    found = {key: value for source, data in DATA.items() for key, value in naming.found(source, data).items()}

    assert naming.account is not None
    assert words == naming.account.lacking(found)


@field("B facts")
def test_a_fact_is_what_is_at_its_path_without_secrets() -> None:
    """Numbers, lists and objects stay what they are; tokens within them are left out."""
    facts = {"url": "token.instance_url", "on": "token.on", "pages": "account.data", "none": "token.none"}
    naming = Naming(facts={key: Paths.parse(text) for key, text in facts.items()})
    reply = {"instance_url": "https://acme.example", "on": False}
    pages = {"data": [{"id": 1, "access_token": "canary", "inner": {"refresh_token": "canary"}}]}
    found = naming.found("token", reply) | naming.found("account", pages)

    told = naming.reply(found).facts
    assert {"url": "https://acme.example", "on": False, "pages": [{"id": 1, "inner": {}}]} == told
    assert naming.is_silent(found)
