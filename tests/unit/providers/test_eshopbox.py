"""PROVIDERS' facts about Eshopbox, from its help pages."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from documented import SAMPLES
from rows import row
from samples import GRANT, NOW, REFRESH_TOKEN, failure, issued, varied

from tokensync.domain.messages import FailureClass
from tokensync.domain.secret import Secret
from tokensync.oauth.provider import GrantType, RefreshReuse
from tokensync.oauth.token_request import refresh_request, revocation_request
from tokensync.providers import PROVIDERS

SAMPLE = SAMPLES["eshopbox"]
PROVIDER = PROVIDERS["eshopbox"]
APP = SAMPLE.app


@row("5 token: JSON")
def test_a_token_is_made_from_the_refresh_token() -> None:
    """One POST of a JSON object with the three credentials of the workspace's app page."""
    request = refresh_request(PROVIDER, APP, REFRESH_TOKEN)

    assert (request.method, request.url) == ("POST", "https://auth.myeshopbox.com/api/v1/generateToken")
    assert request.headers == {"content-type": "application/json"}
    assert json.loads(request.body) == {
        "client_id": "client-1",
        "client_secret": "canary-secret&=",
        "grant_type": "refresh_token",
        "refresh_token": "canary-refresh&=",
    }


@row("5 token: the answer", "5 no refresh token comes back")
def test_the_answer_has_no_refresh_token() -> None:
    """Nothing replaces the stored refresh token, the only credential there is, and that is nothing odd."""
    read = issued(SAMPLE, SAMPLE.success)

    assert (read.access_token, read.refresh_token, read.oddities) == (Secret("eyJ.access"), None, ())


@row("5 a refresh token that comes")
def test_a_refresh_token_that_comes_is_stored() -> None:
    """Should one ever appear, it replaces the stored one."""
    assert issued(SAMPLE, varied(SAMPLE, refresh_token="new")).refresh_token == Secret("new")


@row("5 expires_in missing")
@pytest.mark.parametrize("absent", [None, ...])
def test_a_missing_life_is_a_day(absent: object) -> None:
    """Without expires_in a token lives for a day."""
    assert issued(SAMPLE, varied(SAMPLE, expires_in=absent)).access_expires_at == NOW + 86_400


@row("5 no authorize URL and no callback")
def test_connections_are_imported() -> None:
    """There is no consent page: the credentials are given by hand, and there is nothing to verify or revoke."""
    assert PROVIDER.grant_type is GrantType.REFRESH_TOKEN
    assert not PROVIDER.has_endpoint(APP, "authorize")
    assert (PROVIDER.account_call, PROVIDER.webhook, revocation_request(PROVIDER, APP, GRANT)) == (None, None, None)
    assert PROVIDER.renews(GRANT)
    assert not PROVIDER.renews(replace(GRANT, refresh_token=None))


@row("5 asking again does no harm")
def test_asking_again_does_no_harm() -> None:
    """The refresh token never rotates: after a timeout any holder may ask again."""
    assert PROVIDER.refresh_reuse is RefreshReuse.SAFE


@pytest.mark.parametrize("body", [{}, {"message": "ok"}, {"id_token": "x"}, {"error": "x"}])
def test_a_success_without_a_token_is_ambiguous(body: object) -> None:
    """A 2xx without an access token is no success and no refusal."""
    assert failure(SAMPLE, body).kind is FailureClass.AMBIGUOUS


def test_only_its_own_host_is_allowed() -> None:
    """No other host may be named by an app."""
    assert PROVIDER.hosts == {"auth.myeshopbox.com"}
