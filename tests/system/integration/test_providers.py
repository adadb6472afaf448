"""Every provider on the deployed stack, from registration to the end of an authorization, as an operator does it."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from canary import arguments_watched, leaked
from fault_rows import fault
from field_rows import field
from stack import Sandbox, Stack
from tokensync.domain.errors import UnknownApp
from tokensync_cli.demo.browser import Seller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CANARY = "C4N4RY-of-every-provider"
BY_CONSENT = ("tiktok_shop", "tiktok_login", "tiktok_ads", "tiktok_accounts", "oauth2")
NEVER_EXPIRES = "tiktok_ads"
REVOKES = ("tiktok_login", "tiktok_ads", "tiktok_accounts", "oauth2")


@pytest.fixture(scope="module", autouse=True)
def arguments() -> Iterator[set[str]]:
    """The arguments of every process that ran while these tests did."""
    with arguments_watched() as seen:
        yield seen


@pytest.fixture(scope="module")
def tokensync(stack: Stack) -> Callable[..., Any]:
    """Return the command line, run where the stack is; it returns what it prints as JSON."""

    def run(*arguments: str, stdin: str = "", code: int = 0) -> Any:
        ended, told, stderr = stack.command(*arguments, stdin=stdin)
        assert code == ended, stderr
        assert CANARY not in stderr
        return told

    return run


@pytest.fixture(scope="module")
def marked(stack: Stack, tokensync: Callable[..., Any]) -> Callable[..., Sandbox]:
    """Return what registers an app of a provider whose codes and tokens all carry a canary."""

    def register(name: str, provider: str, *options: str, **settings: object) -> Sandbox:
        app = tokensync("app", "add", name, "--provider", provider, "--sandbox", *options)
        sandbox = Sandbox(stack.outputs.sandbox_url, app["client_id"], "", app["service_id"] or "")
        sandbox.call(
            "POST",
            "apps",
            provider=provider,
            app_key=sandbox.app_key,
            settings={"token_marker": CANARY, **settings},
        )
        return sandbox

    return register


def account(sandbox: Sandbox, provider: str, **wanted: object) -> str:
    """Return one of the sandbox's accounts."""
    known = sandbox.call("GET", "accounts")["accounts"]
    return str(
        next(
            one["account"]
            for one in known
            if one["provider"] == provider and all(one[key] == value for key, value in wanted.items())
        )
    )


def connected(tokensync: Callable[..., Any], sandbox: Sandbox, app: str, who: str) -> dict[str, Any]:
    """Connect an account through the pages, and return the connection as `list` tells it."""
    assert "Your account is connected" == Seller(sandbox.url).connect(tokensync("invite", app)["url"], account=who)
    (one,) = [one for one in tokensync("list") if one["app"] == app]
    return dict(one)


@pytest.mark.parametrize("provider", BY_CONSENT)
def test_from_consent_to_revocation(
    stack: Stack, tokensync: Callable[..., Any], marked: Callable[..., Sandbox], provider: str
) -> None:
    """Connect, renew or verify, read, revoke: and each code and refresh token was presented once."""
    app = f"whole-{provider.replace('_', '-')}"
    sandbox = marked(app, provider)
    one = connected(tokensync, sandbox, app, account(sandbox, provider))
    name = one["connection"]
    if provider == NEVER_EXPIRES:
        assert one["access_expires_at"] is None
        assert tokensync("verify", name)["connection"]["verified_at"] >= one["verified_at"]
        assert 1 == tokensync("refresh", name)["connection"]["generation"]
    else:
        assert 2 == tokensync("refresh", name)["connection"]["generation"]
    document = json.loads(stack.secrets.get_secret_value(SecretId=one["secret"])["SecretString"])

    assert ("active", provider) == (document["status"], document["provider"])
    assert CANARY in document["access_token"]
    assert [] == sandbox.doubles()
    if provider in REVOKES:
        tokensync("revoke", name, "--yes")
        ended = json.loads(stack.secrets.get_secret_value(SecretId=one["secret"])["SecretString"])
        assert "disconnected" == ended["status"]
    else:
        told = tokensync("revoke", name, "--yes", code=1)
        assert "--local" in json.dumps(told)


def test_eshopbox_is_imported_and_keeps_its_refresh_token(
    stack: Stack, tokensync: Callable[..., Any], marked: Callable[..., Sandbox]
) -> None:
    """No consent, no callback: one refresh token from stdin lasts for every renewal."""
    sandbox = marked("whole-eshopbox", "eshopbox")
    who = account(sandbox, "eshopbox")
    given = sandbox.call("POST", "credentials", provider="eshopbox", app=sandbox.app_key, account=who)
    tokensync("import", "whole-eshopbox", "--account", who, "--fact", "workspace=acme", stdin=given["refresh_token"])
    name = f"whole-eshopbox/{who}"
    first = tokensync("show", name)
    for _ in range(2):
        tokensync("refresh", name)
    shown = sandbox.entries(kind="refresh_token")

    published = json.loads(stack.secrets.get_secret_value(SecretId=first["secret"])["SecretString"])
    assert {"workspace": "acme"} == published["account"]
    assert first["generation"] + 2 == tokensync("show", name)["generation"]
    assert (3, {"issued"}) == (len(shown), {entry["outcome"] for entry in shown})
    assert 1 == len({entry["presented"] for entry in shown})
    assert 1 == len([1 for _ in ("invite",) if tokensync("invite", "whole-eshopbox", code=1)])
    for page in ("connect", "callback"):
        url = f"{stack.outputs.connect_url}/whole-eshopbox".replace("/connect/", f"/{page}/")
        # 404 while a warm function has not heard of the app: it looks again after half a minute at most.
        assert httpx.get(f"{url}?code=c&state=x.y&invite=x.y").status_code in (400, 403, 404)


@field("A13")
def test_an_advertisers_refresh_token_works_once_at_its_own_endpoint(
    tokensync: Callable[..., Any], marked: Callable[..., Sandbox]
) -> None:
    """Undocumented, and honoured where it appears: the pair rotates, its end is kept; a copy for OWOX becomes stale."""
    ends = {"access_token_seconds": 3_600, "refresh_token_seconds": 86_400}
    sandbox = marked("ads-refreshed", "tiktok_ads", refreshable=True, **ends)
    name = connected(tokensync, sandbox, "ads-refreshed", account(sandbox, "tiktok_ads"))["connection"]
    assert "AppSecret" not in tokensync("export", name, "--format", "owox", "--without-secret")["AuthType"]["oauth2"]
    first = tokensync("show", name)
    for generation in (2, 3):
        assert generation == tokensync("refresh", name)["connection"]["generation"]

    last = tokensync("show", name)
    assert (1, "exported" in last) == (first["exported"], False)
    assert None not in (first["refresh_expires_at"], last["access_expires_at"])
    assert abs(first["refresh_expires_at"] - last["refresh_expires_at"]) <= 2  # the sandbox counts down, in seconds
    shown = sandbox.entries(kind="refresh_token")  # the sandbox takes them at their own endpoint alone
    assert (2, []) == (len({entry["presented"] for entry in shown}), sandbox.doubles())
    assert {"issued"} == {entry["outcome"] for entry in shown}
    assert ["export.stale"] == [
        entry["event"] for entry in tokensync("history", name) if entry["event"].startswith("export")
    ]


def test_an_ended_authorization_of_an_advertiser_is_noticed(
    stack: Stack, tokensync: Callable[..., Any], marked: Callable[..., Sandbox]
) -> None:
    """Nothing would ever refresh this token: the verification finds out, and the secret says so."""
    sandbox = marked("ads-ended", "tiktok_ads")
    who = account(sandbox, "tiktok_ads")
    one = connected(tokensync, sandbox, "ads-ended", who)
    sandbox.call("POST", "revoke", provider="tiktok_ads", app=sandbox.app_key, account=who)
    tokensync("verify", one["connection"], code=5)
    tokensync("refresh", one["connection"], "--force", code=4)
    document = json.loads(stack.secrets.get_secret_value(SecretId=one["secret"])["SecretString"])

    assert "reauthorize" == document["status"]
    assert CANARY in document["access_token"]


def test_a_creators_link_and_scopes_that_were_not_granted(
    tokensync: Callable[..., Any], marked: Callable[..., Sandbox]
) -> None:
    """A creator's app needs no service id, and a seller's account is refused by it."""
    sandbox = marked("creators", "tiktok_shop", "--set", "account_kind=creator")
    creator = account(sandbox, "tiktok_shop", user_type="creator")
    link = tokensync("invite", "creators")["url"]
    away = httpx.get(link).headers["location"]

    assert f"app_key={sandbox.app_key}" in away
    assert "/alliance/creator/auth" in away
    assert "Your account is connected" == Seller(sandbox.url).connect(link, account=creator)


def test_an_install_from_the_app_store_without_state(stack: Stack, marked: Callable[..., Sandbox]) -> None:
    """Refused by default; where the app allows it, it connects the account that the provider names, once."""
    for name, options, status in (("no-store", (), 400), ("store", ("--set", "installs=provider"), 303)):
        sandbox = marked(name, "tiktok_shop", *options)
        who = account(sandbox, "tiktok_shop", user_type="seller")
        told = sandbox.call("POST", "authorize", provider="tiktok_shop", app=sandbox.app_key, account=who)
        stack.start_anew(stack.outputs.callback_function)
        answers = [httpx.get(told["location"], timeout=60) for _ in range(3)]

        assert {status} == {answer.status_code for answer in answers}
        assert (1 if options else 0) == len(sandbox.entries(kind="code"))
    cookie = answers[0].headers["set-cookie"].partition(";")[0]
    result = httpx.get(f"{stack.outputs.connect_url}/store/result", headers={"cookie": cookie})

    assert "Your account is connected" in result.text


def test_a_tick_refreshes_every_provider(
    stack: Stack, tokensync: Callable[..., Any], marked: Callable[..., Sandbox]
) -> None:
    """Each is refreshed, or verified where it never expires, without anybody asking."""
    before = {}
    for provider in BY_CONSENT:
        app = f"scheduled-{provider.replace('_', '-')}"
        sandbox = marked(app, provider)
        one = connected(tokensync, sandbox, app, account(sandbox, provider))
        before[one["connection"]] = one

    def all_looked_after() -> bool:
        now = {one["connection"]: one for one in tokensync("list")}
        return all(
            now[name]["generation"] > one["generation"] or (now[name]["verified_at"] or 0) > (one["verified_at"] or 0)
            for name, one in before.items()
        )

    assert stack.soon(all_looked_after)


@fault("D canaries")
def test_no_secret_of_any_provider_leaves(stack: Stack, arguments: set[str]) -> None:
    """After all of the above no code, token or client secret is in a table, log, name or argument, in any spelling."""
    secrets = []
    for name in stack.apps.names():
        with suppress(UnknownApp):  # other tests delete secrets by hand
            secrets.append(stack.apps.get(name).client_secret.reveal())
    # Other tests' apps may have none, or a word that stands everywhere.
    secrets = [secret for secret in secrets if len(secret) >= 16]

    assert any("--provider" in words for words in arguments)
    assert [] == leaked(stack, [CANARY, *secrets], *arguments)
