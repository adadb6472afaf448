"""Accounts with a client of their own: it serves one connection, and what is said of it is not the app's."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from fakes.any_host import AnyHost
from fakes.scripted import OIDC, oidc_token
from field_rows import field
from tokensync.domain.app import App
from tokensync.domain.app_state import PauseKind
from tokensync.domain.connection import Status
from tokensync.domain.secret import Secret
from tokensync.refresh.result import Result

PATH = "/api/v1/generateToken"
ESHOPBOX = App(name="eshopbox", provider="eshopbox", client_id="app-id", client_secret=Secret("app-secret-canary"))
OWN = {"client_id": "own-id", "client_secret": "own-secret-canary"}
WALMART = replace(
    OIDC,
    name="walmart",
    endpoints={"token": "https://marketplace.walmartapis.com/v3/token"},
    settings={"grant": "client_credentials", "life": "900"},
)


def token(number: int = 1, **fields: Any) -> dict[str, Any]:
    """Return what Eshopbox answers."""
    return {"access_token": f"A{number}", "expires_in": 86_400, "token_type": "Bearer", **fields}


def imported(app: App = ESHOPBOX, account: str = "acme", **fields: str) -> tuple[AnyHost, dict[str, Any]]:
    """Return a stage with an import, and what was answered."""
    one = AnyHost.of(app)
    path = PATH if app.name == "eshopbox" else "/v3/token"
    one.server.says(path, token(), token(2), token(3))
    return one, one.world.ask("import", app=app.name, account=account, **fields)


def bodies(one: AnyHost) -> list[dict[str, str]]:
    """Return what the token endpoint was sent, as texts."""
    return [json.loads(request.body) for request in one.server.of(PATH)]


def due(one: AnyHost, account: str = "acme") -> Any:
    """Let the next refresh be due, and made."""
    name = one.name(account)
    one.world.clock.advance(max(0, (one.world.stored(name).due.renew_at or 0) - one.world.clock.now()))
    return one.world.run(name).result


@field("B client")
def test_a_connection_is_refreshed_under_its_own_client() -> None:
    """The import proves it and every refresh presents it; another connection of the app has the app's."""
    one, done = imported(refresh_token="R-acme", **OWN)
    assert (True, Result.REFRESHED) == (done["ok"], due(one))
    one.world.ask("import", app="eshopbox", account="other", refresh_token="R-other")

    shown = [(body["client_id"], body["client_secret"], body["refresh_token"]) for body in bodies(one)]
    own = ("own-id", "own-secret-canary", "R-acme")
    assert [own, own, ("app-id", "app-secret-canary", "R-other")] == shown


@field("B client")
def test_its_secret_is_sealed_and_shown_to_nobody() -> None:
    """The record in clear, the published secret, answers, alerts and logs know nothing of it."""
    one, done = imported(refresh_token="R", **OWN)
    one.server.says(PATH, {"error": "bad", "error_description": "own-secret-canary is wrong"})
    due(one)
    shown = one.world.ask("verify", connection="eshopbox/acme"), done, one.world.document(one.name("acme"))

    assert "own-secret-canary" not in repr((shown, one.world.stored(one.name("acme")), one.world.alerts.told))
    assert "own-secret-canary" not in repr(one.world.log.__dict__)
    assert ("own-id", True) == (
        one.world.grant(one.name("acme")).client_id,
        one.world.grant(one.name("acme")).has_own_client,
    )


@field("B client")
def test_its_refused_client_is_no_verdict_on_the_app() -> None:
    """`invalid_client` of its own client stops this connection alone, is told once, and pauses nothing."""
    one = AnyHost.of(replace(OIDC, settings={"account_field": "user"}))
    one.server.says("/token", oidc_token())
    for account, client in (("acme", OWN), ("other", {})):
        one.world.ask("import", app="oidc", account=account, refresh_token=f"R-{account}", **client)
    one.server.says("/token", {"error": "invalid_client"})
    for _ in range(3):
        due(one)

    assert ("", 1) == (one.world.apps.state("oidc").paused, one.alerts().count("connection.client_refused"))
    assert [] == [kind for kind in one.alerts() if kind.startswith("app.")]
    one.server.says("/token", oidc_token())
    assert Result.REFRESHED is due(one, "other")


@field("B client", "A4")
def test_its_success_is_none_of_the_apps_client() -> None:
    """While the app's credentials are refused it is refreshed as ever: it neither rests nor lets the app run again."""
    one = AnyHost.of(replace(OIDC, settings={"account_field": "user", "client_auth": "client_secret_post"}))
    world = one.world
    one.server.says("/token", oidc_token())
    for account, client in (("acme", OWN), *((other, {}) for other in "abcd")):
        world.ask("import", app="oidc", account=account, refresh_token=f"R-{account}", **client)
    one.server.says("/token", lambda q: (
        oidc_token() if b"own-id" in q.body else one.server.answer({"error": "invalid_client"}, status=401)
    ))  # fmt: skip
    world.clock.advance(1300)
    for account in "abc":
        world.change(one.name(account), renew_at=world.clock.now(), refresh_at=world.clock.now(), next_at=0)
    ended = []
    for _ in range(120):
        world.settle(ticks=1)
        ended.append(world.document(one.name("acme"))["expires_at"] <= world.clock.now())

    assert (PauseKind.CONFIGURATION, {False}) == (world.apps.state("oidc").paused_kind, set(ended))
    assert ["app.paused"] == one.alerts()
    one.server.says("/token", oidc_token())
    world.settle(ticks=120)
    assert ["app.paused", "app.resumed"] == one.alerts()


@field("B client")
def test_a_wrong_client_is_replaced_by_another_import() -> None:
    """The same token under the right client is another import and no repetition."""
    one, _ = imported(refresh_token="R", client_id="own-id", client_secret="wrong-canary")
    again = one.world.ask("import", app="eshopbox", account="acme", refresh_token="R", replace=True, **OWN)
    same = one.world.ask("import", app="eshopbox", account="acme", refresh_token="R", **OWN)

    assert (True, False, True) == (again["ok"], again["again"], same["again"])
    assert "own-secret-canary" == bodies(one)[-1]["client_secret"]


@field("B client")
def test_a_token_of_the_apps_client_goes_under_no_other() -> None:
    """An import without a client of its own takes the place of one that had it: nothing of that client stays."""
    one, _ = imported(refresh_token="R", **OWN)
    one.world.ask("import", app="eshopbox", account="acme", refresh_token="R2", replace=True)

    assert ("app-id", "R2") == (bodies(one)[-1]["client_id"], bodies(one)[-1]["refresh_token"])
    assert not one.world.grant(one.name("acme")).has_own_client


@field("B client")
@pytest.mark.parametrize(
    "fields",
    [
        {"refresh_token": "R", "client_id": "own-id"},
        {"refresh_token": "R", "client_secret": "s"},
        {"refresh_token": "R", "client_id": "own\nid", "client_secret": "s"},
        {"client_id": "own-id", "client_secret": "s"},
    ],
    ids=["no secret", "no id", "two lines", "no token"],
)
def test_half_a_client_is_refused(fields: dict[str, str]) -> None:
    """Id and secret go together, and where nothing is minted there is a token as well."""
    one, done = imported(**fields)

    assert (False, 2, []) == (done["ok"], done["exit"], one.server.asked)


@field("B client")
def test_an_account_mints_under_its_own_client() -> None:
    """Each seller's client mints its own tokens: the import brings the client alone, and proves it at once."""
    one, done = imported(WALMART, "seller-1", client_id="s1", client_secret="s1-canary")
    one.world.ask("import", app="walmart", account="seller-2", client_id="s2", client_secret="s2-canary")

    assert (True, "A1", "A2") == (
        done["ok"], one.world.published(one.name("seller-1")), one.world.published(one.name("seller-2")),
    )  # fmt: skip
    assert Result.REFRESHED is due(one, "seller-1")
    basics = [request.headers["authorization"].partition(" ")[2] for request in one.server.asked]
    assert ["s1:s1-canary", "s2:s2-canary", "s1:s1-canary"] == [base64.b64decode(one).decode() for one in basics]
    refused = one.world.ask("import", app="walmart", account="seller-3", refresh_token="R", **OWN)
    assert (False, 3) == (refused["ok"], len(one.server.asked))


@field("B client")
def test_a_new_secret_of_the_app_is_proved_by_the_apps_own_connections() -> None:
    """A trial passes over connections that have a client of their own; they alone prove nothing."""
    one, _ = imported(refresh_token="R-acme", **OWN)
    one.world.apps.update(replace(ESHOPBOX, new_client_secret=Secret("new-secret-canary")))
    asked = len(one.server.asked)

    assert ("NoConnection", asked) == (
        one.world.ask("prove", app="eshopbox")["error"]["class"], len(one.server.asked),
    )  # fmt: skip
    one.world.ask("import", app="eshopbox", account="other", refresh_token="R-other")
    assert one.world.ask("prove", app="eshopbox")["ok"]
    assert ("new-secret-canary", "R-other") == (bodies(one)[-1]["client_secret"], bodies(one)[-1]["refresh_token"])


@field("B client")
def test_a_revocation_goes_under_its_own_client() -> None:
    """What ends an authorization authenticates as the client that it was given to."""
    app = replace(
        OIDC, settings={"account_field": "user"}, endpoints={**OIDC.endpoints, "revoke": "https://id.example/revoke"}
    )
    one = AnyHost.of(app)
    one.server.says("/token", oidc_token(user="u"))
    one.world.ask("import", app="oidc", account="u", refresh_token="R", **OWN)
    one.server.says("/revoke", 401)
    answer = one.world.ask("revoke", connection="oidc/u")
    one.server.says("/revoke", one.server.answer({"error": "invalid_client"}, status=401))
    refused = one.world.ask("revoke", connection="oidc/u")

    assert (False, False, "") == (answer["ok"], refused["ok"], one.world.apps.state("oidc").paused)
    basic = one.server.of("/revoke")[0].headers["authorization"].partition(" ")[2]
    assert "own-id:own-secret-canary" == base64.b64decode(basic).decode()
    assert Status.ACTIVE is one.world.stored(one.name("u")).status
