"""Answers as real servers write them, through a refresh: what is published, what is kept, and who is alerted."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING

import pytest

from fakes.troubles import Honest, Step, alerts, at_its_time, patched
from fakes.world import WEEK, World
from field_rows import field
from tokensync.domain.connection import Status
from tokensync.domain.sealing import Unsealer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.messages import ProviderResponse


def spoiled(change: Callable[[bytes], bytes], **headers: str) -> Step:
    """Return a step that spoils the honest answer's body."""

    def step(honest: Honest) -> ProviderResponse:
        answer = honest()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(answer, headers={**answer.headers, **named}, body=change(answer.body))

    return step


HARMLESS: dict[str, Step] = {
    "gzip": spoiled(gzip.compress, content_encoding="gzip"),
    "deflate": spoiled(zlib.compress, content_encoding="deflate"),
    "gzip, and nothing says so": spoiled(gzip.compress),
    "a byte order mark": spoiled(lambda body: b"\xef\xbb\xbf" + body),
    "Latin-1 in a name": spoiled(lambda body: b'{"shop":"M\xfcller",' + body[1:]),
    "every member twice": spoiled(lambda body: body[:-1] + b"," + body[1:]),
    "numbers as text": patched(access_token_expire_in="604800"),
    "an empty refresh token": patched(refresh_token=""),
    "twenty years": patched(access_token_expire_in=630_720_000),
}


@field("A2", "A11", "A12")
@pytest.mark.parametrize("how", HARMLESS)
def test_an_answer_that_harms_no_token_is_like_any_other(world: World, how: str) -> None:
    """Its pair is published, nobody is alerted, and it was asked for once."""
    world.shop.script.append(HARMLESS[how])
    world.run()

    assert ("A1", ["R0"], []) == (world.document()["access_token"], world.shop.ledger, alerts(world))
    assert 0 < (world.stored().due.renew_at or 0) - world.clock.now() <= WEEK


@field("A2")
def test_what_is_kept_are_the_bytes_that_came(world: World) -> None:
    """A torn body is set aside as it was: nothing is unpacked before it is stored."""
    torn: list[bytes] = []

    def tear(body: bytes) -> bytes:
        torn.append(gzip.compress(body)[:-5])
        return torn[0]

    world.shop.script.append(spoiled(tear, content_encoding="gzip"))
    world.run()
    (sealed,) = [row.record.sealed for key, row in world.table.rows.items() if key[1].startswith("aside#")]
    response = Unsealer(world.sealer).answer(sealed, world.stored())

    assert (torn, "gzip") == ([response.body], response.headers["content-encoding"])
    assert (Status.HELD, "A0") == (world.stored().status, world.document()["access_token"])


@field("A8")
@pytest.mark.parametrize("text", ["error: the code has expired", "Invalid refresh token", "invalid_grant", "undefined"])
def test_an_errors_text_is_not_published_as_a_token(world: World, text: str) -> None:
    """The good one stays published, an operator is alerted, and the new refresh token is used."""
    world.shop.script.append(patched(access_token=text))
    world.run()

    assert ("A0", ["answer.odd"]) == (world.document()["access_token"], alerts(world))
    at_its_time(world)
    world.run()
    assert ("A2", ["R0", "R1"]) == (world.document()["access_token"], world.shop.ledger)


@field("A9")
@pytest.mark.parametrize("stated", [WEEK * 100, WEEK * 500])
def test_a_life_a_hundred_times_the_last_one_is_not_believed(world: World, stated: int) -> None:
    """The last life is published instead; a new authorization is what makes the longer one believed."""
    world.shop.script.append(patched(access_token_expire_in=world.clock.now() + stated))
    lived = (world.stored().access_expires_at or 0) - (world.stored().obtained_at or 0)
    world.run()

    assert (world.clock.now() + lived, "A1") == (world.document()["expires_at"], world.document()["access_token"])
    assert ["answer.odd"] == alerts(world)


@field("A7")
@pytest.mark.parametrize("off", [-7 * 3600, -601, 601, 7 * 3600])
def test_a_providers_clock_moves_no_duration(world: World, off: int) -> None:
    """An access token lives as long as it is said to from the moment that it came."""
    date = formatdate(world.clock.now() + off, usegmt=True)
    world.shop.script.append(patched(access_token_expire_in=7200))
    step = world.shop.script[0]
    world.shop.script[0] = lambda honest: replace(step(honest), headers={"date": date})
    world.run()

    assert world.clock.now() + 7200 == world.document()["expires_at"]
    assert 0.6 * 7200 <= (world.stored().due.renew_at or 0) - world.clock.now() <= 0.7 * 7200
