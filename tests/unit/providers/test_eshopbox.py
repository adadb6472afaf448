"""Facts about Eshopbox that no other provider shares, from its help pages."""

from __future__ import annotations

from dataclasses import replace

import pytest
from documented import SAMPLES
from rows import row
from samples import GRANT, NOW, failure, issued, varied

from tokensync.domain.messages import FailureClass
from tokensync.oauth.provider import GrantType, RefreshReuse
from tokensync.oauth.token_request import revocation_request
from tokensync.providers import PROVIDERS

SAMPLE = SAMPLES["eshopbox"]
PROVIDER = PROVIDERS["eshopbox"]


@row("5 asking again does no harm", "5 no authorize URL and no callback")
def test_connections_are_imported() -> None:
    """The credentials are given by hand, nothing is verified or revoked, and any holder may ask again."""
    assert (GrantType.REFRESH_TOKEN, RefreshReuse.SAFE) == (PROVIDER.grant_type, PROVIDER.refresh_reuse)
    revocation = revocation_request(PROVIDER, SAMPLE.app, GRANT)
    assert (None, None, None) == (PROVIDER.account_call, PROVIDER.webhook, revocation)
    assert not PROVIDER.renews(replace(GRANT, refresh_token=None))


@row("5 expires_in missing")
def test_a_missing_life_is_a_day() -> None:
    """Without expires_in a token lives for a day."""
    assert issued(SAMPLE, varied(SAMPLE, expires_in=...)).access_expires_at == NOW + 86_400


@pytest.mark.parametrize("body", [{}, {"message": "ok"}, {"id_token": "x"}, {"error": "x"}])
def test_a_success_without_a_token_is_ambiguous(body: object) -> None:
    """A 2xx without an access token is no success and no refusal."""
    assert failure(SAMPLE, body).kind is FailureClass.AMBIGUOUS
