"""A new client secret proves itself before it replaces the old one, and costs no connection where it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fakes.scripted import ADS_HOST, ISSUER, OIDC, Staged, id_token, oidc_token
from fakes.world import APP, NAME, World, lost
from tokensync.domain.app import App
from tokensync.domain.app_state import voice
from tokensync.domain.connection import Attempt, Exemption, Status
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
from tokensync.providers import PROVIDERS
from tokensync.refresh.breaker import note_outcomes
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.domain.messages import ProviderResponse, Request

KEY = ec.generate_private_key(ec.SECP256R1())
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
CANDIDATE = "canary-new-secret"
WRONG_CLIENT, DEAD_TOKEN = (36009004, "invalid client_key"), (36004005, "can not find related auth record")


@pytest.fixture
def world() -> World:
    """A stack with one connection, in an app whose new client secret is registered beside the old one."""
    made = World()
    made.connected()
    made.apps.update(replace(made.app, new_client_secret=Secret(CANDIDATE)))
    return made


def prove(world: World, **more: object) -> dict[str, Any]:
    """Prove as the command line does."""
    return world.ask("prove", **{"app": world.app.name, **more})


def verdict(answer: dict[str, Any]) -> str:
    """Return what was proved, or why not."""
    return str(answer["result"] if answer["ok"] else answer["error"]["class"])


def refuse(world: World, code: int, message: str) -> None:
    """Let the provider refuse the next refresh."""
    answer = world.shop.answer({"code": code, "message": message, "request_id": "t-1"})
    world.shop.script.append(lambda _honest: answer)


def presented(world: World) -> list[str]:
    """Let the shop note under which secret each call came."""
    seen: list[str] = []
    send = world.shop.send

    def noting(request: Request, *, seconds: float) -> ProviderResponse:
        seen.append("new" if CANDIDATE in request.url else "old")
        return send(request, seconds=seconds)

    world.shop.send = noting  # type: ignore[method-assign]  # the scripted shop is a test's own
    return seen


def test_a_refresh_proves_the_new_secret(world: World) -> None:
    """One connection is refreshed under it and published as ever; what others refresh keeps to the old secret."""
    seen = presented(world)
    answer = prove(world)

    assert (True, "refreshed", str(NAME)) == (answer["ok"], answer["result"], answer["connection"])
    assert ("A1", 2) == (world.published(), world.stored().generation)
    assert "R1" == world.grant().refresh_token.reveal()  # type: ignore[union-attr]
    world.on_demand.refresh(NAME, world.budget())
    assert ["new", "old"] == seen


def test_a_refused_secret_costs_the_connection_nothing(world: World) -> None:
    """No pause, no alert, no mark: it is due as it was, and the next refresh presents the old secret."""
    refuse(world, *WRONG_CLIENT)
    before = world.stored()
    answer = prove(world)
    after = world.stored()

    assert ("secret_refused", 1) == (verdict(answer), answer["exit"])
    assert "invalid client_key" in answer["error"]["message"]
    assert ([], "") == (world.alerts.told, world.apps.state(APP).paused)
    assert (before.status, before.due.renew_at, before.failures) == (after.status, after.due.renew_at, after.failures)
    assert (None, Exemption.NOT_PROCESSED) == (after.last_error, after.exemption)
    assert (Result.REFRESHED, ["R0"]) == (world.run().result, world.shop.ledger)


def test_a_paused_app_can_prove_its_new_secret(world: World) -> None:
    """The old secret may have died at once, and that is when the new one is needed."""
    refuse(world, *WRONG_CLIENT)
    world.on_demand.refresh(NAME, world.budget())
    assert world.apps.state(APP).paused

    assert ("refreshed", ["R0"]) == (verdict(prove(world)), world.shop.ledger)
    assert world.apps.state(APP).paused


def test_a_refused_token_proves_nothing(world: World) -> None:
    """Under a secret that is not proven, even that refusal asks no seller to come back."""
    refuse(world, *DEAD_TOKEN)
    answer = prove(world)

    assert ("not_proven", 5, Status.ACTIVE) == (verdict(answer), answer["exit"], world.stored().status)
    assert Result.REFRESHED == world.run().result


def test_no_answer_proves_nothing(world: World) -> None:
    """It is not known whether the token is spent: held, as after any refresh without a response."""
    world.shop.script.append(lost)

    assert ("not_proven", Status.HELD) == (verdict(prove(world)), world.stored().status)


def test_a_crash_in_the_middle_leaves_both_secrets(world: World) -> None:
    """Nothing here writes an app's secret, so the same command goes on."""
    with world.dies_at("received"):
        prove(world)
    world.after_lease()

    assert ("refreshed", []) == (verdict(prove(world)), world.shop.doubles)


@pytest.mark.parametrize(("point", "status", "token"), [("sent", Status.HELD, "A1"), ("received", Status.ACTIVE, "A2")])
def test_a_proof_that_was_killed_is_gone_on_with(world: World, point: str, status: Status, token: str) -> None:
    """Nothing of the connection was due for days: its attempt is, as soon as the dead lease has ended."""
    world.run()
    with world.dies_at(point):
        prove(world)
    world.settle(ticks=3)

    assert (status, token, []) == (world.stored().status, world.published(), world.shop.doubles)


@pytest.mark.parametrize(("code", "message"), [WRONG_CLIENT, DEAD_TOKEN])
def test_a_trial_that_was_killed_says_nothing_to_the_next_worker(world: World, code: int, message: str) -> None:
    """The refusal that it stored is the new secret's: the app is not paused, and no seller is asked to come back."""
    before = world.stored()
    refuse(world, code, f"{message} {CANDIDATE}")
    with world.dies_at("received"):
        prove(world)
    world.after_lease()
    resumed = world.run()
    after = world.stored()

    assert (Result.POSTPONED, "", []) == (resumed.result, world.apps.state(APP).paused, world.alerts.told)
    assert (Status.ACTIVE, before.failures) == (after.status, after.failures)
    assert "secret.not_proven" == after.history[-1].event
    assert CANDIDATE not in repr((resumed, after, world.log.lines))
    assert (Result.REFRESHED, ["R0"], "A1") == (world.run().result, world.shop.ledger, world.published())


def killed_under_the_old_secret(world: World, code: int, message: str) -> None:
    """Let a refresh be refused, and its worker die before it read why."""
    refuse(world, code, message)
    with world.dies_at("received"):
        world.run()
    world.after_lease()


def test_a_trial_does_not_take_over_the_old_secrets_refusal(world: World) -> None:
    """What was refused under the old secret is concluded as ever, whichever worker reads it."""
    killed_under_the_old_secret(world, *DEAD_TOKEN)

    assert ("not_proven", Status.HELD) == (verdict(prove(world)), world.stored().status)
    assert "secret.not_proven" not in [entry.event for entry in world.stored().history]
    assert [] == world.shop.ledger


def test_a_trial_that_reads_of_the_old_secrets_end_goes_on(world: World) -> None:
    """What was said of the old secret is noted; the proof of the new one is made all the same, and clears nothing."""
    killed_under_the_old_secret(world, 36009004, "invalid client_key e59af819cc")

    assert ("refreshed", [], ["R0"]) == (verdict(prove(world)), world.alerted(), world.shop.ledger)
    assert {voice(NAME.account)} == world.apps.state(APP).misconfigured
    assert "e59af819cc" not in repr((world.alerts.told, world.log.lines, world.apps.state(APP)))


def test_what_went_under_the_new_secret_is_marked_before_it_is_sent(world: World) -> None:
    """The process that knows may not live to write it later."""
    seen: list[bool] = []

    def answering(honest: Callable[[], ProviderResponse]) -> ProviderResponse:
        seen.append(world.stored().attempt.trial)  # type: ignore[union-attr]
        return honest()

    world.shop.script.extend([answering, answering])
    prove(world)
    world.on_demand.refresh(NAME, world.budget())

    assert [True, False] == seen


def test_an_app_without_a_new_secret(world: World) -> None:
    """There is nothing to prove, and the command that begins it is named."""
    world.apps.update(world.app)
    answer = prove(world)

    assert ("NotOffered", f"tokensync app rotate-secret {APP}") == (verdict(answer), answer["error"]["next"])


@pytest.mark.parametrize("way", ["private_key_jwt", "none"])
def test_a_client_that_presents_no_secret_proves_none(way: str) -> None:
    """Its refresh would succeed whatever the new secret is."""
    settings = {"client_auth": way}
    app = replace(OIDC, settings=settings, private_key=Secret(PEM), new_client_secret=Secret(CANDIDATE))
    stage = Staged.of(app)
    stage.world.connected(stage.name("u-1"))
    answer = prove(stage.world)

    assert ("NotOffered", []) == (verdict(answer), stage.server.asked)
    assert "presents no client secret" in answer["error"]["message"]


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
def test_no_connection_can_prove_it(world: World, change: dict[str, Any]) -> None:
    """Only an active connection of ours shows what is wrong with the secret alone; a removed one is not there."""
    world.change(**change)

    assert "NoConnection" == verdict(prove(world))
    if "removed_at" not in change:
        assert "NoConnection" == verdict(prove(world, connection=str(NAME)))
    assert [] == world.shop.ledger


@pytest.mark.parametrize("named", [True, False])
def test_a_connection_is_named_or_chosen(world: World, *, named: bool) -> None:
    """The one that the operator names is used; unnamed, one that is in no trouble comes first."""
    other = ConnectionName(APP, "9")
    world.connected(other, refresh_token="R-9")
    if not named:
        world.change(attempt=Attempt(id="a", fence=1, at=1), exemption=Exemption.OPERATOR)
    answer = prove(world, **({"connection": str(other)} if named else {}))

    assert (str(other), ["R-9"]) == (answer["connection"], world.shop.ledger)


def test_a_connection_that_changed_meanwhile_proves_nothing(world: World) -> None:
    """What was chosen may be held by the time it is leased: then nothing is presented."""
    before = world.stored()
    world.connections.before_next("lease", lambda: world.change(status=Status.HELD))

    assert ("not_proven", []) == (verdict(prove(world)), world.shop.ledger)
    assert before.due.renew_at == world.stored().due.renew_at


@pytest.mark.parametrize(("code", "proved"), [(0, "verified"), (40101, "secret_refused"), (40105, "not_proven")])
def test_what_is_never_refreshed_is_verified(world: World, code: int, proved: str) -> None:
    """TikTok Ads' verification carries the secret, so it proves it; nothing of the connection changes."""
    world.apps.update(replace(world.apps.get(APP), provider="tiktok_ads", service_id=""))
    grant = replace(world.grant(), refresh_token=None, access_expires_at=None, bound=world.bound())
    sealed = world.sealer.new_key(APP).seal(grant.to_bytes(), binding=f"{NAME}|grant|1")
    before = world.change(provider="tiktok_ads", sealed_grant=sealed, renew_at=None)
    seen: list[bool] = []

    def answer(request: Request) -> ProviderResponse:
        seen.append(CANDIDATE in request.url)
        return world.shop.answer({"code": code, "message": "m", "data": {"list": []}})

    world.shop.others[ADS_HOST] = answer
    assert proved == verdict(prove(world))
    after = world.stored()

    assert ([True], []) == (seen, world.alerts.told)
    assert (before.due.verify_at, before.failures, before.history) == (
        after.due.verify_at, after.failures, after.history
    )  # fmt: skip


def consented(*, refreshable: bool) -> Staged:
    """Return an app with one connection, whose UserInfo call carries the access token alone."""
    staged = Staged.of(replace(OIDC, new_client_secret=Secret(CANDIDATE)))
    answer = oidc_token(id_token=id_token(sub="u1", aud="client-1", iss=ISSUER))
    if not refreshable:
        del answer["refresh_token"], answer["expires_in"]
    staged.server.says("/token", answer)
    staged.server.says("/userinfo", {"sub": "u1", "name": "U"})
    staged.connect()
    staged.server.asked.clear()
    return staged


@pytest.mark.parametrize("asked", [{}, {"connection": "oidc/u1"}])
def test_a_call_without_the_secret_proves_nothing(asked: dict[str, str]) -> None:
    """A Bearer token alone says nothing of the client secret: such a connection is not asked, even by name."""
    staged = consented(refreshable=False)

    assert ("NoConnection", []) == (verdict(prove(staged.world, **asked)), staged.server.asked)


def test_the_same_provider_proves_it_by_a_refresh() -> None:
    """Where there is a refresh token the secret goes with it."""
    staged = consented(refreshable=True)

    assert "refreshed" == verdict(prove(staged.world))
    assert ["/token"] == [urlsplit(request.url).path for request in staged.server.asked]


def test_a_connection_that_turns_out_to_have_nothing_to_refresh_with() -> None:
    """A refresh that an operator asked for in vain does not make its UserInfo a proof."""
    staged = consented(refreshable=False)
    world = staged.world
    world.connections.request_refresh(staged.name("u1"), generation=1, now=world.clock.now())
    answer = prove(world)

    assert ("not_proven", []) == (verdict(answer), staged.server.asked)
    assert "nothing_due" in answer["error"]["message"]


@pytest.mark.parametrize("name", sorted(name for name, provider in PROVIDERS.items() if provider.account_call))
def test_a_call_carries_the_secret_exactly_where_it_says_so(name: str) -> None:
    """Under another secret, a call that carries it is another request."""
    call, world = PROVIDERS[name].account_call, World()
    assert call is not None
    world.connected()
    requests = [
        call.request(
            App(name=APP, provider=name, client_id="c", client_secret=Secret(secret)), "https://a.example", grant, 1
        )
        for grant in [world.grant()]
        for secret in ("1", "2")
    ]
    first, second = ((request.url, dict(request.headers), request.body) for request in requests)

    assert call.carries_secret == (first != second)


def test_a_secret_that_was_replaced_meanwhile_pauses_nothing(world: World) -> None:
    """A worker that read the app before its secret was promoted is refused, and the app runs on."""
    session = world.session()
    assert session.app.client_secret == Secret("e59af819cc")
    world.apps.update(replace(world.app, client_secret=Secret(CANDIDATE)))

    of_key = world.session()
    assert of_key.app.private_key is None
    world.apps.update(replace(world.app, client_secret=Secret(CANDIDATE), private_key=Secret("another key")))
    for one in (session, of_key, world.session()):
        assert "" == world.apps.state(APP).paused
        for account in "abc":
            one.tally.fault(account, "invalid_client")
        note_outcomes(one, world.ports)
    assert world.apps.state(APP).paused


def test_the_new_secret_is_shown_nowhere(world: World) -> None:
    """Not in the response, a log, an alert or the history, even where the provider repeats it."""
    refuse(world, 36009004, f"invalid client_key {CANDIDATE}")
    answer = prove(world)

    assert CANDIDATE not in repr((answer, world.log.lines, world.alerts.told, world.stored()))


def test_another_apps_connection_proves_nothing(world: World) -> None:
    """A refresh token shown by another client may end its whole authorization: nothing is sent."""
    world.apps.register(replace(world.app, name="crm", new_client_secret=Secret(CANDIDATE)))
    seen = presented(world)
    answer = prove(world, app="crm", connection=str(NAME))

    assert (False, 1, []) == (answer["ok"], answer["exit"], seen)
    assert "belongs to the app" in answer["error"]["message"]
