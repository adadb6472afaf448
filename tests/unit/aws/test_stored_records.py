"""What earlier versions stored still loads, and is stored again in the same form.

`fixtures/stored_2026_11.json` was written by the version of November 2026: items in DynamoDB's notation with bytes in
base64, messages, the plain text of a grant, and a published secret. It is never rewritten.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from tokensync.aws.dynamodb import DUE, Item, from_notation, in_notation
from tokensync.aws.items import (
    authorization_attributes,
    authorization_from,
    authorization_key,
    connection_attributes,
    connection_from,
    connection_key,
)
from tokensync.domain.connection import Attempt, Exemption, Phase, Reason, Status
from tokensync.domain.grant import Grant
from tokensync.domain.work import Work
from tokensync.refresh.publish import document

STORED = json.loads((Path(__file__).parents[2] / "fixtures" / "stored_2026_11.json").read_text())


def given(stored: Any) -> Any:
    """Return an item as boto3's client gives it: bytes where the file has base64."""
    match stored:
        case {"B": str(text)}:
            return {"B": base64.b64decode(text)}
        case dict():
            return {name: given(value) for name, value in stored.items()}
        case list():
            return [given(value) for value in stored]
    return stored


def item(stored: Any) -> Item:
    """Return an item as it is read."""
    return from_notation(given(stored))


def stored_again(key: tuple[str, str], attributes: dict[str, Any]) -> dict[str, Any]:
    """Return the item as this version stores it."""
    return in_notation({"pk": key[0], "sk": key[1], **attributes})


@pytest.mark.parametrize("name", STORED["connections"])
def test_a_connection_is_stored_as_before(name: str) -> None:
    """Every attribute is read and written back under its own name."""
    was = given(STORED["connections"][name])
    record = connection_from(from_notation(was))

    assert was == stored_again(connection_key(record.name), connection_attributes(record))


def test_what_is_in_the_index_of_due_records_is_read() -> None:
    """The index's own attribute is called as a part of the record is."""
    was = item(STORED["connections"]["received"])

    assert connection_from(was) == connection_from({**was, DUE: DUE})


@pytest.mark.parametrize("name", STORED["authorizations"])
def test_an_authorization_is_stored_as_before(name: str) -> None:
    """Every attribute is read and written back under its own name."""
    was = given(STORED["authorizations"][name])
    record = authorization_from(from_notation(was))

    assert was == stored_again(authorization_key(record.key), authorization_attributes(record))


def test_an_attempt_under_way_is_read() -> None:
    """A worker of this version goes on with what one of that version began."""
    record = connection_from(item(STORED["connections"]["received"]))

    assert (Phase.RECEIVED, 1_660_300_066, b"\x01sealed answer") == (
        record.phase,
        record.due.next_at,
        record.sealed_answer,
    )
    assert Attempt("a1b2", 32, 1_660_300_001, Exemption.GRACE, earlier=(28, 30)) == record.attempt


def test_what_stands_in_parts_now_is_read() -> None:
    """Due times, the authorization and the consumer were attributes of the record itself, and still are when stored."""
    held = connection_from(item(STORED["connections"]["held"]))
    handed = connection_from(item(STORED["connections"]["handed"]))

    assert (Status.HELD, Reason.REFUSED, 1_660_300_610) == (held.status, held.reason, held.due.renew_at)
    assert ("invite-1", ("order.read",)) == (held.authorized.authorized_by, held.authorized.missing_scopes)
    assert (12, 1_660_200_000, b"\x01consumer") == (
        handed.consumer.pushed,
        handed.consumer.handed_over_at,
        handed.consumer.sealed_consumer,
    )
    assert "consumer" == handed.owner


@pytest.mark.parametrize("name", STORED["messages"])
def test_a_message_is_written_as_before(name: str) -> None:
    """A message that waits in the queue while the stack is updated is worked on."""
    assert json.loads(STORED["messages"][name]) == json.loads(Work.from_json(STORED["messages"][name]).to_json())


def test_a_grant_and_its_secret_are_written_as_before() -> None:
    """The secret is a public contract: the same grant gives the same document."""
    grant = Grant.from_bytes(json.dumps(STORED["grant"]).encode())
    record = connection_from(item(STORED["connections"]["active"]))

    assert STORED["grant"] == json.loads(grant.to_bytes())
    assert STORED["published"] == json.loads(document(record, grant))
