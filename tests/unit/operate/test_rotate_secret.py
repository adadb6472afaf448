"""A new client secret proves itself before it replaces the standing one, and costs no connection where it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from fakes.records import changed
from fakes.scripted import ISSUER, OIDC, Staged, id_token, oidc_token
from fakes.world import APP, NAME, World
from tokensync.domain.app import App
from tokensync.domain.connection import Attempt, Exemption, Status
from tokensync.domain.errors import NoAnswer
from tokensync.domain.grant import Grant
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
from tokensync.providers import PROVIDERS
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.messages import ProviderResponse, Request

CANDIDATE = "canary-new-secret"


@pytest.fixture
def world() -> World:
    """A stack with one connection, in an app whose new client secret stands beside the old one."""
    made = World()
    made.connected()
    made.apps.update(replace(made.app, new_client_secret=Secret(CANDIDATE)))
    return made


def prove(world: World, **more: object) -> dict[str, Any]:
    """Prove as the command line does."""
    return world.commands.answer({"tokensync": "prove", "app": APP, **more}, world.budget())


def refused(world: World, code: int = 36009004, message: str = "invalid client_key") -> Callable[..., ProviderResponse]:
    """Return the provider's refusal of an app's own credentials."""
    return lambda honest: world.shop.answer({"code": code, "message": message, "request_id": "t-1"})  # noqa: ARG005


def presented(world: World) -> list[str]:
    """Let the shop note under which secret each call came."""
    seen: list[str] = []
    send = world.shop.send

    def noting(request: Request, *, seconds: float) -> ProviderResponse:
        seen.append("new" if CANDIDATE in request.url else "standing")
        return send(request, seconds=seconds)

    world.shop.send = noting  # type: ignore[method-assign]  # the scripted shop is a test's own
    return seen


def test_a_refresh_proves_the_new_secret(world: World) -> None:
    """One connection is refreshed under it; the pair that comes back is stored and published as ever."""
    seen = presented(world)

    told = prove(world)

    assert (True, "refreshed", str(NAME)) == (told["ok"], told["result"], told["connection"])
    assert ["new"] == seen
    assert "A1" == world.document()["access_token"]
    assert (2, "R1") == (world.stored().generation, getattr(world.grant().refresh_token, "reveal", str)())


def test_an_ordinary_refresh_keeps_to_the_standing_secret(world: World) -> None:
    """Until it is promoted the new one is used for the proof alone."""
    seen = presented(world)

    world.run()

    assert ["standing"] == seen


def test_a_refused_secret_costs_the_connection_nothing(world: World) -> None:
    """No pause, no alert, no mark: it is due as it was, and the next refresh presents the standing secret."""
    world.shop.script.append(refused(world))
    stood = world.stored()

    told = prove(world)
    after = world.stored()

    assert (False, "secret_refused", 1) == (told["ok"], told["error"]["class"], told["exit"])
    assert "invalid client_key" in told["error"]["message"]
    assert [] == world.alerts.told
    assert "" == world.apps.state(APP).paused
    assert (stood.status, stood.due.renew_at, stood.failures, None) == (
        after.status,
        after.due.renew_at,
        after.failures,
        after.last_error,
    )
    assert Exemption.NOT_PROCESSED is after.exemption

    assert Result.REFRESHED == world.run().result
    assert ["R0"] == world.shop.ledger


def test_a_paused_app_can_prove_its_new_secret(world: World) -> None:
    """The old secret may have died at once, and that is when the new one is needed."""
    world.shop.script.append(refused(world))
    world.run()
    assert world.apps.state(APP).paused

    assert "refreshed" == prove(world)["result"]
    assert ["R0"] == world.shop.ledger
    assert world.apps.state(APP).paused


def test_a_refused_token_proves_nothing(world: World) -> None:
    """Under a secret that is not proven, even that refusal asks no seller to come back."""
    world.shop.script.append(refused(world, 36004005, "can not find related auth record"))

    told = prove(world)

    assert (False, "not_proven", 5) == (told["ok"], told["error"]["class"], told["exit"])
    assert Status.ACTIVE is world.stored().status
    assert Result.REFRESHED == world.run().result


def test_no_answer_proves_nothing(world: World) -> None:
    """It is not known whether the token is spent: held, as after any refresh without an answer."""

    def lost(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
        del honest
        raise NoAnswer("lost")

    world.shop.script.append(lost)

    told = prove(world)

    assert (False, "not_proven") == (told["ok"], told["error"]["class"])
    assert Status.HELD is world.stored().status


def test_a_crash_in_the_middle_leaves_both_secrets(world: World) -> None:
    """Nothing here writes an app's secret, so the same command goes on."""
    world.failpoints.raise_at("received", KeyboardInterrupt("killed"))
    with pytest.raises(KeyboardInterrupt):
        prove(world)
    world.after_lease()

    assert "refreshed" == prove(world)["result"]
    assert [] == world.shop.doubles


@pytest.mark.parametrize(("point", "status", "token"), [("sent", Status.HELD, "A1"), ("received", Status.ACTIVE, "A2")])
def test_a_proof_that_was_killed_is_gone_on_with(world: World, point: str, status: Status, token: str) -> None:
    """Nothing of the connection was due for days: its attempt is, as soon as the dead lease has ended."""
    world.run()
    world.failpoints.raise_at(point, KeyboardInterrupt("killed"))
    with pytest.raises(KeyboardInterrupt):
        prove(world)
    world.settle(ticks=3)

    assert (status, token) == (world.stored().status, world.document()["access_token"])
    assert [] == world.shop.doubles


KILLED = ((36009004, "invalid client_key"), (36004005, "can not find related auth record"))


@pytest.mark.parametrize(("code", "message"), KILLED)
def test_a_trial_that_was_killed_tells_the_next_worker_nothing(world: World, code: int, message: str) -> None:
    """The refusal that it stored is the new secret's: the app is not paused, and no seller is asked to come back."""
    stood = world.stored()
    world.shop.script.append(refused(world, code, f"{message} {CANDIDATE}"))
    world.failpoints.raise_at("received", KeyboardInterrupt("killed"))
    with pytest.raises(KeyboardInterrupt):
        prove(world)
    world.after_lease()

    resumed = world.run()
    after = world.stored()

    assert Result.POSTPONED is resumed.result
    assert ("", []) == (world.apps.state(APP).paused, world.alerts.told)
    assert (Status.ACTIVE, stood.failures, "secret.not_proven") == (
        after.status,
        after.failures,
        after.history[-1].event,
    )
    assert CANDIDATE not in repr((resumed, after, world.log.lines))
    assert Result.REFRESHED is world.run().result
    assert (["R0"], "A1") == (world.shop.ledger, world.document()["access_token"])


def killed_under_the_standing_secret(world: World, code: int, message: str) -> None:
    """Let a refresh be refused, and its worker die before it read why."""
    world.shop.script.append(refused(world, code, message))
    world.failpoints.raise_at("received", KeyboardInterrupt("killed"))
    with pytest.raises(KeyboardInterrupt):
        world.run()
    world.after_lease()


def test_a_trial_does_not_take_over_the_standing_secrets_refusal(world: World) -> None:
    """What was refused under the secret that stands is concluded as ever, whoever comes to read it."""
    killed_under_the_standing_secret(world, 36004005, "can not find related auth record")

    told = prove(world)

    assert (False, "not_proven") == (told["ok"], told["error"]["class"])
    assert Status.REAUTHORIZE is world.stored().status
    assert "secret.not_proven" not in [entry.event for entry in world.stored().history]
    assert [] == world.shop.ledger


def test_a_trial_that_reads_of_the_standing_secrets_end_pauses_the_app_and_goes_on(world: World) -> None:
    """The old secret is dead, and that is told; a pause does not stop the proof of the new one."""
    killed_under_the_standing_secret(world, 36009004, "invalid client_key e59af819cc")

    told = prove(world)

    assert (True, "refreshed") == (told["ok"], told["result"])
    assert ["app.paused"] == [alert.kind for alert in world.alerts.told]
    assert "e59af819cc" not in repr((world.alerts.told, world.log.lines, world.apps.state(APP)))
    assert ["R0"] == world.shop.ledger


def test_what_went_under_the_new_secret_is_marked_before_it_is_sent(world: World) -> None:
    """The record tells it, as the process that knows may not live to."""
    seen: list[bool] = []

    def answering(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
        attempt = world.stored().attempt
        assert attempt is not None
        seen.append(attempt.trial)
        return honest()

    world.shop.script.extend([answering, answering])
    prove(world)
    world.on_demand.refresh(NAME, world.budget())

    assert [True, False] == seen


def test_an_app_without_a_new_secret(world: World) -> None:
    """There is nothing to prove, and the command that begins it is named."""
    world.apps.update(world.app)

    told = prove(world)

    assert ("NotOffered", f"tokensync app rotate-secret {APP}") == (told["error"]["class"], told["error"]["next"])


@pytest.mark.parametrize(
    "change",
    [
        {"status": Status.HELD},
        {"handed_over_at": 1},
        {"unpublished": "quota"},
        {"removed_at": 1},
        {"sealed_grant": None},
    ],
)
def test_no_connection_can_tell(world: World, change: dict[str, Any]) -> None:
    """Only an active connection of ours tells of the secret alone; a removed one is not there."""
    world.connections.seed(changed(world.stored(), **change))

    assert "NoConnection" == prove(world)["error"]["class"]
    if "removed_at" not in change:
        assert "NoConnection" == prove(world, connection=str(NAME))["error"]["class"]
    assert [] == world.shop.ledger


def test_the_operator_may_choose_the_connection(world: World) -> None:
    """The one named is used, and no other."""
    other = ConnectionName(APP, "2")
    world.connected(other, refresh_token="R-2")

    assert str(other) == prove(world, connection=str(other))["connection"]
    assert ["R-2"] == world.shop.ledger


def test_a_connection_without_trouble_is_chosen(world: World) -> None:
    """One that was never presented comes first."""
    other = ConnectionName(APP, "9")
    world.connected(other, refresh_token="R-9")
    attempt = Attempt(id="a", fence=1, at=1)
    world.connections.seed(replace(world.stored(), attempt=attempt, exemption=Exemption.OPERATOR))

    assert str(other) == prove(world)["connection"]


def test_a_connection_that_changed_meanwhile_proves_nothing(world: World) -> None:
    """What was chosen may be held by the time it is leased: then nothing is presented."""
    stood = world.stored()

    def changed() -> None:
        world.connections.seed(replace(world.stored(), status=Status.HELD))

    lease = world.connections.lease

    def late(*given: Any, **more: Any) -> Any:
        changed()
        return lease(*given, **more)

    world.connections.lease = late  # type: ignore[method-assign]  # an in-memory port is a test's own

    assert "not_proven" == prove(world)["error"]["class"]
    assert [] == world.shop.ledger
    assert stood.due.renew_at == world.stored().due.renew_at


def ads(world: World) -> None:
    """Turn the connection into one of a provider that refreshes nothing."""
    app = replace(world.apps.get(APP), provider="tiktok_ads", service_id="")
    world.apps.update(app)
    grant = replace(world.grant(), refresh_token=None, access_expires_at=None)
    sealed = world.sealer.new_key(APP).seal(grant.to_bytes(), binding=f"{NAME}|grant|1")
    assert Grant.from_bytes(grant.to_bytes()) == grant
    world.connections.seed(replace(world.stored().with_due(renew_at=None), provider="tiktok_ads", sealed_grant=sealed))


@pytest.mark.parametrize(
    ("code", "ok", "kind"), [(0, True, None), (40101, False, "secret_refused"), (40105, False, "not_proven")]
)
def test_what_is_never_refreshed_is_verified(world: World, code: int, ok: bool, kind: str | None) -> None:  # noqa: FBT001
    """TikTok Ads' verification carries the secret, so it proves it; nothing of the connection changes."""
    ads(world)
    seen: list[str] = []

    def answer(request: Request) -> ProviderResponse:
        seen.append("new" if CANDIDATE in request.url else "standing")
        return world.shop.answer({"code": code, "message": "m", "data": {"list": []}})

    world.shop.others["business-api.tiktok.com"] = answer
    stood = world.stored()

    told = prove(world)
    after = world.stored()

    assert (ok, kind) == (told["ok"], told.get("error", {}).get("class"))
    assert ["new"] == seen
    assert (stood.due.verify_at, stood.failures, stood.history) == (after.due.verify_at, after.failures, after.history)
    assert [] == world.alerts.told


def consented(*, refreshable: bool) -> Staged:
    """Return an app with one connection, whose UserInfo call carries the access token alone."""
    staged = Staged.of(replace(OIDC, new_client_secret=Secret(CANDIDATE)))
    subject = id_token(sub="u1", aud="client-1", iss=ISSUER)
    answer = {"access_token": "OA", "token_type": "Bearer", "id_token": subject}
    staged.server.says("/token", oidc_token(id_token=subject) if refreshable else answer)
    staged.server.says("/userinfo", {"sub": "u1", "name": "U"})
    staged.connect()
    staged.server.asked.clear()
    return staged


@pytest.mark.parametrize("named", [True, False])
def test_a_call_without_the_secret_proves_nothing(named: bool) -> None:  # noqa: FBT001
    """A Bearer token alone says nothing of the client secret: such a connection is not asked, even by name."""
    staged = consented(refreshable=False)
    asked = {"connection": "oidc/u1"} if named else {}

    told = staged.world.commands.answer({"tokensync": "prove", "app": "oidc", **asked}, staged.world.budget())

    assert (False, "NoConnection") == (told["ok"], told["error"]["class"])
    assert [] == staged.server.asked


def test_the_same_provider_proves_it_by_a_refresh() -> None:
    """Where there is a refresh token the secret goes with it."""
    staged = consented(refreshable=True)

    told = staged.world.commands.answer({"tokensync": "prove", "app": "oidc"}, staged.world.budget())

    assert (True, "refreshed") == (told["ok"], told["result"])
    assert ["/token"] == [urlsplit(request.url).path for request in staged.server.asked]


def test_a_connection_that_turns_out_to_have_nothing_to_refresh_with() -> None:
    """A refresh that an operator asked for in vain does not make its UserInfo a proof."""
    staged = consented(refreshable=False)
    world, name = staged.world, staged.name("u1")
    world.connections.request_refresh(name, generation=1, now=world.clock.now())

    told = world.commands.answer({"tokensync": "prove", "app": "oidc"}, world.budget())

    assert (False, "not_proven") == (told["ok"], told["error"]["class"])
    assert "nothing_due" in told["error"]["message"]
    assert [] == staged.server.asked


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_a_call_carries_the_secret_exactly_where_it_says_so(name: str) -> None:
    """Under another secret, a call that carries it is another request."""
    call = PROVIDERS[name].account_call
    if call is None:
        return
    app = App(name=APP, provider=name, client_id="c", client_secret=Secret("one"))
    world = World()
    world.connected()
    grant = world.grant()
    first, second = (
        call.request(replace(app, client_secret=Secret(secret)), "https://a.example", grant, 1) for secret in ("1", "2")
    )

    assert call.carries_secret == (
        (first.url, dict(first.headers), first.body) != (second.url, dict(second.headers), second.body)
    )


def test_a_secret_that_was_replaced_meanwhile_pauses_nothing(world: World) -> None:
    """A worker that read the app before its secret was promoted is refused, and the app runs on."""
    session = world.session()
    assert session.app.client_secret == Secret("e59af819cc")
    world.apps.update(replace(world.app, client_secret=Secret(CANDIDATE)))

    assert not session.pause("refused", now=world.clock.now())
    assert "" == world.apps.state(APP).paused
    assert world.session().pause("refused", now=world.clock.now())


def test_the_new_secret_is_shown_nowhere(world: World) -> None:
    """Not in the answer, a log, an alert or the history, even where the provider repeats it."""
    world.shop.script.append(refused(world, message=f"invalid client_key {CANDIDATE}"))

    told = prove(world)

    assert CANDIDATE not in repr((told, world.log.lines, world.alerts.told, world.stored()))


def test_another_apps_connection_proves_nothing(world: World) -> None:
    """A refresh token shown by another client may end its whole authorization: nothing is sent."""
    world.apps.register(replace(world.app, name="crm", new_client_secret=Secret(CANDIDATE)))
    seen = presented(world)
    told = prove(world, app="crm", connection=str(NAME))

    assert (False, 1) == (told["ok"], told["exit"])
    assert "belongs to the app" in told["error"]["message"]
    assert ([], []) == (seen, world.shop.ledger)
