from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokensync.domain.connection import Connection, Status
from tokensync.domain.grant import Grant
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
from tokensync.refresh.publish import document

if TYPE_CHECKING:
    from typing import Any

LIMIT = 65_536
ACCOUNT_LIMIT = 49_152


def test_the_document_is_the_public_contract(record: Connection, grant: Grant, now: int) -> None:
    """The secret holds every field of version 1 under its name, and no other."""
    assert json.loads(document(record, grant)) == {
        "version": 1,
        "connection": "shop/account-1",
        "provider": "by_the_book",
        "app": "shop",
        "account_id": "account-1",
        "label": "Acme GmbH",
        "access_token": "canary-access",
        "token_type": "Bearer",
        "expires_at": now + 7200,
        "refresh_token_expires_at": now + 90 * 86_400,
        "scopes": ["read", "write"],
        "account": {"region": "GB"},
        "generation": 3,
        "obtained_at": now - 7200,
        "status": "active",
        "owner": "tokensync",
    }


@pytest.mark.parametrize("status", Status)
def test_the_status_is_its_plain_word(record: Connection, grant: Grant, status: Status) -> None:
    """The status is published as the word that operators see, and the access token stays whatever it is."""
    value = json.loads(document(replace(record, status=status), grant))

    assert (status.value, "canary-access") == (value["status"], value["access_token"])


def test_what_never_expires_is_null(record: Connection, grant: Grant) -> None:
    """Times that do not exist are null and not left out; an account id is text, whatever its digits."""
    endless = replace(grant, access_expires_at=None, refresh_expires_at=None, account_id="9007199254740993")
    value = json.loads(document(record, endless))

    assert (None, None) == (value["expires_at"], value["refresh_token_expires_at"])
    assert "9007199254740993" == value["account_id"]


@pytest.mark.parametrize("text", ["x", "ü", "🛍", '"'])
def test_long_lists_are_cut_first(record: Connection, grant: Grant, text: str) -> None:
    """Facts that are too long lose the end of their longest list, say so, and keep the rest."""
    facts = {"region": "GB", "shops": [{"id": str(number), "name": text * 50} for number in range(2000)]}

    account = json.loads(document(record, replace(grant, account=facts)))["account"]

    assert len(json.dumps(account)) <= ACCOUNT_LIMIT
    assert (account["truncated"], account["region"]) == (True, "GB")
    assert account["shops"] == facts["shops"][: len(account["shops"])]
    assert account["shops"]


GB = {"region": "GB"}
CUT = {"region": "GB", "truncated": True}
WHOLE = {"name": "x" * (ACCOUNT_LIMIT - len('{"name": ""}'))}


@pytest.mark.parametrize(
    ("facts", "token", "published"),
    [
        (WHOLE, "t", WHOLE),
        ({**GB, "seller_name": "x" * 60_000, "shops": ["y" * 60_000]}, "t", CUT),
        ({**GB, "name": "x" * (ACCOUNT_LIMIT - len('{"region": "GB", "name": ""}'))}, "t" * 16_384, CUT),
    ],
    ids=["of the allowed size", "values that cannot be shortened", "beside the longest token"],
)
def test_facts_get_what_room_is_left(
    record: Connection, grant: Grant, facts: dict[str, Any], token: str, published: dict[str, Any]
) -> None:
    """Facts of 48 KB are published as they are; what does not fit is left out, and the facts say so."""
    text = document(record, replace(grant, access_token=Secret(token), account=facts))

    assert len(text) <= LIMIT
    assert published == json.loads(text)["account"]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 16_384), st.integers(0, 60_000), st.integers(0, 2000), st.sampled_from(["x", "ü", "🛍"]))
def test_a_document_always_fits(token: int, name: int, shops: int, text: str) -> None:
    """Whatever the longest token and the facts are, the value stays within what Secrets Manager takes."""
    record = Connection(name=ConnectionName("shop", text * 200), provider="by_the_book", label=text * 100)
    grant = Grant(
        account_id=text * 200,
        label="",
        access_token=Secret("t" * token),
        token_type="Bearer",
        scopes=tuple(f"scope.{number}" for number in range(100)),
        obtained_at=1,
        account={"seller_name": text * name, "shops": [{"id": str(number)} for number in range(shops)]},
    )

    assert len(document(record, grant).encode()) <= LIMIT


def test_a_connection_that_was_handed_over_says_so(record: Connection, grant: Grant, now: int) -> None:
    """Readers learn that nothing here renews the token any more; until that is published, publishing is due."""
    given = record.with_consumer(handed_over_at=now)

    assert "consumer" == json.loads(document(given, grant))["owner"]
    assert given.publishing_is_due()
