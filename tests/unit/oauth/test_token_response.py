from __future__ import annotations

import json
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tokensync.domain.messages import AccountReply, Failure, FailureClass, Issued, ProviderResponse, Request
from tokensync.domain.secret import Secret
from tokensync.oauth.provider import AccountCall
from tokensync.oauth.shapes import ErrorReply, ResponseShape
from tokensync.oauth.token_response import read_account, read_token_response
from tokensync.providers import provider_named

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tokensync.oauth.provider import Provider

NOW = 1_700_000_000
PAIR = {"access_token": "access-2", "refresh_token": "refresh-2", "token_type": "Bearer", "expires_in": 7200}


def response(body: object = PAIR, status: int = 200, *, complete: bool = True, **headers: str) -> ProviderResponse:
    """Return a response, its body in JSON unless it is bytes already."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ProviderResponse(status=status, headers=named, body=raw, received_at=NOW, complete=complete)


def issued(provider: Provider, given_answer: ProviderResponse) -> Issued:
    """Return what was issued, where something was."""
    read = read_token_response(provider, given_answer)
    assert isinstance(read, Issued)
    return read


def failure(provider: Provider, given_answer: ProviderResponse) -> Failure:
    """Return the failure, where it is one."""
    read = read_token_response(provider, given_answer)
    assert isinstance(read, Failure)
    return read


def shaped(provider: Provider, **shape: Any) -> Provider:
    """Return the provider with a response of another shape."""
    return replace(provider, response=ResponseShape(**shape))


def raw_pair(expires_in: str) -> bytes:
    """Return a pair whose expiry is written as no encoder would write it."""
    return b'{"access_token":"access-2","refresh_token":"refresh-2","expires_in":' + expires_in.encode() + b"}"


def test_a_whole_answer_is_read(provider: Provider) -> None:
    """The response of RFC 6749 §5.1 gives the pair, its life, and its scopes."""
    read = issued(provider, response({**PAIR, "scope": "read write"}))

    assert read == Issued(
        access_token=Secret("access-2"),
        refresh_token=Secret("refresh-2"),
        token_type="Bearer",
        scopes=("read", "write"),
        access_expires_at=NOW + 7200,
        refresh_expires_at=None,
        life=7200,
        account=None,
        trace_id="",
    )


@pytest.mark.parametrize("status", [200, 201, 299])
def test_every_success_status_is_a_success(provider: Provider, status: int) -> None:
    """Any 2xx with a token is a success."""
    assert issued(provider, response(status=status)).access_token == Secret("access-2")


YEARS, ODD = 10 * 365 * 86_400, "expires_in is not a whole number"
NO_NUMBER = ["true", "false", "[]", "{}", '""', '"soon"', '"NaN"', '"' + "9" * 30 + '"']
NO_LIFE = ["0", "-1", "-0.0", "1e400", "-1e400", "NaN", "Infinity", "9" * 300]
EXPIRIES: dict[str, tuple[int, str | None]] = {
    **dict.fromkeys([*NO_NUMBER, *NO_LIFE], (3600, "expires_in malformed")),
    **dict.fromkeys(["1000000000000", "1" + "0" * 17, str(YEARS + 1)], (3600, "expires_in beyond ten years")),
    **dict.fromkeys([str(NOW - 1), str(NOW), str((NOW - 60) * 1000)], (3600, "expires_in in the past")),
    **dict.fromkeys(['"7200 "', "7200.0", "7200.9"], (7200, ODD)),
    '"3600"': (3600, ODD),
    str((NOW + 5000) * 1000): (5000, "expires_in in milliseconds"),
    str(NOW + 5000): (5000, None),
    str(YEARS): (YEARS, None),
    "1": (1, None),
    "7200": (7200, None),
    "null": (3600, None),
}


@pytest.mark.parametrize(("written", "life", "oddity"), [(key, *value) for key, value in EXPIRIES.items()])
def test_a_mangled_expiry_keeps_the_pair(provider: Provider, written: str, life: int, oddity: str | None) -> None:
    """Whatever stands for the expiry, both tokens are kept, the life is a sane one, and what is odd is told."""
    read = issued(provider, response(raw_pair(written)))

    assert (read.access_token, read.refresh_token) == (Secret("access-2"), Secret("refresh-2"))
    assert (read.life, read.access_expires_at) == (life, NOW + life)
    assert oddity in read.oddities if oddity else read.oddities == ()


def test_a_missing_expiry_gets_the_declared_default(provider: Provider) -> None:
    """Where a provider states no life, its declared one holds, else an hour if the token can be refreshed."""
    silent = {"access_token": "access-2", "refresh_token": "refresh-2"}
    declared = shaped(provider, default_expires_in=86_400)

    assert issued(provider, response(silent)).life == 3600
    assert issued(declared, response(silent)).life == 86_400
    assert issued(declared, response({"access_token": "access-2"})).life == 86_400
    assert issued(declared, response(raw_pair("0"))).life == 86_400


def test_a_token_without_expiry_and_refresh_token_never_expires(provider: Provider) -> None:
    """A long-term token has neither an end nor a due time."""
    read = issued(provider, response({"access_token": "access-2"}))

    assert (read.life, read.access_expires_at, read.refresh_token, read.oddities) == (None, None, None, ())


BAD_TOKENS = ["", 5, True, ["x"], {"x": 1}, "x" * 65_536, "a\nb", "a\x00", "ü", "\ud800", "a\u2028b"]
ACCESS, REFRESH = Secret("access-2"), Secret("refresh-2")


@pytest.mark.parametrize("token", BAD_TOKENS, ids=lambda token: ascii(token)[:20])
def test_a_malformed_token_is_none_and_odd(provider: Provider, token: object) -> None:
    """A token that no client can send is none; a well-formed one beside it is kept."""
    without_access = issued(provider, response({**PAIR, "access_token": token}))
    without_refresh = issued(provider, response({**PAIR, "refresh_token": token}))

    assert (without_access.access_token, without_access.refresh_token) == (None, REFRESH)
    assert without_access.oddities == ("access_token malformed",)
    assert (without_refresh.access_token, without_refresh.refresh_token) == (ACCESS, None)
    assert without_refresh.oddities == ("refresh_token malformed",)


@pytest.mark.parametrize(
    ("body", "tokens", "oddities"),
    [
        ({"refresh_token": "refresh-2"}, (None, REFRESH), ("access_token malformed",)),
        ({**PAIR, "access_token": None}, (None, REFRESH), ("access_token malformed",)),
        ({"access_token": "access-2", "expires_in": 60}, (ACCESS, None), ()),
        ({**PAIR, "refresh_token": None}, (ACCESS, None), ()),
    ],
)
def test_a_token_may_be_missing(
    provider: Provider, body: object, tokens: tuple[object, ...], oddities: tuple[str, ...]
) -> None:
    """Without an access token the other is kept: the old one may be dead; a refresh token may come or not, §6."""
    read = issued(provider, response(body))

    assert ((read.access_token, read.refresh_token), read.oddities) == (tokens, oddities)


def test_the_longest_token_is_sixteen_kilobytes(provider: Provider) -> None:
    """Tokens up to 16 KB are taken, spaces inside included."""
    assert issued(provider, response({**PAIR, "access_token": "x " * 8192})).access_token == Secret("x " * 8192)
    assert issued(provider, response({**PAIR, "access_token": "x" * 16_385})).access_token is None


UNREADABLE = {
    "HTML": b"<!DOCTYPE html><html><body>502</body></html>",
    "empty": b"",
    "truncated": b'{"access_token":"access-2","refresh_to',
    "byte order mark": b"\xef\xbb\xbf" + json.dumps(PAIR).encode(),
    "UTF-16": json.dumps(PAIR).encode("utf-16"),
    "duplicate keys": b'{"access_token":"a","access_token":"b"}',
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    "100,000 deep": b'{"access_token":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "5,000,000 digits": b'{"access_token":"a","expires_in":' + b"9" * 5_000_000 + b"}",
    "an array": b"[]",
    "a string": b'"access-2"',
    "no trace of a token": b'{"ok":true}',
    "an empty object": b"{}",
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
@pytest.mark.parametrize("status", [200, 502, 307, 400, 404])
def test_an_unreadable_answer_says_its_status_alone(provider: Provider, body: bytes, status: int) -> None:
    """A success or server error may have committed; any other that no documentation explains marks nothing dead."""
    read = failure(provider, response(body, status))
    kind = FailureClass.AMBIGUOUS if status in (200, 502) else FailureClass.UNKNOWN

    assert (read.kind, read.code) == (kind, f"http_{status}")


def test_a_cut_answer_is_unreadable(provider: Provider) -> None:
    """What was longer than we accept is not parsed, even where the part is JSON."""
    assert failure(provider, response(complete=False)).kind is FailureClass.AMBIGUOUS


@pytest.mark.parametrize("status", [302, 307, 400, 404])
def test_tokens_outside_of_a_success_are_not_taken(provider: Provider, status: int) -> None:
    """A pair in a redirect or a refusal is not published."""
    assert failure(provider, response(status=status)).kind is FailureClass.UNKNOWN


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("code", ["invalid_grant", "invalid_client", "temporarily_unavailable"])
def test_a_redirects_word_counts_for_nothing(status: int, code: str) -> None:
    """No redirect refuses a token, pauses an app or has a token presented again, whatever it says."""
    read = failure(provider_named("oauth2"), response(f'{{"error":"{code}"}}'.encode(), status))

    assert (read.kind, read.code) == (FailureClass.UNKNOWN, f"http_{status}")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("body", [b"", b'{"error":"invalid_grant"}', b"<html>"])
def test_busy_is_told_by_the_status_alone(provider: Provider, status: int, body: bytes) -> None:
    """A 429 or 503 was not processed, whatever its body says."""
    read = failure(provider, response(body, status, retry_after="5"))

    assert (read.kind, read.code, read.retry_after) == (FailureClass.BUSY, f"http_{status}", 5)


WAITS: dict[str, int | None] = {
    "5": 5,
    " 5 ": 5,
    "0": 0,
    "3600": 3600,
    **dict.fromkeys(["3601", "1000000000", "9" * 200, "Fri, 31 Dec 9999 23:59:59 -2359"], 3600),
    **dict.fromkeys(["soon", "", "-5", "1.5", "\N{ARABIC-INDIC DIGIT FIVE}", "Tue, 99 Foo 2023 25:61:61 GMT"]),
    **{formatdate(NOW + wait, usegmt=True): seconds for wait, seconds in ((90, 90), (-90, 0), (10**8, 3600))},
    "Mon, 01 Jan 0000 00:00:00 GMT": 0,
}


@pytest.mark.parametrize(("text", "seconds"), WAITS.items())
def test_retry_after_is_honoured_and_capped(provider: Provider, text: str, seconds: int | None) -> None:
    """Seconds and HTTP dates count up to an hour, RFC 9110 §10.2.3; nonsense counts as absent."""
    assert failure(provider, response(b"", 503, retry_after=text)).retry_after == seconds


def test_a_retry_date_is_read_by_the_providers_clock(provider: Provider) -> None:
    """With a clock here that is wrong by minutes, the wait until a date is still the provider's."""
    dates = {"date": formatdate(NOW - 600, usegmt=True), "retry_after": formatdate(NOW - 540, usegmt=True)}

    assert failure(provider, response(b"", 503, **dates)).retry_after == 60


@pytest.mark.parametrize("skew", [-86_000, -600, 0, 600, 86_000])
def test_expiries_count_from_the_providers_clock(provider: Provider, skew: int) -> None:
    """The header Date is the time of the response: a wrong clock here shifts no expiry and no life."""
    date = formatdate(NOW + skew, usegmt=True)

    by_duration = issued(provider, response(date=date))
    by_epoch = issued(provider, response({**PAIR, "expires_in": NOW + skew + 7200}, date=date))

    assert (by_duration.access_expires_at, by_duration.life) == (NOW + skew + 7200, 7200)
    assert (by_epoch.access_expires_at, by_epoch.life) == (NOW + skew + 7200, 7200)


@pytest.mark.parametrize("date", ["", "now", formatdate(NOW + 90_000, usegmt=True), formatdate(0, usegmt=True)])
def test_a_date_that_is_no_clock_is_ignored(provider: Provider, date: str) -> None:
    """Without a plausible Date our own time of receipt counts."""
    assert issued(provider, response(date=date)).access_expires_at == NOW + 7200


def test_a_refresh_tokens_end_is_read_where_the_provider_names_it(provider: Provider) -> None:
    """The refresh token's expiry has its own field and the same rules."""
    other = shaped(provider, refresh_expires_in="refresh_expires_in")

    assert issued(other, response({**PAIR, "refresh_expires_in": 500})).refresh_expires_at == NOW + 500
    odd = issued(other, response({**PAIR, "refresh_expires_in": -1}))
    assert (odd.refresh_expires_at, odd.oddities) == (None, ("refresh_expires_in malformed",))
    assert issued(other, response({**PAIR, "refresh_token_expires_in": 500})).refresh_expires_at is None


@pytest.mark.parametrize(
    ("scope", "separator", "scopes"),
    [
        ("a b  c", " ", ("a", "b", "c")),
        ("a,b, c", ",", ("a", "b", "c")),
        ("a,b", " ", ("a", "b")),
        ("a;b", ";", ("a", "b")),
        ("", " ", ()),
        (["a", "b"], " ", ("a", "b")),
        ([4, 5], " ", ("4", "5")),
        (["a", None, {"x": 1}, 1.5], " ", ("a",)),
        ([], " ", ()),
        (None, " ", None),
        (5, " ", None),
        ({"a": 1}, " ", None),
        (["a\x1b[31m\ud800b"], " ", ("a[31mb",)),
    ],
)
def test_scopes_come_in_many_forms(
    provider: Provider, scope: object, separator: str, scopes: tuple[str, ...] | None
) -> None:
    """Text with separators and arrays of text or numbers are read and cleaned; anything else tells nothing."""
    assert issued(shaped(provider, scope_separator=separator), response({**PAIR, "scope": scope})).scopes == scopes


@pytest.mark.parametrize(
    ("token_type", "read"), [("bearer", "bearer"), (None, "Bearer"), (5, "Bearer"), ("a\nb", "a b")]
)
def test_the_token_type_is_bearer_unless_told(provider: Provider, token_type: object, read: str) -> None:
    """A token type is cleaned; where none is given it is Bearer."""
    assert issued(provider, response({**PAIR, "token_type": token_type})).token_type == read


CODES = {
    **dict.fromkeys(["invalid_client", "unauthorized_client", "unsupported_grant_type"], FailureClass.CONFIGURATION),
    **dict.fromkeys(["invalid_request", "invalid_scope", "something_else", "INVALID_GRANT"], FailureClass.UNKNOWN),
    "invalid_grant": FailureClass.REFUSED,
    "server_error": FailureClass.AMBIGUOUS,
    "temporarily_unavailable": FailureClass.BUSY,
}


@pytest.mark.parametrize(("code", "kind"), CODES.items())
@pytest.mark.parametrize("status", [200, 400, 401])
def test_an_error_is_classed_by_its_code_on_any_status(
    provider: Provider, code: str, kind: FailureClass, status: int
) -> None:
    """RFC 6749 §5.2 names the errors; an unknown one never marks a connection dead."""
    read = failure(provider, response({"error": code, "error_description": "why\nso"}, status))

    assert (read.kind, read.code, read.message) == (kind, code, "why so")


@pytest.mark.parametrize(
    ("body", "status", "kind", "wait"),
    [
        ({"error": "boom"}, 500, FailureClass.AMBIGUOUS, None),
        ({"error": "invalid_grant"}, 500, FailureClass.REFUSED, None),
        ({**PAIR, "error": "invalid_grant"}, 200, FailureClass.REFUSED, None),
        ({"error": "invalid_grant"}, 400, FailureClass.REFUSED, None),
        ({"error": "temporarily_unavailable"}, 400, FailureClass.BUSY, 7),
    ],
)
def test_what_an_error_counts_for(
    provider: Provider, body: object, status: int, kind: FailureClass, wait: int | None
) -> None:
    """An unknown one of a broken server may follow a commit; one beside tokens counts; only a busy one has a wait."""
    read = failure(provider, response(body, status, retry_after="7"))

    assert (read.kind, read.retry_after) == (kind, wait)


def test_a_text_that_names_the_cause_goes_before_the_code(provider: Provider) -> None:
    """An error without a code of its own comes under another's: its text says what it is, in any case of letters."""
    other = replace(provider, failure_texts=(("ip allow list", FailureClass.CONFIGURATION),))
    reply = {"error": "invalid_grant", "error_description": "Not in the IP Allow List"}

    assert failure(other, response(reply, 400)).kind is FailureClass.CONFIGURATION
    assert failure(other, response({**reply, "error": "x"}, 400)).kind is FailureClass.CONFIGURATION
    assert failure(other, response({"error": "invalid_grant"}, 400)).kind is FailureClass.REFUSED


def test_what_a_provider_says_is_cut_and_cleaned(provider: Provider) -> None:
    """Code, message and trace id are short single lines, whatever was sent."""
    hostile = "\x1b[31m\N{RIGHT-TO-LEFT OVERRIDE}<script>\r\n\ud800" + "x" * 50_000

    read = failure(
        shaped(provider, trace_id="log_id"),
        response({"error": hostile, "error_description": hostile, "log_id": hostile}, 400),
    )

    assert (len(read.code), len(read.message), len(read.trace_id)) == (60, 200, 80)
    assert all(text.isprintable() and text.startswith("[31m<script>") for text in (read.code, read.message))


@pytest.mark.parametrize(("trace", "read"), [("t-1", "t-1"), (5, ""), (None, ""), ({}, "")])
def test_a_trace_id_is_text(provider: Provider, trace: object, read: str) -> None:
    """A trace id that is no text is none."""
    assert issued(shaped(provider, trace_id="log_id"), response({**PAIR, "log_id": trace})).trace_id == read


@pytest.mark.parametrize("body", [{}, PAIR, *({"data": data} for data in (None, {}, [], "x", 5, {"other": 1}))])
def test_an_envelope_without_tokens_is_ambiguous(provider: Provider, body: object) -> None:
    """A success whose envelope is missing, null, empty or of another type may have committed."""
    assert failure(shaped(provider, envelope="data"), response(body)).kind is FailureClass.AMBIGUOUS


def test_an_account_is_cleaned_but_its_id_is_not(provider: Provider) -> None:
    """Label and kind are shown to people; the id names the account and stays as the provider says."""
    reply = AccountReply(id="a/../ü", label="Acme\n\N{RIGHT-TO-LEFT OVERRIDE}", kind="sel\x00ler", facts={"a": "\n"})
    assert issued(shaped(provider, account=lambda _: reply), response()).account == AccountReply(
        id="a/../ü", label="Acme", kind="seller", facts={"a": "\n"}
    )


@pytest.mark.parametrize("account", ["\ud800", "a\x00b", "x" * 901, "a\nb"])
def test_an_account_that_no_record_can_hold_is_none(provider: Provider, account: str) -> None:
    """Such an id becomes no connection; the pair is kept, and it is told."""
    other = shaped(provider, account=lambda _: AccountReply(id=account))

    read = issued(other, response())

    assert (read.account, read.oddities) == (None, ("account id malformed",))
    assert read.refresh_token == Secret("refresh-2")


def test_facts_may_come_without_a_name(provider: Provider) -> None:
    """A provider may tell of an account that only another call names."""
    told = AccountReply(id="", facts={"advertiser_ids": ["1"]})
    other = shaped(provider, account=lambda _: told)

    assert issued(other, response()).account == told
    assert issued(other, response()).oddities == ()


def call_of(read: dict[str, Any] | ErrorReply, **told: Any) -> AccountCall:
    """Return an account call that reads this from any response."""
    return AccountCall(request=lambda *_: Request(method="GET", url="https://a.example"), read=lambda *_: read, **told)


def test_facts_of_an_account_are_read(provider: Provider) -> None:
    """The provider's own reader gets the response's object; its facts are the result."""
    assert read_account(provider, call_of({"a": 1}), response({"x": 1})) == {"a": 1}


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"\xff", b"{}"])
def test_facts_are_read_from_an_object_alone(provider: Provider, body: bytes) -> None:
    """A success without an object tells nothing, whatever the reader makes of nothing."""
    read = read_account(provider, call_of({}), response(body))

    assert isinstance(read, Failure)
    assert read.kind is FailureClass.AMBIGUOUS


@pytest.mark.parametrize("status", [200, 401, 408, 429, 500, 503])
def test_an_account_calls_errors_have_their_own_classes(provider: Provider, status: int) -> None:
    """invalid_grant refuses a refresh token and says nothing of an access token, unless the call says so."""
    error = ErrorReply(code="invalid_grant", message="m", trace_id="t\x00-1")
    told = {408: FailureClass.AMBIGUOUS, 500: FailureClass.AMBIGUOUS, 429: FailureClass.BUSY, 503: FailureClass.BUSY}
    refusing = call_of(error, failures={"invalid_grant": FailureClass.REFUSED})
    plain = read_account(provider, call_of(error), response({"x": 1}, status))
    refused = read_account(provider, refusing, response({"x": 1}))

    assert isinstance(plain, Failure)
    assert plain.kind is told.get(status, FailureClass.UNKNOWN)
    assert isinstance(refused, Failure)
    assert (refused.kind, refused.trace_id) == (FailureClass.REFUSED, "t-1")


@pytest.mark.parametrize("status", [400, 401, 404])
def test_a_timeout_that_the_server_tells_is_ambiguous(provider: Provider, status: int) -> None:
    """RFC 9110 §15.5.9: a 408 blames the time that it took, with a body or without; another 4xx does not."""
    for body in (b"", b'{"error":"slow"}'):
        assert failure(provider, response(body, 408)).kind is FailureClass.AMBIGUOUS
        assert failure(provider, response(body, status)).kind is FailureClass.UNKNOWN


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(["access_token", "refresh_token", "expires_in", "scope", "token_type", "error", "data", "id"])
SOME_ENVELOPES = st.sampled_from([None, "data"])


def _account(fields: Mapping[str, Any]) -> AccountReply | None:
    return AccountReply(id=str(fields["id"])) if "id" in fields else None


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(FIELDS, JSON | st.dictionaries(FIELDS, JSON)),
    st.integers(100, 599),
    st.dictionaries(st.sampled_from(["date", "retry-after"]), st.text(max_size=30)),
    SOME_ENVELOPES,
)
@example({"access_token": "a", "expires_in": float("inf")}, 200, {}, None)
def test_reading_never_raises(
    provider: Provider, body: dict[str, Any], status: int, headers: dict[str, str], envelope: str | None
) -> None:
    """Whatever JSON comes under whatever status and headers, it is read, and what is read is sane."""
    other = shaped(provider, envelope=envelope, account=_account, trace_id="id", refresh_expires_in="id")

    read = read_token_response(
        other, ProviderResponse(status=status, headers=headers, body=json.dumps(body).encode(), received_at=NOW)
    )

    if isinstance(read, Issued):
        assert 200 <= status < 300
        assert read.life is None or read.life > 0
        assert read.access_token is None or read.access_token.reveal().isprintable()
    else:
        assert read.retry_after is None or 0 <= read.retry_after <= 3600
        assert len(read.code) <= 60


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=100), st.integers(0, 999), st.text(st.characters(codec=None), max_size=40))
def test_reading_bytes_never_raises(provider: Provider, body: bytes, status: int, header: str) -> None:
    """Whatever the bytes are, reading ends with a failure that has a class."""
    given_answer = ProviderResponse(
        status=status, headers={"date": header, "retry-after": header}, body=body, received_at=NOW
    )

    assert read_token_response(provider, given_answer).__class__ in (Failure, Issued)


@pytest.mark.parametrize("depth", [*range(850, 1000, 7), 5000])
def test_depth_never_raises(provider: Provider, depth: int) -> None:
    """An error as deep as the parser just manages is still told without an exception."""
    body = b'{"error":' + b"[" * depth + b"]" * depth + b"}"

    assert failure(provider, response(body)).kind in (FailureClass.UNKNOWN, FailureClass.AMBIGUOUS)


def test_an_error_reply_has_no_message_by_default() -> None:
    """A provider's error function may give a code alone."""
    assert not ErrorReply(code="x").message
