"""Facts about TikTok's Accounts API that no other provider shares, from its vendor's pages."""

from __future__ import annotations

from dataclasses import replace

import pytest
from documented import SAMPLES
from rows import row
from samples import NOW, answer, failure, varied

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
