"""Every mangled answer through the real rotation function: what stands afterwards, and the memory that it took."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from canary import hears_alerts, leaked
from fault_rows import fault
from faults.answers import MEGABYTE, Afterwards, Batches
from faults.fleet import seeded
from faults.polling import at_rest
from faults.workers import Workers
from field_rows import field
from tokensync.domain.connection import Exemption, Phase, Status
from tokensync_cli.sandbox.mint import digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stack import Stack

CANARY = "C4N4RY-in-every-answer"
LIFE = 3600  # seconds, of the sandbox's access tokens here
MOST = 64 * MEGABYTE  # more memory than an ordinary refresh takes
EPOCH_AHEAD = 7200
SHOP_LIFE = 86_400  # what tiktok_shop's tokens are taken to live where none is told
LOGIN_LIFE = 7200


@pytest.fixture(scope="module")
def workers(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    """Processes of the built function; the deployed one rests."""
    hears_alerts(stack)
    with at_rest(stack), Workers(stack, tmp_path_factory.mktemp("answers")) as workers:
        yield workers


@pytest.fixture(scope="module")
def fleets(stack: Stack, workers: Workers) -> dict[str, Batches]:
    """Connections of three providers: one by the RFC, one flat with a default life, one with an envelope and epochs."""
    counts = {"oauth2": 110, "tiktok_login": 6, "tiktok_shop": 68}  # as many as are used: the others would come due
    return {
        provider: Batches(
            seeded(
                stack,
                f"answers-{provider.replace('_', '-')}",
                provider=provider,
                count=count,
                access_token_seconds=LIFE,
                token_marker=CANARY,
            ),
            workers,
        )
        for provider, count in counts.items()
    }


@pytest.fixture(scope="module")
def base(fleets: dict[str, Batches]) -> int:
    """The peak memory of an ordinary refresh of two connections in such a process, in bytes."""
    peaks = []
    for batches in fleets.values():
        worker, _ = batches.run(batches.take(2))
        peaks.append(worker.peak())
    return min(peaks)


@pytest.fixture
def bounded(base: int, record_property: Callable[[str, object], None]) -> Iterator[list[Afterwards]]:
    """What a test puts here took no more than 64 MB over an ordinary refresh, ended well, and held up nobody."""
    seen: list[Afterwards] = []
    yield seen
    for after in seen:
        assert {"batchItemFailures": []} == after.report
        assert after.neighbour_proceeded()
        record_property("megabytes over the base", round((after.worker.peak() - base) / MEGABYTE, 1))
        assert after.worker.peak() - base <= MOST
        assert [] == after.fleet.doubles()


@dataclass(frozen=True, kw_only=True)
class Expiry:
    """One case: how the answer is spoiled, what the token is taken to live, and whether that is worth an alarm."""

    provider: str
    spoil: dict[str, Any]
    life: int
    odd: bool


def row(name: str, provider: str, *, odd: bool, life: int, **spoil: Any) -> Any:
    """Return one case of the table."""
    return pytest.param(Expiry(provider=provider, spoil=spoil, life=life, odd=odd), id=f"{name}-{provider}")


def in_oauth2(name: str, value: str | None, *, odd: bool, life: int = LIFE) -> Any:
    """Return a case of `expires_in`, its value as JSON source."""
    spoil: dict[str, Any] = {"drop": ["expires_in"]} if value is None else {"raw": {"expires_in": value}}
    return row(name, "oauth2", odd=odd, life=life, **spoil)


def in_shop(name: str, value: str | None, *, odd: bool, life: int = SHOP_LIFE) -> Any:
    """Return a case of TikTok Shop's absolute time, its value as JSON source."""
    field = "access_token_expire_in"
    spoil: dict[str, Any] = {"drop": [field]} if value is None else {"raw": {field: value}}
    return row(name, "tiktok_shop", odd=odd, life=life, **spoil)


NO_EXPIRY = ("0", "-1", "1e400", "NaN", "true")


@fault("expires_in missing", "expires_in 0", "expires_in -1", 'expires_in "3600"', "expires_in 3600.0")
@fault("expires_in 1e400", "expires_in NaN", "expires_in 10^12", "expires_in an epoch", "expires_in true")
@pytest.mark.parametrize(
    "case",
    [
        in_oauth2("missing", None, odd=False),
        *(in_oauth2(value, value, odd=True) for value in NO_EXPIRY),
        in_oauth2("text", '"1800"', odd=False, life=1800),
        in_oauth2("float", "1800.0", odd=False, life=1800),
        in_oauth2("10^12", "1000000000000", odd=False),
        in_oauth2("milliseconds", "3600000", odd=True),
        in_oauth2("epoch", "EPOCH", odd=False, life=EPOCH_AHEAD),
        row("missing", "tiktok_login", odd=False, life=LOGIN_LIFE, drop=["expires_in"]),
        row("0", "tiktok_login", odd=True, life=LOGIN_LIFE, set={"expires_in": 0}),
        in_shop("missing", None, odd=False),
        *(in_shop(value, value, odd=True) for value in NO_EXPIRY),
        in_shop("text", '"EPOCH"', odd=False, life=EPOCH_AHEAD),
        in_shop("float", "EPOCH.0", odd=False, life=EPOCH_AHEAD),
        in_shop("10^12", "1000000000000", odd=False),
        in_shop("milliseconds", "EPOCH000", odd=True, life=EPOCH_AHEAD),
        in_shop("a-life", "1800", odd=False, life=1800),
    ],
)
def test_an_odd_expiry_costs_no_token(fleets: dict[str, Batches], bounded: list[Afterwards], case: Expiry) -> None:
    """The pair is kept and published, its next refresh lies within its life, and what is odd raises one alarm."""
    told = json.loads(json.dumps(case.spoil).replace("EPOCH", str(int(time.time()) + EPOCH_AHEAD)))
    after = fleets[case.provider].spoiled("mangle", **told)
    bounded.append(after)
    record, document, issued = after.record, after.document, after.issued

    assert (Status.ACTIVE, Phase.IDLE, 2) == (record.status, record.phase, record.generation)
    refresh_token = after.grant.refresh_token
    assert refresh_token is not None
    assert issued == {"access_token": digest(document["access_token"]), "refresh_token": digest(refresh_token.reveal())}
    assert record.due.renew_at is not None
    assert 0.5 * case.life <= record.due.renew_at - after.begun <= 0.75 * case.life
    assert abs(document["expires_at"] - (after.begun + case.life)) <= 30
    assert ({"answer.odd"} if case.odd else set()) == after.alarms()


@fault("access_token empty", "access_token null", "access_token a number", "access_token 64 KB")
@fault("access_token with a newline")
@pytest.mark.parametrize("provider", ["oauth2", "tiktok_shop"])
@pytest.mark.parametrize(
    "value",
    ["", None, 12345, "x" * 65_536, "line\nline", "lone \ud800"],
    ids=["empty", "null", "number", "64KB", "newline", "surrogate"],
)
def test_an_unusable_access_token_is_not_published(
    fleets: dict[str, Batches], bounded: list[Afterwards], provider: str, value: object
) -> None:
    """The old one stays published, the answer is kept, an alarm is raised, and the refresh token beside it is used."""
    batches = fleets[provider]
    after = batches.spoiled("mangle", raw={"access_token": json.dumps(value)})
    bounded.append(after)
    record, new = after.record, after.grant.refresh_token

    assert (Status.ACTIVE, 1, "active", 1) == (
        record.status,
        record.generation,
        after.document["status"],
        after.document["generation"],
    )
    assert after.previous.access_token.reveal() == after.document["access_token"]
    assert new is not None
    assert after.issued["refresh_token"] == digest(new.reveal())
    (kept,) = after.kept()
    assert new.reveal() in kept.body.decode()
    assert {"answer.odd"} == after.alarms()
    assert record.due.renew_at is not None
    assert 10 <= record.due.renew_at - after.begun <= 60

    batches.run([after.name], clock=90)
    # 2 was given to the answer that could not be published.
    assert (3, after.issued["access_token"], 2) == (
        after.document["generation"],
        digest(after.document["access_token"]),
        after.presented,
    )


HELD = {
    "html": (b"<!DOCTYPE html>", b"</html>"),
    "empty": (b"", b""),
    "truncated": (b"{", b""),
    "utf16": (b"\xff\xfe{\x00", b"}\x00"),
    "duplicate_keys": (b"{", b'"access_token":"twice"}}'),
    "deep": (b'{"padding":[[[', b""),
    "big_number": (b'{"padding":999', b"999"),
    "large": (b'{"padding":"xxx', b"xxx"),
    "gzip_bomb": (b"\x1f\x8b", b""),
}


@fault("200 HTML", "200 empty body", "200 truncated JSON", "200 UTF-16", "200 duplicate keys that differ")
@fault("huge JSON 100,000 deep", "huge 5-million-digit number", "huge 300 KB", "huge gzip bomb")
@pytest.mark.parametrize("provider", ["oauth2", "tiktok_shop"])
@pytest.mark.parametrize("how", HELD)
def test_an_unreadable_answer_is_ambiguous(
    fleets: dict[str, Batches], bounded: list[Afterwards], provider: str, how: str
) -> None:
    """The raw bytes are kept, the connection is held with its old token published, and asked once: a last attempt."""
    after = fleets[provider].spoiled("mangle", how=how)
    bounded.append(after)
    begins, ends = HELD[how]
    (kept,) = after.kept()

    assert (200, True, True) == (kept.status, kept.body.startswith(begins), kept.body.endswith(ends))
    record, document, new, old = after.record, after.document, after.grant.refresh_token, after.previous
    assert (Status.HELD, "held", Exemption.LAST_ATTEMPT) == (record.status, document["status"], record.exemption)
    assert (1, 1, 1) == (record.generation, document["generation"], after.presented)
    assert (old.refresh_token, old.access_token.reveal()) == (new, document["access_token"])


READ = ("bom", "equal_keys", "latin_1", "gzip", "deflate", "form")


@fault("200 BOM", "200 equal duplicates", "200 undecodable bytes", "200 compressed body", "200 form-encoded body")
@field("A2", "A12")
@pytest.mark.parametrize(
    ("provider", "how"),
    [*(("oauth2", how) for how in READ), *(("tiktok_shop", how) for how in READ if how != "form")],
)
def test_what_harms_no_token_costs_none(
    fleets: dict[str, Batches], bounded: list[Afterwards], provider: str, how: str
) -> None:
    """The pair is published as from any answer, and nothing is odd."""
    after = fleets[provider].spoiled("mangle", how=how)
    bounded.append(after)
    refresh_token = after.grant.refresh_token

    assert (Status.ACTIVE, 2, set()) == (after.record.status, after.document["generation"], after.alarms())
    assert refresh_token is not None
    published = {"access_token": after.document["access_token"], "refresh_token": refresh_token.reveal()}
    assert after.issued == {name: digest(text) for name, text in published.items()}


@fault("huge lone surrogate")
@pytest.mark.parametrize(
    ("provider", "spoil"),
    [
        ("oauth2", {"how": "lone_surrogate"}),
        ("oauth2", {"raw": {"scope": '"read \\ud800"', "token_type": '"\\udfff"'}}),
        ("tiktok_shop", {"how": "lone_surrogate"}),
        ("tiktok_shop", {"raw": {"seller_name": '"\\ud800"', "seller_base_region": '"\\udc00"'}}),
    ],
    ids=["elsewhere-oauth2", "scope-oauth2", "elsewhere-shop", "names-shop"],
)
def test_a_lone_surrogate_breaks_nothing(
    fleets: dict[str, Batches], bounded: list[Afterwards], provider: str, spoil: dict[str, Any]
) -> None:
    """Where no token is concerned, text that no encoder takes is no reason to lose one."""
    after = fleets[provider].spoiled("mangle", **spoil)
    bounded.append(after)

    assert (Status.ACTIVE, 2) == (after.record.status, after.document["generation"])
    assert after.issued["access_token"] == digest(after.document["access_token"])


@pytest.mark.parametrize("how", ["deep", "large", "gzip_bomb", "big_number"])
def test_ten_at_once_stay_bounded(
    fleets: dict[str, Batches], base: int, record_property: Callable[[str, object], None], how: str
) -> None:
    """A whole batch of them side by side takes no more than 64 MB either, and each is held."""
    batches = fleets["oauth2"]
    names = batches.take(10)
    for name in names:
        batches.fleet.fault(name, "mangle", how=how)
    worker, report = batches.run(names)

    assert {"batchItemFailures": []} == report
    assert [Status.HELD] * 10 == [batches.fleet.stack.stored(name).status for name in names]
    record_property("megabytes over the base", round((worker.peak() - base) / MEGABYTE, 1))
    assert worker.peak() - base <= MOST


@fault("D canaries")
def test_no_answer_lets_a_secret_out(stack: Stack, fleets: dict[str, Batches], workers: Workers) -> None:
    """After all of the above, at DEBUG: logs, alerts, kept answers, messages."""
    assert '"alert.raised"' in workers.written()
    assert [] == leaked(
        stack, [CANARY, *(each.fleet.app.client_secret.reveal() for each in fleets.values())], workers.written()
    )
