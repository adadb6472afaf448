"""Somebody writes an app's secret under standing connections: nothing of them arrives elsewhere, and they go on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.any_host import AnyHost
from fakes.scripted import ISSUER, oidc_token
from fakes.tampering import EVIL, GENERIC, SHOP, leaked, restore, standing, tamper
from fakes.world import NAME, SHOPS, World
from tokensync.domain.bound import Bound
from tokensync.domain.connection import Exemption, Reason, Status
from tokensync.domain.sealing import grant_binding
from tokensync.domain.secret import Secret
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from tokensync.domain.app import App
    from tokensync.domain.names import ConnectionName

ELSEWHERE: dict[str, dict[str, Any]] = {
    "token": {"endpoints": {"token": f"{EVIL}/token"}},
    "refresh": {"endpoints": {"refresh": f"{EVIL}/token"}},
    "another scheme": {"endpoints": {"token": "http://id.example/token"}},
    "another port": {"endpoints": {"token": "https://id.example:8443/token"}},
    "a longer name": {"endpoints": {"token": f"{ISSUER}.evil.example/token"}},
    "a user": {"endpoints": {"token": "https://id.example@evil.example/token"}},
    "a last dot": {"endpoints": {"token": "https://id.example./token"}},
    "a homograph": {"endpoints": {"token": "https://\u0456d.example/token"}},
    "a backslash": {"endpoints": {"token": "https://evil.example\\@id.example/token"}},
    "a tab": {"endpoints": {"token": "https://evil.example\t/token"}},
    "an address": {"endpoints": {"token": "https://[2001:db8::1]/token"}},
    "this machine": {"endpoints": {"token": "http://localhost:4001/token"}},
    "nothing": {"endpoints": {"token": ""}},
    "a template": {
        "endpoints": {"token": "https://{x}.evil.example/token"},
        "settings": {"param.x": "[a-z]+", "param_source.x": "app", "param_value.x": "a"},
    },
    "listed provider": {"provider": "tiktok_login", "settings": {}},
}


def due(one: AnyHost, name: ConnectionName) -> Result:
    """Let the next refresh be due, and made."""
    world = one.world
    world.clock.advance(max(0, (world.stored(name).due.renew_at or 0) - world.clock.now()))
    return world.run(name).result


def everything(one: AnyHost, name: ConnectionName) -> None:
    """Let the schedule run, and ask for all that an operator can ask for."""
    world, connection = one.world, str(name)
    world.settle(ticks=20, every=600)
    for command in ("refresh", "verify", "publish", "accept"):
        world.ask(command, connection=connection, force=True)
    world.ask("push", connection=connection, to="api2cart")
    world.ask("push", connection=connection, to="api2cart", check=True)
    world.ask("tick")
    world.drain()
    world.ask("recover")
    world.ask("recover", reread=True)
    world.ask("recover", connection=connection, reread=True)
    world.apps.update(replace(world.apps.get(name.app), new_client_secret=SHOP.client_secret))
    world.ask("prove", app=name.app, connection=connection)
    world.ask("revoke", connection=connection)


@pytest.mark.parametrize("fields", ELSEWHERE.values(), ids=ELSEWHERE)
def test_nothing_of_a_standing_connection_arrives_elsewhere(fields: dict[str, Any]) -> None:
    """Refreshed, scheduled, verified, revoked, pushed, proved, reread: not one byte of its secrets leaves for there."""
    one, name = standing()
    since = len(one.server.asked)
    tamper(one, **fields)
    everything(one, name)

    assert [] == leaked(one, since=since)
    assert [] == [host for host in one.hosts(since) if host != "id.example"]


@pytest.mark.parametrize("key", ["revoke", "verify", "api"])
def test_an_endpoint_beside_the_token_endpoint_is_bound_as_well(key: str) -> None:
    """The refresh goes on at home; what would carry a token to the other one does not."""
    one, name = standing()
    since = len(one.server.asked)
    tamper(one, endpoints={key: f"{EVIL}/userinfo"})
    assert Result.REFRESHED is due(one, name)
    everything(one, name)

    assert [] == leaked(one, since=since)
    assert "evil.example" not in one.hosts(since)


def test_it_is_held_and_told_once() -> None:
    """Workloads keep their token; the alert names the app, both hosts and the command, and comes once."""
    one, name = standing()
    tamper(one, endpoints={"token": f"{EVIL}/token"})
    assert Result.HELD is due(one, name)
    for _ in range(3):
        due(one, name)
    record, told = one.world.stored(name), [alert for alert in one.world.alerts.told if "endpoint" in alert.kind]

    assert (Status.HELD, Reason.ENDPOINT_CHANGED, None) == (record.status, record.reason, record.attempt)
    assert "held" == one.world.document(name)["status"]
    assert [("connection.endpoint_changed", str(name))] == [(alert.kind, alert.subject) for alert in told]
    assert "tokensync app show oidc" == told[0].next_command
    assert all(word in told[0].detail for word in ("app oidc", "evil.example", "id.example", "TrustedHosts"))
    answer = one.world.ask("refresh", connection=str(name), force=True)
    assert (1, "tokensync app show oidc") == (answer["exit"], answer["error"]["next"])
    assert "endpoint_changed" == answer["connection"]["reason"]


def test_a_host_is_shown_as_text_from_outside() -> None:
    """It may be anything and of any length: an alert has a short piece of it, in plain characters."""
    one, name = standing()
    tamper(one, endpoints={"token": f"https://{'a' * 63}.{'b' * 63}.{'c' * 63}.example/x"})
    due(one, name)
    long = one.world.alerts.told[-1].detail
    assert ("c" * 63 not in long, f"{'a' * 63}." in long) == (True, True)

    restore(one)
    tamper(one, endpoints={"token": "https://evil.example\u202e\x1b[31m$(id)/token"})
    due(one, name)
    assert one.world.alerts.told[-1].detail.isascii()
    assert not {"\x1b", "$", "("} & set(one.world.alerts.told[-1].detail)


def test_it_goes_on_by_itself_once_the_endpoint_is_put_back() -> None:
    """The schedule looks again; nothing was presented, so the token is presented once and for the first time."""
    one, name = standing()
    tamper(one, endpoints={"token": f"{EVIL}/token"})
    due(one, name)
    restore(one)
    since = len(one.server.asked)
    one.world.settle(ticks=30, every=120)
    record = one.world.stored(name)

    assert (Status.ACTIVE, "", "canary-access-2") == (record.status, record.reason, one.world.published(name))
    shown = [form["refresh_token"] for form in one.server.forms("/token") if "refresh_token" in form]
    assert ["canary-refresh"] == shown[:1]
    assert 1 == shown.count("canary-refresh")
    assert {"id.example"} == set(one.hosts(since))
    tamper(one, endpoints={"token": f"{EVIL}/token"})
    due(one, name)
    assert 2 == one.alerts().count("connection.endpoint_changed")  # another time is another alert


@pytest.mark.parametrize("trusted", ["evil.example", ".example", "a.example,evil.example"])
def test_who_deploys_may_name_the_new_host(trusted: str) -> None:
    """It goes on there, and is bound to it: the parameter is needed no longer."""
    one, name = standing()
    tamper(one, endpoints={"token": f"{EVIL}/token"})
    due(one, name)
    if trusted == ".example":
        trusted = ".evil.example"
        tamper(one, endpoints={"token": "https://new.evil.example/token"})
    one.world.deploy(trusted=trusted)
    assert Result.REFRESHED is due(one, name)
    one.world.deploy()

    assert Result.REFRESHED is due(one, name)
    assert (Status.ACTIVE, "") == (one.world.stored(name).status, one.world.stored(name).reason)


@pytest.mark.parametrize(
    ("trusted", "url"),
    [
        ("evil.example", "https://evil.example:8443/token"),
        ("evil.example:8443", "https://evil.example/token"),
        (".evil.example", "https://evil.example/token"),
        (".evil.example", "https://notevil.example/token"),
        (".evil.example", "https://a.evil.example:8443/token"),
        ("evil.example", "https://a.evil.example/token"),
        ("evil.example", "http://evil.example/token"),
        ("localhost:4001", "http://localhost:4001/token"),
    ],
)
def test_a_trusted_host_is_that_host_alone(trusted: str, url: str) -> None:
    """Another port, a name beside it, one above or below it, plain http: none of these was named."""
    one, name = standing(trusted=trusted)
    since = len(one.server.asked)
    tamper(one, endpoints={"token": url})

    assert (Result.HELD, []) == (due(one, name), one.hosts(since))


def test_it_is_held_no_longer_than_its_access_token_lives() -> None:
    """Then it says that it ended and why, and still goes on by itself where the endpoint is put back."""
    one, name = standing()
    tamper(one, endpoints={"token": f"{EVIL}/token"})
    one.world.settle(ticks=40, every=120)
    record = one.world.stored(name)

    assert (Status.REAUTHORIZE, Reason.ENDED) == (record.status, record.reason)
    ended = [alert.detail for alert in one.world.alerts.told if alert.kind == "connection.ended"]
    assert [True] == ["its app points to where nothing of it may be sent" in detail for detail in ended]
    restore(one)
    one.world.settle(ticks=70, every=120)
    assert (Status.ACTIVE, "") == (one.world.stored(name).status, one.world.stored(name).reason)


def test_what_it_was_held_for_before_stays() -> None:
    """A connection that is held as its token may be spent says so still, and keeps its one last attempt."""
    one, name = standing()
    one.server.says("/token", 500)
    due(one, name)
    tamper(one, endpoints={"token": f"{EVIL}/token"})
    due(one, name)
    record = one.world.stored(name)

    assert (Reason.AMBIGUOUS, Exemption.LAST_ATTEMPT) == (record.reason, record.exemption)
    assert "connection.endpoint_changed" in one.alerts()


def test_after_it_is_back_a_failure_is_a_failure_like_any_other() -> None:
    """It is not held any more for what is over."""
    one, name = standing()
    tamper(one, endpoints={"token": f"{EVIL}/token"})
    due(one, name)
    restore(one)
    one.server.says("/token", 429, oidc_token())
    due(one, name)

    assert (Status.ACTIVE, "") == (one.world.stored(name).status, one.world.stored(name).reason)
    assert "active" == one.world.document(name)["status"]


def test_settings_move_a_credential_within_its_origin_alone() -> None:
    """By GET, under another name, with another client authentication: it stays at home."""
    one, name = standing()
    since = len(one.server.asked)
    tamper(
        one,
        endpoints={"token": f"{ISSUER}/elsewhere/token"},
        settings={"name.refresh_token": "rt", "client_auth": "client_secret_post", "token.audience": EVIL},
    )
    one.server.says("/elsewhere/token", oidc_token(access_token="canary-access-2", refresh_token="canary-newer"))

    assert Result.REFRESHED is due(one, name)
    assert {"id.example"} == set(one.hosts(since))


@pytest.mark.parametrize(
    "header",
    [{"Host": "evil.example"}, {"hoST": "evil.example"}, {"Transfer-Encoding": "chunked"}, {"Content-Length": "0"},
     {"X": "a\r\nHost: evil.example"}, {"X: a\r\nHost": "evil.example"}, {"Host ": "evil.example"}],
)  # fmt: skip
@pytest.mark.parametrize("prefix", ["header.", "account_header."])
def test_no_header_leads_a_request_elsewhere(prefix: str, header: dict[str, str]) -> None:
    """Behind one address of a content network many servers answer, and the header decides which: nothing is sent."""
    one, name = standing()
    tamper(one, settings={f"{prefix}{key}": value for key, value in header.items()})
    since = len(one.server.asked)
    everything(one, name)

    sent = [set(map(str.lower, request.headers)) for request in one.server.asked[since:]]
    assert [] == [names for names in sent if names & {"host", "host ", "transfer-encoding", "content-length", "x"}]
    assert prefix == "account_header." or [] == sent


@pytest.mark.parametrize("name", ["access_token", "token_type", "scope", "error", "error_message"])
def test_no_setting_publishes_a_refresh_token_as_something_else(name: str) -> None:
    """It is not even presented: the app's registration says what is wrong, and workloads keep what they have."""
    one, connection = standing()
    since = len(one.server.asked)
    tamper(one, settings={f"response.{name}": "refresh_token"})
    one.world.settle(ticks=10, every=600)
    answer = one.world.ask("refresh", connection=str(connection), force=True)

    assert ("postponed", []) == (answer["error"]["class"], one.server.asked[since:])
    assert f"response.{name} leads to " in answer["error"]["message"]
    assert "canary-access" == one.world.published(connection)


RENAMED = {"account_field": "user", "response.refresh_token": "rt"}
SWAPPED = {"response.refresh_token": "nothing", "response.access_token": "rt"}


def renamed() -> tuple[AnyHost, ConnectionName]:
    """Return a connection of a server that calls its refresh token something else."""
    one = AnyHost.of(replace(GENERIC, settings=RENAMED))
    one.server.says(
        "/token", {"access_token": "canary-access", "rt": "canary-refresh", "expires_in": 3600, "user": "u"}
    )
    one.connect()
    return one, one.name("u")


@pytest.mark.parametrize(
    "more",
    [{}, {"response.envelope": "data"}, {"response.access_token": "access_token", "response.scope": "rt"}],
    ids=str,
)
def test_what_a_server_calls_its_refresh_token_is_as_it_was_at_the_consent(more: dict[str, str]) -> None:
    """Settings that call it an access token since then get no response, and what is published stays."""
    one, name = renamed()
    one.server.says("/token", {"access_token": "canary-access-2", "rt": "canary-newer", "expires_in": 3600})
    assert Result.REFRESHED is due(one, name)
    since = len(one.server.asked)
    tamper(one, settings={**SWAPPED, **more})
    one.world.settle(ticks=10, every=300)

    assert [] == one.server.asked[since:]
    assert "canary-access-2" == one.world.published(name)
    tamper(one, settings=RENAMED)


def test_a_response_that_waited_is_read_by_the_settings_that_it_came_by() -> None:
    """The process died with the response stored: settings that were changed meanwhile publish no refresh token."""
    one, name = renamed()
    one.server.says("/token", {"access_token": "canary-access-2", "rt": "canary-newer", "expires_in": 3600})
    with one.world.dies_at("received"):
        due(one, name)
    tamper(one, settings=SWAPPED)
    one.world.after_lease()
    one.world.settle(ticks=5)
    assert "canary-access" == one.world.published(name)

    tamper(one, settings=RENAMED | {"response.access_token": "access_token"})
    one.world.ask("recover", reread=True)
    one.world.settle(ticks=5)
    assert "canary-access-2" == one.world.published(name)


def test_a_response_moves_no_grant_by_a_rule_that_somebody_wrote() -> None:
    """A parameter that a response names leads on only where template, pattern and source are those of the consent."""
    app = replace(
        GENERIC,
        endpoints={**GENERIC.endpoints, "verify": "{api}/me"},
        settings={
            "account_field": "user",
            "param.api": r"https://[a-z0-9]+\.id\.example",
            "param_source.api": "token.api",
        },
    )
    one = AnyHost.of(app)
    one.server.says("/token", oidc_token(user="u", access_token="canary-access", api="https://one.id.example"))
    one.server.says("/me", {"sub": "u"})
    one.connect()
    name = one.name("u")
    one.server.says("/token", oidc_token(user="u", access_token="canary-access-2", api="https://two.id.example"))
    assert Result.REFRESHED is due(one, name)
    one.world.ask("verify", connection=str(name))
    assert "two.id.example" == one.hosts()[-1]  # the vendor's own rule

    tamper(one, settings={"param.api": r"https://[a-z.]+\.evil\.example", "param_source.api": "token.website"})
    moved = oidc_token(user="u", access_token="canary-access-3", website="https://a.evil.example")
    one.server.says("/token", moved, moved, moved)
    assert Result.REFRESHED is due(one, name)
    since = len(one.server.asked)
    one.world.ask("verify", connection=str(name))
    assert Result.REFRESHED is due(one, name)
    one.world.ask("verify", connection=str(name))

    assert [] == [host for host in one.hosts(since) if "evil" in host]


def unbound(world: World, name: ConnectionName = NAME) -> None:
    """Let a connection's grant be as an earlier version sealed it."""
    grant = replace(world.grant(name), bound=None)
    assert b"bound" not in grant.to_bytes()
    sealed = world.sealer.new_key(name.app).seal(grant.to_bytes(), binding=grant_binding(name))
    world.change(name, sealed_grant=sealed)


def test_a_grant_of_an_earlier_version_is_bound_before_it_is_sent() -> None:
    """To what its app names at its first use: that is stored first, whatever the provider answers."""
    one, name = standing()
    unbound(one.world, name)
    one.server.says("/token", 503)
    due(one, name)

    assert Bound(provider="oauth2", rule="-", token=(ISSUER,), api=(ISSUER,)) == replace(
        one.world.grant(name).bound or Bound(provider=""), rule="-"
    )
    since = len(one.server.asked)
    tamper(one, endpoints={"token": f"{EVIL}/token"})
    due(one, name)
    assert [] == one.hosts(since)


@pytest.mark.parametrize("command", ["verify", "revoke"])
def test_a_grant_of_an_earlier_version_is_bound_by_whatever_is_asked_first(command: str) -> None:
    """Also where its access token goes first."""
    one, name = standing()
    unbound(one.world, name)
    one.server.says("/userinfo", 503)
    one.server.says("/revoke", 503)
    one.world.ask(command, connection=str(name))

    bound = one.world.grant(name).bound
    assert ((ISSUER,), True) == (bound.token, bound.is_known) if bound else None


def test_a_grant_of_an_earlier_version_knows_its_provider_by_its_record() -> None:
    """So a swapped provider gets nothing of it, at the very first use."""
    one = AnyHost.of(SHOP)
    one.world.connected()
    unbound(one.world)
    tamper(
        one,
        provider="oauth2",
        endpoints={"token": f"{EVIL}/token", "authorize": f"{EVIL}/authorize", "verify": f"{EVIL}/userinfo"},
    )
    one.server.says("/token", oidc_token())
    one.server.says("/userinfo", {"sub": "u"})
    everything(one, NAME)

    assert [] == one.hosts()


TRICKS = [
    f"{EVIL}/api/v2/token/refresh",
    "https://auth.tiktok-shops.com.evil.example/api/v2/token/refresh",
    "https://auth.tiktok-shops.com@evil.example/api/v2/token/refresh",
    "https://auth.tiktok-shops.com:443@evil.example/api/v2/token/refresh",
    "https://evil.example\\@auth.tiktok-shops.com/api/v2/token/refresh",
    "https://evil.example\\.auth.tiktok-shops.com/",
    "https://evil.example#@auth.tiktok-shops.com/",
    "https://evil.example?@auth.tiktok-shops.com/",
    "https://auth.tiktok-shops.com./api/v2/token/refresh",
    "https://auth.tiktok-shops.com:8443/api/v2/token/refresh",
    "https://auth.tiktok-shops.com:80/api/v2/token/refresh",
    "http://auth.tiktok-shops.com/api/v2/token/refresh",
    "http://auth.tiktok-shops.com:443/api/v2/token/refresh",
    "https://\u0430uth.tiktok-shops.com/",
    "https://xn--uth-6cd.tiktok-shops.com/",
    "https://auth.tiktok-shops.com\u3002evil.example/",
    "https://auth\uff0etiktok-shops.com/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[2001:db8::1]/",
    "https://127.0.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "http://localhost:4001/",
    "https://tiktok-shops.com/",
    "https://evil-auth.tiktok-shops.com/",
    " https://auth.tiktok-shops.com/",
    "https://auth.tiktok-shops.com\n.evil.example/",
    "https:/evil.example/",
    "//evil.example/",
    "https:evil.example",
    "ftp://auth.tiktok-shops.com/",
    "file:///etc/passwd",
    "",
    "x",
]


@pytest.mark.parametrize("url", TRICKS)
def test_a_provider_with_a_host_list_is_spoken_to_there_alone(url: str) -> None:
    """Whatever the app's secret says, trusted or not: TrustedHosts adds nothing to a provider's own list."""
    one = AnyHost.of(SHOP)
    one.world.connected()
    one.world.deploy(trusted="evil.example,.evil.example,auth.tiktok-shops.com:8443")
    tamper(one, endpoints=dict.fromkeys(("token", "refresh", "api", "push"), url), settings={"push": "api2cart"})
    everything(one, NAME)

    assert [] == one.hosts()
    assert Reason.ENDPOINT_CHANGED in one.world.stored().reason or "connection.endpoint_changed" in one.alerts()


@pytest.mark.parametrize(
    "url",
    [
        "https://auth-sandbox.tiktok-shops.com/api/v2/token/refresh",
        "https://auth.tiktok-shops.com:443/api/v2/token/refresh",
        "https://AUTH.TikTok-Shops.com/api/v2/token/refresh",
        "HTTPS://auth.tiktok-shops.com/api/v2/token/refresh",
    ],
)
def test_every_host_of_the_list_will_do(url: str) -> None:
    """A region, or another spelling of the same host, is the provider's own."""
    world = World(app=SHOP)
    world.connected()
    world.apps.update(replace(SHOP, endpoints={"refresh": url}, region="us"))

    assert Result.REFRESHED is world.run().result


@pytest.mark.parametrize("app", [replace(SHOP, provider="tiktok_login"), replace(SHOP, provider="tiktok_ads")])
def test_no_other_provider_gets_anything_of_it(app: App) -> None:
    """Neither does one that has a list of its own: nothing is sent by another provider's rules."""
    one = AnyHost.of(SHOP)
    one.world.connected()
    one.world.apps.update(app)
    everything(one, NAME)

    assert [] == one.hosts()
    assert "connection.endpoint_changed" in one.alerts()
    restore(one)
    one.world.change(renew_at=one.world.clock.now())
    assert SHOPS == one.world.grant().account["shops"]


def test_a_provider_under_which_nothing_is_renewed_does_not_put_it_to_rest() -> None:
    """It is held, looked at again, and goes on once its own provider is back."""
    world = World(app=SHOP)
    world.connected()
    grant = replace(world.grant(), access_expires_at=None)
    sealed = world.sealer.new_key(NAME.app).seal(grant.to_bytes(), binding=grant_binding(NAME))
    world.change(sealed_grant=sealed, access_expires_at=None)
    extends = {"renewal": "access_token"}
    world.apps.update(replace(SHOP, provider="oauth2", endpoints={"token": f"{EVIL}/t"}, settings=extends))
    world.run()
    record = world.stored()

    assert (Status.HELD, Reason.ENDPOINT_CHANGED, False) == (
        record.status, record.reason, record.due.renew_at is None
    )  # fmt: skip
    world.apps.update(SHOP)
    world.settle(ticks=60)
    assert (Status.ACTIVE, "A1") == (world.stored().status, world.published())


def test_the_embedded_stacks_sandbox_may_have_moved() -> None:
    """The stack names its own sandbox's port when it is deployed, and no other port of this machine."""
    home = {key: f"http://localhost:8401/{key}" for key in ("authorize", "token", "verify")}
    one = AnyHost.of(replace(GENERIC, endpoints=home))
    one.world.is_embedded = True
    one.server.says("/token", oidc_token(access_token="canary-access", refresh_token="canary-refresh"))
    one.server.says("/verify", {"sub": "u"})
    one.connect()
    name = one.name("u")
    tamper(one, endpoints={key: url.replace("8401", "9401") for key, url in home.items()})
    since = len(one.server.asked)
    assert (Result.HELD, []) == (due(one, name), one.hosts(since))

    one.world.deploy(trusted="localhost:9401")
    assert (Result.REFRESHED, ["localhost:9401"]) == (due(one, name), one.hosts(since))


CARTED = replace(SHOP, api2cart_key=Secret("canary-cart-key"), settings={"push": "api2cart"})


@pytest.mark.parametrize("url", TRICKS)
def test_a_pair_is_handed_to_a_consumer_at_its_own_host_alone(url: str) -> None:
    """Neither by the schedule nor by an operator's word; the alert names the app whose endpoint it is."""
    one = AnyHost.of(CARTED)
    one.world.connected()
    one.world.change(push_at=one.world.clock.now(), renew_at=one.world.clock.now() + 86_400)
    tamper(one, endpoints={"push": url})
    one.world.settle(ticks=5)
    one.world.ask("push", connection=str(NAME), to="api2cart")

    assert [] == one.hosts()
    told = [alert for alert in one.world.alerts.told if alert.kind == "push.failed"]
    assert {"tokensync app show tiktok-shop"} == {alert.next_command for alert in told}


def test_another_providers_pair_is_handed_to_no_consumer() -> None:
    """An app that is another provider's by now pushes nothing that the first one gave."""
    one = AnyHost.of(CARTED)
    one.world.connected()
    one.world.change(push_at=one.world.clock.now(), renew_at=one.world.clock.now() + 86_400)
    tamper(one, provider="tiktok_login")
    one.world.settle(ticks=5)

    assert [] == one.hosts()


def test_an_answer_that_another_provider_reads_stays_the_first_ones() -> None:
    """The provider is swapped while an answer waits sealed: its new tokens are bound to who gave them."""
    one = AnyHost.of(SHOP)
    one.world.connected()
    unbound(one.world)
    pair = {"access_token": "canary-access", "refresh_token": "canary-newer", "access_token_expire_in": 4_000_000_000}
    one.server.says("/api/v2/token/refresh", {"code": 0, "message": "success", "data": pair})
    with one.world.dies_at("received"):
        one.world.run()
    since = len(one.server.asked)
    tamper(one, provider="oauth2", endpoints={"token": f"{EVIL}/token"}, settings={"response.envelope": "data"})
    one.world.after_lease()
    one.world.settle(ticks=5)
    one.world.ask("refresh", connection=str(NAME), force=True)

    assert "canary-access" == one.world.published()
    assert [] == one.hosts(since)
    assert "tiktok_shop" == (one.world.grant().bound or Bound(provider="")).provider


def test_a_token_that_nothing_renews_is_held_while_it_may_not_be_verified() -> None:
    """Its verification is all that is ever sent of it; put back, it is active again."""
    one = AnyHost.of(GENERIC)
    one.server.says("/token", {"access_token": "canary-access", "token_type": "Bearer"})
    one.server.says("/userinfo", {"sub": "u"})
    one.connect()
    name = one.name("u")
    tamper(one, endpoints={"verify": f"{EVIL}/userinfo"})
    since = len(one.server.asked)
    one.world.settle(ticks=30, every=3600)
    record = one.world.stored(name)

    assert ([], Status.HELD, Reason.ENDPOINT_CHANGED) == (one.hosts(since), record.status, record.reason)
    assert ("held", 1) == (one.world.document(name)["status"], one.alerts().count("connection.endpoint_changed"))
    restore(one)
    one.world.settle(ticks=5, every=3600)
    assert (Status.ACTIVE, "active") == (one.world.stored(name).status, one.world.document(name)["status"])


def test_a_grant_of_an_earlier_version_is_bound_by_the_schedules_verification() -> None:
    """Of a token that nothing renews, that is the first thing that is sent."""
    one = AnyHost.of(GENERIC)
    one.server.says("/token", {"access_token": "canary-access", "token_type": "Bearer"})
    one.server.says("/userinfo", {"sub": "u"}, 503)
    one.connect()
    unbound(one.world, one.name("u"))
    one.world.settle(ticks=30, every=3600)

    bound = one.world.grant(one.name("u")).bound
    assert (True, (ISSUER,)) == (bound.is_known, bound.api) if bound else None


def test_a_sandboxs_grant_of_an_earlier_version_goes_on() -> None:
    """On the embedded stack a listed provider is on this machine; what was connected there before is refreshed."""
    home = {key: f"http://localhost:8401/{key}" for key in ("authorize", "token", "refresh", "api")}
    one = AnyHost.of(replace(SHOP, endpoints=home))
    one.world.is_embedded = True
    one.world.connected()
    unbound(one.world)
    pair = {"access_token": "A1", "refresh_token": "R1", "access_token_expire_in": 4_000_000_000}
    one.server.says("/refresh", {"code": 0, "message": "success", "data": pair})

    assert (Result.REFRESHED, ["localhost:8401"]) == (one.world.run().result, one.hosts())
    tamper(one, endpoints={"refresh": "http://localhost:9999/refresh"})
    since = len(one.server.asked)
    one.world.ask("refresh", connection=str(NAME), force=True)
    assert [] == one.hosts(since)
