"""Somebody writes an app's secret, and a new grant comes: it leads nobody elsewhere, and takes no other one along."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from fakes.any_host import AnyHost
from fakes.scripted import ISSUER, oidc_token
from fakes.tampering import EVIL, GENERIC, SHOP, leaked, restore, standing, tamper, text_of
from tokensync.domain.authorization import AuthorizationState
from tokensync.domain.connection import Status

AUTHORIZE_TRICKS = [
    f"{EVIL}/authorize",
    "https://services.tiktokshop.com.evil.example/open/authorize",
    "https://services.tiktokshop.com@evil.example/open/authorize",
    "https://services.tiktokshop.com:8443/open/authorize",
    "http://services.tiktokshop.com/open/authorize",
    "https://services.tiktokshop.com./open/authorize",
    "https://evil.example\\@services.tiktokshop.com/",
    "//evil.example/",
    "javascript:alert(1)//https://services.tiktokshop.com/",
    "data:text/html,x",
]


@pytest.mark.parametrize("url", AUTHORIZE_TRICKS)
def test_a_seller_is_sent_to_the_providers_own_pages_alone(url: str) -> None:
    """Nothing is stored, and the page sends nobody anywhere; put back, the same invite works."""
    one = AnyHost.of(SHOP)
    tamper(one, endpoints={"authorize": url})
    page = one.browser.connect()
    assert (503, False, ()) == (page.status, "location" in page.headers, one.browser.cookies)
    assert 0 == one.world.authorizations.calls["put"]

    restore(one)
    assert "services.tiktokshop.com" == urlsplit(one.browser.connect().headers["location"]).netloc


@pytest.mark.parametrize("url", ["http://evil.example/a", "javascript:alert(1)", "https://a@evil.example/", "//x/"])
def test_without_a_list_it_is_https_at_least(url: str) -> None:
    """What is no plain https URL is nobody's consent page."""
    one = AnyHost.of(GENERIC)
    tamper(one, endpoints={"authorize": url})

    assert 503 == one.browser.connect().status


@pytest.mark.parametrize("key", ["token", "api"])
def test_a_providers_code_and_token_stay_with_it(key: str) -> None:
    """A code is exchanged at a listed host or at none; a fresh access token is shown to no other either."""
    one = AnyHost.of(SHOP)
    tamper(one, endpoints={key: f"{EVIL}/api/v2/token/get"})
    one.server.says("/api/v2/token/get", {"code": 0, "data": {"access_token": "A", "open_id": "o"}, "message": "ok"})
    one.browser.connect()
    one.browser.back("code=code-1")

    assert "evil.example" not in one.hosts()
    ended = one.world.code_exchange.latest(one.world.app.name, one.browser.secret)
    assert ended is not None
    assert (key == "api") is (ended.state is AuthorizationState.CONNECTED)
    assert key == "api" or "endpoint_changed" == ended.detail


@pytest.mark.parametrize("when", ["before the code", "before its answer is finished"])
@pytest.mark.parametrize("key", ["verify", "api", "revoke"])
def test_what_a_seller_agreed_to_is_what_counts(when: str, key: str) -> None:
    """An app that is changed while its seller consents gets the new access token shown to nobody else."""
    one = AnyHost.of(GENERIC)
    one.server.says("/token", oidc_token(access_token="canary-access", refresh_token="canary-refresh"))
    one.server.says("/userinfo", {"sub": "u"})
    one.browser.connect()
    change: dict[str, Any] = {"endpoints": {key: f"{EVIL}/userinfo"}}
    if when == "before the code":
        tamper(one, **change)
        one.browser.back("code=code-1")
    else:
        with one.world.dies_at("exchange.received"):
            one.browser.back("code=code-1")
        tamper(one, **change)
    one.world.settle(ticks=10, every=60)
    if one.world.connections.get(one.name("u")) is not None:
        one.world.ask("verify", connection=str(one.name("u")))
        one.world.ask("revoke", connection=str(one.name("u")))

    assert [] == leaked(one)


@pytest.mark.parametrize("silent", [True, False])
def test_a_new_consent_elsewhere_takes_no_standing_secret_along(silent: bool) -> None:  # noqa: FBT001
    """Who owns the other server names the same account and no refresh token: the standing one is not carried there."""
    one, name = standing()
    since = len(one.server.asked)
    tamper(one, endpoints={"token": f"{EVIL}/evil-token", "authorize": f"{EVIL}/authorize", "verify": f"{EVIL}/who"})
    answer = oidc_token(access_token="theirs", refresh_token="theirs-too")
    if silent:
        del answer["refresh_token"]
    one.server.says("/evil-token", answer)
    one.server.says("/who", {"sub": "u"})
    one.browser.cookies = ()
    one.connect(code="code-2")
    one.world.drain()
    one.world.settle(ticks=40, every=300)
    for command in ("refresh", "verify", "revoke"):
        one.world.ask(command, connection=str(name), force=True)

    assert "evil.example" in one.hosts(since)
    assert [] == leaked(one, since=since)


@pytest.mark.parametrize(
    "brought", [{"access_token": "theirs"}, {"refresh_token": "theirs"}, {"refresh_token": "x", "access_token": "y"}]
)
def test_an_import_elsewhere_takes_no_standing_secret_along(brought: dict[str, str]) -> None:
    """With --replace: neither the refresh token that the connection has, nor its access token."""
    one, name = standing()
    since = len(one.server.asked)
    tamper(one, endpoints={"token": f"{EVIL}/evil-token", "verify": f"{EVIL}/who"})
    one.server.says("/evil-token", 503)
    one.server.says("/who", {"sub": "u"})
    fields = {**brought, **({"expires_at": one.world.clock.now() + 900} if "access_token" in brought else {})}
    one.world.ask("import", app=name.app, account=name.account, replace=True, **fields)
    one.world.settle(ticks=20, every=60)
    for command in ("refresh", "verify", "revoke"):
        one.world.ask(command, connection=str(name), force=True)

    assert "evil.example" in one.hosts(since)
    assert [] == leaked(one, since=since)


@pytest.mark.parametrize("app", [SHOP, replace(SHOP, name="box", provider="eshopbox", service_id="")])
def test_nothing_is_imported_to_where_its_provider_is_not(app: Any) -> None:
    """It is refused by name, and nothing is stored."""
    one = AnyHost.of(app)
    tamper(one, endpoints={"token": f"{EVIL}/token", "refresh": f"{EVIL}/token"})
    answer = one.world.ask("import", app=app.name, account="a", refresh_token="canary-refresh")

    assert (False, []) == (answer["ok"], one.hosts())
    assert "evil.example" in answer["error"]["message"]
    assert one.world.connections.get(one.name("a")) is None


def test_a_paste_goes_where_its_authorization_was_begun() -> None:
    """An operator's paste is a callback like any other."""
    one = AnyHost.of(SHOP)
    begun = one.command("begin")
    tamper(one, endpoints={"token": f"{EVIL}/token"})
    state = begun["url"].partition("state=")[2].partition("&")[0]
    one.command("paste", text=f"https://connect.example/callback/x?code=code-1&state={state}")
    one.command("paste", text="code-2")

    assert [] == one.hosts()


MINTING = replace(
    GENERIC, name="minting", endpoints={"token": f"{ISSUER}/token"}, settings={"grant": "client_credentials"}
)


def test_a_minted_connection_is_bound_like_any_other() -> None:
    """Its client's secret goes to the origin that the first token came from."""
    one = AnyHost.of(MINTING)
    one.server.says("/token", {"access_token": "canary-access", "token_type": "Bearer", "expires_in": 3600})
    assert one.command("mint")["ok"]
    name = one.name(MINTING.client_id)
    since = len(one.server.asked)
    tamper(one, endpoints={"token": f"{EVIL}/token"})
    one.world.settle(ticks=20, every=300)
    one.world.ask("refresh", connection=str(name), force=True)

    assert [] == one.hosts(since)
    assert one.world.stored(name).status in (Status.HELD, Status.REAUTHORIZE)


def test_a_client_of_its_own_stays_with_its_account() -> None:
    """The client secret that is sealed beside an imported token goes where that token goes."""
    one = AnyHost.of(GENERIC)
    one.server.says("/token", oidc_token())
    one.world.ask(
        "import", app="oidc", account="a", refresh_token="canary-refresh", client_id="own", client_secret="canary-own"
    )
    assert any("canary-own" in _basic(request) for request in one.server.asked)
    since = len(one.server.asked)
    tamper(one, endpoints={"token": f"{EVIL}/token", "revoke": f"{EVIL}/revoke"})
    one.world.settle(ticks=20, every=300)
    for command in ("refresh", "revoke"):
        one.world.ask(command, connection="oidc/a", force=True)

    assert "evil.example" not in one.hosts(since)


def _basic(request: Any) -> str:
    import base64  # noqa: PLC0415

    sent = request.headers.get("authorization", "").partition(" ")[2]
    return base64.b64decode(sent + "===").decode("utf-8", "replace") + text_of(request)


def test_an_assertion_for_another_audience_goes_to_nobody_else() -> None:
    """Whatever audience a setting names, the signed assertion is sent to the grant's own origin alone."""
    one, name = standing()
    since = len(one.server.asked)
    tamper(one, settings={"assertion_audience": EVIL, "client_auth": "private_key_jwt"}, private_key=_KEY)
    one.world.clock.advance(max(0, (one.world.stored(name).due.renew_at or 0) - one.world.clock.now()))
    one.world.run(name)

    assert {"id.example"} == set(one.hosts(since))


def _pem() -> str:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


_KEY = _pem()


PLACED = replace(
    GENERIC,
    endpoints={
        "authorize": f"{ISSUER}/authorize",
        "token": "{server}/token",
        "verify": "{api}/me",
    },
    settings={
        "account": "token.org",
        "param.server": r"https://accounts\.example\.(com|eu)",
        "param_source.server": "callback.server",
        "param.api": r"https://www\.api\.example\.(com|eu)",
        "param_source.api": "token.api",
    },
)
HOME = "https%3A%2F%2Faccounts.example.eu"


def test_an_answer_that_is_finished_later_is_bound_to_where_it_came_from() -> None:
    """The app was changed meanwhile: put back, the connection goes on at the host that its callback named."""
    one = AnyHost.of(PLACED)
    one.server.says("/token", oidc_token(org="o", api="https://www.api.example.eu"))
    one.server.says("/me", {"sub": "o"})
    one.browser.connect()
    with one.world.dies_at("exchange.received"):
        one.browser.back(f"code=code-1&server={HOME}")
    tamper(one, endpoints={"verify": f"{EVIL}/me"})
    one.world.after_lease()
    one.world.settle(ticks=3)
    restore(one)
    since = len(one.server.asked)

    assert one.world.ask("refresh", connection=str(one.name("o")))["ok"]
    assert (["accounts.example.eu"], []) == (one.hosts(since), [host for host in one.hosts() if "evil" in host])


def test_a_silent_consent_keeps_where_the_account_is() -> None:
    """A host that only the first response named is where the merged grant is verified."""
    one = AnyHost.of(PLACED)
    silent = {"access_token": "OB", "expires_in": 3600, "org": "o"}
    one.server.says("/token", oidc_token(org="o", api="https://www.api.example.eu"), silent)
    one.server.says("/me", {"sub": "o"})
    one.browser.connect()
    one.browser.back(f"code=code-1&server={HOME}")
    one.world.clock.advance(10)
    one.browser.connect(one.world.invite(id="two"))
    one.browser.back(f"code=code-2&server={HOME}")
    one.world.after_lease()
    one.world.settle(ticks=3)
    since = len(one.server.asked)

    assert one.world.ask("verify", connection=str(one.name("o")))["ok"]
    assert ["www.api.example.eu"] == one.hosts(since)


def test_a_silent_consent_of_another_provider_takes_nothing_along() -> None:
    """Its connection is that provider's from then on, without the refresh token that the first one gave."""
    one, name = standing()
    one.world.apps.update(replace(GENERIC, provider="tiktok_login", endpoints={}, settings={}))
    answer = {"access_token": "theirs", "open_id": "u", "expires_in": 3600, "scope": "x", "token_type": "Bearer"}
    one.server.says("/v2/oauth/token/", answer)
    one.server.says("/v2/user/info/", 503)
    one.browser.cookies = ()
    one.connect(code="code-2")
    one.world.after_lease()
    one.world.settle(ticks=3)

    assert ("tiktok_login", "theirs") == (one.world.stored(name).provider, one.world.published(name))
    assert (None, []) == (one.world.grant(name).refresh_token, leaked(one))
