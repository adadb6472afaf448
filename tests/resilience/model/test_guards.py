"""Each guard of the protocol is needed: a copy of the code without it breaks a promise, and the copy as it is does not.

What is taken out is text of the real source, which must stand there exactly once: who changes such a line says here
how the guard is taken out from then on. Where a guard lives in the table, what is cut is the in-memory twin, and below
stands that DynamoDB is asked for the same; both are held to one contract, `contracts.connections`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tokensync.aws.connections import DynamoConnections
from tokensync.domain.connection import Attempt, Connection
from tokensync.domain.names import ConnectionName

if TYPE_CHECKING:
    from tokensync.aws.dynamodb import Change

ROOT = Path(__file__).parents[3]
CORE = Path("layers/core/python/tokensync")
COPIED = (CORE, Path("tests/fakes"), Path("tests/resilience/model"))
REFRESH, RUNTIME = CORE / "refresh/attempt.py", CORE / "domain/runtime.py"
STATUSES, COMMITTING = CORE / "refresh/decisions.py", CORE / "refresh/commit.py"
ESTABLISH = CORE / "authorize/establish.py"
TWIN = Path("tests/fakes/connections.py")


@dataclass(frozen=True)
class Cut:
    """A guard taken out: in which file, what stood there, what stands there without it, and what breaks then."""

    file: Path
    guard: str
    without: str
    breaks: tuple[str, ...]


CUTS = {
    "sent_mark": Cut(
        REFRESH,
        "sent = self._marked(record, replace(record, phase=Phase.SENT, attempt=attempt, exemption=None))",
        "sent = replace(record, phase=Phase.SENT, attempt=attempt, exemption=None)",
        ("a refresh token was presented before SENT was written",),
    ),
    "fence": Cut(
        TWIN,
        "if row is None or _record(row).fence != before.fence:",
        "if row is None:",
        ("I1", "I2", "I3", "I6"),
    ),
    "lease_margin": Cut(
        RUNTIME,
        "return self._clock.now() + math.ceil(self._left()) + limits.lease_margin",
        "return self._clock.now() + limits.lease_margin",
        ("although nothing went wrong", "I2"),
    ),
    "raw_first": Cut(
        REFRESH,
        "        return Sent(sent, response, ready.grant)\n",
        "        from tokensync.oauth.token_response import read_token_response\n"
        "        read = read_token_response(session.provider, response, secrets=[])\n"
        "        if isinstance(read, Failure):\n"
        "            raise LeaseEnded(self.concluder.settle(sent, read, ready.grant, session, previous=None))\n"
        "        return Sent(sent, response, ready.grant)\n",
        ("raw first",),
    ),
    "reread": Cut(
        TWIN,
        "                attempt=None,\n",
        "                attempt=current.attempt,\n",
        ("I1", "I6", "although nothing went wrong", "I2"),
    ),
    "late_comparison": Cut(
        ESTABLISH,
        "    return max(ends) if max(ends) > now else None\n",
        "    return now\n",
        ("I3",),
    ),
    "late_answer": Cut(
        REFRESH,
        "    fences = (attempt.fence, *attempt.earlier)\n",
        "    fences: tuple[int, ...] = ()\n",
        ("I1",),
    ),
    "placed_once": Cut(
        CORE / "refresh/resume.py",
        "placed = replace(transitions.received(record, sealed), attempt=attempt)",
        "placed = transitions.received(record, sealed)",
        ("liveness", "I4"),
    ),
    "over_and_done": Cut(
        STATUSES,
        "        status=Status.DISCONNECTED,\n        reason=reason,\n        attempt=None,\n",
        "        status=Status.DISCONNECTED,\n        reason=reason,\n",
        ("disconnected for good",),
    ),
    "never_asleep": Cut(
        COMMITTING,
        "refresh_at = min(at, record.due.refresh_at or at)",
        "refresh_at = min(at, record.due.refresh_at or at) if compare else record.due.refresh_at",
        ("liveness", "I1"),
    ),
    "the_end": Cut(
        CORE / "refresh/schedule.py",
        "        ends_at(record),\n",
        "",
        ("liveness: held",),
    ),
    "carried_token": Cut(
        CORE / "authorize/connect.py",
        "        return record.status is not Status.ACTIVE or not is_endless\n",
        "        return False\n",
        ("I1", "ended although"),
    ),
    "carried_attempt": Cut(
        STATUSES,
        "        attempt=attempt if carried else None,\n",
        "        attempt=None,\n",
        ("I2",),
    ),
    "asked_once_more": Cut(
        CORE / "refresh/parked.py",
        "is_second = _was_asked_again(record) and not session.state.paused",
        "is_second = not session.state.paused",
        ("one refusal, and nobody beside it",),
    ),
    "probe": Cut(
        CORE / "refresh/gate.py",
        "            if session.claim_probe(now=now):\n                return True\n",
        "            break\n",
        ("liveness", "I4", "I6"),
    ),
    "due_after_lease": Cut(
        REFRESH,
        "        marked = schedule.due_after_lease(marked)\n",
        "",
        ("liveness", "I1"),
    ),
}


def copy(root: Path) -> Path:
    """Copy the core, its in-memory ports and the machine."""
    for part in COPIED:
        shutil.copytree(ROOT / part, root / part)
    return root


def lived(root: Path) -> subprocess.CompletedProcess[str]:
    """Let the machine live its known lives in a copy."""
    paths = os.pathsep.join(str(root / part) for part in (CORE.parent, "tests", "tests/resilience"))
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "model", "--known"],
        cwd=root,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_copy_as_it_is_keeps_every_promise(tmp_path: Path) -> None:
    """What the tests below see break, breaks for want of a guard."""
    done = lived(copy(tmp_path))

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("guard", CUTS)
def test_without_a_guard_a_promise_breaks(guard: str, tmp_path: Path) -> None:
    """The machine turns red, by a broken promise and nothing else."""
    cut = CUTS[guard]
    file = copy(tmp_path) / cut.file
    text = file.read_text()
    assert text.count(cut.guard) == 1, f"{cut.file} has changed: how is the guard taken out now?"
    file.write_text(text.replace(cut.guard, cut.without))
    done = lived(tmp_path)
    broken = [line for line in done.stderr.splitlines() if line.startswith("AssertionError")]

    assert done.returncode == 1, done.stdout
    assert any(promise in line for line in broken for promise in cut.breaks), done.stderr[-3000:]


class Asked(Exception):
    """What DynamoDB was asked to change."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        self.change = change


class AskedTable:
    """Stands for the table, and answers nothing."""

    def update(self, key: tuple[str, str], change: Change, **_: object) -> Any:
        """Tell what was asked for."""
        del key
        raise Asked(change)


LEASED = Connection(
    name=ConnectionName("app", "account"), provider="oauth2", fence=7, attempt=Attempt(id="a", fence=7, at=1)
)


def test_dynamodb_is_asked_for_the_fence() -> None:
    """Every write under a lease names the fence that it was taken with."""
    with pytest.raises(Asked) as asked:
        DynamoConnections(AskedTable()).write(LEASED, replace(LEASED, label="new"))  # type: ignore[arg-type]
    change = asked.value.change

    assert change.condition.startswith("#fence = :fence AND ")
    assert change.values["fence"] == LEASED.fence


def test_dynamodb_is_told_to_clear_the_attempt() -> None:
    """A new grant takes the attempt, its exemption and its answer from the record, whoever was at it."""
    with pytest.raises(Asked) as asked:
        DynamoConnections(AskedTable()).take_over(LEASED, until=1)  # type: ignore[arg-type]

    assert {"attempt", "exemption", "sealed_answer"} <= set(asked.value.change.remove)
