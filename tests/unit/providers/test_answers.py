"""What every provider answers: its documented success, and each shape of answer mangled in every way."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from documented import SAMPLES, each
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import row
from samples import CODE, GRANT, NOW, REFRESH_TOKEN, VERIFIER, answer, failure, issued, varied, written

from tokensync.domain.messages import Failure, FailureClass, Issued
from tokensync.domain.secret import Secret
from tokensync.domain.text import masked
from tokensync.oauth.token_response import read_account, read_revocation, read_token_response
from tokensync.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from samples import Sample

# The parser is one: a flat answer with durations, and one in an envelope with epochs, are all the shapes there are.
SHAPES = pytest.mark.parametrize("sample", [SAMPLES["tiktok_login"], SAMPLES["tiktok_shop"]], ids=["flat", "enveloped"])


@each(
    tiktok_shop=("2 success: the vendor's sample", "2 expiries: absolute epoch seconds"),
    tiktok_login=("3 token: the answer is flat",),
    tiktok_ads=("4.1 token: the answer", "4.1 never expires"),
    tiktok_accounts=("4.2 the answer",),
    eshopbox=("5 token: the answer", "5 no refresh token comes back"),
)
def test_the_documented_success_is_read(sample: Sample) -> None:
    """The vendor's own sample gives exactly its pair, times, scopes, account and trace on any 2xx, and nothing odd."""
    for status in (200, 201, 299):
        assert sample.issued == read_token_response(sample.provider, answer(sample.success, status))


@each(eshopbox=("5 expires_in missing", "5 a refresh token that comes"), tiktok_ads=("4.1 refresh_token honoured",))
@row("8 9 refresh token overwritten by none", "7 6749 6 the old refresh token")
def test_what_does_not_come_is_none(sample: Sample) -> None:
    """No expiry is the provider's own cautious life, no refresh token replaces nothing, one that comes is taken."""
    name = sample.provider.response.expires_in
    for absent in (..., None):
        read = issued(sample, varied(sample, **{name: absent}))
        assumed = sample.provider.response.default_expires_in or (3600 if sample.issued.refresh_token else None)
        assert (sample.issued.refresh_token, assumed, ()) == (read.refresh_token, read.life, read.oddities)
        without = issued(sample, varied(sample, refresh_token=absent))
        assert (None, ()) == (without.refresh_token, without.oddities)
    assert issued(sample, varied(sample, refresh_token="new")).refresh_token == Secret("new")


@pytest.mark.parametrize("value", [None, ..., 5, "", [], {}, True, [5], [None, ""]])
@pytest.mark.parametrize("name", ["tiktok_shop", "tiktok_login", "tiktok_ads", "tiktok_accounts"])
def test_a_bad_account_loses_no_token(name: str, value: object) -> None:
    """What names the account may be missing or mangled: nobody is named by it, and the pair is kept."""
    sample = SAMPLES[name]
    read = issued(sample, varied(sample, **{sample.named_by: value}))

    assert (None, sample.issued.access_token, sample.issued.refresh_token) == (
        read.account,
        read.access_token,
        read.refresh_token,
    )


ODD_EXPIRIES = ["0", "-1", "1e400", "NaN", "true", f"{NOW + 3600}000", "[]", "9" * 4000]
EXPIRIES = [
    *((text, False) for text in ("null", str(NOW + 3600), '"3600"', "3600.0", '"never"', "1000000000000")),
    *((text, True) for text in ODD_EXPIRIES),
]


@row("8 19 a mangled expires_in")
@pytest.mark.parametrize(("text", "odd"), EXPIRIES)
@pytest.mark.parametrize("which", ["expires_in", "refresh_expires_in"])
@SHAPES
def test_mangled_expiries_keep_the_pair(sample: Sample, which: str, text: str, odd: object) -> None:
    """Whatever an expiry is, the pair is kept, due within its documented order of magnitude, oddness noted.

    Numbers as text or with a point, and an end so far away that it means none, are nothing odd.
    """
    name = getattr(sample.provider.response, which)
    read = issued(sample, written(sample, name, text))

    assert (sample.issued.access_token, sample.issued.refresh_token) == (read.access_token, read.refresh_token)
    assert read.life is not None
    assert 3600 <= read.life <= 10 * 365 * 86_400
    assert odd is any(oddity.startswith(name) for oddity in read.oddities)


@pytest.mark.parametrize(
    "text", ["5", "[]", "false", '"a b"', '"error: expired"', '"' + "x" * 65_536 + '"', '"a\\nb"', '"\\ud800"']
)
@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
@SHAPES
def test_a_mangled_token_is_none(sample: Sample, which: str, text: str) -> None:
    """What nobody can send or present is none and is noted; the other token is kept."""
    read = issued(sample, written(sample, which, text))

    expected = replace(sample.issued, **{which: None})
    assert (expected.access_token, expected.refresh_token) == (read.access_token, read.refresh_token)
    assert f"{which} malformed" in read.oddities


@pytest.mark.parametrize("scope", [None, ..., 5, {"a": 1}, True])
@SHAPES
def test_scopes_of_another_shape_say_nothing(sample: Sample, scope: object) -> None:
    """What is neither text nor a list says nothing of the scopes, and breaks nothing."""
    read = issued(sample, varied(sample, **{sample.provider.response.scope: scope}))

    assert (None, sample.issued.access_token) == (read.scopes, read.access_token)


def _whole(sample: Sample) -> bytes:
    return json.dumps(sample.success).encode()


MANGLED: dict[str, Callable[[Sample], bytes]] = {
    "HTML": lambda _: b"<!DOCTYPE html><html><head><title>502</title></head></html>",
    "empty": lambda _: b"",
    "truncated": lambda sample: _whole(sample)[: len(_whole(sample)) // 2],
    "truncated by a byte": lambda sample: _whole(sample)[:-1],
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
@SHAPES
def test_a_mangled_success_is_ambiguous(sample: Sample, how: str) -> None:
    """A 200 that cannot be read may have committed: never a refusal or a token, within 64 MB beyond its own bytes."""
    body = MANGLED[how](sample)
    tracemalloc.start()
    read = failure(sample, body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert read.kind is FailureClass.AMBIGUOUS
    assert peak < len(body) + 64 * 2**20


@SHAPES
def test_what_is_odd_around_a_success(sample: Sample) -> None:
    """Of a cut body no part is read; padding costs no token; a redirect is no success and marks nothing dead."""
    cut = read_token_response(sample.provider, replace(answer(sample.success), complete=False))
    assert isinstance(cut, Failure)
    assert cut.kind is FailureClass.AMBIGUOUS
    for padding in (b'"\\ud800"', b'"' + b"x" * 300_000 + b'"'):
        body = b'{"padding":' + padding + b"," + _whole(sample)[1:]
        assert issued(sample, body).access_token == sample.issued.access_token
    for status in (301, 302, 307, 308):
        assert failure(sample, sample.success, status).kind is FailureClass.AMBIGUOUS


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
REPLIES: Any = st.dictionaries(
    st.sampled_from(["code", "data", "error", "message", "list", "shops", "user", "sub"]),
    VALUES | st.dictionaries(st.sampled_from(["code", "list", "shops", "user", "message", "log_id"]), VALUES),
)


@pytest.mark.parametrize("name", sorted(PROVIDERS))
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_no_variation_of_an_answer_raises(name: str, data: st.DataObject) -> None:
    """With any field replaced by any JSON, a token response, account call and revocation are read without exception."""
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

    reply = answer(data.draw(REPLIES | VALUES), data.draw(st.sampled_from([200, 204, 400, 401, 404, 500])))
    read_revocation(sample.provider, reply)
    if sample.provider.account_call is not None:
        facts = read_account(sample.provider, sample.provider.account_call, reply)
        if isinstance(facts, dict):
            json.dumps(facts)
            sample.provider.account_call.account(facts, "a")
            sample.provider.account_call.lookups(facts)


SECRETS = [CODE, REFRESH_TOKEN, VERIFIER, GRANT.access_token, Secret("canary-secret&="), Secret("a canary &")]
FORMS = [form(one.reveal()) for one in SECRETS for form in (str, lambda text: quote(text, safe=""), quote_plus)]


@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_providers_words_are_masked(sample: Sample, status: int) -> None:
    """A secret that the provider repeats, plain or percent-encoded, is masked before anything is cut."""
    for form in FORMS:
        names = ("code", "message", "error", "error_description", "request_id", "log_id")
        echo = dict.fromkeys(names, "x" * 55 + form + "x" * 300)
        bodies = [echo, {"error": dict.fromkeys(names, form), "data": {}}]
        told: list[object] = [
            read_token_response(sample.provider, answer(echo, status), secrets=SECRETS),
            read_revocation(sample.provider, answer(echo, status), secrets=SECRETS),
        ]
        call = sample.provider.account_call
        told += [] if call is None else [
            read_account(sample.provider, call, answer(body, status), secrets=SECRETS) for body in bodies
        ]  # fmt: skip
        assert isinstance(told[0], Failure)
        for read in told:
            assert "canary" not in f"{read!r} {read}"
            assert VERIFIER.reveal()[:20] not in f"{read!r} {read}"


def test_words_that_are_not_masked_are_left_out() -> None:
    """Where nobody knows what was shown, a failure keeps no words; what is empty or a letter is nobody's secret."""
    told = Failure(kind=FailureClass.UNKNOWN, code="canary-Code", message="canary", trace_id="canary").untold()

    assert "canary" not in repr(told)
    assert masked("a bob c", [Secret(""), Secret("c"), Secret("bob")]) == "a *** c"
