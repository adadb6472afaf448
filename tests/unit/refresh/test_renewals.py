"""Tokens that extend themselves, and tokens that are renewed only at a certain time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from fakes.any_host import AnyHost
from fakes.scripted import OIDC
from field_rows import field
from tokensync.domain.connection import Reason, Status
from tokensync.domain.errors import NoAnswer
from tokensync.oauth.app_check import settings_problem
from tokensync.oauth.renewal import RenewalShape
from tokensync.providers import PROVIDERS
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from tokensync.domain.app import App
    from tokensync.domain.names import ConnectionName

DAY = 86_400
META = replace(
    OIDC,
    name="meta",
    endpoints={
        "authorize": "https://www.facebook.com/dialog",
        "token": "https://graph.facebook.com/oauth/access_token",
    },
    settings={
        "account_field": "user",
        "pkce": "none",
        "client_auth": "client_secret_post",
        "token_format": "query",
        "token_method": "GET",
        "renewal": "access_token",
        "refresh.grant_type": "fb_exchange_token",
        "name.refresh_token": "fb_exchange_token",
        "upgrade.grant_type": "fb_exchange_token",
    },
)
INSTAGRAM = replace(
    OIDC,
    name="instagram",
    endpoints={
        "authorize": "https://www.instagram.com/oauth/authorize",
        "token": "https://api.instagram.com/oauth/access_token",
        "upgrade": "https://graph.instagram.com/access_token",
        "refresh": "https://graph.instagram.com/refresh_access_token",
    },
    settings={
        "account_field": "user_id",
        "pkce": "none",
        "client_auth": "client_secret_post",
        "life": "3600",
        "renewal": "access_token",
        "renewal_method": "GET",
        "renewal_client": "none",
        "renew_after": str(DAY),
        "name.refresh_token": "access_token",
        "refresh.grant_type": "ig_refresh_token",
        "upgrade.grant_type": "ig_exchange_token",
        "upgrade_client": "secret",
    },
)
EXCHANGE, UPGRADE, REFRESH = "/oauth/access_token", "/access_token", "/refresh_access_token"


def queries(one: AnyHost, path: str) -> list[dict[str, str]]:
    """Return the queries with which a path was asked."""
    return [{name: values[0] for name, values in parse_qs(urlsplit(r.url).query).items()} for r in one.server.of(path)]


def connected(app: App, first: dict[str, Any], *, account: str) -> tuple[AnyHost, ConnectionName]:
    """Return a stage whose account has consented."""
    one = AnyHost.of(app)
    path = urlsplit(app.endpoints["token"]).path
    one.server.says(path, first, *one.server.words.get(path, []))
    one.browser.connect()
    one.browser.back()
    return one, one.name(account)


def instagram(*upgrades: Any) -> tuple[AnyHost, ConnectionName]:
    """Return a connected Instagram account whose short-lived token is still to be exchanged."""
    one, name = connected(
        INSTAGRAM, {"access_token": "SHORT", "user_id": 17841400000000001}, account="17841400000000001"
    )
    one.server.says(UPGRADE, *upgrades)
    return one, name


def due(one: AnyHost, name: ConnectionName) -> Any:
    """Let the next renewal be due, and made."""
    one.world.clock.advance(max(0, (one.world.stored(name).due.renew_at or 0) - one.world.clock.now()))
    return one.world.run(name).result


@field("B self-extending")
def test_a_short_lived_token_is_exchanged_at_once() -> None:
    """The exchange is queued with the consent, carries the secret alone, and its token is the one that lasts."""
    one, name = instagram({"access_token": "LONG", "expires_in": 60 * DAY})
    one.world.drain()

    assert [{"grant_type": "ig_exchange_token", "access_token": "SHORT", "client_secret": "canary-oidc-secret"}] == (
        queries(one, UPGRADE)
    )
    assert {"GET"} == {request.method for request in one.server.of(UPGRADE)}
    document = one.world.document(name)
    assert ("LONG", one.world.clock.now() + 60 * DAY, "active") == (
        document["access_token"], document["expires_at"], document["status"],
    )  # fmt: skip
    assert (False, []) == (one.world.grant(name).to_be_upgraded, one.alerts())


@field("B self-extending")
def test_an_access_token_extends_itself() -> None:
    """It is presented for the next one, well before its end, by GET and without the client where that is set."""
    one, name = instagram({"access_token": "LONG", "expires_in": 60 * DAY})
    one.world.drain()
    one.server.says(REFRESH, {"access_token": "NEXT", "expires_in": 60 * DAY})

    renew_at = one.world.stored(name).due.renew_at or 0
    assert 30 * DAY < renew_at - one.world.clock.now() < 45 * DAY
    assert Result.REFRESHED is due(one, name)
    assert [{"grant_type": "ig_refresh_token", "access_token": "LONG"}] == queries(one, REFRESH)
    assert ("NEXT", None) == (one.world.published(name), one.world.document(name)["refresh_token_expires_at"])


@field("B self-extending")
def test_one_endpoint_may_serve_all_three() -> None:
    """Where exchange, first renewal and later ones go to one URL, each has its own grant type and the whole client."""
    one, name = connected(META, {"access_token": "SHORT", "expires_in": 5000, "user": "u-1"}, account="u-1")
    one.server.says(EXCHANGE, {"access_token": "LONG", "expires_in": 60 * DAY})
    one.world.drain()
    one.server.says(EXCHANGE, {"access_token": "LONGER", "expires_in": 60 * DAY})
    due(one, name)

    client = {"client_id": "client-1", "client_secret": "canary-oidc-secret"}
    assert [
        {**client, "grant_type": "fb_exchange_token", "fb_exchange_token": "SHORT"},
        {**client, "grant_type": "fb_exchange_token", "fb_exchange_token": "LONG"},
    ] == queries(one, EXCHANGE)[1:]
    assert "LONGER" == one.world.published(name)


@field("B self-extending")
def test_a_short_lived_token_is_never_kept_as_one_that_lasts() -> None:
    """While the exchange fails it is tried again; after the hour the seller is asked back, and nothing is sent."""
    one, name = instagram(500)
    one.world.drain()
    for _ in range(3):
        due(one, name)
    assert [] == queries(one, REFRESH)
    assert {"ig_exchange_token"} == {query["grant_type"] for query in queries(one, UPGRADE)}
    one.world.clock.advance(3600)
    asked = len(one.server.asked)
    one.world.settle(ticks=40)

    record = one.world.stored(name)
    assert (Status.REAUTHORIZE, asked) == (record.status, len(one.server.asked))
    assert "reauthorize" == one.world.document(name)["status"]


@field("B self-extending")
def test_a_refused_exchange_asks_the_seller_back() -> None:
    """A refusal of the short-lived token counts as that of a refresh token does: alone, it is asked twice."""
    one, name = instagram(one_error("invalid_grant"))
    one.world.drain()
    one.world.settle(ticks=30)

    assert (Status.REAUTHORIZE, 2) == (one.world.stored(name).status, one.server.times(UPGRADE))


def one_error(code: str) -> dict[str, str]:
    """Return an error of RFC 6749 §5.2."""
    return {"error": code}


@field("B self-extending")
def test_an_ended_token_is_not_presented() -> None:
    """An expired token cannot be extended: nothing is asked, by hand neither, and the seller has to come back."""
    one, name = instagram({"access_token": "LONG", "expires_in": 60 * DAY})
    one.world.drain()
    one.world.clock.advance(61 * DAY)
    asked = len(one.server.asked)
    answer = one.world.ask("refresh", connection=str(name))

    record = one.world.stored(name)
    assert (False, 4, asked) == (answer["ok"], answer["exit"], len(one.server.asked))
    assert (Status.REAUTHORIZE, Reason.ENDED) == (record.status, record.reason)


@field("B self-extending")
def test_an_end_that_does_not_move_is_told_and_warned_of() -> None:
    """The same token with the same end is no renewal: alerted once, then warned of as the end nears."""
    one, name = instagram({"access_token": "LONG", "expires_in": 60 * DAY})
    one.world.drain()
    ends = one.world.document(name)["expires_at"]
    one.server.says(REFRESH, lambda _: {"access_token": "LONG", "expires_in": ends - one.world.clock.now()})
    for _ in range(3):
        assert Result.REFRESHED is due(one, name)

    assert ["authorization.not_extended"] == [kind for kind in one.alerts() if kind != "authorization.expiring"]
    assert ends == one.world.document(name)["refresh_token_expires_at"] == one.world.document(name)["expires_at"]
    while one.world.clock.now() < ends:
        one.world.settle(ticks=1, every=6 * 3600)
    assert 3 == one.alerts().count("authorization.expiring")
    one.world.settle(ticks=3)
    assert Status.REAUTHORIZE is one.world.stored(name).status


@field("B self-extending")
def test_an_end_that_moves_again_is_no_end() -> None:
    """Once a renewal puts the end off, nothing warns of it any more."""
    one, name = instagram({"access_token": "LONG", "expires_in": 60 * DAY})
    one.world.drain()
    ends = one.world.document(name)["expires_at"]
    one.server.says(
        REFRESH,
        lambda _: {"access_token": "LONG", "expires_in": ends - one.world.clock.now()},
        {"access_token": "LONG", "expires_in": 60 * DAY},
    )
    due(one, name)
    due(one, name)

    assert (None, None) == (one.world.document(name)["refresh_token_expires_at"], one.world.stored(name).due.warn_at)


@field("B self-extending")
def test_a_lost_answer_spends_nothing() -> None:
    """An access token is not used up by being presented: after a lost answer it is presented again."""
    one, name = instagram({"access_token": "LONG", "expires_in": 60 * DAY})
    one.world.drain()
    one.server.says(REFRESH, NoAnswer("lost"), {"access_token": "NEXT", "expires_in": 60 * DAY})
    assert Result.POSTPONED is due(one, name)
    assert Status.ACTIVE is one.world.stored(name).status
    assert Result.REFRESHED is due(one, name)


@field("B self-extending")
def test_a_token_without_an_end_needs_no_renewal() -> None:
    """Where the exchange gives a token that never ends nothing is presented any more."""
    one, name = connected(META, {"access_token": "SHORT", "expires_in": 5000, "user": "u-1"}, account="u-1")
    one.server.says(EXCHANGE, {"access_token": "FOREVER"})
    one.world.drain()

    record = one.world.stored(name)
    assert ("FOREVER", None, None) == (one.world.published(name), record.access_expires_at, record.due.renew_at)


@field("B self-extending")
def test_a_token_that_ends_never_counts_as_endless() -> None:
    """A renewal that says nothing of an end gives the last life once more, and the next renewal is due within it."""
    one, name = instagram({"access_token": "LONG", "expires_in": 60 * DAY})
    one.world.apps.update(replace(INSTAGRAM, settings={k: v for k, v in INSTAGRAM.settings.items() if k != "life"}))
    one.world.drain()
    one.server.says(REFRESH, {"access_token": "NEXT", "token_type": "bearer"})
    for _ in range(2):
        assert Result.REFRESHED is due(one, name)
        now, renew_at = one.world.clock.now(), one.world.stored(name).due.renew_at or 0
        assert ("NEXT", now + 60 * DAY) == (one.world.published(name), one.world.document(name)["expires_at"])
        assert 30 * DAY < renew_at - now < 45 * DAY
    assert [] == one.alerts()


@field("B self-extending")
def test_an_end_that_does_not_move_is_said_when_it_has_come() -> None:
    """Renewed shortly before its fixed end it has a life below the floor: no secret says `active` beyond that end."""
    one, name = connected(META, {"access_token": "SHORT", "expires_in": 5000, "user": "u-1"}, account="u-1")
    ends = one.world.clock.now() + 3600
    one.server.says(EXCHANGE, lambda _: {"access_token": "SAME", "expires_in": max(1, ends - one.world.clock.now())})
    said = []
    for _ in range(80):
        one.world.settle(ticks=1)
        if one.world.clock.now() > ends:
            said.append(one.world.document(name)["status"])
    assert ("SAME", ends, {"reauthorize"}) == (
        one.world.published(name), one.world.document(name)["expires_at"], set(said)
    )  # fmt: skip


@field("B self-extending")
def test_a_renewal_without_the_client_proves_no_new_secret() -> None:
    """A new client secret is not called proved by a request that does not carry it."""
    one, name = instagram({"access_token": "LONG", "expires_in": 60 * DAY})
    one.world.drain()
    one.world.clock.advance(2 * DAY)
    one.world.apps.update(replace(INSTAGRAM, new_client_secret=OIDC.client_secret))

    assert (False, []) == (one.world.ask("prove", app="instagram")["ok"], queries(one, REFRESH))
    assert Status.ACTIVE is one.world.stored(name).status


@field("B self-extending")
def test_an_import_brings_the_access_token() -> None:
    """A token that extends itself is imported as it is, with its end; a refresh token alone is of no use."""
    one = AnyHost.of(INSTAGRAM)
    ends = one.world.clock.now() + 50 * DAY
    refused = one.world.ask("import", app="instagram", account="u-2", refresh_token="R")
    one.world.apps.update(replace(INSTAGRAM, settings={k: v for k, v in INSTAGRAM.settings.items() if k != "life"}))
    endless = one.world.ask("import", app="instagram", account="u-2", access_token="LONG")
    assert (False, True) == (endless["ok"], "expires_at" in endless["error"]["message"])
    done = one.world.ask("import", app="instagram", account="u-2", access_token="LONG", expires_at=ends)

    assert (False, True, []) == (refused["ok"], done["ok"], one.server.asked)
    one.server.says(REFRESH, {"access_token": "NEXT", "expires_in": 60 * DAY})
    assert Result.REFRESHED is due(one, one.name("u-2"))


@field("B near its end")
def test_a_token_is_renewed_only_when_it_is_old_enough() -> None:
    """By hand too nothing is presented before the provider takes it; the answer says when."""
    one, name = instagram({"access_token": "LONG", "expires_in": 60 * DAY})
    one.world.drain()
    for force in (False, True):
        answer = one.world.ask("refresh", connection=str(name), force=force)
        assert (False, 5, "too_early", True) == (
            answer["ok"], answer["exit"], answer["result"], "not before" in answer["error"]["message"],
        )  # fmt: skip
    assert [] == queries(one, REFRESH)
    one.server.says(REFRESH, {"access_token": "NEXT", "expires_in": 60 * DAY})
    one.world.clock.advance(DAY + 61)
    assert Result.REFRESHED is due(one, name)


@field("B near its end")
def test_a_token_is_renewed_only_near_its_end() -> None:
    """A window before the end is kept to by the schedule and by hand, and the renewal comes early within it."""
    app = replace(
        OIDC, endpoints={key: url for key, url in OIDC.endpoints.items() if key != "verify"},
        settings={"account_field": "user", "renew_before_end": "7200"},
    )  # fmt: skip
    one, name = connected(app, {"access_token": "A", "refresh_token": "R", "expires_in": DAY, "user": "u"}, account="u")
    opens = one.world.clock.now() + DAY - 7200
    assert opens <= (one.world.stored(name).due.renew_at or 0) <= opens + 600
    assert "too_early" == one.world.ask("refresh", connection=str(name))["result"]
    one.server.says("/token", {"access_token": "B", "expires_in": DAY})
    assert (Result.REFRESHED, "B") == (due(one, name), one.world.published(name))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (RenewalShape(), 0),
        (RenewalShape(after=100), 1100 + 60),
        (RenewalShape(before_end=500), 1500 + 60),
        (RenewalShape(after=900, before_end=500), 1900 + 60),
    ],
)
def test_a_window_opens_at_the_later_of_both(shape: RenewalShape, expected: int) -> None:
    """A minute is left for a clock that is not ours; without a window any time will do."""
    assert expected == shape.opens_at(obtained_at=1000, ends_at=2000)


def test_a_worker_whose_clock_is_behind_renews_a_token_without_a_window() -> None:
    """Where any time will do, a token that was obtained "later than now" is no token that came too early."""
    app = replace(OIDC, settings={"account_field": "user"})
    first = {"access_token": "A", "refresh_token": "R", "expires_in": DAY, "user": "u"}
    one, name = connected(app, first, account="u")
    one.world.clock.advance(-600)
    one.server.says("/token", {"access_token": "B", "refresh_token": "S", "expires_in": DAY})

    answer = one.world.ask("refresh", connection=str(name))
    assert ("refreshed", "B") == (answer["result"], one.world.published(name))


@pytest.mark.parametrize(
    "settings",
    [
        {"renewal_method": "GET"},
        {"renewal_client": "none"},
        {"upgrade.grant_type": "x"},
        {"renewal": "access_token", "refresh_reuse": "safe"},
        {"renewal": "access_token", "upgrade_client": "none"},
        {"renew_after": "24h"},
        {"renew_before_end": "0"},
        {"grant": "client_credentials", "renew_after": "60"},
    ],
    ids=str,
)
def test_a_renewals_setting_that_would_be_ignored_is_refused(settings: dict[str, str]) -> None:
    """Each is refused by its name."""
    problem = settings_problem(replace(OIDC, settings=settings), PROVIDERS["oauth2"])

    assert any(key in problem for key in settings)
