"""Callbacks that bring code and state under other names, and a redirect URI that is no URL, from link to secret."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from fakes.scripted import OIDC, Staged, oidc_token
from field_rows import field

OWN = {
    **OIDC.settings,
    "authorize_name.client_id": "appKey",
    "authorize_name.state": "customField",
    "callback_code": "spapi_oauth_code",
    "redirect_uri": "Acme-Shop-PRD-1",
    "token_format": "json",
}


@pytest.fixture
def stage() -> Staged:
    """A server of its own mind."""
    made = Staged.of(replace(OIDC, settings=OWN))
    made.server.says("/token", oidc_token())
    made.server.says("/userinfo", {"sub": "u-1"})
    return made


def link(stage: Staged) -> dict[str, str]:
    """Open an invite; return the parameters of the consent page."""
    world = stage.world
    page = world.seller_pages.connect(world.app.name, world.invite(), (), base_url=world.base_url)
    stage.browser.cookies = (page.cookies[0].partition(";")[0],)
    return {name: values[0] for name, values in parse_qs(urlsplit(page.headers["location"]).query).items()}


@field("B code", "B names", "B redirect_uri", "B encoding")
def test_an_account_connects_by_the_servers_own_names(stage: Staged) -> None:
    """The state is found under its own name, with whatever the server sends beside it, and the exchange fits."""
    sent = link(stage)
    assert ("client-1", "Acme-Shop-PRD-1", False) == (sent["appKey"], sent["redirect_uri"], "state" in sent)

    back = f"spapi_oauth_code=code-1&customField={quote(sent['customField'])}&state=theirs&code=not-this"
    assert 303 == stage.browser.arrive(back).status
    assert "Your account is connected" in stage.browser.result().body
    told = next(request for request in stage.server.asked if request.url.endswith("/token")).body.decode("ascii")
    assert '"code": "code-1"' in told
    assert '"redirect_uri": "Acme-Shop-PRD-1"' in told


@field("B code")
@pytest.mark.parametrize(
    "back",
    [
        "spapi_oauth_code=code-1",
        "spapi_oauth_code=code-1&state={0}",
        "spapi_oauth_code=code-1&customField=forged",
        "spapi_oauth_code=code-1&customField={0}&customField={0}",
        "code=code-1&state={0}",
    ],
)
def test_a_state_in_another_place_or_twice_consumes_nothing(stage: Staged, back: str) -> None:
    """Only the declared parameter counts, once."""
    state = quote(link(stage)["customField"])
    page = stage.browser.arrive(back.format(state))

    assert (400, []) == (page.status, stage.server.asked)
    assert 0 == stage.world.authorizations.calls["consume"]
