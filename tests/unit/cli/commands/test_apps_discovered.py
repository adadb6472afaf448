"""`app add --discover`, and what else describes an app of the generic provider."""

from __future__ import annotations

from typing import Any

import pytest

from fakes.scripted import ISSUER, ScriptedServer
from fakes.world import APP
from tokensync.oauth.provider import GrantType
from tokensync.oauth.shapes import ClientAuthentication
from tokensync.providers import provider_named

SECRET = "s3cr3t-canary"
METADATA = "/.well-known/oauth-authorization-server"
ADD = ("app", "add", "any", "--provider", "oauth2", "--client-id", "client-1", "--client-secret-stdin")
TOLD: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "userinfo_endpoint": f"{ISSUER}/userinfo",
    "revocation_endpoint": f"{ISSUER}/revoke",
    "token_endpoint_auth_methods_supported": ["client_secret_post"],
    "authorization_response_iss_parameter_supported": True,
}
GIVEN = ("--endpoint", f"authorize={ISSUER}/authorize", "--endpoint", f"token={ISSUER}/token")


@pytest.fixture
def server(desk: Any) -> ScriptedServer:
    """A server that publishes its metadata."""
    made = ScriptedServer(desk.world.clock)
    made.says(METADATA, TOLD)
    desk.world.shop.others["id.example"] = made
    return made


def test_what_was_found_is_registered(desk: Any, server: ScriptedServer) -> None:
    """The stack reads the metadata; endpoints and settings are the app's own from then on."""
    told = desk.json(*ADD, "--discover", ISSUER, "--scope", "openid", stdin=SECRET)

    assert {
        "authorize": f"{ISSUER}/authorize",
        "token": f"{ISSUER}/token",
        "verify": f"{ISSUER}/userinfo",
        "revoke": f"{ISSUER}/revoke",
    } == told["endpoints"]
    assert {"issuer": ISSUER, "client_auth": "client_secret_post", "iss": "required"} == told["settings"]
    assert "tokensync invite any" == told["next"]
    app = desk.world.apps.get("any")
    assert SECRET == app.client_secret.reveal()
    provider = provider_named("oauth2").for_app(app)
    assert (ClientAuthentication.POST, True, ISSUER) == (
        provider.token.authentication,
        provider.callback.issuer_announced,
        provider.callback.issuer,
    )
    assert [{"tokensync": "discover", "issuer": ISSUER}] == desk.functions.asked
    assert 1 == len(server.asked)


def test_what_is_said_wins_over_what_is_found(desk: Any, server: ScriptedServer) -> None:
    """Explicit endpoints and settings are meant."""
    del server
    told = desk.json(
        *ADD,
        "--discover",
        ISSUER,
        "--endpoint",
        "token=https://token.example/t",
        "--set",
        "client_auth=client_secret_basic",
        "--set",
        "iss=optional",
        stdin=SECRET,
    )

    assert "https://token.example/t" == told["endpoints"]["token"]
    assert f"{ISSUER}/authorize" == told["endpoints"]["authorize"]
    assert ("client_secret_basic", "optional", ISSUER) == (
        told["settings"]["client_auth"],
        told["settings"]["iss"],
        told["settings"]["issuer"],
    )


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "userinfo_endpoint"])
@pytest.mark.parametrize(
    ("url", "exit_code"), [("http://id.example/x", 1), ("http://localhost:4001/x", 1), ("https://127.0.0.1/x", 2)]
)
def test_what_only_this_machine_may_have_is_refused_elsewhere(
    desk: Any, server: ScriptedServer, name: str, url: str, exit_code: int
) -> None:
    """A stack on AWS registers no plain http and no loopback, found or given."""
    server.says(METADATA, {**TOLD, name: url})

    assert exit_code == desk.error(*ADD, "--discover", ISSUER, stdin=SECRET)[0]
    assert [APP] == desk.world.apps.names()


def test_the_embedded_stack_may_discover_on_this_machine(desk: Any) -> None:
    """A server under development."""
    desk.embedded_stack.is_up = True
    local = "http://localhost:5000"
    server = ScriptedServer(desk.world.clock)
    server.says(
        METADATA,
        {"issuer": local, "authorization_endpoint": f"{local}/authorize", "token_endpoint": f"{local}/token"},
    )
    desk.world.shop.others["localhost:5000"] = server

    result = desk.start(*ADD, "--discover", local, stdin=SECRET)

    assert 0 == result.exit_code, result.output
    assert desk.world.apps.get("any").is_sandboxed
    assert 2 == desk.start(*ADD[:2], "other", *ADD[3:], "--discover", "http://id.example", stdin=SECRET).exit_code


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, "names another issuer"),
        ({**TOLD, "issuer": "https://evil.example"}, "names another issuer"),
        ({**TOLD, "token_endpoint": None}, "no token endpoint"),
        (404, "no metadata"),
    ],
    ids=["nothing", "liar", "tokenless", "404"],
)
def test_no_secret_is_asked_for_before_the_metadata_was_read(
    desk: Any, server: ScriptedServer, told: Any, said: str
) -> None:
    """What cannot be registered needs none."""
    server.says(METADATA, told)
    desk.is_interactive = True
    result = desk.run(*ADD[:-1], "--discover", ISSUER, stdin=f"{SECRET}\n")

    assert 1 == result.exit_code
    assert said in result.stderr
    assert "Client secret" not in result.output
    assert "--endpoint token=URL" in result.stderr
    assert [APP] == desk.world.apps.names()


def test_a_server_without_consent_is_for_client_credentials(desk: Any, server: ScriptedServer) -> None:
    """Its metadata names no authorization endpoint: as an app with consent it is incomplete."""
    server.says(METADATA, {key: value for key, value in TOLD.items() if key != "authorization_endpoint"})
    code, error = desk.error(*ADD, "--discover", ISSUER, stdin=SECRET)
    assert 2 == code
    assert "--endpoint authorize=URL" in error["message"]

    told = desk.json(*ADD, "--discover", ISSUER, "--set", "grant=client_credentials", stdin=SECRET)
    assert "tokensync connect any" == told["next"]


@pytest.mark.parametrize(
    ("provider", "options", "following", "grant_type"),
    [
        ("tiktok_login", ("--scope", "user.info.basic"), "tokensync invite x", GrantType.AUTHORIZATION_CODE),
        ("tiktok_login", ("--set", "grant=client_credentials"), "tokensync connect x", GrantType.CLIENT_CREDENTIALS),
        ("eshopbox", (), "tokensync import x --account ID", GrantType.REFRESH_TOKEN),
        ("tiktok_ads", (), "tokensync invite x", GrantType.AUTHORIZATION_CODE),
        ("tiktok_accounts", ("--scope", "user.info.basic"), "tokensync invite x", GrantType.AUTHORIZATION_CODE),
    ],
)
def test_the_next_command_is_the_one_that_connects(
    desk: Any, provider: str, options: tuple[str, ...], following: str, grant_type: GrantType
) -> None:
    """A redirect URL is to be registered only where somebody is redirected."""
    result = desk.run(
        "app", "add", "x", "--provider", provider, "--client-id", "c", "--client-secret-stdin", *options, stdin=SECRET
    )

    assert 0 == result.exit_code, result.output
    assert f"Next: {following}" in result.stderr
    assert (grant_type is GrantType.AUTHORIZATION_CODE) is ("letter by letter" in result.stderr)


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ((), {}),
        (("iss=required", f"issuer={ISSUER}"), {"iss": "required", "issuer": ISSUER}),
        (
            ("authorize.access_type=offline", "token.audience=a=b"),
            {"authorize.access_type": "offline", "token.audience": "a=b"},
        ),
    ],
)
def test_without_metadata_everything_is_given(desk: Any, options: tuple[str, ...], settings: dict[str, str]) -> None:
    """Both endpoints that a consent needs, and what a server wants beside the RFC's parameters."""
    pairs = [word for option in options for word in ("--set", option)]

    assert settings == desk.json(*ADD, *GIVEN, *pairs, stdin=SECRET)["settings"]
