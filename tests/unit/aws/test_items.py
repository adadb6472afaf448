from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.records import flat
from tokensync.aws.dynamodb import from_notation, in_notation
from tokensync.aws.items import (
    authorization_attributes,
    connection_attributes,
    connection_from,
    invite_attributes,
    invite_from,
    plain,
    schema_of,
)
from tokensync.domain.authorization import Authorization, AuthorizationKey
from tokensync.domain.connection import Attempt, Connection, Exemption, HistoryEntry, Status
from tokensync.domain.invite_use import InviteState, InviteUse
from tokensync.domain.names import ConnectionName

NAME = ConnectionName("demo", "a#b/c")
KEY = {"pk": "app#demo", "sk": "connection#a#b/c"}


def test_values_in_dynamodbs_notation() -> None:
    """Text, numbers, bytes, truth, lists, maps and records have one notation each, and are read back the same."""
    notation = {
        "text": {"S": "x"},
        "empty": {"S": ""},
        "number": {"N": "-3"},
        "large": {"N": "12345678901234567890"},
        "bytes": {"B": b"\x00"},
        "truth": {"BOOL": True},
        "status": {"S": "held"},
        "list": {"L": [{"N": "1"}, {"B": b"c"}]},
        "record": {"M": {"at": {"N": "1"}, "event": {"S": "e"}, "generation": {"N": "2"}, "detail": {"S": ""}}},
    }
    values = {
        "text": "x",
        "empty": "",
        "number": -3,
        "large": 12345678901234567890,
        "bytes": b"\x00",
        "truth": True,
        "status": Status.HELD,
        "list": [1, b"c"],
        "record": plain(HistoryEntry(1, "e", 2)),
    }
    read = from_notation(notation)

    assert notation == in_notation(values)
    assert values == read
    assert (int, bytes, bool) == (type(read["number"]), type(read["bytes"]), type(read["truth"]))


@pytest.mark.parametrize("value", [1.5, object(), None, HistoryEntry(1, "e", 2), {"at": None}])
def test_other_types_are_not_stored(value: object) -> None:
    """A fraction, an object or nothing has no notation: a programming error."""
    with pytest.raises(TypeError):
        in_notation({"value": value})


def test_a_record_of_a_newer_version() -> None:
    """Attributes that this version does not know are passed over, on the record and inside its parts."""
    part = {"arn": "a", "version_id": "v", "generation": 1, "status": "active", "at": 5}
    item = {
        **KEY,
        "provider": "p",
        "schema": 2,
        **from_notation({"colour": {"SS": ["blue"]}, "weight": {"N": "1.5"}}),
        "published": {**part, "colour": "blue"},
    }
    record = connection_from(item)
    assert (NAME, 2) == (record.name, record.schema)
    assert record.published is not None
    assert (Status.ACTIVE, 5) == (record.published.status, record.published.at)
    assert schema_of(item) == 2


def test_what_is_absent_is_the_default() -> None:
    """None is stored as absence, and a record of its key and provider alone can be read."""
    record = connection_from({**KEY, "provider": "p"})
    assert Connection(name=NAME, provider="p") == record
    absent = flat(record).keys() - connection_attributes(record).keys()
    assert absent == {"name", "alerted"} | {name for name, value in flat(record).items() if value is None}


def test_an_attempt_of_an_older_version_was_no_trial() -> None:
    """What a record does not say of its attempt is the default, and what it says is read back."""
    old = {"id": "a", "fence": 3, "at": 5, "exemption": "grace"}
    base = {**KEY, "provider": "p"}
    assert Attempt("a", 3, 5, Exemption.GRACE) == connection_from({**base, "attempt": old}).attempt
    trial = Attempt("a", 3, 5, trial=True, earlier=(1, 2))
    assert trial == connection_from({**base, "attempt": plain(trial)}).attempt


def test_what_most_records_have_nothing_of_is_no_attribute_of_them() -> None:
    """What an operator was alerted of and what a callback said are stored where there is any."""
    record = Connection(name=NAME, provider="p", alerted=("answer.odd 1",))
    assert ["answer.odd 1"] == connection_attributes(record)["alerted"]
    assert "alerted" not in connection_attributes(replace(record, alerted=()))
    assert record.alerted == connection_from({**KEY, **connection_attributes(record)}).alerted
    begun = Authorization(
        key=AuthorizationKey("demo", "b", "n"),
        provider="p",
        token_endpoint="",
        redirect_uri="",
        invite_id="",
        created_at=1,
        expires_at=2,
    )
    assert "callback" not in authorization_attributes(begun)
    assert {"shop": "a"} == authorization_attributes(replace(begun, callback={"shop": "a"}))["callback"]


def test_an_invite_that_an_older_version_marked_was_used() -> None:
    """Its mark said nothing more than that; by which connection, nobody knows."""
    marked = {"pk": "app#demo", "sk": "invite#i#1", "schema": 1, "at": 1_660_000_000, "ttl": 1_660_086_400}

    assert InviteUse(app="demo", id="i#1", state=InviteState.USED, at=1_660_000_000) == invite_from(marked)


def test_what_an_invite_has_nothing_of_is_no_attribute_of_it() -> None:
    """Its record outlives what may be kept of it: 31 days longer than the invite, or than its last change."""
    use = InviteUse(app="demo", id="i", state=InviteState.FAILED, at=5, expires_at=9)
    attributes = invite_attributes(use)

    assert not {"app", "id", "state", "strangers", "revoked_at"} & attributes.keys()
    assert ("failed", 9 + 31 * 86_400) == (attributes["outcome"], attributes["ttl"])
    assert 11 + 31 * 86_400 == invite_attributes(replace(use, at=11))["ttl"]
