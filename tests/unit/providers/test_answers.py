"""What every provider answers: its documented success, and that success mangled in every way."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from documented import SAMPLES
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import row
from samples import NOW, answer, failure, issued, varied, written

from tokensync.domain.messages import FailureClass, Issued
from tokensync.domain.secret import Secret
from tokensync.oauth.token_response import read_account, read_revocation, read_token_response
from tokensync.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from samples import Sample


def test_the_documented_success_is_read(sample: Sample) -> None:
    """The vendor's own sample gives exactly its pair, times, scopes, account and trace, and nothing odd."""
    assert issued(sample, sample.success) == sample.issued


@pytest.mark.parametrize("status", [201, 299])
def test_any_success_status_is_one(sample: Sample, status: int) -> None:
    """A success is a 2xx, RFC 9110 §15.3."""
    assert read_token_response(sample.provider, answer(sample.success, status)) == sample.issued


@pytest.mark.parametrize(
    ("text", "odd"),
    [
        ("null", False),
        ("0", True),
        ("-1", True),
        ('"3600"', True),
        ("3600.0", True),
        ("1e400", True),
        ("NaN", True),
        ("1000000000000", True),
        ("true", True),
        (str(NOW + 3600), False),
        (f"{NOW + 3600}000", True),
        ("[]", True),
        ("9" * 4000, True),
    ],
)
@pytest.mark.parametrize("which", ["expires_in", "refresh_expires_in"])
@row("8 19 a mangled expires_in")
def test_mangled_expiries_keep_the_pair(sample: Sample, which: str, text: str, odd: object) -> None:
    """Whatever stands for an expiry the pair is kept, due within its documented order of magnitude, oddness told.

    A far end of the authorization itself is how some providers say that it has none: that is nothing odd.
    """
    odd = odd and not (which == "refresh_expires_in" and text == "1000000000000")
    name = getattr(sample.provider.response, which)
    if name is None:
        pytest.skip("it states none")

    read = issued(sample, written(sample, name, text))

    assert (read.access_token, read.refresh_token) == (sample.issued.access_token, sample.issued.refresh_token)
    if sample.issued.life is not None:
        assert read.life is not None
        assert 3600 <= read.life <= 10 * 365 * 86_400
    assert any(oddity.startswith(name) for oddity in read.oddities) is odd


def test_a_missing_expiry_keeps_the_pair(sample: Sample) -> None:
    """Without an expiry a token that can be renewed is due within a day, and one that cannot has no end."""
    read = issued(sample, varied(sample, **{sample.provider.response.expires_in: ...}))

    assert (read.access_token, read.refresh_token) == (sample.issued.access_token, sample.issued.refresh_token)
    assert (read.life is None) == (sample.issued.life is None)
    assert read.life is None or 3600 <= read.life <= 86_400
    assert read.oddities == ()


@pytest.mark.parametrize("text", ['""', "null", "5", "[]", '"' + "x" * 65_536 + '"', '"a\\nb"', '"\\ud800"'])
def test_a_mangled_access_token_is_not_published(sample: Sample, text: str) -> None:
    """Nobody can send it, so it is none, and a refresh token beside it is kept."""
    read = issued(sample, written(sample, "access_token", text))

    assert read.access_token is None
    assert read.refresh_token == sample.issued.refresh_token
    assert "access_token malformed" in read.oddities


@pytest.mark.parametrize("text", ['""', "5", "[]", '"' + "x" * 65_536 + '"', '"a\\nb"', '"\\ud800"'])
def test_a_mangled_refresh_token_replaces_nothing(sample: Sample, text: str) -> None:
    """What cannot be presented is none, and is told: the stored one stands."""
    read = issued(sample, written(sample, "refresh_token", text))

    assert (read.access_token, read.refresh_token) == (sample.issued.access_token, None)
    assert "refresh_token malformed" in read.oddities


@row("8 9 refresh token overwritten by none", "7 6749 6 the old refresh token")
@pytest.mark.parametrize("absent", [..., None])
def test_a_refresh_token_that_does_not_come_is_none(sample: Sample, absent: object) -> None:
    """An answer without a refresh token leaves the stored one standing, and is nothing odd."""
    read = issued(sample, varied(sample, refresh_token=absent))

    assert (read.refresh_token, read.oddities) == (None, ())


def test_a_refresh_token_that_comes_is_taken(sample: Sample) -> None:
    """Whoever sends a refresh token, documented or not, has it stored."""
    assert issued(sample, varied(sample, refresh_token="new")).refresh_token == Secret("new")


@pytest.mark.parametrize("scope", [None, ..., 5, {"a": 1}, True])
def test_scopes_of_another_shape_tell_nothing(sample: Sample, scope: object) -> None:
    """What is neither text nor a list says nothing of the scopes, and breaks nothing."""
    read = issued(sample, varied(sample, **{sample.provider.response.scope: scope}))

    assert (read.scopes, read.access_token) == (None, sample.issued.access_token)


@pytest.mark.parametrize("value", [None, ..., 5, "", [], {}, True, [5], [None, ""]])
def test_a_bad_account_loses_no_token(sample: Sample, value: object) -> None:
    """What names the account may be missing or mangled: nobody is named by it, and the pair is kept."""
    if not sample.named_by:
        pytest.skip("its answers name nobody")

    read = issued(sample, varied(sample, **{sample.named_by: value}))

    assert read.account is None
    assert (read.access_token, read.refresh_token) == (sample.issued.access_token, sample.issued.refresh_token)


def _whole(sample: Sample) -> bytes:
    return json.dumps(sample.success).encode()


MANGLED: dict[str, Callable[[Sample], bytes]] = {
    "HTML": lambda _: b"<!DOCTYPE html><html><head><title>502</title></head></html>",
    "empty": lambda _: b"",
    "truncated": lambda sample: _whole(sample)[: len(_whole(sample)) // 2],
    "truncated by a byte": lambda sample: _whole(sample)[:-1],
    "BOM": lambda sample: b"\xef\xbb\xbf" + _whole(sample),
    "UTF-16": lambda sample: _whole(sample).decode().encode("utf-16"),
    "duplicate keys": lambda sample: b'{"x":{"a":1,"a":2},' + _whole(sample)[1:],
    "a token twice": lambda sample: _whole(sample).replace(
        b'"access_token":', b'"access_token": "b", "access_token":', 1
    ),
    "twice": lambda sample: _whole(sample) * 2,
    "an array": lambda sample: b"[" + _whole(sample) + b"]",
    "deep": lambda sample: b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"," + _whole(sample)[1:],
    "a huge number": lambda sample: b'{"x":' + b"9" * 5_000_000 + b"," + _whole(sample)[1:],
    "gzip": lambda _: b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
}


@pytest.mark.parametrize("how", MANGLED)
def test_a_mangled_success_is_ambiguous(sample: Sample, how: str) -> None:
    """A 200 that cannot be read may have committed: never a refusal, never a token."""
    assert failure(sample, MANGLED[how](sample)).kind is FailureClass.AMBIGUOUS


@pytest.mark.parametrize("how", ["deep", "a huge number", "300 KB"])
def test_memory_is_bounded(sample: Sample, how: str) -> None:
    """An answer that is built to grow is read within 64 MB beyond its own bytes."""
    body = b'{"x":"' + b"x" * 300_000 + b'",' + _whole(sample)[1:] if how == "300 KB" else MANGLED[how](sample)
    tracemalloc.start()
    read_token_response(sample.provider, answer(body))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < len(body) + 64 * 2**20


def test_a_cut_success_is_ambiguous(sample: Sample) -> None:
    """Of a body longer than we accept no part is read, even where the part is whole JSON."""
    read = read_token_response(sample.provider, replace(answer(sample.success), complete=False))

    assert not isinstance(read, Issued)
    assert read.kind is FailureClass.AMBIGUOUS


def test_a_lone_surrogate_elsewhere_breaks_nothing(sample: Sample) -> None:
    """An odd text beside the tokens is no reason to lose them."""
    body = b'{"padding":"\\ud800",' + _whole(sample)[1:]

    assert issued(sample, body).access_token == sample.issued.access_token


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_no_success(sample: Sample, status: int) -> None:
    """Tokens in a redirect are not taken, and it marks nothing dead."""
    assert failure(sample, sample.success, status).kind is FailureClass.UNKNOWN


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("name", sorted(PROVIDERS))
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_no_variation_of_the_answer_raises(name: str, data: st.DataObject) -> None:
    """With any of its fields replaced by any JSON, an answer is read without an exception."""
    sample = SAMPLES[name]
    body = varied(sample)
    envelope = sample.provider.response.envelope
    for place in (body if envelope is None else body[envelope], body):
        for key in data.draw(st.lists(st.sampled_from(sorted(place)), unique=True, max_size=3)):
            place[key] = data.draw(VALUES)

    read = read_token_response(sample.provider, answer(body, data.draw(st.sampled_from([200, 400, 500]))))

    if isinstance(read, Issued) and read.account is not None:
        assert read.account.id or read.account.facts
        json.dumps(read.account.facts)


REPLIES: Any = st.dictionaries(
    st.sampled_from(["code", "data", "error", "message", "list", "shops", "user", "sub"]),
    VALUES | st.dictionaries(st.sampled_from(["code", "list", "shops", "user", "message", "log_id"]), VALUES),
)


@pytest.mark.parametrize("name", sorted(PROVIDERS))
@settings(max_examples=30, deadline=None)
@given(REPLIES | VALUES, st.sampled_from([200, 204, 400, 401, 404, 500]))
def test_no_reply_breaks_the_other_readers(name: str, reply: object, status: int) -> None:
    """Whatever the account call or the revocation answers, it is read without an exception."""
    provider = SAMPLES[name].provider
    read_revocation(provider, answer(reply, status))
    if provider.account_call is None:
        return
    facts = read_account(provider, provider.account_call, answer(reply, status))
    if isinstance(facts, dict):
        json.dumps(facts)
        provider.account_call.account(facts, "a")
        provider.account_call.lookups(facts)
