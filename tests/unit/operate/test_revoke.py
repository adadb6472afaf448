"""`revoke` on demand: what it leaves behind at the provider and here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakes.login_kit import LOGIN, Login, ask
from fakes.world import NAME, World
from tokensync.domain.connection import Status
from tokensync.domain.errors import NoAnswer, NotSent

if TYPE_CHECKING:
    from tokensync.domain.messages import ProviderResponse


def test_revoke_ends_it_at_the_provider_then_here(world: World, login: Login) -> None:
    """The provider hears, the connection is disconnected and rests, and its secret says so."""
    answer = ask(world, "revoke")
    record = world.stored(LOGIN)

    assert (True, "revoked", [("/v2/oauth/revoke/", "A0")]) == (answer["ok"], answer["result"], login.asked)
    assert (Status.DISCONNECTED, "revoked", None, None) == (
        record.status, record.reason, record.due.refresh_at, record.due.next_at
    )  # fmt: skip
    assert ("disconnected", "A0") == (world.document(LOGIN)["status"], world.published(LOGIN))
    assert "connection.revoked" == record.history[-1].event


@pytest.mark.parametrize(
    ("answers", "renewal", "shown"),
    [(["refused", "refused"], "refused", "A0"), (["refused", "revoked"], "token", "L1")],
)
def test_a_dead_access_token_does_not_let_its_refresh_token_live(
    world: World, login: Login, answers: list[str], renewal: str, shown: str
) -> None:
    """RFC 7009 §2.2: a dead pair is revoked; where the refresh token lives, a new access token is got and revoked."""
    responses = iter([getattr(login, answer)() for answer in answers])
    login.scripted["/v2/oauth/revoke/"] = lambda: next(responses)
    login.scripted["/v2/oauth/token/"] = getattr(login, renewal)

    assert ("revoked", "revoked") == (ask(world, "revoke")["result"], world.stored(LOGIN).reason)
    assert [("/v2/oauth/revoke/", "A0"), ("/v2/oauth/token/", "S0"), ("/v2/oauth/revoke/", shown)] == login.asked


def test_a_newest_access_token_that_is_refused_ends_nothing(world: World, login: Login) -> None:
    """Its refresh token has just worked: it is renewed once, and the operator hears that nothing was revoked."""
    login.scripted["/v2/oauth/revoke/"] = login.refused
    answer = ask(world, "revoke")

    assert (1, "refused", 3) == (answer["exit"], answer["error"]["class"], len(login.asked))
    assert Status.ACTIVE is world.stored(LOGIN).status


def test_a_refused_revocation_whose_renewal_fails_changes_nothing(world: World, login: Login) -> None:
    """Nobody knows whether the refresh token lives: the connection is not called revoked."""
    login.scripted["/v2/oauth/revoke/"] = login.refused
    login.scripted["/v2/oauth/token/"] = lambda: world.shop.answer({"error": "temporarily_unavailable"}, status=503)

    assert (5, Status.ACTIVE) == (ask(world, "revoke")["exit"], world.stored(LOGIN).status)


@pytest.mark.parametrize("renewed", [True, False])
def test_an_expired_access_token_is_renewed_to_be_revoked(world: World, login: Login, *, renewed: bool) -> None:
    """A dead one would leave the refresh token alive; if it cannot be renewed now, nothing is presented."""
    world.change(LOGIN, access_expires_at=world.clock.now())
    if not renewed:
        login.scripted["/v2/oauth/token/"] = lambda: world.shop.answer({"error": "temporarily_unavailable"}, status=503)
    answer = ask(world, "revoke")

    assert [("/v2/oauth/token/", "S0"), ("/v2/oauth/revoke/", "L1")][: 2 if renewed else 1] == login.asked
    assert (renewed, 0 if renewed else 5) == (answer["ok"], answer.get("exit", 0))
    assert (Status.DISCONNECTED if renewed else Status.REAUTHORIZE) is world.stored(LOGIN).status


@pytest.mark.parametrize("error", [NoAnswer("nothing came back"), NotSent("no route")])
def test_a_revocation_without_an_answer_changes_nothing(world: World, login: Login, error: Exception) -> None:
    """It may be repeated; until then the connection is as it was."""

    def fail() -> ProviderResponse:
        raise error

    before = world.stored(LOGIN)
    login.scripted["/v2/oauth/revoke/"] = fail
    answer = ask(world, "revoke")
    record = world.stored(LOGIN)

    assert (False, 5, f"tokensync revoke {LOGIN}") == (answer["ok"], answer["exit"], answer["error"]["next"])
    assert (before.status, before.history, before.due.renew_at) == (record.status, record.history, record.due.renew_at)
    assert record.lease_until is None


@pytest.mark.parametrize(("error", "status", "voices"), [("invalid_client", 401, 1), ("odd", 400, 0)])
def test_an_error_that_is_not_the_tokens_revokes_nothing(
    world: World, login: Login, error: str, status: int, *, voices: int
) -> None:
    """That the app is at fault is one voice, and pauses nothing; what nobody documents concludes nothing."""
    login.scripted["/v2/oauth/revoke/"] = lambda: login.answer({"error": error}, status=status)

    assert (1, Status.ACTIVE) == (ask(world, "revoke")["exit"], world.stored(LOGIN).status)
    state = world.apps.state("login")
    assert ("", voices) == (state.paused, len(state.misconfigured))


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
    world.secrets.schedule_deletion(world.secrets.secret(LOGIN).arn)
    ask(world, "revoke")

    assert (Status.DISCONNECTED, None) == (world.stored(LOGIN).status, world.published(LOGIN))


def test_revoking_what_no_workload_ever_read(world: World, login: Login) -> None:
    """A connection without a secret gets none to say that it is over."""
    world.change(LOGIN, status=Status.QUARANTINED, published=None)
    before = world.secrets.calls.copy()
    answer = ask(world, "revoke")

    assert (True, Status.DISCONNECTED) == (answer["ok"], world.stored(LOGIN).status)
    assert [("/v2/oauth/revoke/", "A0")] == login.asked
    assert before == world.secrets.calls


def test_revoking_finds_its_secret_taken(world: World, login: Login) -> None:
    """A seller who authorizes again while the revocation is published keeps the new grant."""
    now = world.clock.now()
    world.secrets.before_next(
        "put", lambda: world.connections.lease(LOGIN, now=now + 99_999, until=now - 1, even_if_not_due=True)
    )
    answer = ask(world, "revoke")

    assert (5, "taken_over", 1) == (answer["exit"], answer["result"], len(login.asked))
