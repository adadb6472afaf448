"""A second consent whose response is silent: what the connection has stays, under the connection's lease."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.scripted import OIDC, Staged, oidc_token
from fakes.visitors import Browser
from field_rows import field
from tokensync.domain.authorization import AuthorizationState
from tokensync.domain.connection import Attempt, Exemption, Phase, Reason, Status
from tokensync.domain.errors import NoAnswer, SealingUnavailable, StoreUnavailable
from tokensync.domain.grant import Grant
from tokensync.domain.sealing import grant_binding
from tokensync.domain.secret import Secret
from tokensync.oauth.issued import ASSUMED_LIFE
from tokensync.refresh.merging import merged

if TYPE_CHECKING:
    from tokensync.domain.authorization import Authorization
    from tokensync.domain.connection import Connection

CONNECTED, WORKING = "Your account is connected", "Connecting your account"
HOUR = 3600


def silent(**fields: Any) -> dict[str, Any]:
    """Return what a server answers to a second consent: no refresh token."""
    return {key: value for key, value in oidc_token(access_token="OA2", **fields).items() if key != "refresh_token"}


def google(first: dict[str, Any] | None = None, second: dict[str, Any] | None = None, **settings: str) -> Staged:
    """Return a server that gives a refresh token at the first consent alone, and knows the account's name."""
    stage = Staged.of(replace(OIDC, settings={**OIDC.settings, **settings}, scopes=("mail",)))
    stage.server.says("/token", first or oidc_token(), second or silent())
    stage.server.says("/userinfo", {"sub": "u-1", "name": "Ada"})
    return stage


def grant_of(stage: Staged, account: str = "u-1") -> Grant:
    """Return a connection's grant, opened."""
    return stage.world.grant(stage.name(account))


def record_of(stage: Staged, account: str = "u-1") -> Connection:
    """Return a connection's record."""
    return stage.world.stored(stage.name(account))


def document_of(stage: Staged, account: str = "u-1") -> dict[str, Any]:
    """Return what workloads read."""
    return stage.world.document(stage.name(account))


def latest(stage: Staged) -> Authorization:
    """Return the authorization that was consumed last."""
    authorization = stage.world.code_exchange.latest(stage.world.app.name, stage.world.signer.operator("x"))
    rows = [row.record for key, row in stage.world.table.rows.items() if key[1].startswith("pending#")]
    return authorization or max(rows, key=lambda one: (one.consumed_at or 0, one.created_at))


def consent(stage: Staged, code: str, **invite: Any) -> str:
    """Let the seller consent once more, a little later; return the page that is shown at once."""
    stage.world.clock.advance(60)
    return stage.connect(code=code, **invite).body


def again(stage: Staged, code: str = "code-2", **invite: Any) -> str:
    """Let the seller consent once more and the queue be worked off; return the page at the end."""
    consent(stage, code, **invite)
    stage.world.drain()
    return stage.browser.result().body


@field("A1")
@pytest.mark.parametrize("invited", [{}, {"for_account": "u-1"}], ids=["open link", "re-authorization"])
def test_a_second_consent_without_a_refresh_token_keeps_the_first_ones(invited: dict[str, str]) -> None:
    """The new access token is published at once, and the stored refresh token brings the next one."""
    stage = google()
    stage.connect()
    first = record_of(stage)
    body = again(stage, **invited)

    grant, record = grant_of(stage), record_of(stage)
    assert CONNECTED in body
    assert (Secret("OR"), "OA2") == (grant.refresh_token, document_of(stage)["access_token"])
    assert (first.generation + 1, Status.ACTIVE) == (record.generation, record.status)
    assert [] == stage.alerts()
    stage.server.says("/token", oidc_token(access_token="OA3", refresh_token="OR2"))
    stage.world.clock.advance(HOUR)
    stage.world.settle(ticks=3)
    assert ("OR", "OA3") == (stage.server.forms("/token")[-1]["refresh_token"], document_of(stage)["access_token"])


@field("A1")
def test_the_seller_waits_while_the_stored_grant_is_opened_elsewhere() -> None:
    """The callback can only seal: it leaves the response to the rotation function and asks it at once."""
    stage = google()
    stage.connect()
    before = record_of(stage)
    shown = consent(stage, "code-2")

    (work,) = stage.world.queue.drain()
    assert WORKING in shown
    assert (latest(stage).key, before) == (work.authorization, record_of(stage))
    stage.world.finisher.take_up(work, stage.world.session(), stage.world.budget())
    assert (CONNECTED in stage.browser.result().body, 1) == (True, len(stage.server.forms("/token")) - 1)


@field("A1")
def test_without_the_queue_the_schedule_finishes_it() -> None:
    """The message is lost: the authorization is due by itself."""
    stage = google()
    stage.connect()
    consent(stage, "code-2")
    stage.world.queue.drain()
    stage.world.settle(ticks=2)

    assert ("OA2", Secret("OR")) == (document_of(stage)["access_token"], grant_of(stage).refresh_token)


@field("A1")
def test_all_that_a_response_leaves_out_stays() -> None:
    """The end of the refresh token, scopes and facts of the old grant, where the new one says nothing of them."""
    stage = google()
    stage.connect()
    name = stage.name("u-1")
    old = replace(
        grant_of(stage), refresh_expires_at=2_000_000_000, scopes=("old",), account={"sub": "u-1", "plan": "gold"}
    )
    sealed = stage.world.sealer.new_key(name.app).seal(old.to_bytes(), binding=grant_binding(name))
    stage.world.change(name, sealed_grant=sealed, refresh_expires_at=2_000_000_000)
    stage.world.apps.update(replace(stage.world.app, scopes=()))
    again(stage)

    document = document_of(stage)
    assert (2_000_000_000, ["old"]) == (document["refresh_token_expires_at"], document["scopes"])
    assert {"sub": "u-1", "name": "Ada", "plan": "gold"} == document["account"]


def test_a_refresh_token_of_another_client_is_not_carried_over() -> None:
    """It was imported with the account's own client, RFC 6749 §6, and would be sent under the app's after a consent."""
    stage = google(first=oidc_token(access_token="OA1"))
    own = {"refresh_token": "of-their-client", "client_id": "their-id", "client_secret": "their-secret"}
    assert stage.world.ask("import", app=stage.world.app.name, account="u-1", **own)["ok"] is True
    before = grant_of(stage)
    again(stage)

    assert before.has_own_client
    assert before.refresh_token is not None
    assert (False, None) == (grant_of(stage).has_own_client, grant_of(stage).refresh_token)


@field("A1")
def test_facts_that_cannot_be_asked_for_stay() -> None:
    """The response names the account and has a refresh token of its own; the call for its facts fails."""
    token = {"team": "t-1"}
    stage = google(
        oidc_token(**token), oidc_token(access_token="OA2", refresh_token="OR2", **token), account="token.team"
    )
    stage.connect()
    assert {"sub": "u-1", "name": "Ada"} == document_of(stage, "t-1")["account"]
    stage.server.says("/userinfo", 500)
    again(stage)

    document = document_of(stage, "t-1")
    assert (Secret("OR2"), "OA2") == (grant_of(stage, "t-1").refresh_token, document["access_token"])
    assert {"sub": "u-1", "name": "Ada"} == document["account"]


@field("A1")
def test_a_new_refresh_token_takes_the_old_ones_place_at_once() -> None:
    """Nothing has to be merged: the callback connects, and neither the old token's end nor its attempt stays."""
    stage = google(second=oidc_token(access_token="OA2", refresh_token="OR2"))
    stage.connect()
    attempt = Attempt(id="a", fence=2, at=stage.world.clock.now())
    stage.world.change(stage.name("u-1"), refresh_expires_at=2_000_000_000, attempt=attempt)

    assert CONNECTED in consent(stage, "code-2")
    assert (Secret("OR2"), None) == (grant_of(stage).refresh_token, grant_of(stage).refresh_expires_at)
    assert (None, None) == (record_of(stage).attempt, record_of(stage).refresh_expires_at)


@field("A1")
@pytest.mark.parametrize(
    ("changes", "stays"),
    [
        ({}, True),
        ({"status": Status.HELD, "reason": Reason.AMBIGUOUS}, True),
        ({"status": Status.HELD, "reason": Reason.REFUSED}, False),
        ({"status": Status.HELD, "reason": Reason.OTHER_ACCOUNT}, False),
        ({"status": Status.REAUTHORIZE, "reason": Reason.REFUSED}, False),
        ({"status": Status.REAUTHORIZE, "reason": Reason.ENDED}, True),
        ({"status": Status.DISCONNECTED, "reason": Reason.DEAUTHORIZED}, False),
        ({"status": Status.DISCONNECTED, "reason": Reason.REVOKED}, False),
        ({"status": Status.ORPHANED, "reason": "SecretGone"}, True),
        ({"status": Status.QUARANTINED, "reason": Reason.NOT_INVITED}, True),
        ({"status": Status.QUARANTINED, "reason": Reason.RESTORED_TABLE}, False),
        ({"deauthorized_at": 1_660_000_000}, False),
    ],
    ids=str,
)
def test_only_another_account_or_an_explicit_end_ends_a_refresh_token(changes: dict[str, Any], *, stays: bool) -> None:
    """Where the stored one is over, the connection ends with its access token, and an operator knows."""
    stage = google()
    stage.connect()
    stage.world.change(stage.name("u-1"), **changes)
    body = again(stage)

    assert CONNECTED in body
    assert (Secret("OR") if stays else None) == grant_of(stage).refresh_token
    assert stays is ("connection.cannot_refresh" not in stage.alerts())
    assert (stays, "OA2") == (record_of(stage).due.renew_at is not None, grant_of(stage).access_token.reveal())


@field("A1")
def test_a_token_out_of_a_backup_stays_where_a_second_presentation_does_no_harm() -> None:
    """The provider declares that its tokens do not rotate."""
    stage = google(refresh_reuse="safe")
    stage.connect()
    stage.world.change(stage.name("u-1"), status=Status.QUARANTINED, reason=Reason.RESTORED_TABLE)
    again(stage)

    assert (Secret("OR"), Status.ACTIVE) == (grant_of(stage).refresh_token, record_of(stage).status)


@field("A1")
@pytest.mark.parametrize("reuse", ["single_use", "grace", "safe"])
def test_a_token_that_may_be_spent_is_no_fresher_after_a_consent(reuse: str) -> None:
    """Its worker died with it: after a consent it is presented as often as without one, and no earlier."""
    stage = google(refresh_reuse=reuse, **({"grace_seconds": "30"} if reuse == "grace" else {}))
    stage.connect()
    stage.world.clock.advance(HOUR)
    with stage.world.dies_at("answered"):
        stage.world.run(stage.name("u-1"))
    assert Phase.SENT is record_of(stage).phase
    stage.world.after_lease()
    stage.server.says("/token", silent())
    again(stage)

    record = record_of(stage)
    assert (Status.ACTIVE, "OA2") == (record.status, document_of(stage)["access_token"])
    assert record.attempt is not None
    stage.server.says("/token", oidc_token(access_token="OA3", refresh_token="OR3"))
    before = stage.server.times("/token")
    due = record.due.renew_at or 0
    stage.world.clock.advance(due - stage.world.clock.now() + 1)
    stage.world.run(stage.name("u-1"))
    early = stage.server.times("/token") - before
    assert (1 if reuse == "safe" else 0) == early
    stage.world.settle(ticks=90)
    assert "OA3" == document_of(stage)["access_token"]


@field("A1")
def test_a_last_attempt_that_was_put_off_is_made_after_a_consent() -> None:
    """The provider was busy then: the token waits as long as it asked, and is presented before the new end."""
    stage = google(refresh_reuse="single_use")
    stage.connect()
    name = stage.name("u-1")
    for word in (NoAnswer("lost"), stage.server.answer(b"", status=429, retry_after="300")):
        stage.server.says("/token", word)
        stage.world.clock.advance(max(0, (record_of(stage).due.renew_at or 0) - stage.world.clock.now()))
        stage.world.run(name)
    assert Exemption.LAST_ATTEMPT is record_of(stage).exemption
    not_before = record_of(stage).due.not_before
    stage.server.says("/token", silent())
    again(stage)

    assert (Status.ACTIVE, not_before) == (record_of(stage).status, record_of(stage).due.not_before)
    stage.server.says("/token", oidc_token(access_token="OA3", refresh_token="OR3"))
    stage.world.settle(ticks=59)
    assert ("OA3", "active") == (document_of(stage)["access_token"], document_of(stage)["status"])


@field("A1")
def test_a_consent_waits_for_the_refresh_in_flight() -> None:
    """A refresh is spending the very token: its new one is what stays."""
    stage = google()
    stage.connect()
    stage.world.clock.advance(HOUR)

    def meanwhile() -> None:
        stage.server.says("/token", silent())
        stage.browser.connect(stage.world.invite(id="invite-code-2"))
        stage.browser.back("code=code-2")
        stage.server.says("/token", oidc_token(access_token="OA1", refresh_token="OR1"))

    stage.world.failpoints.run_at("sent", meanwhile)
    stage.world.run(stage.name("u-1"))
    stage.world.drain()

    assert (Secret("OR1"), "OA2") == (grant_of(stage).refresh_token, document_of(stage)["access_token"])
    assert CONNECTED in stage.browser.result().body


@field("A1")
def test_a_connection_that_another_worker_holds_is_looked_at_again() -> None:
    """The holder outlives this function: the authorization stays due, and nothing is lost."""
    stage = google()
    stage.connect()
    stage.world.connections.lease(
        stage.name("u-1"), now=stage.world.clock.now(), until=stage.world.clock.now() + 200, even_if_not_due=True
    )
    again(stage)
    assert AuthorizationState.WORKING is latest(stage).state
    stage.world.settle(ticks=6)

    assert (AuthorizationState.CONNECTED, Secret("OR")) == (latest(stage).state, grant_of(stage).refresh_token)


@field("A1")
def test_a_refusal_of_the_attempt_in_flight_ends_the_token() -> None:
    """Its answer was kept when the worker died: it is concluded first, and what it says counts."""
    stage = google()
    stage.connect()
    stage.world.clock.advance(HOUR)
    stage.server.says("/token", stage.server.answer(b'{"error":"invalid_grant"}', status=400))
    with stage.world.dies_at("received"):
        stage.world.run(stage.name("u-1"))
    stage.world.after_lease()
    stage.server.says("/token", silent())
    again(stage)

    assert (None, "OA2") == (grant_of(stage).refresh_token, document_of(stage)["access_token"])
    assert "connection.cannot_refresh" in stage.alerts()


@field("A1")
@pytest.mark.parametrize("place", ["leased", "exchange.merged", "published", "committed"])
def test_a_process_that_dies_while_it_merges_changes_nothing_twice(place: str) -> None:
    """The next one goes on: one new number is published, and the history has one authorization more."""
    stage = google()
    stage.connect()
    events = len(stage.events("u-1"))
    consent(stage, "code-2")
    with stage.world.dies_at(place):
        stage.world.drain()
    stage.world.after_lease()
    stage.world.settle(ticks=3)

    assert (Secret("OR"), "OA2") == (grant_of(stage).refresh_token, document_of(stage)["access_token"])
    assert events + 1 == len(stage.events("u-1"))
    assert (AuthorizationState.CONNECTED, None) == (latest(stage).state, latest(stage).sealed_answer)
    assert 2 == document_of(stage)["generation"]


@field("A1")
@pytest.mark.parametrize("port", ["write", "lease"])
def test_a_table_that_fails_while_it_is_merged_loses_nothing(port: str) -> None:
    """The message comes again, or the schedule has it."""
    stage = google()
    stage.connect()
    consent(stage, "code-2")
    stage.world.connections.fail_next(port, StoreUnavailable)
    stage.world.drain()
    stage.world.after_lease()
    stage.world.settle(ticks=3)

    assert (Secret("OR"), "OA2") == (grant_of(stage).refresh_token, document_of(stage)["access_token"])


@field("A1")
def test_a_key_that_is_withheld_is_waited_for() -> None:
    """Without the old grant nothing may be replaced: a refresh token that nobody can read now is not thrown away."""
    stage = google()
    stage.connect()
    consent(stage, "code-2")
    before = record_of(stage).sealed_grant
    # Once for the response; then for the grant.
    stage.world.keys.fail_next("unwrap", SealingUnavailable, times=2)
    stage.world.drain()
    assert before == record_of(stage).sealed_grant
    stage.world.settle(ticks=30)

    assert (Secret("OR"), "OA2") == (grant_of(stage).refresh_token, document_of(stage)["access_token"])


@field("A1")
def test_a_later_authorization_is_not_undone_by_an_earlier_silent_one() -> None:
    """Two consents, worked off in the wrong order: the later one's grant stays, and the earlier answer is kept."""
    stage = google(second=silent())
    stage.connect()
    consent(stage, "code-2")
    (work,) = stage.world.queue.drain()
    stage.world.clock.advance(1)
    stage.server.says("/token", oidc_token(access_token="OA3", refresh_token="OR3"))
    other = Browser(stage.world)
    other.connect(stage.world.invite(id="invite-3"))
    other.back("code=code-3")
    stage.world.finisher.take_up(work, stage.world.session(), stage.world.budget())

    assert (Secret("OR3"), "OA3") == (grant_of(stage).refresh_token, document_of(stage)["access_token"])
    first = stage.world.authorizations.get(work.authorization) if work.authorization else None
    assert first is not None
    assert (AuthorizationState.CONNECTED, True) == (first.state, first.sealed_answer is not None)


@field("A1")
def test_two_first_consents_at_once_keep_the_one_refresh_token() -> None:
    """The second looked before the first connected: it takes nothing over that it has not seen."""
    stage = google(silent(), oidc_token(access_token="OA1"))
    other = Browser(stage.world)

    def overtakes() -> None:
        other.connect(stage.world.invite(id="invite-2"))
        other.back("code=code-2")
        stage.world.clock.advance(1)

    get, looks = stage.world.connections.get, [lambda: None, overtakes]

    def seen_first(name: Any) -> Any:
        record = get(name)
        if looks:  # at its label, and at what it would take over
            looks.pop(0)()
        return record

    stage.world.connections.get = seen_first  # type: ignore[method-assign]  # what happens between a look and a write
    stage.connect()
    stage.world.drain()

    assert Secret("OR") == grant_of(stage).refresh_token


@field("A1")
def test_a_silent_response_about_a_life_that_is_kept_refreshed_gets_the_assumed_one() -> None:
    """Neither an end nor a refresh token came; with the stored one it is refreshed in time."""
    stage = google(second={"access_token": "OA2", "token_type": "Bearer"})
    stage.connect()
    again(stage)

    assert document_of(stage)["expires_at"] == latest(stage).received_at + ASSUMED_LIFE  # type: ignore[operator]
    assert record_of(stage).due.renew_at is not None


@field("A1")
def test_a_token_that_never_ends_needs_no_merging() -> None:
    """Neither the old grant nor the new one is refreshed: the callback connects at once."""
    token = {"access_token": "OA", "token_type": "Bearer"}
    stage = google(token, {**token, "access_token": "OA2"})
    stage.connect()

    assert CONNECTED in consent(stage, "code-2")
    assert ("OA2", []) == (document_of(stage)["access_token"], stage.world.queue.drain())


@field("A1")
def test_what_a_consumer_owns_stays_its_own() -> None:
    """The refresh token was handed over: the new access token is published, and nothing here presents the old one."""
    stage = google()
    stage.connect()
    stage.world.change(
        stage.name("u-1"), reason=Reason.OWNED_BY_CONSUMER, handed_over_at=stage.world.clock.now(), renew_at=None
    )
    again(stage)
    stage.world.settle(ticks=70)

    assert ("OA2", "consumer") == (document_of(stage)["access_token"], record_of(stage).owner)
    assert 2 == stage.server.times("/token")


@field("A1")
@pytest.mark.parametrize("carried", [True, False])
def test_the_rule(*, carried: bool) -> None:
    """Each part by itself: what is said replaces, what is not said stays."""
    old = Grant(
        account_id="a",
        label="Old",
        access_token=Secret("A0"),
        token_type="Bearer",
        scopes=("x",),
        obtained_at=1000,
        refresh_token=Secret("R0"),
        access_expires_at=2000,
        refresh_expires_at=9000,
        account={"a": 1, "b": 2},
    )
    new = replace(
        old,
        label="",
        access_token=Secret("A1"),
        scopes=(),
        obtained_at=5000,
        refresh_token=None if carried else Secret("R1"),
        access_expires_at=None,
        refresh_expires_at=None,
        account={"b": 3},
    )
    both = merged(old, new, says_scopes=False)

    assert Secret("R0" if carried else "R1") == both.refresh_token
    assert ("Old", ("x",), 9000, {"a": 1, "b": 3}) == (both.label, both.scopes, both.refresh_expires_at, both.account)
    assert 5000 + ASSUMED_LIFE == both.access_expires_at
    assert () == merged(old, new, says_scopes=True).scopes
