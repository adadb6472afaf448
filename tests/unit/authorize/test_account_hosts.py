"""Accounts on hosts of their own, from the invite to the refresh, the verification and the end."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from fakes.any_host import AnyHost
from fakes.scripted import ISSUER, OIDC, oidc_token
from field_rows import field
from tokensync.authorize.links import Invite, browser_of
from tokensync.domain.authorization import AuthorizationState
from tokensync.domain.connection import Status
from tokensync.domain.errors import StoreUnavailable
from tokensync.domain.messages import FailureClass
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from tokensync.domain.app import App
    from tokensync.domain.names import ConnectionName

SHOPS = replace(
    OIDC,
    name="shops",
    endpoints={
        "authorize": "https://{shop}.myshopify.com/admin/oauth/authorize",
        "token": "https://{shop}.myshopify.com/admin/oauth/access_token",
        "verify": "https://{shop}.myshopify.com/admin/api/me",
        "revoke": "https://{shop}.myshopify.com/admin/revoke",
    },
    settings={
        "param.shop": "[a-z0-9][a-z0-9-]*",
        "param_title.shop": "Your shop's name",
        "account_field": "shop_id",
        "token.store": "{shop}",
        "authorize.store": "{shop}/x",
    },
)
TOKEN = "/admin/oauth/access_token"
ZOHO = replace(
    OIDC,
    name="zoho",
    endpoints={
        "authorize": "https://accounts.zoho.com/oauth/v2/auth",
        "token": "{accounts_server}/oauth/v2/token",
        "verify": "{api_domain}/me",
    },
    settings={
        "param.accounts_server": r"https://accounts\.zoho\.(com|eu|in|com\.au|jp)",
        "param_source.accounts_server": "callback.accounts-server",
        "param.api_domain": r"https://www\.zohoapis\.(com|eu|in|com\.au|jp)",
        "param_source.api_domain": "token.api_domain",
        "account_field": "org",
    },
)
ZOHO_TOKEN = "/oauth/v2/token"


def shop_token(shop: str, number: int = 1) -> dict[str, Any]:
    """Return what a shop's token endpoint answers."""
    return oidc_token(access_token=f"A-{shop}-{number}", refresh_token=f"R-{shop}-{number}", shop_id=f"id-{shop}")


def stage(app: App = SHOPS) -> AnyHost:
    """Return a world for an app."""
    return AnyHost.of(app)


def connect(one: AnyHost, shop: str) -> ConnectionName:
    """Connect a shop through an invite of its own."""
    one.server.says(TOKEN, shop_token(shop))
    one.server.says("/admin/api/me", {"sub": f"id-{shop}", "name": shop})
    page = one.browser.connect(invite(one, f"invite-{shop}", shop=shop))
    assert (302, f"{shop}.myshopify.com") == (page.status, urlsplit(page.headers["location"]).netloc)
    one.browser.back(f"code=code-{shop}")
    return one.name(f"id-{shop}")


def invite(one: AnyHost, id: str = "invite-1", **params: str) -> str:  # noqa: A002
    """Return the query of an invite's link with parameters of the account."""
    made = Invite(id=id, app=one.world.app.name, expires_at=one.world.clock.now() + 3600, params=params)
    return f"invite={one.world.signer.invite(made)}"


def browser(one: AnyHost) -> str:
    """Return the hash by which the table knows the seller's browser."""
    return browser_of(one.browser.secret)


def refresh(one: AnyHost, name: ConnectionName) -> Any:
    """Let the next refresh be due, and made."""
    one.world.clock.advance(max(0, (one.world.stored(name).due.renew_at or 0) - one.world.clock.now()))
    return one.world.run(name)


@field("B host")
def test_two_accounts_have_each_its_own_host() -> None:
    """Consent, exchange, facts, refresh, verification and revocation of each shop go to its own host and no other."""
    one = stage()
    names = {shop: connect(one, shop) for shop in ("acme", "other-1")}
    assert ["acme.myshopify.com"] * 2 + ["other-1.myshopify.com"] * 2 == one.hosts()

    for shop, name in names.items():
        since = len(one.server.asked)
        one.server.says(TOKEN, shop_token(shop, 2))
        assert Result.REFRESHED is refresh(one, name).result
        assert one.world.ask("verify", connection=str(name))["ok"]
        one.server.says("/admin/revoke", 200)
        assert one.world.ask("revoke", connection=str(name))["ok"]
        assert [f"{shop}.myshopify.com"] * 3 == one.hosts(since)
        assert {f"R-{shop}-1"} == {
            form["refresh_token"] for form in one.server.forms(TOKEN) if f"R-{shop}" in str(form)
        }


@field("B host")
def test_the_account_is_told_to_its_readers_and_its_server() -> None:
    """The published secret names the shop, and parameters of requests carry it, encoded."""
    one = stage()
    name = connect(one, "acme")

    assert "acme" == one.world.document(name)["account"]["shop"]
    assert "acme/x" == one.browser.away["store"]
    assert "acme" == one.server.forms(TOKEN)[0]["store"]
    assert {"shop": "acme"} == one.world.grant(name).params


@field("B host")
@pytest.mark.parametrize(
    "value",
    ["acme.evil.com/", "acme@evil", "acme#", "..", "acme\N{IDEOGRAPHIC FULL STOP}evil", "acme%2e", "a" * 300, "acme\n",
     "acme.evil", "-acme", ""],
)  # fmt: skip
def test_a_wrong_value_sends_nobody_anywhere(value: str) -> None:
    """An invite whose value the app does not take is refused when it is opened: no redirect, no record, no request."""
    one = stage()
    page = one.browser.connect(invite(one, shop=value))

    assert (403, "location" in page.headers, []) == (page.status, False, one.server.asked)
    assert () == one.browser.cookies


@field("B host")
def test_upper_case_is_the_same_shop() -> None:
    """A host has no case: the value is kept in lower case, so that one shop is one account."""
    one = stage()
    one.browser.connect(invite(one, shop="ACME"))
    one.server.says(TOKEN, shop_token("acme"))
    one.browser.back()

    assert {"shop": "acme"} == one.world.grant(one.name("id-acme")).params


@field("B host")
def test_the_seller_is_asked_for_what_the_invite_does_not_name() -> None:
    """A page asks for the shop; its answer leads on like an invite's own, and a wrong one is asked for again."""
    one, link = stage(), None
    link = invite(one)
    page = one.browser.connect(link)

    assert (200, "Your shop&#39;s name") == (
        page.status,
        "Your shop&#39;s name" if "Your shop&#39;s name" in page.body else "",
    )
    assert "form-action 'self'" in page.all_headers()["content-security-policy"]
    wrong = one.browser.connect(f"{link}&param.shop={quote('acme.evil.com/')}")
    assert (400, True, False) == (wrong.status, 'id="wrong"' in wrong.body, "evil" in wrong.body)
    right = one.browser.connect(f"{link}&param.shop={quote(' Acme ')}")
    assert "acme.myshopify.com" == urlsplit(right.headers["location"]).netloc
    one.server.says(TOKEN, shop_token("acme"))
    one.browser.back()
    assert {"shop": "acme"} == one.world.grant(one.name("id-acme")).params


@field("B host")
def test_a_query_replaces_no_signed_parameter() -> None:
    """Who opens an invite cannot choose another host than the one that was signed."""
    one = stage()
    page = one.browser.connect(f"{invite(one, shop='acme')}&param.shop=evil&shop=evil")

    assert "acme.myshopify.com" == urlsplit(page.headers["location"]).netloc


@field("B host")
def test_starting_again_keeps_the_account() -> None:
    """The link on a failed page leads to the same shop once more."""
    one = stage()
    one.browser.connect(invite(one, shop="acme"))
    one.server.says(TOKEN, 500)
    one.browser.back()
    again = one.browser.result().body.partition("invite=")[2].partition('"')[0]

    assert "acme.myshopify.com" == urlsplit(one.browser.connect(f"invite={again}").headers["location"]).netloc


@field("B host")
def test_a_template_without_its_declaration_sends_nobody_there() -> None:
    """An app whose URLs name what it does not declare redirects no seller and takes no code."""
    settings = {key: value for key, value in SHOPS.settings.items() if not key.startswith("param")}
    one = stage(replace(SHOPS, settings=settings))
    page = one.browser.connect(invite(one))

    assert (503, [], False) == (page.status, one.server.asked, "location" in page.headers)


@field("B host")
def test_the_callback_names_the_data_centre() -> None:
    """The code goes where the callback says, the facts are asked where the response says; both are kept."""
    one = stage(ZOHO)
    one.server.says(ZOHO_TOKEN, oidc_token(org="o-1", api_domain="https://www.zohoapis.eu"))
    one.server.says("/me", {"sub": "u-1", "name": "Acme"})
    one.browser.connect()
    one.browser.back("code=code-1&location=eu&accounts-server=https%3A%2F%2Faccounts.zoho.eu")
    name = one.name("o-1")

    assert ["accounts.zoho.eu", "www.zohoapis.eu"] == one.hosts()
    kept = {"accounts_server": "https://accounts.zoho.eu", "api_domain": "https://www.zohoapis.eu"}
    assert kept == one.world.grant(name).params
    assert kept.items() <= one.world.document(name)["account"].items()
    one.server.says(ZOHO_TOKEN, oidc_token(access_token="OB", refresh_token="OS", api_domain="https://www.zohoapis.in"))
    assert Result.REFRESHED is refresh(one, name).result
    assert "accounts.zoho.eu" == one.hosts()[-1]
    assert "https://www.zohoapis.in" == one.world.document(name)["account"]["api_domain"]


@field("B host")
@pytest.mark.parametrize(
    "server",
    ["https://evil.example", "https://accounts.zoho.eu.evil.example", "https://accounts.zoho.eu@evil.example",
     "https://evil.example#accounts.zoho.eu", "http://accounts.zoho.eu", "accounts.zoho.eu", "https://accounts.zoho.eu:444",
     "https://accounts.zoho.eu/x", "", None],
)  # fmt: skip
def test_a_code_goes_to_no_host_outside_the_list(server: str | None) -> None:
    """A callback that names another server is refused before anything is sent, and the true one still works."""
    one = stage(ZOHO)
    one.browser.connect()
    named = "" if server is None else f"&accounts-server={quote(server, safe='')}"

    assert (400, []) == (one.browser.back(f"code=code-1{named}").status, one.server.asked)
    one.server.says(ZOHO_TOKEN, oidc_token(org="o-1"))
    one.browser.back("code=code-1&accounts-server=https%3A%2F%2Faccounts.zoho.eu")
    assert Status.ACTIVE is one.world.stored(one.name("o-1")).status


@field("B host")
def test_a_denial_names_no_server() -> None:
    """A seller who declines is told so, although that callback names no data centre."""
    one = stage(ZOHO)
    one.browser.connect()

    assert 303 == one.browser.back("error=access_denied").status
    assert AuthorizationState.CANCELLED is one.world.authorizations.of_browser("zoho", browser(one))[0].state


@field("B host")
def test_a_callback_that_contradicts_the_invite_gets_nothing() -> None:
    """Where invite and callback both name the shop they have to agree; the code is not sent to either."""
    one = stage(replace(SHOPS, settings={**SHOPS.settings, "param_source.shop": "invite,callback.shop"}))
    one.browser.connect(invite(one, shop="acme"))
    one.browser.back("code=code-1&shop=other")

    assert ([], True) == (one.server.asked, "could not be connected" in one.browser.result().body)
    one.server.says(TOKEN, shop_token("acme"))
    one.browser.connect(invite(one, "invite-2", shop="acme"))
    one.browser.back("code=code-2&shop=Acme")
    assert Status.ACTIVE is one.world.stored(one.name("id-acme")).status


@field("B host")
@pytest.mark.parametrize("domain", ["https://evil.example", "https://www.zohoapis.eu.evil.example", 7, None])
def test_a_response_leads_no_call_astray(domain: object) -> None:
    """What a response names outside its pattern is not kept, and its host is asked nothing; the tokens are kept."""
    one = stage(ZOHO)
    one.server.says(ZOHO_TOKEN, oidc_token(org="o-1", **({} if domain is None else {"api_domain": domain})))
    one.browser.connect()
    one.browser.back("code=code-1&accounts-server=https%3A%2F%2Faccounts.zoho.com")

    assert (["accounts.zoho.com"], Status.ACTIVE) == (one.hosts(), one.world.stored(one.name("o-1")).status)
    assert {"accounts_server": "https://accounts.zoho.com"} == one.world.grant(one.name("o-1")).params


@field("B host")
def test_a_grant_that_no_longer_fits_is_sent_nowhere() -> None:
    """After the app's pattern changed nothing is sent for an account outside it, and that is told once."""
    one = stage()
    name = connect(one, "acme")
    one.world.apps.update(replace(SHOPS, settings={**SHOPS.settings, "param.shop": "b[a-z]*"}))
    since = len(one.server.asked)
    for _ in range(3):
        assert Result.POSTPONED is refresh(one, name).result
    record = one.world.stored(name)

    assert ([], ["connection.param_refused"]) == (one.hosts(since), one.alerts())
    assert record.last_error is not None
    assert (FailureClass.NOT_SENT, "param_refused", True) == (
        record.last_error.failure,
        record.last_error.code,
        "shop" in record.last_error.message,
    )
    assert (Status.ACTIVE, None) == (record.status, record.attempt)
    verified = one.world.ask("verify", connection=str(name))
    revoked = one.world.ask("revoke", connection=str(name))
    assert (False, False, []) == (verified["ok"], revoked["ok"], one.hosts(since))
    one.world.clock.advance(max(0, (record.access_expires_at or 0) - one.world.clock.now()))
    one.world.run(name)
    assert ["connection.param_refused", "connection.ended"] == one.alerts()
    assert "no request can be made for this account (param_refused" in one.world.alerts.told[-1].detail
    one.world.apps.update(SHOPS)
    one.server.says(TOKEN, shop_token("acme", 2))
    assert Result.REFRESHED is refresh(one, name).result


@field("B host")
def test_a_killed_callback_keeps_the_account() -> None:
    """The rotation function that finishes for a callback that died knows the account's host as well."""
    one = stage(ZOHO)
    one.server.says(ZOHO_TOKEN, oidc_token(org="o-1"))
    one.browser.connect()
    with one.world.dies_at("exchange.received"):
        one.browser.back("code=code-1&accounts-server=https%3A%2F%2Faccounts.zoho.jp")
    one.world.after_lease()
    one.world.settle(ticks=3)

    assert {"accounts_server": "https://accounts.zoho.jp"} == one.world.grant(one.name("o-1")).params


@field("B host")
def test_a_pasted_url_names_its_server_and_a_bare_code_cannot() -> None:
    """An operator who pastes the whole URL reaches the named server; where nothing names it nothing is sent."""
    one = stage(replace(ZOHO, settings={**ZOHO.settings, "pkce": "none"}))
    one.server.says(ZOHO_TOKEN, oidc_token(org="o-1"))

    bare = one.command("paste", text="code-1")
    assert (False, "BadRequest", True) == (
        bare["ok"],
        bare["error"]["class"],
        "accounts_server" in bare["error"]["message"],
    )
    begun = one.command("begin", label="Acme")
    state = parse_qs(urlsplit(begun["url"]).query)["state"][0]
    url = f"https://x.example/?code=code-2&state={state}&accounts-server=https%3A%2F%2Faccounts.zoho.in"
    assert one.command("paste", text=url)["ok"]
    assert ["accounts.zoho.in"] == one.hosts()


@field("B host")
def test_an_operator_begins_for_one_account() -> None:
    """`paste --begin` names the account; without what the app asks for it says so and begins nothing."""
    one = stage()
    missing = one.command("begin")

    assert (False, True) == (missing["ok"], "shop" in missing["error"]["message"])
    begun = one.command("begin", params={"shop": "acme"})
    assert "acme.myshopify.com" == urlsplit(begun["url"]).netloc


@field("B host")
def test_an_import_names_the_accounts_host() -> None:
    """Imported tokens are proved at the account's own host; without it, or outside its pattern, nothing is done."""
    one = stage()
    one.server.says(TOKEN, shop_token("acme", 2))

    for params in ({}, {"param.shop": "acme.evil"}, {"param.nobody": "x"}):
        refused = one.world.ask("import", app="shops", account="id-acme", refresh_token="R1", **params)
        assert (False, 2) == (refused["ok"], refused["exit"])
    assert [] == one.server.asked
    done = one.world.ask("import", app="shops", account="id-acme", refresh_token="R1", **{"param.shop": "Acme"})
    assert (True, ["acme.myshopify.com"]) == (done["ok"], one.hosts()[:1])
    assert {"shop": "acme"} == one.world.grant(one.name("id-acme")).params


@field("B host")
def test_old_links_and_grants_are_as_they_were() -> None:
    """A link or grant without parameters has no trace of them, so that an older version reads it as its own."""
    plain = stage(OIDC)
    plain.server.says("/token", oidc_token(id_token=""))
    link = plain.world.signer.invite(Invite(id="i", app="oidc", expires_at=2_000_000_000))

    assert {} == plain.world.signer.read_invite(link, app="oidc", now=0).params
    one = stage()
    stored = one.world.grant(connect(one, "acme"))
    assert b"client_id" not in stored.to_bytes()
    assert b"params" not in replace(stored, params={}).to_bytes()


@field("B host", "B account")
def test_the_account_may_be_named_by_its_parameter() -> None:
    """A server whose responses name nobody: the shop that the invite was for is the account."""
    settings = {key: value for key, value in SHOPS.settings.items() if key != "account_field"}
    one = stage(replace(SHOPS, settings={**settings, "account": "param.shop"}))
    one.server.says(TOKEN, oidc_token())
    one.browser.connect(invite(one, shop="ACME"))
    one.browser.back()

    assert Status.ACTIVE is one.world.stored(one.name("acme")).status


@field("B host")
def test_a_refresh_token_stays_with_the_host_that_gave_it() -> None:
    """A second consent without a refresh token gets the first one's at the same host, and not at another."""
    one = stage(replace(ZOHO, endpoints={**ZOHO.endpoints, "verify": "https://www.zohoapis.com/me"}))
    one.server.says("/me", {"sub": "u-1"})
    one.server.says(ZOHO_TOKEN, oidc_token(org="o-1"), {"access_token": "OB", "expires_in": 3600, "org": "o-1"})
    one.browser.connect()
    one.browser.back("code=code-1&accounts-server=https%3A%2F%2Faccounts.zoho.eu")
    for code, server, kept in (("code-2", "eu", True), ("code-3", "in", False)):
        one.world.clock.advance(10)
        one.browser.connect(one.world.invite(id=code))
        one.browser.back(f"code={code}&accounts-server=https%3A%2F%2Faccounts.zoho.{server}")
        one.world.after_lease()
        one.world.settle(ticks=3)
        grant = one.world.grant(one.name("o-1"))
        assert (kept, f"https://accounts.zoho.{server}") == (
            grant.refresh_token is not None,
            grant.params["accounts_server"],
        )


@field("B host")
def test_a_response_that_only_a_message_kept_leads_to_its_host() -> None:
    """Where the table did not take the response, the message that did brings back an account with its host."""
    one = stage(ZOHO)
    one.server.says(ZOHO_TOKEN, oidc_token(org="o-1"))
    one.browser.connect()
    one.world.failpoints.run_at("answered", lambda: one.world.authorizations.fail_next("write", StoreUnavailable))
    assert 503 == one.browser.back("code=code-1&accounts-server=https%3A%2F%2Faccounts.zoho.jp").status
    one.world.after_lease()
    one.world.drain()
    one.world.settle(ticks=3)

    assert {"accounts_server": "https://accounts.zoho.jp"} == one.world.grant(one.name("o-1")).params


INSTANCE = "https://na1.example-instances.com"
NAMED_LATER = replace(
    OIDC,
    endpoints={"authorize": f"{ISSUER}/authorize", "token": f"{ISSUER}/token", "refresh": "{instance}/token"},
    settings={
        "account": "token.user",
        "param.instance": r"https://[a-z0-9]+\.example-instances\.com",
        "param_source.instance": "token.instance_url",
    },
)
ENVELOPE = {"response.envelope": "data"}
SECOND = {"second_token": "own", "second_account": "token.own.id"}


@field("B host", "B second token")
@pytest.mark.parametrize(
    ("settings", "response", "hosts"),
    [
        (ENVELOPE, {"user": "u", "instance_url": INSTANCE, "data": oidc_token()}, {"u": INSTANCE}),
        (ENVELOPE, {"user": "u", "data": oidc_token(instance_url=INSTANCE)}, {"u": INSTANCE}),
        (
            {**ENVELOPE, "param_source.instance": "token.data.instance_url"},
            {"user": "u", "data": oidc_token(instance_url=INSTANCE)},
            {"u": INSTANCE},
        ),
        (
            SECOND,
            oidc_token(user="u", instance_url=INSTANCE, own={"id": "v", **oidc_token()}),
            {"u": INSTANCE, "v": INSTANCE},
        ),
        (
            SECOND,
            oidc_token(
                user="u",
                instance_url=INSTANCE,
                own={"id": "v", **oidc_token(instance_url="https://na2.example-instances.com")},
            ),
            {"u": INSTANCE, "v": "https://na2.example-instances.com"},
        ),
    ],
    ids=["beside the envelope", "in it", "in it by the whole path", "for both tokens", "one for each token"],
)
def test_a_host_is_named_in_the_object_of_the_tokens_or_beside_it(
    settings: dict[str, str], response: dict[str, Any], hosts: dict[str, str]
) -> None:
    """Each token is refreshed at the host that its own object names, else at the one that the response names."""
    one = stage(replace(NAMED_LATER, settings={**NAMED_LATER.settings, **settings}))
    one.server.says("/token", response)
    one.connect()

    assert {name: {"instance": host} for name, host in hosts.items()} == {
        account: one.world.grant(one.name(account)).params for account in hosts
    }
    for account, host in hosts.items():
        since = len(one.server.asked)
        assert Result.REFRESHED is refresh(one, one.name(account)).result
        assert [urlsplit(host).netloc] == one.hosts(since)
    assert [] == one.alerts()


@field("B host", "A11")
@pytest.mark.parametrize(
    ("named", "alerts"),
    [
        ({}, ["connection.param_refused"]),
        ({"instance_url": "https://evil.example"}, ["answer.odd", "connection.param_refused"]),
    ],
    ids=["none", "a wrong one"],
)
def test_a_consent_after_which_nothing_can_be_refreshed_is_alerted_once(
    named: dict[str, str], alerts: list[str]
) -> None:
    """Its tokens are real: they are published and kept, and refreshed once a consent names the host."""
    one = stage(NAMED_LATER)
    one.server.says("/token", oidc_token(user="u", **named))
    one.connect()
    name = one.name("u")

    assert (Status.ACTIVE, alerts) == (one.world.stored(name).status, one.alerts())
    since = len(one.server.asked)
    assert Result.POSTPONED is refresh(one, name).result
    assert ([], alerts) == (one.hosts(since), one.alerts())
    silent = {key: value for key, value in oidc_token(user="u", instance_url=INSTANCE).items() if key[:7] != "refresh"}
    one.server.says("/token", silent)
    one.browser.cookies = ()
    one.connect(code="code-2")
    one.world.drain()
    one.server.says("/token", oidc_token(user="u"))
    since = len(one.server.asked)
    assert Result.REFRESHED is refresh(one, name).result
    assert ([urlsplit(INSTANCE).netloc], alerts) == (one.hosts(since), one.alerts())
