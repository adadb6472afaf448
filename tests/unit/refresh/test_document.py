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
    """Every field of version 1 stands in the secret under its name, and no other."""
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


def test_the_refresh_token_is_not_in_it(record: Connection, grant: Grant) -> None:
    """Workloads never get the refresh token."""
    assert "canary-refresh" not in document(record, grant)


@pytest.mark.parametrize("status", Status)
def test_the_status_is_its_plain_word(record: Connection, grant: Grant, status: Status) -> None:
    """The status is published as the word that operators see, and the access token stays whatever it is."""
    value = json.loads(document(replace(record, status=status), grant))

    assert value["status"] == status.value
    assert value["access_token"] == "canary-access"


def test_what_never_expires_is_null(record: Connection, grant: Grant) -> None:
    """Times that do not exist are null and not left out."""
    value = json.loads(document(record, replace(grant, access_expires_at=None, refresh_expires_at=None)))

    assert (value["expires_at"], value["refresh_token_expires_at"]) == (None, None)


def test_ids_beyond_53_bits_stay_text(record: Connection, grant: Grant) -> None:
    """An account id is text: a reader whose numbers are floats gets every digit."""
    value = document(record, replace(grant, account_id="9007199254740993"))

    assert '"account_id": "9007199254740993"' in value


def test_facts_of_the_allowed_size_stand_whole(record: Connection, grant: Grant) -> None:
    """Facts of 48 KB are published as they are."""
    facts = {"name": "x" * (ACCOUNT_LIMIT - len('{"name": ""}'))}

    assert json.loads(document(record, replace(grant, account=facts)))["account"] == facts


@pytest.mark.parametrize("text", ["x", "ü", "🛍", '"'])
def test_long_lists_are_cut_first(record: Connection, grant: Grant, text: str) -> None:
    """Facts that are too long lose the end of their longest list, say so, and keep the rest."""
    facts = {"region": "GB", "shops": [{"id": str(number), "name": text * 50} for number in range(2000)]}

    account = json.loads(document(record, replace(grant, account=facts)))["account"]

    assert len(json.dumps(account)) <= ACCOUNT_LIMIT
    assert (account["truncated"], account["region"]) == (True, "GB")
    assert account["shops"] == facts["shops"][: len(account["shops"])]
    assert account["shops"]


def test_a_single_value_that_is_too_long_goes(record: Connection, grant: Grant) -> None:
    """A fact that cannot be shortened is left out, and the facts say that they were cut."""
    facts: dict[str, Any] = {"region": "GB", "seller_name": "x" * 60_000, "shops": ["y" * 60_000]}

    assert json.loads(document(record, replace(grant, account=facts)))["account"] == {
        "region": "GB",
        "truncated": True,
    }


def test_the_longest_token_and_the_largest_facts_fit_together(record: Connection, grant: Grant) -> None:
    """Beside the longest token the facts get what room is left, and say that they were cut."""
    facts = {"region": "GB", "name": "x" * (ACCOUNT_LIMIT - len('{"region": "GB", "name": ""}'))}

    text = document(record, replace(grant, access_token=Secret("t" * 16_384), account=facts))

    assert len(text) <= LIMIT
    assert json.loads(text)["account"] == {"region": "GB", "truncated": True}


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
