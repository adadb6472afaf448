"""AWS degrades while connections fall due: nothing is spent that cannot be stored, and all are healthy after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from canary import hears_alerts, leaked
from fault_rows import fault
from faults.degraded import CANARY, Scenario, play
from faults.fleet import seeded
from faults.outages import degradable
from faults.polling import batch, scheduled
from faults.script import Effect, Fault
from tokensync.domain.connection import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults.proxy import FaultProxy
    from faults.warm import Pool
    from stack import Stack

THREADS = 20  # connections that a batch works on side by side
DUE = 60


@pytest.fixture(scope="module")
def degraded(stack: Stack) -> Iterator[tuple[Pool, FaultProxy]]:
    """Warm workers behind a fault proxy."""
    hears_alerts(stack)
    with degradable(stack) as given:
        yield given


@fault("F8")
@pytest.mark.parametrize(
    "scenario",
    [
        Scenario(services=("dynamodb",), mode="down", due=20, minutes=1),
        Scenario(services=("secretsmanager", "kms"), mode="throttled", due=20, minutes=1),
    ],
    ids=lambda scenario: scenario.name,
)
def test_an_outage_loses_nothing(stack: Stack, degraded: tuple[Pool, FaultProxy], scenario: Scenario) -> None:
    """Every new pair has a durable place, each token is presented once, and all are healthy within a claim."""
    outcome = play(stack, scenario, *degraded)

    assert [] == outcome.broken()


@fault("F5")
def test_a_batch_takes_no_new_work_while_secrets_cannot_be_written(
    stack: Stack, degraded: tuple[Pool, FaultProxy]
) -> None:
    """Sixty due in one batch: what was under way is stored sealed, and after the first failure nothing is presented."""
    pool, proxy = degraded
    fleet = seeded(stack, "backpressure", count=DUE, token_marker=CANARY)
    letters = [scheduled(connection=str(name)) for name in fleet.names]
    throttled = proxy.add(Fault("secretsmanager", "PutSecretValue", Effect.THROTTLE))
    pool.set_clock(0)
    (report,) = pool.ask([batch(letters)])
    under_way = {entry["account"] for entry in fleet.presentations()}

    assert report is not None
    assert 1 <= len(under_way) <= THREADS
    returned = {failure["itemIdentifier"] for failure in report["batchItemFailures"]}
    not_begun = {letter.id for letter, name in zip(letters, fleet.names, strict=True) if name.account not in under_way}
    assert not_begun <= returned
    assert {"grant"} == set(fleet.places().values())

    proxy.remove(throttled)
    pool.set_clock(60)
    list(pool.ask([batch(letters)]))
    assert {name: pair["access_token"] for name, pair in fleet.issued().items()} == fleet.published()
    assert (DUE, [], {Status.ACTIVE: DUE}) == (len(fleet.presentations()), fleet.doubles(), fleet.statuses())


@fault("D canaries")
def test_no_outage_lets_a_secret_out(stack: Stack, degraded: tuple[Pool, FaultProxy]) -> None:
    """After all of the above, at DEBUG: logs, alerts, messages that kept an answer, the table."""
    written = degraded[0].workers.written()

    assert '"level":"WARNING"' in written
    assert [] == leaked(stack, [CANARY], written)
