"""Facts about TikTok's Accounts API that no other provider shares, from its vendor's pages."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from documented import SAMPLES
from rows import row
from samples import NOW, answer, failure, varied

from fakes.scripted import Staged
from field_rows import field
from tokensync.domain.messages import FailureClass, Issued
from tokensync.domain.secret import Secret
from tokensync.oauth.callback import Query
from tokensync.oauth.token_response import read_token_response

SAMPLE = SAMPLES["tiktok_accounts"]


def test_the_callback_calls_the_code_code() -> None:
    """Whatever the exchange calls it."""
    assert Query.parse("code=a&auth_code=b&state=s").code(SAMPLE.provider, SAMPLE.app) == Secret("a")


@row("4.2 the answer")
def test_the_answer_lies_in_data() -> None:
    """The fields lie in an envelope; flat ones are none."""
    flat = {"code": 0, **dict(SAMPLE.success["data"]), "data": {}}
    assert failure(SAMPLE, flat).kind is FailureClass.AMBIGUOUS


@row("4.2 the refresh year counts down")
@pytest.mark.parametrize("left", [31_536_000, 31_536_000 - 100 * 86_400, 60])
def test_the_refresh_year_counts_down(left: int) -> None:
    """A refresh does not begin the year anew: what is left of it comes with each answer, and that counts."""
    later = replace(answer(varied(SAMPLE, refresh_token_expires_in=left)), received_at=NOW + 100)
    read = read_token_response(SAMPLE.provider, later)

    assert isinstance(read, Issued)
    assert read.refresh_expires_at == NOW + 100 + left


BASE = "/open_api/v1.3/tt_user/oauth2"
ACCOUNTS = replace(SAMPLES["tiktok_accounts"].app, name="accounts", endpoints={}, scopes=("user.info.basic",))


def told(token: str, **data: Any) -> dict[str, Any]:
    """Return what the token calls answer."""
    fields = {"access_token": token, "scope": "user.info.basic", "expires_in": 86_400, "open_id": "open-1", **data}
    return {"code": 0, "message": "OK", "data": fields, "request_id": "r-1"}


@field("A13")
@row("4.2 the refresh year counts down")
@pytest.mark.parametrize(
    ("pair", "token", "left"),
    [
        ({"refresh_token": "rft.2", "refresh_token_expires_in": 31_449_600}, "rft.2", 31_449_600),
        ({"refresh_token": "rft.1", "refresh_token_expires_in": 31_449_600}, "rft.1", 31_449_600),
        ({"refresh_token": "rft.2"}, "rft.2", 31_536_000 - 100),
        ({}, "rft.1", 31_536_000 - 100),
    ],
    ids=["rotated", "equal", "no end", "silence"],
)
def test_a_refresh_keeps_the_pair_and_its_end(pair: dict[str, Any], token: str, left: int) -> None:
    """A pair that comes back is stored, even where it is equal; what the answer is silent about stays as it was."""
    stage = Staged.of(ACCOUNTS)
    stage.server.says(f"{BASE}/token/", told("act.1", refresh_token="rft.1", refresh_token_expires_in=31_536_000))
    stage.server.says(f"{BASE}/refresh_token/", told("act.2", **pair))
    stage.connect()
    stage.world.clock.advance(100)
    assert stage.world.ask("refresh", connection="accounts/open-1")["ok"]

    grant, name = stage.world.grant(stage.name("open-1")), stage.name("open-1")
    assert (Secret("act.2"), Secret(token)) == (grant.access_token, grant.refresh_token)
    ends = stage.world.clock.now() + left
    assert [ends] * 3 == [
        grant.refresh_expires_at,
        stage.world.stored(name).refresh_expires_at,
        stage.world.document(name)["refresh_token_expires_at"],
    ]
    assert [("connection.authorized", "r-1"), ("token.refreshed", "r-1")] == [
        (entry.event, entry.detail) for entry in stage.world.stored(name).history
    ]
