"""The sandbox apps of every provider: each can be connected at once."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.scripted import ScriptedServer
from fakes.world import APP
from tokensync.oauth.provider import GrantType
from tokensync.providers import PROVIDERS, provider_named
from tokensync_cli.output.failures import CommandFailed, UsageFailed
from tokensync_cli.stack.addresses import live_hosts
from tokensync_cli.stack.invoke import FunctionRefused
from tokensync_cli.stack.seeding import sandboxed, seed

if TYPE_CHECKING:
    from tokensync_cli.stack.target import Target

NAMES = sorted(name.replace("_", "-") for name in PROVIDERS)


def told(host: str, **change: Any) -> dict[str, Any]:
    """Return what the sandbox's generic server says of itself."""
    issuer = f"http://{host}/oauth2"
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "authorization_response_iss_parameter_supported": True,
        **change,
    }


@pytest.fixture
def servers(desk: Any) -> dict[str, ScriptedServer]:
    """The sandbox's generic server, on its port and on another."""
    made = {}
    for host in ("localhost:4001", "localhost:4999"):
        made[host] = desk.world.shop.others[host] = ScriptedServer(desk.world.clock)
        made[host].says("/.well-known/oauth-authorization-server/oauth2", told(host))
    return made


@pytest.fixture
def target(desk: Any, servers: dict[str, ScriptedServer]) -> Target:
    """The embedded stack with a sandbox that can be everybody, and no app."""
    assert servers
    desk.world.apps.remove(APP)
    desk.sandbox.known = list(PROVIDERS)
    desk.embedded_stack.is_up = True
    opened: Target = desk.embedded(desk.embedded_stack.outputs())
    return opened


def test_every_provider_has_an_app(desk: Any, target: Target) -> None:
    """Each speaks to the sandbox alone, and has all that its provider needs."""
    assert NAMES == sorted(seed(target))

    for name in NAMES:
        app = desk.world.apps.get(name)
        assert app.is_sandboxed
        assert [] == live_hosts(app)
        provider = provider_named(app.provider).for_app(app)
        assert provider.has_endpoint(app, "token")
        assert provider.has_endpoint(app, "authorize") is (provider.grant_type is GrantType.AUTHORIZATION_CODE)
        if provider.account_call is not None:
            assert provider.has_endpoint(app, provider.account_call.endpoint)
        assert bool(app.service_id) is ("service_id" in provider.required)
        needs_scopes = provider.grant_type is GrantType.AUTHORIZATION_CODE and provider.authorize.scope_separator
        assert bool(app.scopes) is bool(needs_scopes)
    assert 6 == len(desk.sandbox.registered)


def test_only_tokens_that_end_are_made_to_end_soon(desk: Any, target: Target) -> None:
    """An advertiser's never does."""
    seed(target)
    settings = {each["provider"]: each["settings"] for each in desk.sandbox.registered}

    assert {} == settings["tiktok_ads"]
    assert {200} == {value["access_token_seconds"] for name, value in settings.items() if name != "tiktok_ads"}


def test_the_generic_app_is_what_its_server_told(desk: Any, target: Target) -> None:
    """Read through the stack, as any server's metadata."""
    seed(target)
    app = desk.world.apps.get("oauth2")

    assert "http://localhost:4001/oauth2/userinfo" == app.endpoints["verify"]
    assert ("http://localhost:4001/oauth2", "required") == (app.settings["issuer"], app.settings["iss"])
    assert [{"tokensync": "discover", "issuer": "http://localhost:4001/oauth2"}] == desk.functions.asked


def test_scopes_and_settings_of_ones_own(desk: Any, target: Target) -> None:
    """What is said wins over what the sandbox offers and over the usual scopes."""
    app = sandboxed(target, "mine", "oauth2", scopes=["openid"], settings=["iss=optional", "pkce=none"])

    assert (("openid",), "optional", "none") == (app.scopes, app.settings["iss"], app.settings["pkce"])
    creator = sandboxed(target, "creators", "tiktok_shop", settings=["account_kind=creator"])
    assert "" == creator.service_id
    assert "http://localhost:4001/tiktok_shop/alliance/creator/auth" == creator.endpoints["authorize"]
    with pytest.raises(UsageFailed):
        sandboxed(target, "bad", "tiktok_shop", settings=["color=red"])
    with pytest.raises(UsageFailed):
        sandboxed(target, "bad", "tiktok_shop", settings=["nonsense"])
    assert ["mine", "creators"] == [each["name"] for each in desk.sandbox.registered]


def test_a_sandbox_that_says_nothing_of_itself(desk: Any, target: Target, servers: dict[str, ScriptedServer]) -> None:
    """It says why, and registers nothing at either end."""
    servers["localhost:4001"].words.clear()
    with pytest.raises(FunctionRefused, match="no metadata"):
        sandboxed(target, "mine", "oauth2")

    assert [] == desk.sandbox.registered


def test_whom_the_sandbox_cannot_be(desk: Any, target: Target) -> None:
    """It does not make one up."""
    desk.sandbox.known = ["tiktok_shop"]
    with pytest.raises(CommandFailed, match="cannot be oauth2"):
        sandboxed(target, "mine", "oauth2")


def test_again_only_what_moved_is_changed(desk: Any, target: Target) -> None:
    """A sandbox that was started anew learns the old credentials; on another port endpoints and issuer follow it."""
    seed(target)
    first = [desk.world.apps.get(name) for name in NAMES]
    learned = len(desk.sandbox.registered)
    desk.world.apps.calls.clear()
    assert NAMES == sorted(seed(target))
    assert first == [desk.world.apps.get(name) for name in NAMES]
    assert (0, 0) == (desk.world.apps.calls["update"], desk.world.apps.calls["register"])
    assert desk.sandbox.registered[:learned] == desk.sandbox.registered[learned:]

    desk.sandbox.url = "http://localhost:4999"
    seed(target)
    for before in first:
        moved = desk.world.apps.get(before.name)
        assert "4001" not in json.dumps([moved.endpoints, moved.settings])
        assert replace(before, endpoints=moved.endpoints, settings=moved.settings) == moved
    assert "http://localhost:4999/oauth2" == desk.world.apps.get("oauth2").settings["issuer"]
