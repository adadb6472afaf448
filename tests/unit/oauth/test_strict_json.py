from __future__ import annotations

import json
import traceback

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from field_rows import field
from tokensync.oauth.strict_json import NotStrictJson, parse_object

CANARY = "canary-7f3a"
REFUSED = {
    "empty": b"",
    "white space": b"  \n",
    "HTML": b"<!DOCTYPE html><html></html>",
    "truncated": b'{"access_token":"canary-7f3a","expires',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-16 without a mark": '{"a":1}'.encode("utf-16-le"),
    "UTF-32": '{"a":1}'.encode("utf-32"),
    "an array": b"[]",
    "a number": b"1",
    "a string": b'"canary-7f3a"',
    "null": b"null",
    "two objects": b"{}{}",
    "a trailing comma": b'{"a":1,}',
    "single quotes": b"{'a':1}",
    "a raw line break": b'{"a":"b\nc"}',
    "duplicate names": b'{"access_token":"canary-7f3a","access_token":"b"}',
    "duplicate names, escaped": b'{"a":1,"\\u0061":2}',
    "duplicate names, deep": b'{"data":{"a":[{"b":1,"b":2}]}}',
    "duplicate names, equal to Python alone": b'{"a":1,"a":true}',
    "a number and a fraction": b'{"a":3600,"a":3600.0}',
    "three times, once otherwise": b'{"a":1,"a":2,"a":1}',
    "equal objects with unequal members": b'{"a":{"b":[1]},"a":{"b":[2]}}',
    "100,000 arrays": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "100,000 objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "100,000 arrays, open": b'{"a":' + b"[" * 100_000,
    "a number of 5,000,000 digits": b'{"a":' + b"9" * 5_000_000 + b"}",
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_strict_object_is_refused(data: bytes) -> None:
    """Anything but one JSON object whose every name has one value is refused, and nothing of it is repeated."""
    with pytest.raises(NotStrictJson) as caught:
        parse_object(data)

    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert not hasattr(caught.value, "doc")


@field("A12")
@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"{}", {}),
        (b' {"a": [1, 2.5, null, true, "x"]}\n', {"a": [1, 2.5, None, True, "x"]}),
        ('{"name":"Ünïcode 店"}'.encode(), {"name": "Ünïcode 店"}),
        (b'{"a":"\\ud800"}', {"a": "\ud800"}),
        (b'{"a":1e400}', {"a": float("inf")}),
        (b'{"a":{"x":1},"b":{"x":1}}', {"a": {"x": 1}, "b": {"x": 1}}),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        (b'\xef\xbb\xbf\xef\xbb\xbf \n{"a":1}', {"a": 1}),
        ('{"name":"Müller"}'.encode("latin-1"), {"name": "Müller"}),
        ('{"b":"店","a":"'.encode() + b'\xfc\xff"}', {"b": "店", "a": "üÿ"}),
        (b'{"a":"\xed\xa0\x80"}', {"a": "í\xa0\x80"}),
        (b'{"a":1,"a":1}', {"a": 1}),
        (b'{"a":{"b":1,"c":[2]},"\\u0061":{"c":[2],"b":1}}', {"a": {"b": 1, "c": [2]}}),
    ],
)
def test_an_object_is_read(data: bytes, value: dict[str, object]) -> None:
    """One object is read, odd numbers and characters left to its reader; two equal members were meant once."""
    assert value == parse_object(data)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
@example(b"\xff")
@example(b"{")
def test_arbitrary_bytes_raise_nothing_else(data: bytes) -> None:
    """Whatever the bytes are, they are an object or refused."""
    try:
        value = parse_object(data)
    except NotStrictJson:
        return
    assert isinstance(value, dict)


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.text(), st.recursive(st.integers() | st.text() | st.none(), st.lists, max_leaves=5)))
def test_what_json_writes_is_read_back(value: dict[str, object]) -> None:
    """Every object that a provider can write in JSON is read as it was meant."""
    assert value == parse_object(json.dumps(value).encode())
