"""What docs/reliability.md says of times is what the code and the template make of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tokensync.aws.items import KEPT_ANSWER
from tokensync.domain.connection import Connection
from tokensync.domain.names import ConnectionName
from tokensync.domain.runtime import DAY, Cadence
from tokensync.refresh import schedule
from unit.template.document import of_type, read

PAGE = (Path(__file__).parents[2] / "docs/reliability.md").read_text()
# Its refreshes come as late as any connection's do.
LATEST = max((ConnectionName("app", str(number)) for number in range(2000)), key=schedule.jitter)
ROW = re.compile(r"^\| (\d+) (min|h) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (-?\d+) \|$", re.MULTILINE)
CADENCE = Cadence()


def production(key: str) -> int:
    """Return one of the production stack's times, in seconds."""
    return int(read()["Mappings"]["Paces"]["production"][key])


def retentions() -> set[int]:
    """Return how long the queues keep a message, in seconds."""
    queues = of_type(read(), "AWS::SQS::Queue").values()
    return {queue["Properties"]["MessageRetentionPeriod"] for queue in queues}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"A kept answer lives (\d+) days", KEPT_ANSWER // DAY),
        (r"only a message holds lives (\d+) days", max(retentions()) // DAY),
        (r"visibility of (\d+) seconds", production("QueueVisibility")),
        (r"claim, at most (\d+) seconds", production("Claim")),
        (r"claim, at most (\d+) seconds", schedule.CLAIM_LONGEST),
    ],
)
def test_a_time_is_the_codes_own(pattern: str, expected: int) -> None:
    """A number in the page is the constant that it speaks of, or the template's."""
    assert [expected] == [int(found) for found in re.findall(pattern, PAGE)]


def test_every_queue_keeps_its_messages_as_long() -> None:
    """A sealed answer may wait in the refresh queue and then among the dead letters."""
    assert 1 == len(retentions())


def rounded(seconds: float) -> int:
    """Return seconds as the page gives them, to the nearest ten."""
    return round(seconds / 10) * 10


def costs(life: int) -> tuple[int, ...]:
    """Return when a token is due at the latest, what it has left then, and what a death and a loss take of that."""
    due = schedule.renew_at(LATEST, now=0, life=life, cadence=CADENCE)
    assert due is not None
    record = Connection(name=LATEST, provider="p", obtained_at=0, access_expires_at=life)
    claim = schedule.due_at(record.with_due(renew_at=due), due).due.claim or schedule.CLAIM_LONGEST
    way = CADENCE.tick + schedule.PRESENTATION
    lost = way + claim + CADENCE.tick
    died = min(way + production("QueueVisibility"), lost)
    return tuple(map(rounded, (due, life - due, died, lost, life - due - lost)))


@pytest.mark.parametrize("row", ROW.findall(PAGE), ids=lambda row: f"{row[0]} {row[1]}")
def test_what_a_loss_costs_a_token_of_this_life(row: tuple[str, ...]) -> None:
    """Each line of the table is what the schedule computes."""
    life = int(row[0]) * (60 if row[1] == "min" else 3600)
    assert costs(life) == tuple(map(int, row[2:]))


def test_the_table_has_the_lives_that_are_promised() -> None:
    """From 15 minutes up, nothing is lost by one death or one loss."""
    rows = ROW.findall(PAGE)
    assert ["15", "20", "30", "1", "2", "4"] == [row[0] for row in rows]
    assert [True] * len(rows) == [int(row[-1]) > 0 for row in rows]
