"""POST /webhooks/{app}: what a provider sends of its own accord, and what somebody else sends in its name."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.scripted import ADS
from fakes.visitors import Browser
from fakes.world import ACCOUNT, APP, NAME, SHOPS, World
from fault_rows import fault
from tokensync.aws.handlers import headers_of, raw_body
from tokensync.domain.app import App
from tokensync.domain.connection import Status
from tokensync.domain.errors import PublishUnavailable, StoreUnavailable
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
from tokensync.domain.work import Work
from tokensync.entry.webhooks import LONGEST_BODY
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from tokensync.entry.pages import Page

SHOP = SHOPS[0]["id"]
LOGIN = App(name="tiktok", provider="tiktok_login", client_id="awx1", client_secret=Secret("login-secret"))
CREATOR = ConnectionName("tiktok", "act.example")


@pytest.fixture
def world() -> World:
    """A stack with a connected seller whose shop is known, and apps of two other providers."""
    made = World()
    made.apps.register(LOGIN)
    made.apps.register(ADS)
    made.connections.seed(made.connected().with_authorized(authorized_at=made.clock.now() - 3600, authorized_by="one"))
    made.connections.index(NAME, [SHOP])
    return made


def shop_signature(body: bytes, *, app_key: str = "29a39d", secret: str = "e59af819cc") -> dict[str, str]:
    """Return the headers of a webhook event of TikTok Shop."""
    return {"authorization": hmac.new(secret.encode(), app_key.encode() + body, hashlib.sha256).hexdigest()}


def login_signature(body: bytes, at: int, *, secret: str = "login-secret") -> dict[str, str]:
    """Return the headers of a webhook event of Login Kit."""
    signed = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return {"tiktok-signature": f"t={at},s={signed}"}


def shop_event(world: World, **changed: Any) -> bytes:
    """Return the body of a webhook event of TikTok Shop: a seller left, unless it is changed."""
    said = {
        "type": 6,
        "tts_notification_id": "7380066284010030890",
        "shop_id": SHOP,
        "timestamp": world.clock.now(),
        "data": {},
        **changed,
    }
    return json.dumps({key: value for key, value in said.items() if value is not None}).encode()


def login_event(at: int, **changed: Any) -> bytes:
    """Return the body of a webhook event of Login Kit: a creator left."""
    said = {
        "client_key": "awx1",
        "event": "authorization.removed",
        "create_time": at,
        "user_openid": CREATOR.account,
        "content": '{"reason":1}',
        **changed,
    }
    return json.dumps(said).encode()


def post(world: World, body: bytes, headers: dict[str, str] | None = None, *, app: str = APP) -> Page:
    """Send a webhook event; signed as TikTok Shop does unless headers are given."""
    sent = shop_signature(body) if headers is None else headers
    return world.webhooks.receive(app, sent, body, base_url=world.base_url)


def post_login(world: World, body: bytes, at: int) -> str:
    """Send a webhook event of Login Kit, and return what became of it."""
    assert 200 == post(world, body, login_signature(body, at), app="tiktok").status
    return last_result(world)


def last_result(world: World) -> str:
    """Return what the last log line says became of a webhook event."""
    return str(world.log.lines[-1].fields.get("result"))


def shown(world: World) -> tuple[Status, str, str]:
    """Return a connection's status, the published one and the published token."""
    return world.stored().status, world.document()["status"], world.document()["access_token"]


@pytest.fixture
def creator(world: World) -> World:
    """The same, with a creator who is connected by Login Kit."""
    world.connections.seed(replace(world.stored().with_authorized(authorized_at=world.clock.now() - 60), name=CREATOR))
    return world


# ---------------------------------------------------------------------------------------------- the account has left


def test_an_account_that_left_is_disconnected(world: World) -> None:
    """The event marks and queues; the rotation concludes: status, secret, history, one alert with the next command."""
    answer = post(world, shop_event(world))
    world.drain()
    record = world.stored()

    assert (200, "no-store") == (answer.status, answer.all_headers()["cache-control"])
    assert ("deauthorized", None, None, None) == (
        record.reason, record.due.next_at, record.due.renew_at, record.authorized.deauthorized_at
    )  # fmt: skip
    assert (Status.DISCONNECTED, "disconnected", "A0") == shown(world)
    assert "connection.deauthorized" == record.history[-1].event
    assert ["info"] == [line.level for line in world.log.lines if line.event == "webhook.received"]
    assert [("connection.disconnected", str(NAME), f"tokensync invite {APP} --for {NAME}")] == [
        (alert.kind, alert.subject, alert.next_command) for alert in world.alerts.told
    ]
    assert [] == world.shop.ledger


def test_an_event_that_names_the_account_itself(creator: World) -> None:
    """Login Kit names the user and gives no id: an event is known by its body, as each delivery is signed anew."""
    now = creator.clock.now()
    body = login_event(now)

    assert ["marked", "repeated"] == [post_login(creator, body, now + later) for later in (0, 60)]
    assert (now, [Work(connection=CREATOR, compare=True)]) == (
        creator.stored(CREATOR).authorized.deauthorized_at, creator.queue.works
    )  # fmt: skip


@fault("C17")
def test_a_replayed_event_has_one_effect(world: World) -> None:
    """The same id again is acknowledged and nothing more, but ids are kept by app."""
    world.webhook_events.note("tiktok", "id 7380066284010030890", now=world.clock.now())
    body = shop_event(world)
    post(world, body)
    assert "marked" == last_result(world)
    world.drain()
    alerts = len(world.alerts.told)

    assert 200 == post(world, body).status
    assert ("repeated", [], alerts) == (last_result(world), world.queue.works, len(world.alerts.told))


@pytest.mark.parametrize("hours", [1, 72])
def test_a_late_delivery_counts(creator: World, hours: int) -> None:
    """Deliveries are repeated for 72 hours: no window in time drops them."""
    sent_at = creator.clock.now()
    creator.clock.advance(hours * 3600)

    assert "marked" == post_login(creator, login_event(sent_at), sent_at)


def test_an_event_older_than_the_grant_is_ignored(world: World) -> None:
    """A seller who left and came back stays, however late the first is delivered."""
    assert 200 == post(world, shop_event(world, timestamp=world.clock.now() - 7200)).status
    world.drain()

    assert ("outdated", Status.ACTIVE) == (last_result(world), world.stored().status)


def test_a_time_ahead_of_ours_does_not_outlive_the_next_authorization(world: World) -> None:
    """An event's time counts as no later than now, and one without a time as now."""
    for number, at in enumerate((world.clock.now() * 1000, None)):
        post(world, shop_event(world, timestamp=at, tts_notification_id=str(number)))
        assert world.clock.now() == world.stored().authorized.deauthorized_at


def test_an_authorization_after_the_event_wins(world: World) -> None:
    """The seller comes back before a worker saw the mark: the new grant is active."""
    post(world, shop_event(world))
    world.clock.advance(60)
    assert 303 == Browser(world).authorize(world.invite(for_account=ACCOUNT)).status
    world.drain()

    assert (Status.ACTIVE, "active", "A1") == shown(world)
    assert None is world.stored().authorized.deauthorized_at


@pytest.mark.parametrize("place", ["leased", "sent", "received", "published"])
def test_a_refresh_in_flight_does_not_swallow_the_event(world: World, place: str) -> None:
    """It succeeds and publishes; the comparison that was queued comes after it and concludes."""
    world.failpoints.run_at(place, lambda: post(world, shop_event(world)))
    assert (Result.REFRESHED, "A1") == (world.run().result, world.published())
    world.drain()

    assert (Status.DISCONNECTED, "disconnected", "A1") == shown(world)


def test_a_mark_whose_message_was_lost_is_concluded_by_the_schedule(world: World) -> None:
    """Without the queue's message the due index still knows."""
    post(world, shop_event(world))
    world.queue.drain()
    world.settle(ticks=2)

    assert (Status.DISCONNECTED, []) == (world.stored().status, world.shop.ledger)


def test_a_comparison_that_comes_during_a_lease_comes_again(world: World) -> None:
    """The message is not used up by a holder who has not seen the mark."""
    now = world.clock.now()
    world.connections.lease(NAME, now=now, until=now + 65)
    post(world, shop_event(world))
    (work,) = world.queue.drain()

    assert ("m1",) == world.batches.run({"m1": work.to_json()}, world.budget()).again
    world.after_lease()
    assert Result.DISCONNECTED == world.run(compare=True).result


@pytest.mark.parametrize("status", [Status.HELD, Status.REAUTHORIZE])
def test_whatever_it_was_before(world: World, status: Status) -> None:
    """A held connection, and one whose seller was to come back, is disconnected like any other."""
    world.change(status=status, reason="refused", renew_at=None)
    post(world, shop_event(world))
    world.drain()

    assert (Status.DISCONNECTED, "disconnected") == shown(world)[:2]


def test_what_no_workload_ever_read_is_not_published(world: World) -> None:
    """A quarantined account that leaves stays out of Secrets Manager."""
    other = ConnectionName(APP, "7010736057180325999")
    world.connected(other, refresh_token="R9")
    world.secrets.destroy(world.secrets.secret(other).arn)
    world.change(other, status=Status.QUARANTINED, published=None)
    world.connections.index(other, [SHOP])
    post(world, shop_event(world))
    world.drain()

    assert (Status.DISCONNECTED, None) == (world.stored(other).status, world.published(other))
    assert "active" == world.document()["status"]


def test_a_publication_that_fails_is_made_up_for(world: World) -> None:
    """The record says it at once, the secret as soon as Secrets Manager takes it."""
    post(world, shop_event(world))
    world.secrets.fail_next("put", PublishUnavailable)
    world.drain()
    assert (Status.DISCONNECTED, "active") == shown(world)[:2]
    world.settle(ticks=5)

    assert ("disconnected", None) == (world.document()["status"], world.stored().due.next_at)


def test_an_operators_refresh_meets_the_mark(world: World) -> None:
    """The token is not presented any more, and the result says who has to act."""
    post(world, shop_event(world))

    assert Result.DISCONNECTED == world.on_demand.refresh(NAME, world.budget()).result
    assert [] == world.shop.ledger


def test_an_account_that_left_without_a_secret_is_not_brought_back(world: World) -> None:
    """That the authorization is over is what is kept, and nothing is presented."""
    world.secrets.schedule_deletion(world.secrets.secret(NAME).arn)
    world.connections.note_deauthorized(NAME, at=world.clock.now(), now=world.clock.now())
    seen = [
        world.run().result,
        world.run(compare=True).result,
        world.commands.republisher.publish(NAME, world.budget()).result,
    ]
    world.settle(ticks=3)

    assert [Result.DISCONNECTED, Result.ORPHANED, Result.REAUTHORIZE] == seen
    assert (Status.DISCONNECTED, "deauthorized") == (world.stored().status, world.stored().reason)
    assert ([], ["connection.disconnected"]) == (world.shop.ledger, world.alerted())


# ------------------------------------------------------------------------------------------ other kinds, other people


def test_an_authorization_that_ends_soon_comes_with_a_link(world: World) -> None:
    """The operator gets a fresh invite for that account, which works; nothing of the connection changes."""
    before = world.stored()
    ends = world.clock.now() + 30 * 86_400
    body = shop_event(world, type=7, data={"expiration_time": str(ends)})
    assert [200, 200] == [post(world, body).status for _ in range(2)]
    (alert,) = world.alerts.told
    invite = world.signer.read_invite(alert.link.partition("?invite=")[2], app=APP, now=world.clock.now() + 6 * 86_400)
    assert (ACCOUNT, "Acme GmbH") == (invite.for_account, invite.label)
    assert ("authorization.expiring", str(NAME)) == (alert.kind, alert.subject)
    assert "2023-12-14" in alert.detail
    assert alert.link.startswith(f"{world.base_url}/connect/{APP}?")
    assert 302 == world.seller_pages.connect(APP, alert.link.partition("?")[2], (), base_url=world.base_url).status
    assert before == world.stored()


def test_an_end_that_a_new_authorization_has_moved(world: World) -> None:
    """What was said of the authorization before counts no more; without a date the alert says soon."""
    post(world, shop_event(world, type=7, timestamp=world.clock.now() - 7200, tts_notification_id="1"))
    assert ("outdated", []) == (last_result(world), world.alerts.told)
    post(world, shop_event(world, type=7, tts_notification_id="2"))
    assert "ends soon" in world.alerts.told[0].detail


VENDORS_VECTOR = (
    b'{"type":1,"tts_notification_id":"7380066284010030890","shop_id":"7495540735365777507","timestamp":1718305585,'
    b'"data":{"is_on_hold_order":true,"order_id":"576653688135258178","order_status":"UNPAID",'
    b'"update_time":1718305585}}'
)
VENDORS_SIGNATURE = "5dec0f11ec2f6783b8deee53c9ffbf8d024302f7c7e7fa55a35d17629031ac05"


def test_the_vendors_own_example(world: World) -> None:
    """The signature of the vendor's page holds; an order asks nothing of us, and costs no call but to read the app."""
    world.apps.register(replace(world.app, name="vector", client_id="abcdef", client_secret=Secret("123")))
    before = world.aws_calls()
    answer = post(world, VENDORS_VECTOR, {"authorization": VENDORS_SIGNATURE}, app="vector")
    assert (200, "not_ours", 2) == (answer.status, last_result(world), world.aws_calls() - before)


@pytest.mark.parametrize("changed", [{"shop_id": "1"}, {"shop_id": None}, {"shop_id": 7}, {"shop_id": "x" * 50_000}])
@pytest.mark.parametrize("kind", [6, 7])
def test_an_unknown_connection_is_acknowledged(world: World, changed: dict[str, Any], kind: int) -> None:
    """A seller may have left whom no look-up names: an operator finds a warning in the log."""
    before = world.stored()

    assert 200 == post(world, shop_event(world, type=kind, **changed)).status
    assert ("unknown_connection", before) == (last_result(world), world.stored())
    assert ["warning"] == [line.level for line in world.log.lines if line.event == "webhook.received"]


@pytest.mark.parametrize("account", ["nobody", "\ud800", "x" * 901, "a\nb"])
def test_an_account_that_cannot_be_ours(world: World, account: str) -> None:
    """A name that no connection has, or can have."""
    now = world.clock.now()

    assert "unknown_connection" == post_login(world, login_event(now, user_openid=account), now)


@pytest.mark.parametrize("changed", [{"type": 9_999}, {"type": "6"}, {"type": None}, {"type": [6]}, {"type": 6.5}])
def test_an_unknown_type_is_acknowledged(world: World, changed: dict[str, Any]) -> None:
    """What a provider thinks of next changes nothing here."""
    before = world.stored()
    assert 200 == post(world, shop_event(world, **changed)).status
    assert ("not_ours", before, []) == (last_result(world), world.stored(), world.queue.works)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"\\ud800"', b"\xff\xfe{}", b"[" * 60_000, b'{"type":6,"type":7}', b"1" * 60_000],
)
def test_a_signed_body_that_nobody_can_read_is_acknowledged(world: World, body: bytes) -> None:
    """It would be no more readable when it is repeated for days."""
    assert 200 == post(world, body).status
    assert "webhook.unreadable" == world.log.lines[-1].event


@pytest.mark.parametrize("at", [float("nan"), "now", True, -5, 10**30, [], {}])
def test_an_odd_time_breaks_nothing(world: World, at: object) -> None:
    """Whatever is in the place of a time, the response is that of any other event."""
    assert 200 == post(world, shop_event(world, timestamp=at)).status


# ------------------------------------------------------------------------------------------------------- signatures


def _spoilt(body: bytes) -> list[tuple[bytes, dict[str, str]]]:
    good = shop_signature(body)["authorization"]
    return [
        (body + b" ", {"authorization": good}),
        (body.replace(b"6", b"7", 1), {"authorization": good}),
        (json.dumps(json.loads(body), separators=(",", ":")).encode(), {"authorization": good}),
        (body, {"authorization": good[:-1] + ("0" if good[-1] != "0" else "1")}),
        (body, {"authorization": good.upper()}),
        (body, {"authorization": f"Bearer {good}"}),
        (body, {"authorization": f"{good}\n"}),
        (body, {"authorization": ""}),
        (body, {"authorization": "é" * 64}),
        (body, {"x-authorization": good}),
        (body, {}),
        (body, login_signature(body, 1, secret="e59af819cc")),
        (body, shop_signature(body, app_key="another")),
        (body, shop_signature(body, secret="another")),
    ]


@pytest.mark.parametrize("number", range(14))
def test_a_signature_that_does_not_hold(world: World, number: int) -> None:
    """One space more, a digit other, a body written anew, another scheme: 401, no call after the cold start."""
    record = world.stored()
    body, headers = _spoilt(shop_event(world))[number]
    assert 401 == post(world, body, headers).status
    before = world.aws_calls()

    assert [401] * 50 == [post(world, body, headers).status for _ in range(50)]
    assert [404] * 50 == [post(world, body, headers, app="nobody").status for _ in range(50)]
    assert (before, record, [], []) == (world.aws_calls(), world.stored(), world.queue.works, world.alerts.told)


def test_the_scheme_of_the_other_product(world: World) -> None:
    """Login Kit's app does not take Shop's scheme, though the key is right."""
    body = login_event(world.clock.now())
    assert 401 == post(world, body, shop_signature(body, app_key="awx1", secret="login-secret"), app="tiktok").status


def test_both_secrets_count_while_one_replaces_the_other(world: World) -> None:
    """A provider signs with either; with neither once both are gone."""
    world.apps.register(replace(world.app, name="turning", new_client_secret=Secret("the-new-one")))
    body = shop_event(world, type=1)
    answers = [
        post(world, body, shop_signature(body, secret=secret), app="turning").status
        for secret in ("e59af819cc", "the-new-one", "the-old-one")
    ]
    assert [200, 200, 401] == answers


def test_an_empty_secret_signs_nothing(world: World) -> None:
    """Anybody can sign with it: an app whose secret was emptied takes no event."""
    world.apps.register(replace(world.app, name="bare", client_secret=Secret("")))
    body = shop_event(world)

    assert 401 == post(world, body, shop_signature(body, secret=""), app="bare").status


@pytest.mark.parametrize("app", ["nobody", "ads", "UPPER", "", "../admin", "a" * 41])
def test_where_no_webhook_is(world: World, app: str) -> None:
    """An app that is not registered, cannot be, or whose provider sends no events: the last alone is guarded."""
    assert [404, 401 if app == "ads" else 404] == [
        post(world, shop_event(world), headers, app=app).status for headers in (None, {})
    ]


def test_a_body_that_is_too_large(world: World) -> None:
    """No event is that long: it is refused before it is read, without a call to anyone."""
    before = world.aws_calls()
    body = b" " * (LONGEST_BODY + 1)
    assert (413, 0) == (post(world, body).status, world.aws_calls() - before)
    assert 413 != post(world, body[:-1]).status


def test_nothing_of_a_request_is_logged(world: World) -> None:
    """Log lines hold the kind, the app and the result, and no alert's link."""
    body = shop_event(world, secret="canary-body")
    post(world, body, {**shop_signature(body), "x": "canary-header"})
    post(world, body, {"authorization": "canary-header"})
    assert {"app", "kind", "result"} >= {key for line in world.log.lines for key in line.fields}
    assert "canary" not in repr(world.log.lines)


# ------------------------------------------------------------------------------------------------- when AWS is down

TABLE_CALLS = {"webhook_events": ("seen", "note"), "connections": ("find", "note_deauthorized")}


@pytest.mark.parametrize(
    ("port", "method"),
    [(port, method) for port, methods in TABLE_CALLS.items() for method in methods],
)
@pytest.mark.parametrize("after_commit", [False, True])
def test_a_table_that_fails_is_asked_again(world: World, port: str, method: str, *, after_commit: bool) -> None:
    """503 makes the provider repeat the event, which then has its effect."""
    body = shop_event(world)
    getattr(world, port).fail_next(method, StoreUnavailable, after_commit=after_commit)
    assert 503 == post(world, body).status
    assert 200 == post(world, body).status
    world.drain()
    assert Status.DISCONNECTED == world.stored().status
    assert 1 == [alert.kind for alert in world.alerts.told].count("connection.disconnected")


@pytest.mark.parametrize(("port", "method"), [("queue", "send"), ("apps", "get")])
def test_a_queue_or_an_app_that_fails_is_asked_again(world: World, port: str, method: str) -> None:
    """The mark alone is not acknowledged. The provider repeats a webhook after minutes at the earliest."""
    body = shop_event(world)
    getattr(world, port).fail_next(method, StoreUnavailable)
    assert 503 == post(world, body).status
    world.clock.advance(60)

    assert 200 == post(world, body).status
    assert [Work(connection=NAME, compare=True)] == world.queue.works


def test_a_record_of_a_newer_version_is_asked_again(world: World) -> None:
    """In mid-deployment the event comes again, to the newer version."""
    world.connections.seed(replace(world.stored(), schema=2))
    assert 503 == post(world, shop_event(world)).status


# ----------------------------------------------------------------------------------------------------- API Gateway


@pytest.mark.parametrize("name", ["authorization", "Authorization", "AUTHORIZATION"])
@pytest.mark.parametrize("encoded", [False, True])
def test_what_api_gateway_makes_of_a_request(world: World, name: str, *, encoded: bool) -> None:
    """Header names in any case, and a body that came encoded, are what was sent."""
    body = shop_event(world, seller="日本")
    text = base64.b64encode(body).decode() if encoded else body.decode()
    event = {"headers": {name: shop_signature(body)["authorization"]}, "body": text, "isBase64Encoded": encoded}
    answer = world.webhooks.receive(APP, headers_of(event), raw_body(event), base_url=world.base_url)
    assert (200, "marked") == (answer.status, last_result(world))
