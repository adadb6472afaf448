from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tokensync.domain.authorization import AuthorizationKey, hashed
from tokensync.domain.errors import BadRequest, InvalidName
from tokensync.domain.names import ConnectionName
from tokensync.domain.work import DueKey, Work

NAME = ConnectionName("shop", "a/b#c")
KEY = AuthorizationKey("shop", "b" * 40, "0" * 40)
WORKS = [
    Work(connection=NAME),
    Work(connection=NAME, compare=True),
    Work(connection=NAME, push=True),
    Work(connection=NAME, answer=b"\x00sealed\xff", fence=12),
    Work(authorization=KEY),
    Work(authorization=KEY, answer=b"", fence=3),
]


@pytest.mark.parametrize("work", WORKS)
def test_a_message_reads_back_the_same(work: Work) -> None:
    """What is sent to the queue is what comes out of it, and its app is that of its connection or authorization."""
    assert (work, "shop") == (Work.from_json(work.to_json()), work.app)


def test_a_message_carries_a_name_and_nothing_else() -> None:
    """A plain message holds the connection's name in clear, and no other field; without one it has no app."""
    assert json.loads(Work(connection=NAME).to_json()) == {"connection": "shop/a/b#c"}
    assert json.loads(Work(authorization=KEY).to_json()) == {"app": "shop", "pending": KEY.sort_key}
    with pytest.raises(BadRequest):
        _ = Work().app


NOT_OURS = [
    "",
    "x",
    "{}",
    "[]",
    "null",
    "1",
    '"shop/account"',
    '{"connection": "shop"}',
    '{"connection": 5}',
    '{"connection": null}',
    '{"connection": "Shop/account"}',
    '{"pending": "pending#a#b"}',
    '{"app": "shop", "pending": "pending#a"}',
    '{"app": "shop", "pending": 5}',
    '{"connection": "shop/a", "app": "shop", "pending": "pending#a#b"}',
    '{"connection": "shop/a", "answer": "not base64!"}',
    '{"connection": "shop/a", "answer": "ü"}',
    '{"connection": "shop/a", "answer": 5}',
    '{"connection": "shop/a", "fence": "x"}',
    '{"connection": "shop/a", "fence": null}',
    '{"connection": "shop/a", "fence": 1e400}',
    '{"connection": "shop/a", "fence": NaN}',
    "[" * 100_000,
    '{"connection": "shop/a", "fence": ' + "9" * 5000 + "}",
]


@pytest.mark.parametrize("text", NOT_OURS, ids=[text[:60] for text in NOT_OURS])
def test_a_message_that_is_not_ours_is_refused(text: str) -> None:
    """Whatever else the queue holds is refused and breaks no worker."""
    with pytest.raises(BadRequest):
        Work.from_json(text)


JSON = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.lists(st.integers(), max_size=2)
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["connection", "app", "pending", "compare", "answer", "fence"]), JSON))
@example({"connection": "shop/\ud800"})
def test_no_message_raises_anything_else(body: dict[str, object]) -> None:
    """A message is read, or refused as bad, whatever JSON it is."""
    try:
        work = Work.from_json(json.dumps(body))
    except BadRequest:
        return
    assert (work.connection is None) != (work.authorization is None)


def test_a_due_key_asks_for_its_work() -> None:
    """The index's key of a connection, hashes in the account included, or of an authorization becomes a message."""
    assert Work(connection=NAME) == DueKey("app#shop", "connection#a/b#c", 5).work()
    assert Work(authorization=KEY) == DueKey("app#shop", KEY.sort_key, 5).work()


@pytest.mark.parametrize("sort_key", ["webhook#1", "connection", "", "aside#account#3"])
def test_a_due_key_of_an_unknown_kind_is_refused(sort_key: str) -> None:
    """What a later version put into the index is not guessed at."""
    with pytest.raises((BadRequest, InvalidName)):
        DueKey("app#shop", sort_key, 5).work()


def test_an_authorization_stands_under_hashes() -> None:
    """A hash has 40 hex digits, and neither browser nor nonce can be read from it."""
    assert hashed("cookie") == hashed("cookie") != hashed("cookie2")
    assert len(hashed("\ud800")) == 40
    assert AuthorizationKey.parse("shop", KEY.sort_key) == KEY
