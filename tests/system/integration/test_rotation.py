"""Tokens stay fresh on the deployed stack: by schedule, on demand, and after a worker was killed at any step."""

from __future__ import annotations

import threading
import time

import pytest

from fault_rows import fault
from stack import Browser, Sandbox, Stack, eventually
from tokensync.domain.connection import Connection, Exemption, Phase, Status
from tokensync.domain.names import ConnectionName

APP = "rotation-shop"
PLACES = ("leased", "sent", "answered", "received", "published", "committed")
PROBED = 1200  # seconds: past a probe, and past what the connections of a paused app wait for


@pytest.fixture(scope="module")
def sandbox(stack: Stack) -> Sandbox:
    """An app whose tokens live long enough for the schedule to leave them alone."""
    return stack.add_app(APP, access_token_seconds=3600)


def test_the_schedule_refreshes_by_itself(stack: Stack) -> None:
    """Short-lived tokens grow a generation without anybody asking, and the secret follows."""
    sandbox = stack.add_app("scheduled-shop", access_token_seconds=200)
    names = [stack.connect("scheduled-shop", sandbox, seller) for seller in sandbox.sellers(3)]
    first = {name: stack.document(name) for name in names}
    eventually(lambda: all(stack.stored(name).generation >= 2 for name in names))

    for name in names:
        document = eventually(lambda name=name: _newer(stack, name, first[name]["generation"]))
        assert "active" == document["status"]
        assert document["expires_at"] > time.time()
        assert document["access_token"] != first[name]["access_token"]
    assert [] == sandbox.doubles()


def _newer(stack: Stack, name: ConnectionName, generation: int) -> dict[str, object] | None:
    document = stack.document(name)
    return document if document["generation"] > generation else None


def test_refresh_on_demand(stack: Stack, sandbox: Sandbox) -> None:
    """`refresh` answers with the new generation, and the secret holds it."""
    name = stack.connect(APP, sandbox, sandbox.sellers(1)[0])
    answer = stack.refresh(name)

    assert (True, "refreshed") == (answer["ok"], answer["result"])
    assert answer["connection"]["generation"] == stack.document(name)["generation"] == 2


def test_simultaneous_requests_make_one_call(stack: Stack, sandbox: Sandbox) -> None:
    """Eight operators who saw the same generation cause one presentation, and all get the new token."""
    seller = sandbox.sellers(1)[0]
    name = stack.connect(APP, sandbox, seller)
    answers: list[dict[str, object]] = []
    threads = [threading.Thread(target=lambda: answers.append(stack.refresh(name, generation=1))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [True] * 8 == [answer["ok"] for answer in answers]
    assert 1 == len(sandbox.entries(account=seller, kind="refresh_token"))


@pytest.fixture(scope="module")
def killed(stack: Stack, sandbox: Sandbox) -> dict[str, tuple[ConnectionName, Connection]]:
    """One connection for each step: its worker was killed there with SIGKILL, then the schedule came by."""
    names: dict[str, ConnectionName] = {}
    for place, seller in zip(PLACES, sandbox.sellers(len(PLACES)), strict=True):
        names[place] = stack.connect(APP, sandbox, seller)
        stack.failpoint(place)
        stack.refresh(names[place])
    stack.soon(lambda: all(_settled(stack.stored(name)) for name in names.values()))
    return {place: (name, stack.stored(name)) for place, name in names.items()}


def _settled(record: Connection) -> bool:
    done = record.phase is Phase.IDLE and record.lease_until is None
    return done and (record.generation >= 2 or record.status is Status.HELD)


@pytest.mark.parametrize("place", PLACES)
def test_a_killed_worker_leaves_the_connection_alive(
    stack: Stack, sandbox: Sandbox, killed: dict[str, tuple[ConnectionName, Connection]], place: str
) -> None:
    """Killed at any step and left alone, the connection ends active or held, never dead; nothing presented twice."""
    name, record = killed[place]
    document = stack.document(name)
    presented = sandbox.entries(account=name.account, kind="refresh_token")

    if place in ("sent", "answered"):
        assert (Status.HELD, Exemption.LAST_ATTEMPT, "held") == (record.status, record.exemption, document["status"])
    else:
        assert (Status.ACTIVE, "active") == (record.status, document["status"])
        assert 1 == len(presented)
    assert record.generation == document["generation"]
    assert len({entry["presented"] for entry in presented}) == len(presented)


def test_a_killed_callback_is_finished_by_the_rotation(stack: Stack, sandbox: Sandbox) -> None:
    """A callback that dies after the answer was stored: the rotation makes the connection; the code is shown once."""
    seller = sandbox.sellers(1)[0]
    browser = Browser(stack, APP, sandbox)
    browser.connect(stack.invite(APP))
    stack.failpoint("exchange.received")
    browser.get(browser.consent(seller))
    stack.soon(lambda: "Your account is connected" in browser.result().text)

    assert Status.ACTIVE == stack.stored(ConnectionName(APP, seller)).status
    assert 1 == len(sandbox.entries(account=seller, kind="code"))


def test_a_reauthorization_in_mid_refresh_wins(stack: Stack, sandbox: Sandbox) -> None:
    """The old refresh hangs with its answer in hand; the new grant stands, and the secret ends equal to it."""
    seller = sandbox.sellers(1)[0]
    name = stack.connect(APP, sandbox, seller)
    stack.failpoint("answered", "hang 6")
    refreshing = threading.Thread(target=lambda: stack.refresh(name))
    refreshing.start()
    eventually(lambda: len(sandbox.entries(account=seller, kind="refresh_token")) == 1, seconds=20)
    stack.connect(APP, sandbox, seller, for_account=seller)
    reauthorized = stack.stored(name)
    refreshing.join()
    stack.soon(lambda: stack.stored(name).due.compare_at is None)

    record, document = stack.stored(name), stack.document(name)
    assert Status.ACTIVE == record.status
    assert record.generation == document["generation"] == reauthorized.generation
    assert [] == sandbox.doubles()


def test_a_refused_token_asks_the_seller_to_come_back(stack: Stack, sandbox: Sandbox) -> None:
    """The seller withdrew the permission, and another one's token is taken: `reauthorize`, and exit code 4."""
    seller, beside = sandbox.sellers(2)
    name, other = stack.connect(APP, sandbox, seller), stack.connect(APP, sandbox, beside)
    sandbox.call("POST", "revoke", provider="tiktok_shop", app=sandbox.app_key, account=seller)
    held = stack.refresh(name)
    assert (False, 5, "held") == (held["ok"], held["exit"], stack.document(name)["status"])
    assert stack.refresh(other)["ok"]
    stack.soon(lambda: stack.document(name)["status"] == "reauthorize")
    answer = stack.refresh(name)

    assert (False, 4) == (answer["ok"], answer["exit"])
    assert 1 == len(sandbox.entries(kind="refresh_token", account=seller))


def test_an_app_whose_secret_is_wrong_for_a_while_runs_again_by_itself(stack: Stack) -> None:
    """Three connections pause it, nothing of them changes, and a probe ends the pause once the secret is right."""
    sandbox = stack.add_app("probed", access_token_seconds=3600)
    names = [stack.connect("probed", sandbox, seller) for seller in sandbox.sellers(3)]
    right = {"app_key": sandbox.app_key, "app_secret": sandbox.app_secret, "service_id": sandbox.service_id}
    sandbox.call("POST", "apps", provider="tiktok_shop", **{**right, "app_secret": "another"})
    for name in names:
        assert not stack.refresh(name)["ok"]
    assert "configuration" == stack.apps.state("probed").paused_kind
    assert {"active"} == {stack.document(name)["status"] for name in names}
    sandbox.call("POST", "apps", provider="tiktok_shop", **right)
    stack.soon(lambda: not stack.apps.state("probed").paused, ahead=PROBED)
    stack.soon(lambda: all(stack.document(name)["generation"] > 1 for name in names), ahead=2 * PROBED)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"fault": "throttle", "headers": {"Retry-After": "5"}}, Status.ACTIVE),
        ({"fault": "status", "status": 503, "headers": {"Retry-After": "5"}}, Status.ACTIVE),
        ({"fault": "status", "status": 503, "body": "upstream connect error"}, Status.HELD),
        ({"fault": "drop_after_commit"}, Status.HELD),
        pytest.param({"fault": "drip", "seconds": 0.4}, Status.HELD, marks=fault("F21")),
        ({"fault": "mangle", "how": "html"}, Status.HELD),
        ({"fault": "mangle", "how": "gzip"}, Status.ACTIVE),
        ({"fault": "mangle", "how": "gzip_bomb"}, Status.HELD),
        ({"fault": "mangle", "how": "deep"}, Status.HELD),
        ({"fault": "redirect", "location": "/tiktok_shop/api/v2/token/refresh"}, Status.HELD),
        ({"fault": "mangle", "how": "no_expiry"}, Status.ACTIVE),
    ],
    ids=lambda value: str(value.get("how", value["fault"])) if isinstance(value, dict) else "",
)
def test_a_misbehaving_provider_never_kills_a_connection(
    stack: Stack, sandbox: Sandbox, fault: dict[str, object], status: Status
) -> None:
    """Whatever comes back, the connection stays active or is held, and the published token stays."""
    seller = sandbox.sellers(1)[0]
    name = stack.connect(APP, sandbox, seller)
    before = stack.document(name)
    sandbox.fault("refresh", **fault)  # type: ignore[arg-type]
    stack.refresh(name)

    assert status == stack.stored(name).status
    document = stack.document(name)
    assert status == document["status"]
    assert document["access_token"] == before["access_token"] or document["generation"] == 2
    assert 1 == len(sandbox.entries(account=seller, kind="refresh_token"))


def test_a_deleted_secret_orphans_its_connection(stack: Stack, sandbox: Sandbox) -> None:
    """A deleted secret orphans its connection: the grant stays, nothing is recreated, an operator is told."""
    name = stack.connect(APP, sandbox, sandbox.sellers(1)[0])
    published = stack.stored(name).published
    assert published is not None
    stack.secrets.delete_secret(SecretId=published.arn)
    answer = stack.refresh(name)

    assert (False, "orphaned") == (answer["ok"], answer["result"])
    assert Status.ORPHANED == stack.stored(name).status
    assert "DeletedDate" in stack.secrets.describe_secret(SecretId=published.arn)


def test_a_fleet_is_refreshed_once_each(stack: Stack) -> None:
    """A full queue, delivered by the real poller to several workers: each token is presented exactly once."""
    sandbox = stack.add_app("fleet-shop", access_token_seconds=3600)
    sellers = sandbox.sellers(30)
    names = [stack.connect("fleet-shop", sandbox, seller) for seller in sellers]
    now = int(time.time())
    for name in names:
        assert stack.connections.request_refresh(name, generation=1, now=now)
    stack.tick()
    stack.tick()
    eventually(lambda: all(stack.stored(name).generation == 2 for name in names))

    entries = sandbox.entries(kind="refresh_token")
    assert (30, []) == (len(entries), sandbox.doubles())
