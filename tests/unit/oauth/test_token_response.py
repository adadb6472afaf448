from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from field_rows import field
from tokensync.domain.messages import MAX_BODY, AccountReply, Failure, FailureClass, Issued, ProviderResponse, Request
from tokensync.domain.secret import Secret
from tokensync.oauth.provider import AccountCall
from tokensync.oauth.shapes import ErrorReply, ResponseShape, RevocationShape
from tokensync.oauth.token_response import read_account, read_consumer, read_revocation, read_token_response
from tokensync.providers import CONSUMERS, provider_named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
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


YEARS = 10 * 365 * 86_400
MILLISECONDS = "expires_in looks like milliseconds"
NO_NUMBER = ["true", "false", "[]", "{}", '"soon"', '"NaN"', '"' + "9" * 30 + '"']
NO_LIFE = ["0", "-1", "-0.0", "1e400", "-1e400", "NaN", "Infinity", "9" * 300]
ODD_EXPIRIES: dict[str, tuple[int, str]] = {
    **dict.fromkeys([*NO_NUMBER, *NO_LIFE], (3600, "expires_in malformed")),
    **dict.fromkeys([str(NOW - 1), str(NOW), str((NOW - 60) * 1000)], (3600, "expires_in in the past")),
    str((NOW + 5000) * 1000): (5000, "expires_in in milliseconds"),
    **{f"{seconds}000": (seconds, MILLISECONDS) for seconds in (300, 900, 3600, 7200, 28_800, 86_400, 200_000)},
    '"3600000"': (3600, MILLISECONDS),
    str(YEARS): (YEARS // 1000, MILLISECONDS),
}
NOT_WHOLE, NO_END, FAR = "expires_in is not a whole number", "expires_in states no end", "expires_in beyond ten years"
EXPIRIES: dict[str, tuple[int, tuple[str, ...]]] = {
    **dict.fromkeys(['"7200 "', "7200.0", "7200.9", '"7200.0"'], (7200, (NOT_WHOLE,))),
    '"3599"': (3599, (NOT_WHOLE,)),
    **dict.fromkeys(['""', '"never"', '" Never"', '"null"', '"unlimited"'], (3600, (NO_END,))),
    **dict.fromkeys(["1000000000000", "1" + "0" * 17, str(YEARS + 1), "630720000"], (3600, (FAR,))),
    **{str(days * 86_400): (days * 86_400, ()) for days in (1, 7, 30, 60, 90, 365)},
    "172800": (172_800, ()),
    "5183999": (5_183_999, ()),
    str(NOW + 5000): (5000, ()),
    "1": (1, ()),
    "7200": (7200, ()),
    "null": (3600, ()),
}


@pytest.mark.parametrize(("written", "life", "oddity"), [(key, *value) for key, value in ODD_EXPIRIES.items()])
def test_a_mangled_expiry_keeps_the_pair(provider: Provider, written: str, life: int, oddity: str) -> None:
    """Whatever stands for the expiry, both tokens are kept, the life is a sane one, and what is odd is alerted."""
    read = issued(provider, response(raw_pair(written)))

    assert (read.access_token, read.refresh_token) == (Secret("access-2"), Secret("refresh-2"))
    assert (read.life, read.access_expires_at) == (life, NOW + life)
    assert read.oddities == (oddity,)


@field("A11")
@pytest.mark.parametrize(("written", "life", "notes"), [(key, *value) for key, value in EXPIRIES.items()])
def test_a_harmless_expiry_is_noted(provider: Provider, written: str, life: int, notes: tuple[str, ...]) -> None:
    """Numbers as text, fractions, and ways of saying "never" are worth no alert."""
    read = issued(provider, response(raw_pair(written)))

    assert (read.life, read.access_expires_at) == (life, NOW + life)
    assert (read.oddities, read.notes) == ((), notes)


@field("A11", "A14")
@pytest.mark.parametrize("written", ["630720000", '"never"', str(NOW + 20 * 365 * 86_400)])
def test_a_bearer_of_twenty_years_never_ends(provider: Provider, written: str) -> None:
    """Without a refresh token nothing is assumed of it; with one it is renewed as one that states no life."""
    read = issued(provider, response(raw_pair(written).replace(b'"refresh_token":"refresh-2",', b"")))

    assert (read.access_token, read.life, read.access_expires_at) == (Secret("access-2"), None, None)
    assert read.oddities == ()


@field("A11")
@pytest.mark.parametrize("empty", ["", None, " ", "null", "None", "undefined"])
def test_a_refresh_token_that_is_empty_is_none(provider: Provider, empty: object) -> None:
    """It is absent, and nothing is odd."""
    read = issued(provider, response({**PAIR, "refresh_token": empty}))

    assert (read.refresh_token, read.oddities, len(read.notes)) == (None, (), empty is not None)


CONTRADICTING: list[tuple[dict[str, Any], int, tuple[str, ...]]] = [
    ({"expires_in": 3_600_000, "expires_in_sec": 3600}, 3600, ("expires_in_sec",)),
    ({"expires_in": "3600000", "expires_in_seconds": "3600"}, 3600, ("expires_in_seconds",)),
    ({"expires_in": 86_400, "expires_at": NOW + 3600}, 3600, ("expires_at",)),
    ({"expires_in": 86_400, "expires_on": str(NOW + 3600)}, 3600, ("expires_on",)),
    ({"expires_in": 86_400, "expires": 1800}, 1800, ("expires",)),
    ({"expires_in": 86_400, "exp": NOW + 600}, 600, ("exp",)),
    ({"expires_in": NOW + 86_400, "expiresIn": 3600}, 3600, ("expiresIn",)),
    ({"expires_in": 86_400, "expires": 7200, "expires_at": NOW + 600}, 600, ("expires", "expires_at")),
    # Of two that agree, or differ by two clocks, the one that the provider documents counts.
    ({"expires_in": 3600, "expires_at": NOW + 3590, "expires_in_sec": 3600}, 3600, ()),
    ({"expires_in": 3600, "expires_in_sec": 3_600_000, "ext_expires_in": 60}, 3600, ()),
    # What is no time of this token, or of any.
    ({"expires_in": 1_209_600, "expires": 14}, 1_209_600, ()),
    ({"expires_in": 86_400, "expires_at": NOW - 60, "exp": 3600, "expires": "never"}, 86_400, ()),
    ({"expires_in": 86_400, "expires_at": None, "exp": True, "expires": {"in": 60}}, 86_400, ()),
]


@field("A9")
@pytest.mark.parametrize(("fields", "life", "by"), CONTRADICTING, ids=lambda value: str(value)[:40])
def test_of_two_lifetimes_the_shorter_is_taken(
    provider: Provider, fields: dict[str, Any], life: int, by: tuple[str, ...]
) -> None:
    """A refresh too early does no harm: what a field of another name says is believed where it is far shorter."""
    read = issued(provider, response({**PAIR, **fields}))

    assert (read.life, read.access_expires_at) == (life, NOW + life)
    assert read.oddities == tuple(f"expires_in contradicts {name}" for name in by)


@field("A9")
@pytest.mark.parametrize("name", ["expires_at", "expires", "expires_in_sec"])
def test_a_lifetime_by_another_name_is_better_than_none(provider: Provider, name: str) -> None:
    """Where the documented field is absent or no number, a field of another name tells the life."""
    told = {name: NOW + 5000 if name == "expires_at" else 5000}
    absent = issued(provider, response({"access_token": "access-2", **told}))
    mangled = issued(provider, response({**PAIR, "expires_in": "soon", **told}))

    assert (absent.life, absent.oddities, absent.notes) == (5000, (), (f"{name} in the place of expires_in",))
    assert mangled.life == 5000


@field("A9")
@pytest.mark.parametrize(
    ("last", "stated", "life"),
    [
        *((3600, 360_000, 3600), (3600, 359_999, 359_999), (3600, 3_600_001, 3600), (3600, 3_600_000, 3600)),
        *((7200, 3600, 3600), (86_400, 5_184_000, 5_184_000), (60_000, 3_888_000, 3_888_000)),
        *((None, 5_184_000, 5_184_000), (0, 86_400, 86_400), (599, 86_400, 86_400), (600, 86_400, 600)),
    ],
)
def test_a_life_a_hundred_times_the_last_is_not_believed(
    provider: Provider, last: int | None, stated: int, life: int
) -> None:
    """The last life is taken instead, and it is odd; where the last one is not known, nothing is compared."""
    read = read_token_response(provider, response({**PAIR, "expires_in": stated}), last_life=last)

    assert isinstance(read, Issued)
    assert (read.life, read.access_expires_at) == (life, NOW + life)
    assert read.oddities == (("expires_in is a hundred times the last one",) if life != stated else ())


@field("A9")
@pytest.mark.parametrize("pair", [PAIR, {"access_token": "access-2"}], ids=["a new refresh token", "none"])
@pytest.mark.parametrize(
    ("last", "stated", "life"),
    [
        *((300, 300_000, 300), (300, 3_600_000, 3600), (599, 86_400_000, 86_400), (3600, 300_000, 300)),
        *((60_000, 3_600_000, 3600), (86_400, 3_600_000, 3600), (86_400, 300_000, 300)),
    ],
)
def test_milliseconds_are_known_whatever_the_last_life_was(
    provider: Provider, pair: dict[str, Any], last: int, stated: int, life: int
) -> None:
    """A last life that is too short or too long to compare with leaves what the number itself says."""
    read = read_token_response(provider, response({**pair, "expires_in": stated}), last_life=last)

    assert isinstance(read, Issued)
    assert (read.life, read.oddities) == (life, ("expires_in looks like milliseconds",))


@field("A9")
def test_no_end_is_no_life_to_compare(provider: Provider) -> None:
    """A token that has none, or states none, gets what it would get without an earlier one."""
    endless = read_token_response(provider, response({"access_token": "access-2"}), last_life=60)
    silent = read_token_response(provider, response({**PAIR, "expires_in": None}), last_life=10)

    assert isinstance(endless, Issued)
    assert isinstance(silent, Issued)
    assert (endless.life, silent.life) == (None, 3600)


def test_a_missing_expiry_gets_the_declared_default(provider: Provider) -> None:
    """Where a provider states no life, its declared one holds, else an hour if the token can be refreshed."""
    silent = {"access_token": "access-2", "refresh_token": "refresh-2"}
    declared = shaped(provider, default_expires_in=86_400)

    assert issued(provider, response(silent)).life == 3600
    assert issued(declared, response(silent)).life == 86_400
    assert issued(declared, response({"access_token": "access-2"})).life == 86_400
    assert issued(declared, response(raw_pair("0"))).life == 86_400
    assert issued(declared, response(raw_pair("630720000"))).life == 86_400


def test_a_token_without_expiry_and_refresh_token_never_expires(provider: Provider) -> None:
    """A long-term token has neither an end nor a due time."""
    read = issued(provider, response({"access_token": "access-2"}))

    assert (read.life, read.access_expires_at, read.refresh_token, read.oddities) == (None, None, None, ())


BAD_TOKENS = [5, True, ["x"], {"x": 1}, "x" * 65_536, "a\nb", "a\x00", "ü", "\ud800", "a\u2028b"]
NO_TOKENS = [
    "error: invalid code",
    "Invalid refresh token",
    "a b",
    " a",
    "a ",
    "a\tb",
    "a\xa0b",
    "a\x7f",
    "error:expired",
]
ERRORS = [
    *("invalid_grant", "INVALID_CLIENT", "bad_refresh_token", "error=gone", "error_description=gone"),
    *("invalid_token", "Invalid-Token", "InvalidToken", "insufficient_scope", "access_denied", "unauthorized"),
    *("server_error", "temporarily_unavailable", "unsupported_response_type", "internal_error", "expired", "Error!"),
    *("<html>", "<!DOCTYPE", "{}", '{"error":"x"}', "[]", "[object", "-", "Bearer"),
]
ACCESS, REFRESH = Secret("access-2"), Secret("refresh-2")


@field("A8")
@pytest.mark.parametrize("token", [*BAD_TOKENS, *NO_TOKENS, *ERRORS], ids=lambda token: ascii(token)[:20])
def test_a_malformed_token_is_none_and_odd(provider: Provider, token: object) -> None:
    """A token that no client can send is none; a well-formed one beside it is kept."""
    without_access = issued(provider, response({**PAIR, "access_token": token}))
    without_refresh = issued(provider, response({**PAIR, "refresh_token": token}))

    assert (without_access.access_token, without_access.refresh_token) == (None, REFRESH)
    assert without_access.oddities == ("access_token malformed",)
    assert (without_refresh.access_token, without_refresh.refresh_token) == (ACCESS, None)
    assert without_refresh.oddities == ("refresh_token malformed",)


@field("A8")
@pytest.mark.parametrize("word", ["", "null", "undefined", "None", "N/A", "false"])
def test_a_word_for_no_token_is_none(provider: Provider, word: str) -> None:
    """What a program writes where it has none is not published."""
    read = issued(provider, response({**PAIR, "access_token": word}))

    assert (read.access_token, read.oddities) == (None, ("access_token malformed",))


REAL = [
    "v^1.1#i^1#r^0#p^3#I^3",
    "Atza|IwEBIA==",
    "ya29.a0-_~+/=",
    "act.example12345!4521.va",
    "*!'();:@&=+$,/?%#[]~`{}\"<>",
    "eyJhbGciOiJub25lIn0.e30.",
    "expired7",
    "a1",
    "errorsome-opaque",
]


@field("A8")
@pytest.mark.parametrize("token", REAL)
def test_a_token_has_more_characters_than_the_rfc_says(provider: Provider, token: str) -> None:
    """RFC 6750 §2.1's alphabet is narrower than that of real tokens: eBay's, Amazon's, TikTok's."""
    assert issued(provider, response({**PAIR, "access_token": token})).access_token == Secret(token)


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
    """Tokens up to 16 KB are taken."""
    assert issued(provider, response({**PAIR, "access_token": "x" * 16_384})).access_token == Secret("x" * 16_384)
    assert issued(provider, response({**PAIR, "access_token": "x" * 16_385})).access_token is None


UNREADABLE = {
    "HTML": b"<!DOCTYPE html><html><body>502</body></html>",
    "empty": b"",
    "truncated": b'{"access_token":"access-2","refresh_to',
    "UTF-16": json.dumps(PAIR).encode("utf-16"),
    "duplicate keys": b'{"access_token":"a","access_token":"b"}',
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    "100,000 deep": b'{"access_token":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "5,000,000 digits": b'{"access_token":"a","expires_in":' + b"9" * 5_000_000 + b"}",
    "an array": b"[]",
    "a string": b'"access-2"',
    "a gateway's text": b"upstream connect error or disconnect/reset before headers",
}


@field("A6")
@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
@pytest.mark.parametrize("status", [200, 502, 503, 307, 400, 403, 404])
def test_what_cannot_be_read_is_silence(provider: Provider, body: bytes, status: int) -> None:
    """Whatever the status, nobody knows what the provider did."""
    read = failure(provider, response(body, status))

    assert (read.kind, read.code) == (FailureClass.AMBIGUOUS, f"http_{status}")


@field("A6")
@pytest.mark.parametrize("body", [{}, {"ok": True}, {"message": "?"}])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, FailureClass.AMBIGUOUS) for status in (200, 307, 408, 500, 502, 503)),
        *((status, FailureClass.UNKNOWN) for status in (400, 401, 403, 404, 422)),
    ],
)
def test_an_object_without_token_and_error(provider: Provider, body: object, status: int, kind: FailureClass) -> None:
    """In a 4xx it is an error that issued nothing; elsewhere it says nothing."""
    read = failure(provider, response(body, status))

    assert (read.kind, read.code) == (kind, f"http_{status}")


@field("A6")
@pytest.mark.parametrize(
    ("body", "code", "kind"),
    [
        (b'[{"errorCode":"INVALID_SESSION_ID","message":"gone"}]', "INVALID_SESSION_ID", FailureClass.UNKNOWN),
        (b'[{"error":"invalid_grant"}]', "invalid_grant", FailureClass.REFUSED),
        (b"invalid_grant", "invalid_grant", FailureClass.REFUSED),
        (b' "invalid_client"\n', "invalid_client", FailureClass.CONFIGURATION),
        (b'[{"error":"invalid_grant"},{"error":"x"}]', "http_400", FailureClass.AMBIGUOUS),
        (b'[{"access_token":"access-2","refresh_token":"refresh-2"}]', "http_400", FailureClass.AMBIGUOUS),
        (b"unheard_of", "http_400", FailureClass.AMBIGUOUS),
        (b"invalid_grant invalid_client", "http_400", FailureClass.AMBIGUOUS),
    ],
)
def test_an_error_may_be_bare(provider: Provider, body: bytes, code: str, kind: FailureClass) -> None:
    """In a 4xx the only object of a list is one, and so is a known word and nothing else; elsewhere neither is."""
    read = failure(provider, response(body, 400))

    assert (read.kind, read.code) == (kind, code)
    assert {FailureClass.AMBIGUOUS} == {failure(provider, response(body, status)).kind for status in (200, 307, 502)}


def test_a_cut_answer_is_unreadable(provider: Provider) -> None:
    """What was longer than we accept is not parsed, even where the part is JSON."""
    assert failure(provider, response(complete=False)).kind is FailureClass.AMBIGUOUS


@pytest.mark.parametrize("status", [302, 307, 400, 404, 500, 503])
@pytest.mark.parametrize("body", [PAIR, {"refresh_token": "refresh-2"}, {**PAIR, "status": "ok", "success": False}])
def test_tokens_outside_of_a_success_are_not_taken(provider: Provider, status: int, body: object) -> None:
    """A token in a redirect or a refusal is not published, and nobody knows what was issued."""
    assert failure(provider, response(body, status)).kind is FailureClass.AMBIGUOUS


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("code", ["invalid_grant", "invalid_client", "temporarily_unavailable"])
def test_a_redirects_word_counts_for_nothing(status: int, code: str) -> None:
    """No redirect refuses a token, pauses an app or has a token presented again, whatever it says."""
    read = failure(provider_named("oauth2"), response(f'{{"error":"{code}"}}'.encode(), status))

    assert (read.kind, read.code) == (FailureClass.AMBIGUOUS, f"http_{status}")


def packed(*codings: str, body: bytes = json.dumps(PAIR).encode()) -> bytes:
    """Return a body under these content codings, applied in this order."""
    for coding in codings:
        body = PACKERS[coding](body)
    return body


def raw_deflate(data: bytes) -> bytes:
    """Return deflate without zlib's frame."""
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "raw": raw_deflate,
    "members": lambda data: gzip.compress(data[:7]) + gzip.compress(b"") + gzip.compress(data[7:]),
}
PACKED = {
    "gzip": ("gzip", packed("gzip")),
    "x-gzip": ("X-GZIP", packed("x-gzip")),
    "members": ("gzip", packed("members")),
    "deflate": ("deflate", packed("deflate")),
    "raw deflate": ("deflate", packed("raw")),
    "gzip twice": ("gzip, gzip", packed("gzip", "gzip")),
    "deflate, then gzip": ("deflate,gzip", packed("deflate", "gzip")),
    "gzip, then raw deflate": ("gzip , deflate", packed("gzip", "raw")),
    "identity": ("identity", packed("gzip")),
    "not announced": ("", packed("gzip")),
    "announced once, packed twice": ("gzip", packed("gzip", "gzip")),
    "announced as another": ("br", packed("gzip")),
    **{f"announced as {coding}, and plain": (coding, packed()) for coding in ("gzip", "deflate", "br", "gzip, gzip")},
    "padded": ("gzip", packed("gzip") + bytes(512)),
}


@field("A2")
@pytest.mark.parametrize(("coding", "body"), PACKED.values(), ids=PACKED.keys())
def test_a_packed_answer_is_read(provider: Provider, coding: str, body: bytes) -> None:
    """Though none was asked for, in every coding that the standard library knows; a header that lies harms nothing."""
    assert issued(provider, response(body, content_encoding=coding)).access_token == ACCESS


@field("A2")
def test_whatever_is_read_is_read_packed(provider: Provider) -> None:
    """A refusal, an account's facts, a revocation's empty success and a consumer's reply, too."""
    refused = response(packed("gzip", body=b'{"error":"invalid_grant"}'), 400, content_encoding="gzip")
    busy = response(packed("deflate", body=b'{"error":"busy"}'), 503, content_encoding="deflate")
    facts = response(packed("gzip", body=b'{"x":1}'), content_encoding="gzip")
    empty = response(packed("gzip", body=b""), content_encoding="gzip")
    strict = replace(provider, revocation=RevocationShape(status_decides=False))
    cart = response(packed("gzip", body=b'{"return_code":0,"result":{}}'), content_encoding="gzip")

    assert failure(provider, refused).kind is FailureClass.REFUSED
    assert failure(provider, busy).kind is FailureClass.BUSY
    assert read_account(provider, call_of({"a": 1}), facts) == {"a": 1}
    assert read_revocation(strict, empty) is None
    assert read_consumer(CONSUMERS["api2cart"], cart) == {"return_code": 0, "result": {}}


TORN = {
    "half": packed("gzip")[: len(packed("gzip")) // 2],
    "without its last byte": packed("gzip")[:-1],
    "with a wrong sum": packed("gzip")[:-8] + b"\x00\x00\x00\x01" + packed("gzip")[-4:],
    "half of deflate": packed("deflate")[: len(packed("deflate")) // 2],
    "half of raw deflate": packed("raw")[: len(packed("raw")) // 2],
    "a second member torn": gzip.compress(json.dumps(PAIR).encode()) + gzip.compress(b" ")[:-3],
    "packed ten times": packed(*["gzip"] * 10),
    "brotli": b"\x0b\x02\x80hello\x03",
}
FULL = json.dumps({**PAIR, "padding": "x" * (MAX_BODY - 200)}).encode()
BOMB = json.dumps({**PAIR, "padding": "x" * 100_000_000}).encode()


@field("A2")
@pytest.mark.parametrize("coding", ["gzip", "deflate", ""])
@pytest.mark.parametrize("body", TORN.values(), ids=TORN.keys())
def test_a_torn_answer_is_silence(provider: Provider, body: bytes, coding: str) -> None:
    """What is not whole, not undamaged, or packed in a way that nobody asked for, is not read."""
    assert failure(provider, response(body, content_encoding=coding)).kind is FailureClass.AMBIGUOUS


@field("A2")
@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw", "members"])
def test_no_more_is_unpacked_than_would_be_read(provider: Provider, coding: str) -> None:
    """Up to the bound of a plain body it is read; of a bomb hardly more than that is ever in memory."""
    header = "gzip" if coding in ("gzip", "members") else "deflate"
    bomb = packed(coding, body=BOMB)
    tracemalloc.start()
    read = failure(provider, response(bomb, content_encoding=header))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (read.kind, peak < len(bomb) * 2 + 4 * MAX_BODY) == (FailureClass.AMBIGUOUS, True)
    whole = response(packed(coding, body=FULL), content_encoding=header)
    assert issued(provider, whole).access_token == ACCESS
    over = response(packed(coding, body=FULL + b" " * 300), content_encoding=header)
    assert failure(provider, over).kind is FailureClass.AMBIGUOUS
    assert read_account(provider, call_of({"a": 1}), over, largest=2 * MAX_BODY) == {"a": 1}


LATIN = b'{"access_token":"access-2","refresh_token":"refresh-2","expires_in":7200,"name":"M\xfcller \xff"}'
ODDLY_WRITTEN = {
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(PAIR).encode(),
    "Latin-1 in a name": LATIN,
    "a cut character": LATIN.replace(b"M\xfcller", b"\xe5\xba"),
    "equal duplicates": json.dumps(PAIR).encode()[:-1] + b',"access_token":"access-2","expires_in":7200}',
    "equal objects": b'{"x":{"a":[1,2]},"x":{"a":[1, 2]},' + json.dumps(PAIR).encode()[1:],
}


@field("A12")
@pytest.mark.parametrize("body", ODDLY_WRITTEN.values(), ids=ODDLY_WRITTEN.keys())
def test_what_harms_no_token_costs_none(provider: Provider, body: bytes) -> None:
    """Where the fields of the tokens are as they were meant, nothing else is a reason to lose them."""
    read = issued(provider, response(body))

    assert (read.access_token, read.refresh_token, read.life, read.oddities) == (ACCESS, REFRESH, 7200, ())


@field("A12")
def test_a_name_in_latin_1_is_read_as_it_was_meant(provider: Provider) -> None:
    """People recognise their shop, and two names never become one."""
    named = shaped(provider, account=lambda fields: AccountReply(id="a", label=str(fields["name"])))

    assert issued(named, response(LATIN)).account == AccountReply(id="a", label="Müller ÿ")


@field("A12")
@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
def test_a_token_with_a_broken_character_is_none(provider: Provider, name: str) -> None:
    """Which token was meant is not guessed; the other one is kept."""
    read = issued(provider, response(LATIN.replace(f'{name}":"'.encode(), f'{name}":"'.encode() + b"\xe9")))

    expected = (None, REFRESH) if name == "access_token" else (ACCESS, None)
    assert (expected, (f"{name} malformed",)) == ((read.access_token, read.refresh_token), read.oddities)


DIFFERING = {
    "another access token": b',"access_token":"b"}',
    "another refresh token": b',"refresh_token":null}',
    "another life": b',"expires_in":"7200"}',
    "another name": b',"token_type":"mac"}',
}


@field("A12")
@pytest.mark.parametrize("more", DIFFERING.values(), ids=DIFFERING.keys())
def test_duplicates_that_differ_are_silence(provider: Provider, more: bytes) -> None:
    """Parsers disagree about which one wins."""
    assert failure(provider, response(json.dumps(PAIR).encode()[:-1] + more)).kind is FailureClass.AMBIGUOUS


FORM = b"access_token=access-2&refresh_token=refresh-2&token_type=bearer&expires_in=7200&scope=a%2Cb"
FORMS = {
    "a form": (FORM, "application/x-www-form-urlencoded; charset=utf-8"),
    "plain text": (FORM + b"\n", "text/plain"),
    "said to be HTML": (FORM, "text/html; charset=UTF-8"),
    "of no type": (b"\xef\xbb\xbf" + FORM, ""),
    "equal duplicates": (FORM + b"&token_type=bearer", "text/plain"),
    "a name in Latin-1": (FORM + b"&name=M%fcller&shop=M\xfcller+%", "text/plain"),
}


@field("A12")
@pytest.mark.parametrize(("body", "content_type"), FORMS.values(), ids=FORMS.keys())
def test_a_form_is_read(provider: Provider, body: bytes, content_type: str) -> None:
    """Older GitHub and Facebook answer so; a number as text is nothing to note there."""
    read = issued(provider, response(body, content_type=content_type))

    assert (read.access_token, read.refresh_token, read.life, read.token_type) == (ACCESS, REFRESH, 7200, "bearer")
    assert (read.scopes, read.oddities, read.notes) == (("a", "b"), (), ())


@field("A12")
def test_a_form_may_hold_an_error(provider: Provider) -> None:
    """GitHub's words for a dead token, in an HTTP 200."""
    told = b"error=bad_refresh_token&error_description=The+refresh+token+passed+is+incorrect&error_uri=https%3A%2F%2Fa"
    read = failure(provider, response(told, content_type="application/x-www-form-urlencoded"))

    message = "The refresh token passed is incorrect"
    assert (read.kind, read.code, read.message) == (FailureClass.REFUSED, "bad_refresh_token", message)


@field("A12")
@pytest.mark.parametrize(
    "body",
    [
        *(FORM + b"&access_token=other", b"access_token", b"a=1&b=2", b"<a href=access_token=1>", FORM + b"&<p>=1"),
        *(b"access_token=a\nrefresh_token=b", b"access token=a", b"&access_token=a", b"code=1 access_token=2", b"="),
    ],
)
def test_what_is_no_form_is_silence(provider: Provider, body: bytes) -> None:
    """Two values of a field, text that only looks like one, and a form without token and error."""
    assert failure(provider, response(body, content_type="text/plain")).kind is FailureClass.AMBIGUOUS


@pytest.mark.parametrize("body", [b"", b'{"error":"invalid_grant"}', b'{"error":"server_error"}', b"<html>"])
@pytest.mark.parametrize(("status", "wait"), [(429, "5"), (503, "5")])
def test_busy_is_told_before_the_body(provider: Provider, status: int, wait: str, body: bytes) -> None:
    """A 429, and a 503 that says when to come back, was not processed, whatever its body says."""
    read = failure(provider, response(body, status, retry_after=wait))

    assert (read.kind, read.code, read.retry_after) == (FailureClass.BUSY, f"http_{status}", 5)
    assert failure(provider, response(body, 429)).kind is FailureClass.BUSY


GATEWAYS: list[object] = [
    b"",
    b"<html><h1>503 Service Temporarily Unavailable</h1></html>",
    b"upstream connect error or disconnect/reset before headers",
    b"no healthy upstream",
    {"message": "Service Unavailable"},
    {"code": 503, "message": "UC"},
    {"status": 503, "error": "Service Unavailable", "path": "/token", "timestamp": "2026-11-30T10:00:00"},
    {"error": {"code": 503, "message": "The service is currently unavailable.", "status": "UNAVAILABLE"}},
    {"error": {"code": "invalid_grant"}},
    {"error": 503},
    {"error": True},
    {"errors": [{"message": "x"}]},
    {"ok": False, "code": "overloaded"},
    {"fault": {"faultstring": "x"}},
    {},
    [],
]


@field("A17")
@pytest.mark.parametrize("body", GATEWAYS, ids=lambda body: ascii(body)[:40])
@pytest.mark.parametrize("wait", [{}, {"retry_after": ""}, {"retry_after": " "}])
def test_a_503_of_a_gateway_is_silence(provider: Provider, body: object, wait: dict[str, str]) -> None:
    """The server behind it may have committed before the gateway lost its answer."""
    read = failure(provider, response(body, 503, **wait))

    assert (read.kind, read.retry_after) == (FailureClass.AMBIGUOUS, None)


@field("A17")
@pytest.mark.parametrize(
    ("word", "kind"),
    [
        *((word, FailureClass.BUSY) for word in ("temporarily_unavailable", "overloaded", "too_many_requests")),
        *((word, FailureClass.BUSY) for word in ("invalid_grant", "invalid_client", "invalid_request")),
        ("server_error", FailureClass.AMBIGUOUS),
    ],
)
def test_a_503_in_the_providers_words_was_not_processed(provider: Provider, word: str, kind: FailureClass) -> None:
    """Its own error says so; no word in a 503 is a verdict on a token or an app, and a server's error stays open."""
    read = failure(provider, response({"error": word, "error_description": "later"}, 503))

    assert (read.kind, read.code, read.message) == (kind, word, "later")


@field("A17")
@pytest.mark.parametrize(
    ("name", "body", "kind"),
    [
        ("tiktok_shop", {"code": 36009002, "message": "rate limit"}, FailureClass.BUSY),
        ("tiktok_shop", {"code": 36004005, "message": "can not find related auth record"}, FailureClass.BUSY),
        ("tiktok_shop", {"code": 36009007, "message": "timeout"}, FailureClass.AMBIGUOUS),
        ("tiktok_shop", {"message": "Service Unavailable"}, FailureClass.AMBIGUOUS),
        ("tiktok_ads", {"code": 40200, "message": ""}, FailureClass.AMBIGUOUS),
        ("tiktok_login", {"error": "temporarily_unavailable"}, FailureClass.BUSY),
        ("tiktok_login", {"message": "Service Unavailable"}, FailureClass.AMBIGUOUS),
        ("eshopbox", {"message": "Service Unavailable"}, FailureClass.AMBIGUOUS),
    ],
)
def test_each_provider_has_its_own_words(name: str, body: object, kind: FailureClass) -> None:
    """Where errors are numbers, only a number is a provider's word; where none is documented, none is."""
    assert failure(provider_named(name), response(body, 503)).kind is kind


@field("A17")
def test_a_503_says_the_same_wherever_it_is_read(provider: Provider) -> None:
    """Of an account's facts, a revocation and a consumer as well."""
    shop, cart = provider_named("tiktok_shop"), CONSUMERS["api2cart"]
    assert shop.account_call is not None
    theirs = response({"code": 36009002, "message": "rate limit"}, 503)
    told = [
        read_account(shop, shop.account_call, theirs),
        read_revocation(provider, response({"error": "temporarily_unavailable"}, 503)),
        read_consumer(cart, response({"return_code": 7, "return_message": "busy"}, 503)),
        read_consumer(cart, response(b"", 503, retry_after="9")),
    ]
    bare = response({"message": "Service Unavailable"}, 503)
    silent = [read_account(shop, shop.account_call, bare), read_revocation(provider, bare), read_consumer(cart, bare)]

    assert [FailureClass.BUSY] * 4 == [read.kind for read in told if isinstance(read, Failure)]
    assert [FailureClass.AMBIGUOUS] * 3 == [read.kind for read in silent if isinstance(read, Failure)]


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
    assert failure(provider, response(b"", 429, retry_after=text)).retry_after == seconds


def test_a_retry_date_is_read_by_the_providers_clock(provider: Provider) -> None:
    """With a clock here that is wrong by minutes, the wait until a date is still the provider's."""
    dates = {"date": formatdate(NOW - 600, usegmt=True), "retry_after": formatdate(NOW - 540, usegmt=True)}

    assert failure(provider, response(b"", 503, **dates)).retry_after == 60


@field("A7")
@pytest.mark.parametrize("skew", [-86_000, -7200, -600, 0, 600, 7200, 86_000])
def test_a_duration_counts_from_our_receipt(provider: Provider, skew: int) -> None:
    """A provider's clock that is off, by minutes or by hours, moves no end and no life."""
    read = issued(provider, response({**PAIR}, date=formatdate(NOW + skew, usegmt=True)))

    assert (read.access_expires_at, read.life) == (NOW + 7200, 7200)


@field("A7")
@pytest.mark.parametrize(("skew", "life"), [(-900, 7200), (-600, 7200), (600, 7200), (900, 7200), (901, 8101)])
def test_an_epoch_is_held_against_the_providers_clock(provider: Provider, skew: int, life: int) -> None:
    """Within minutes the Date tells how long it is until then; one that is further off is no clock to compare with."""
    date = formatdate(NOW + skew, usegmt=True)
    read = issued(provider, response({**PAIR, "expires_in": NOW + skew + 7200}, date=date))

    assert (read.access_expires_at, read.life) == (NOW + skew + 7200, life)


@field("A7")
@pytest.mark.parametrize(
    "date", ["", "now", formatdate(NOW + 7200, usegmt=True), formatdate(NOW - 90_000, usegmt=True), formatdate(0)]
)
def test_a_date_that_is_no_clock_is_ignored(provider: Provider, date: str) -> None:
    """Without a plausible Date our own time of receipt counts, for epochs and for the date to come back at."""
    read = issued(provider, response({**PAIR, "expires_in": NOW + 7200}, date=date))
    busy = response(b"", 429, date=date, retry_after=formatdate(NOW + 90, usegmt=True))

    assert (read.access_expires_at, read.life) == (NOW + 7200, 7200)
    assert failure(provider, busy).retry_after == 90


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
        ("", " ", None),
        (" ", " ", None),
        (",", ",", None),
        (["a", "b"], " ", ("a", "b")),
        ([4, 5], " ", ("4", "5")),
        (["a", None, {"x": 1}, 1.5], " ", ("a",)),
        ([], " ", None),
        ([""], " ", None),
        (None, " ", None),
        (5, " ", None),
        ({"a": 1}, " ", None),
        (["a\x1b[31m\ud800b"], " ", ("a[31mb",)),
    ],
)
def test_scopes_come_in_many_forms(
    provider: Provider, scope: object, separator: str, scopes: tuple[str, ...] | None
) -> None:
    """Text with separators and arrays of text or numbers are read and cleaned; all else, and nothing, says nothing."""
    assert issued(shaped(provider, scope_separator=separator), response({**PAIR, "scope": scope})).scopes == scopes


@pytest.mark.parametrize(
    ("token_type", "read"), [("bearer", "bearer"), (None, "Bearer"), (5, "Bearer"), ("a\nb", "a b")]
)
def test_the_token_type_is_bearer_unless_told(provider: Provider, token_type: object, read: str) -> None:
    """A token type is cleaned; where none is given it is Bearer."""
    assert issued(provider, response({**PAIR, "token_type": token_type})).token_type == read


DEAD = ["invalid_grant", "invalid_refresh_token", "bad_refresh_token", "BAD_REFRESH_TOKEN", "INVALID_GRANT"]
CODES = {
    **dict.fromkeys([*DEAD, "Invalid refresh token", "refresh-token-expired"], FailureClass.REFUSED),
    **dict.fromkeys(["invalid_client", "unauthorized_client", "unsupported_grant_type"], FailureClass.CONFIGURATION),
    **dict.fromkeys(["incorrect_client_credentials", "Invalid_Client"], FailureClass.CONFIGURATION),
    **dict.fromkeys(["invalid_request", "invalid_scope", "something_else", "invalid_code"], FailureClass.UNKNOWN),
    **dict.fromkeys(["token_expired", "invalid_grants", "not invalid_grant"], FailureClass.UNKNOWN),
    "server_error": FailureClass.AMBIGUOUS,
    **dict.fromkeys(["temporarily_unavailable", "rate_limited", "too_many_requests"], FailureClass.BUSY),
}


@field("A6")
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
        ({**PAIR, "error": "invalid_grant"}, 400, FailureClass.REFUSED, None),
        ({**PAIR, "access_token": "", "error": "invalid_grant"}, 200, FailureClass.REFUSED, None),
        ({"error": "invalid_grant"}, 400, FailureClass.REFUSED, None),
        ({"error": "temporarily_unavailable"}, 400, FailureClass.BUSY, 7),
    ],
)
def test_what_an_error_counts_for(
    provider: Provider, body: object, status: int, kind: FailureClass, wait: int | None
) -> None:
    """An unknown one of a broken server may follow a commit, one beside no usable token counts, a busy one waits."""
    read = failure(provider, response(body, status, retry_after="7"))

    assert (read.kind, read.retry_after) == (kind, wait)


META = {"message": "Error validating access token", "type": "OAuthException", "code": 190, "error_subcode": 460}
WORDED: dict[str, tuple[object, int, FailureClass, str, str]] = {
    "Slack": ({"ok": False, "error": "invalid_refresh_token"}, 200, FailureClass.REFUSED, "invalid_refresh_token", ""),
    "Slack's unknown": (
        {"ok": False, "error": "org_login_required"},
        200,
        FailureClass.UNKNOWN,
        "org_login_required",
        "",
    ),
    "GitHub": ({"error": "bad_refresh_token", "error_uri": "x"}, 200, FailureClass.REFUSED, "bad_refresh_token", ""),
    "HubSpot": (
        {"status": "BAD_REFRESH_TOKEN", "message": "missing or unknown refresh token", "correlationId": "c"},
        400,
        FailureClass.REFUSED,
        "BAD_REFRESH_TOKEN",
        "missing or unknown refresh token",
    ),
    "Zoho": ({"error": "invalid_code"}, 200, FailureClass.UNKNOWN, "invalid_code", ""),
    "Pinterest": (
        {"code": 2, "message": "Authentication failed."},
        401,
        FailureClass.UNKNOWN,
        "2",
        "Authentication failed.",
    ),
    "Meta": ({"error": META}, 400, FailureClass.UNKNOWN, "190", "Error validating access token"),
    "Google": (
        {"error": {"code": 401, "message": "Request had invalid credentials.", "status": "UNAUTHENTICATED"}},
        401,
        FailureClass.UNKNOWN,
        "UNAUTHENTICATED",
        "Request had invalid credentials.",
    ),
    "Walmart": (
        {"error": [{"code": "INVALID_TOKEN.GMP", "description": "Token expired", "severity": "ERROR"}]},
        400,
        FailureClass.UNKNOWN,
        "INVALID_TOKEN.GMP",
        "Token expired",
    ),
    "Square": (
        {"errors": [{"category": "AUTHENTICATION_ERROR", "code": "UNAUTHORIZED", "detail": "Not authorized."}]},
        401,
        FailureClass.UNKNOWN,
        "UNAUTHORIZED",
        "Not authorized.",
    ),
    "WeChat": (
        {"errcode": 40030, "errmsg": "invalid refresh_token"},
        200,
        FailureClass.UNKNOWN,
        "40030",
        "invalid refresh_token",
    ),
    "a number": ({"error": 100016, "error_description": "d"}, 200, FailureClass.UNKNOWN, "100016", "d"),
    "a word within": ({"error": {"type": "invalid_grant"}}, 400, FailureClass.REFUSED, "invalid_grant", ""),
    "a known word after another": (
        {"error": {"code": 10, "type": "invalid_grant"}},
        400,
        FailureClass.REFUSED,
        "10",
        "",
    ),
    "RFC 9457": (
        {"type": "https://id.example/probs/x", "title": "Bad Request", "status": 400, "detail": "Gone."},
        400,
        FailureClass.UNKNOWN,
        "Bad Request",
        "Gone.",
    ),
    "JSend": ({"status": "error", "message": "Gone"}, 200, FailureClass.UNKNOWN, "http_200", "Gone"),
    "no success": ({"success": False, "error_code": "E7"}, 200, FailureClass.UNKNOWN, "E7", ""),
    "only true": ({"error": True, "message": "Gone"}, 200, FailureClass.UNKNOWN, "http_200", "Gone"),
    "the status alone": ({"error": 400, "code": "E7"}, 400, FailureClass.UNKNOWN, "http_400", ""),
    "nothing at all": ({"detail": "Gone"}, 403, FailureClass.UNKNOWN, "http_403", "Gone"),
    "a list of texts": ({"errors": ["invalid_refresh_token"]}, 422, FailureClass.REFUSED, "invalid_refresh_token", ""),
    "fields": ({"errors": {"refresh_token": ["is bad"]}}, 422, FailureClass.UNKNOWN, "http_422", ""),
}


@field("A6", "A14")
@pytest.mark.parametrize("service", WORDED)
def test_an_error_is_explicit_in_many_shapes(provider: Provider, service: str) -> None:
    """As services word it: it issued nothing, its word may be known, and it is shown as text."""
    body, status, kind, code, message = WORDED[service]
    read = failure(provider, response(body, status))

    assert (read.kind, read.code, read.message) == (kind, code, message)


NO_ERRORS: list[dict[str, Any]] = [
    *({"error": value} for value in ("", None, 0, False, [], {}, "0", "ok", "OK", "none", "success")),
    *({"errors": []}, {"ok": True}, {"success": True}, {"errcode": 0}, {"status": "ok"}, {"code": 0}),
]


@field("A14")
@pytest.mark.parametrize("beside", NO_ERRORS, ids=str)
def test_a_word_that_says_success_is_no_error(provider: Provider, beside: dict[str, Any]) -> None:
    """Nothing is odd about it, and without a token it says nothing at all."""
    read = issued(provider, response({**PAIR, **beside}))

    assert (read.access_token, read.oddities) == (ACCESS, ())
    assert failure(provider, response(beside)).kind is FailureClass.AMBIGUOUS


@field("A14")
@pytest.mark.parametrize("beside", [{"error": "invalid_grant"}, {"error": {"code": 7}}, {"ok": False}], ids=str)
def test_a_token_beside_an_error_is_real(provider: Provider, beside: dict[str, Any]) -> None:
    """In a success the pair is taken, and the error is odd; where errors are numbers in an envelope it is one."""
    read = issued(provider, response({**PAIR, **beside}))
    numbered = provider_named("tiktok_accounts")

    assert (read.access_token, read.refresh_token) == (ACCESS, REFRESH)
    assert read.oddities == ("an error beside a token",)
    assert failure(numbered, response({"code": 40105, "data": PAIR})).kind is FailureClass.REFUSED


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
    told = {**dict.fromkeys((408, 500), FailureClass.AMBIGUOUS), **dict.fromkeys((429, 503), FailureClass.BUSY)}
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
    assert failure(provider, response(b'{"error":"slow"}', status)).kind is FailureClass.UNKNOWN


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
