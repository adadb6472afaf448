"""`--param`, `--client-id`: what leads to one account, on the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from fakes.scripted import OIDC, ScriptedServer, oidc_token
from field_rows import field
from tokensync.domain.names import ConnectionName

HOST = "acme.myshopify.com"
SHOPS = replace(
    OIDC,
    name="shops",
    endpoints={"authorize": "https://{shop}.myshopify.com/authorize", "token": "https://{shop}.myshopify.com/token"},
    settings={"param.shop": "[a-z0-9-]+", "account": "param.shop"},
)
ADD = (
    "app", "add", "crm", "--provider", "oauth2", "--client-id", "1", "--client-secret-stdin",
    "--endpoint", "authorize=https://{shop}.myshopify.com/authorize",
    "--endpoint", "token=https://{shop}.myshopify.com/token",
)  # fmt: skip


@pytest.fixture
def server(desk: Any) -> ScriptedServer:
    """Register an app whose accounts have hosts of their own; return the server of one of them."""
    desk.world.apps.register(SHOPS)
    server = desk.world.shop.others[HOST] = ScriptedServer(desk.world.clock)
    return server


@field("B host")
@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ((), "shop"),
        (("param.shop=(",), "pattern"),
        (("param.shop=[a-z]+", "param_source.shop=nowhere"), "callback.NAME"),
        (("param.shop=[a-z]+", "param_source.shop=token.shop"), "later than it is needed"),
        (("param.shop=[a-z]+", "value.dc=eu"), "value.dc"),
        (("param.shop=[a-z]+", "authorize.x={nobody}"), "nobody"),
        (("param.random=[a-z]+",), "random"),
    ],
)
def test_a_template_is_registered_with_its_declaration_or_not_at_all(
    desk: Any, settings: tuple[str, ...], named: str
) -> None:
    """What a URL names has to be declared, with a pattern that can be used and a source that comes in time."""
    options = [word for setting in settings for word in ("--set", setting)]
    code, error = desk.error(*ADD, *options, stdin="secret-canary")

    assert (2, True) == (code, named in error["message"])
    assert "crm" not in desk.world.apps.names()


@field("B host")
@pytest.mark.parametrize("pattern", [".+", "[^/]+", r"[a-z.]+\.com"])
def test_a_host_that_may_be_any_is_not_registered(desk: Any, pattern: str) -> None:
    """A whole host needs a pattern that ends with a fixed domain."""
    endpoints = ("--endpoint", "authorize=https://x.example/a", "--endpoint", "token={base}/token")
    declared = ("--set", f"param.base={pattern}", "--set", "param_source.base=callback.server")
    code, error = desk.error(*ADD[:8], *endpoints, *declared, stdin="secret-canary")
    good = desk.run(*ADD[:8], *endpoints, "--set", r"param.base=https://[a-z]+\.example\.com", *declared[2:], stdin="s")

    assert (2, True, 0) == (code, "any host" in error["message"], good.exit_code)


@field("B host")
def test_an_invite_names_the_accounts_host(desk: Any, server: ScriptedServer) -> None:
    """The link leads the seller to the account's own host, and `connect` waits for the connection as ever."""
    made = desk.json("invite", "shops", "--param", "shop=Acme", "--json")
    page = desk.world.seller_pages.connect("shops", urlsplit(made["url"]).query, (), base_url=desk.world.base_url)

    assert HOST == urlsplit(page.headers["location"]).netloc
    assert [] == server.asked


@field("B host")
@pytest.mark.parametrize("command", [("invite", "shops"), ("connect", "shops"), ("paste", "shops", "--begin")])
@pytest.mark.parametrize("value", ["shop=acme.evil.com/", "shop=acme@evil", "shop=", "shop", "nobody=x", "=x"])
def test_a_wrong_parameter_signs_nothing(
    desk: Any, server: ScriptedServer, command: tuple[str, ...], value: str
) -> None:
    """Each is a usage error before a link is made or anybody is asked."""
    code, error = desk.error(*command, "--param", value)

    assert (2, []) == (code, server.asked)
    assert "param" in error["message"].lower()


@field("B host")
def test_a_paste_that_begins_names_the_account(desk: Any, server: ScriptedServer) -> None:
    """Without the parameter it says which is missing; with it the consent link is the account's own."""
    code, error = desk.error("paste", "shops", "--begin")
    assert (2, True) == (code, "shop" in error["message"])
    server.says("/token", oidc_token())
    begun = desk.world.callback_commands.answer(
        {"tokensync": "begin", "app": "shops", "params": {"shop": "acme"}}, desk.world.budget()
    )
    state = parse_qs(urlsplit(begun["url"]).query)["state"][0]
    result = desk.run("paste", "shops", "--json", stdin=f"https://x.example/?code=c-1&state={state}")

    assert (0, "shops/acme") == (result.exit_code, json.loads(result.stdout)["connection"])
    assert 2 == desk.error("paste", "shops", "--param", "shop=acme", stdin="c-1")[0]


@field("B host", "B client")
def test_an_import_names_host_and_client(desk: Any, server: ScriptedServer) -> None:
    """One from stdin, with its own client in the object; many from a file with a column for each."""
    server.says("/token", oidc_token())
    one = desk.run(
        "import", "shops", "--account", "acme", "--param", "shop=acme", "--client-id", "own-id",
        stdin='{"refresh_token": "R-1", "client_secret": "own-secret-canary"}',
    )  # fmt: skip
    text = "account,refresh_token,param.shop,client_id,client_secret\nb,R-2,acme,b-id,b-secret-canary\n"
    many = desk.run("import", "shops", "--file", "-", stdin=text)

    assert (0, 0) == (one.exit_code, many.exit_code)
    assert "canary" not in one.output + many.output
    assert ("own-id", "b-id") == (
        desk.world.grant(ConnectionName("shops", "acme")).client_id,
        desk.world.grant(ConnectionName("shops", "b")).client_id,
    )
    for wrong in (("--param", "shop=a.evil"), ("--param", "x=y"), ("--client-secret-stdin",)):
        assert 2 == desk.error("import", "shops", "--account", "c", *wrong, stdin="R-3")[0]


@field("B client")
def test_a_client_that_mints_is_imported_by_its_secret_alone(desk: Any) -> None:
    """Stdin holds the secret and nothing else; the connection's first token is minted under it."""
    app = replace(
        OIDC, name="walmart", endpoints={"token": f"https://{HOST}/token"}, settings={"grant": "client_credentials"}
    )
    desk.world.apps.register(app)
    server = desk.world.shop.others[HOST] = ScriptedServer(desk.world.clock)
    server.says("/token", {"access_token": "A", "expires_in": 900})
    result = desk.run(
        "import", "walmart", "--account", "seller-1", "--client-id", "s1", "--client-secret-stdin", stdin="s1-canary\n"
    )

    assert (0, "A") == (result.exit_code, desk.world.published(ConnectionName("walmart", "seller-1")))
    assert "canary" not in result.output
