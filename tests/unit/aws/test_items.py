from __future__ import annotations

import pytest

from fakes.records import flat
from tokensync.aws.items import connection_attributes, connection_from, from_attribute, schema_of, to_attribute
from tokensync.domain.connection import Attempt, Connection, Exemption, HistoryEntry, Status
from tokensync.domain.names import ConnectionName

NAME = ConnectionName("demo", "a#b/c")
KEY = {"pk": {"S": "app#demo"}, "sk": {"S": "connection#a#b/c"}}


def test_values_in_dynamodbs_notation() -> None:
    """Text, numbers, bytes, truth, lists, maps and records have one notation each."""
    expected = {
        "text": {"S": "x"},
        "empty": {"S": ""},
        "number": {"N": "-3"},
        "bytes": {"B": b"\x00"},
        "truth": {"BOOL": True},
        "status": {"S": "held"},
        "list": {"L": [{"N": "1"}]},
        "record": {"M": {"at": {"N": "1"}, "event": {"S": "e"}, "generation": {"N": "2"}, "detail": {"S": ""}}},
    }
    values = {
        "text": "x",
        "empty": "",
        "number": -3,
        "bytes": b"\x00",
        "truth": True,
        "status": Status.HELD,
        "list": (1,),
        "record": HistoryEntry(1, "e", 2),
    }
    assert expected == {name: to_attribute(value) for name, value in values.items()}
    assert from_attribute(to_attribute({"a": [1, "b", b"c", True]})) == {"a": [1, "b", b"c", True]}


@pytest.mark.parametrize("value", [1.5, object(), HistoryEntry])
def test_other_types_are_not_stored(value: object) -> None:
    """A fraction or an object has no notation: a programming error, told by its type alone."""
    with pytest.raises(TypeError):
        to_attribute(value)


def test_a_record_of_a_newer_version() -> None:
    """Attributes that this version does not know are passed over, on the record and inside its parts."""
    part = {"arn": {"S": "a"}, "version_id": {"S": "v"}, "generation": {"N": "1"}, "status": {"S": "active"}}
    item = {
        **KEY,
        "provider": {"S": "p"},
        "schema": {"N": "2"},
        "colour": {"SS": ["blue"]},
        "published": {"M": {**part, "at": {"N": "5"}, "colour": {"S": "blue"}}},
    }
    record = connection_from(item)
    assert (NAME, 2) == (record.name, record.schema)
    assert record.published is not None
    assert (Status.ACTIVE, 5) == (record.published.status, record.published.at)
    assert schema_of(item) == 2


def test_what_is_absent_is_the_default() -> None:
    """None is stored as absence, and a record of its key and provider alone can be read."""
    record = connection_from({**KEY, "provider": {"S": "p"}})
    assert Connection(name=NAME, provider="p") == record
    absent = flat(record).keys() - connection_attributes(record).keys()
    assert absent == {"name"} | {name for name, value in flat(record).items() if value is None}


def test_an_attempt_of_an_older_version_was_no_trial() -> None:
    """What a record does not say of its attempt is the default, and what it says is read back."""
    old = {"id": {"S": "a"}, "fence": {"N": "3"}, "at": {"N": "5"}, "exemption": {"S": "grace"}}
    base = {**KEY, "provider": {"S": "p"}}
    assert Attempt("a", 3, 5, Exemption.GRACE) == connection_from({**base, "attempt": {"M": old}}).attempt
    trial = Attempt("a", 3, 5, trial=True, earlier=(1, 2))
    assert trial == connection_from({**base, "attempt": to_attribute(trial)}).attempt
