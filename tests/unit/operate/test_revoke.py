"""`revoke` on demand: what it leaves behind at the provider and here."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fakes.login_kit import LOGIN, Login, ask
from fakes.world import NAME, World
from tokensync.domain.connection import Status
from tokensync.domain.errors import NoAnswer, NotSent

if TYPE_CHECKING:
    from tokensync.domain.messages import ProviderResponse


def test_revoke_ends_it_at_the_provider_then_here(world: World, login: Login) -> None:
    """The provider is told, the connection is disconnected and rests, and its secret says so."""
    answer = ask(world, "revoke")
    record = world.stored(LOGIN)

    assert (True, "revoked", [("/v2/oauth/revoke/", "A0")]) == (answer["ok"], answer["result"], login.asked)
    assert (Status.DISCONNECTED, "revoked", None, None) == (
        record.status, record.reason, record.due.refresh_at, record.due.next_at
    )  # fmt: skip
    assert ("disconnected", "A0") == (world.document(LOGIN)["status"], world.document(LOGIN)["access_token"])
    assert "connection.revoked" == record.history[-1].event


def test_a_token_that_is_dead_already_is_revoked(world: World, login: Login) -> None:
    """What the provider refuses as invalid is over, RFC 7009 §2.2, where the refresh token is refused as well."""
    login.scripted["/v2/oauth/revoke/"] = login.refused
    login.scripted["/v2/oauth/token/"] = login.refused

    assert "revoked" == ask(world, "revoke")["result"]
    assert [("/v2/oauth/revoke/", "A0"), ("/v2/oauth/token/", "S0"), ("/v2/oauth/revoke/", "A0")] == login.asked
    assert "revoked" == world.stored(LOGIN).reason


def test_a_dead_access_token_does_not_let_its_refresh_token_live(world: World, login: Login) -> None:
    """That the access token is invalid tells nothing of the refresh token: a new one is got, and revoked."""
    answers = iter([login.refused(), login.revoked()])
    login.scripted["/v2/oauth/revoke/"] = lambda: next(answers)

    assert "revoked" == ask(world, "revoke")["result"]
    assert [("/v2/oauth/revoke/", "A0"), ("/v2/oauth/token/", "S0"), ("/v2/oauth/revoke/", "L1")] == login.asked


def test_a_newest_access_token_that_is_refused_ends_nothing(world: World, login: Login) -> None:
    """Its refresh token has just worked: it is renewed once, and the operator hears that nothing was revoked."""
    login.scripted["/v2/oauth/revoke/"] = login.refused
    answer = ask(world, "revoke")

    assert (1, "refused", 3) == (answer["exit"], answer["error"]["class"], len(login.asked))
    assert Status.ACTIVE is world.stored(LOGIN).status


def test_a_refused_revocation_whose_renewal_fails_changes_nothing(world: World, login: Login) -> None:
    """Nobody knows whether the refresh token lives: the connection is not told as revoked."""
    login.scripted["/v2/oauth/revoke/"] = login.refused
    login.scripted["/v2/oauth/token/"] = lambda: world.shop.answer(b"", status=503)

    assert (5, Status.ACTIVE) == (ask(world, "revoke")["exit"], world.stored(LOGIN).status)


def test_an_expired_access_token_is_renewed_to_be_revoked(world: World, login: Login) -> None:
    """Where the access token is what is presented, a dead one would leave the refresh token alive."""
    record = world.stored(LOGIN)
    world.connections.seed(replace(record, access_expires_at=world.clock.now()))
    ask(world, "revoke")

    assert [("/v2/oauth/token/", "S0"), ("/v2/oauth/revoke/", "L1")] == login.asked


@pytest.mark.parametrize(
    ("error", "code"),
    [(NoAnswer("nothing came back"), 5), (NotSent("no route"), 5)],
    ids=["ambiguous", "not sent"],
)
def test_a_revocation_without_an_answer_changes_nothing(
    world: World, login: Login, error: Exception, code: int
) -> None:
    """It may be repeated; until then the connection is as it was."""

    def fail() -> ProviderResponse:
        raise error

    before = world.stored(LOGIN)
    login.scripted["/v2/oauth/revoke/"] = fail
    answer = ask(world, "revoke")
    record = world.stored(LOGIN)

    assert (False, code, f"tokensync revoke {LOGIN}") == (answer["ok"], answer["exit"], answer["error"]["next"])
    assert (before.status, before.history, before.due.renew_at) == (record.status, record.history, record.due.renew_at)
    assert record.lease_until is None


def test_a_revocation_that_the_app_is_refused(world: World, login: Login) -> None:
    """The app's own credentials are wrong: it is paused, and no connection changes."""
    login.scripted["/v2/oauth/revoke/"] = lambda: login.answer({"error": "invalid_client"}, status=401)
    answer = ask(world, "revoke")

    assert (1, Status.ACTIVE) == (answer["exit"], world.stored(LOGIN).status)
    assert world.apps.state("login").paused


def test_an_answer_that_nobody_documents_revokes_nothing(world: World, login: Login) -> None:
    """It is told, and nothing is concluded from it."""
    login.scripted["/v2/oauth/revoke/"] = lambda: login.answer({"error": "odd"}, status=400)

    assert (1, Status.ACTIVE) == (ask(world, "revoke")["exit"], world.stored(LOGIN).status)


def test_revoke_where_the_provider_has_no_call(world: World) -> None:
    """TikTok Shop's sellers end it themselves; with `local` it is marked here alone."""
    answer = ask(world, "revoke", NAME)
    assert (1, "NotOffered", f"tokensync revoke {NAME} --local") == (
        answer["exit"], answer["error"]["class"], answer["error"]["next"]
    )  # fmt: skip

    assert "revoked" == ask(world, "revoke", NAME, local=True)["result"]
    assert ("disconnected", []) == (world.document()["status"], world.shop.ledger)


@pytest.mark.usefixtures("login")
def test_revoking_an_orphaned_connection(world: World) -> None:
    """Its secret is gone, and stays so; that the authorization is over is what is kept."""
    published = world.stored(LOGIN).published
    assert published is not None
    world.secrets.schedule_deletion(published.arn)
    ask(world, "revoke")

    assert (Status.DISCONNECTED, None) == (world.stored(LOGIN).status, world.secrets.document(LOGIN))


def test_a_renewal_that_fails_revokes_nothing(world: World, login: Login) -> None:
    """The expired access token could not be renewed now, so nothing is presented to be revoked."""
    world.connections.seed(replace(world.stored(LOGIN), access_expires_at=world.clock.now()))
    login.scripted["/v2/oauth/token/"] = lambda: world.shop.answer(b"", status=503)
    answer = ask(world, "revoke")

    assert (5, Status.ACTIVE) == (answer["exit"], world.stored(LOGIN).status)
    assert [("/v2/oauth/token/", "S0")] == login.asked


def test_revoking_what_no_workload_ever_read(world: World, login: Login) -> None:
    """A connection without a secret gets none to say that it is over."""
    world.connections.seed(replace(world.stored(LOGIN), status=Status.QUARANTINED, published=None))
    before = world.secrets.calls.copy()
    answer = ask(world, "revoke")

    assert (True, Status.DISCONNECTED) == (answer["ok"], world.stored(LOGIN).status)
    assert [("/v2/oauth/revoke/", "A0")] == login.asked
    assert before == world.secrets.calls


def reconnected(world: World) -> None:
    """Let somebody else hold the connection: its fence is lost."""
    now = world.clock.now()
    world.connections.lease(LOGIN, now=now + 99_999, until=now - 1, even_if_not_due=True)


def test_revoking_finds_its_secret_taken(world: World, login: Login) -> None:
    """A seller who authorizes again while the revocation is published keeps the new grant."""
    world.secrets.before_next("put", lambda: reconnected(world))
    answer = ask(world, "revoke")

    assert (5, "taken_over", 1) == (answer["exit"], answer["result"], len(login.asked))
