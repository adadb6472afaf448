"""The judge of the crash matrix, on fabricated cases: what it must not forgive."""

from __future__ import annotations

import hashlib
import time
from types import SimpleNamespace
from typing import Any

import pytest

from faults.matrix.cases import Case, Company, Mishap, Subject
from faults.matrix.judging import Judge
from faults.matrix.scene import Presented
from tokensync.domain.connection import Attempt, Connection, Exemption, Status
from tokensync.domain.grant import Grant
from tokensync.domain.messages import ProviderResponse
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
from tokensync.domain.work import Work

NAME = ConnectionName("app", "account")
_ENDED = {"status": Status.REAUTHORIZE, "reason": "refused"}


def digest(text: str) -> str:
    """Return what the ledger keeps of a credential."""
    return hashlib.sha256(text.encode()).hexdigest()


def entry(seq: int, kind: str, presented: str, pair: str = "") -> dict[str, Any]:
    """Return an entry of the ledger, made `seq` seconds ago; `pair` is the number of the pair that was issued."""
    issued = {"access_token": digest(f"A{pair}"), "refresh_token": digest(f"R{pair}")} if pair else None
    told = {"outcome": "issued" if pair else "refused", "committed": bool(pair), "issued": issued}
    return {"seq": seq, "kind": kind, "presented": digest(presented), "at": time.time() + seq, **told}


def presented(seq: int, exemption: Exemption | None) -> Any:
    """Return the worker of an entry, which had its answer in hand, and stored it nowhere."""
    began = time.perf_counter() + seq
    times = [("leased", "1", began - 0.4), ("sent", "1", began - 0.3), ("answered", "1", began + 0.3)]
    worker: Any = SimpleNamespace(
        id=f"worker-{seq}", times=lambda: times, places=lambda: [name for name, _, _ in times]
    )
    return Presented(worker, Attempt(id="", fence=1, at=0, exemption=exemption))


def verdict(mishap: Mishap, *, exemption: Exemption | None = Exemption.LAST_ATTEMPT, kept: bool = False) -> list[str]:
    """Return what the judge says where the one answer got lost, and the last attempt was refused."""
    company = Company.WORKER if mishap is Mishap.SLOW else Company.ALONE
    entries = [entry(1, "code", "c", "0"), entry(2, "refresh_token", "R0", "1"), entry(3, "refresh_token", "R0")]
    final = Connection(name=NAME, provider="oauth2", generation=1, **_ENDED)  # type: ignore[arg-type]
    played: Any = SimpleNamespace(
        case=Case(Subject.REFRESH, "answered", mishap, company=company),
        registration=SimpleNamespace(connection=NAME, sandbox=SimpleNamespace(entries=lambda: entries)),
        presented=[presented(2, None), presented(3, exemption)],
        harmed_worker="worker-2",
        missed=[],
        kept=[Work(connection=NAME, answer=b"sealed")] if kept else [],
        harmed=2,
        ended=3,
        recovered=Connection(name=NAME, provider="oauth2", status=Status.HELD, reason="ambiguous", generation=1),
        final=final,
        proved=final,
        document={"access_token": "A0", "generation": 1, "status": "reauthorize"},
        callback=None,
        seen_by_reader=[],
    )
    return Judge(unsealer()).verdict(played).broken


def unsealer() -> Any:
    """Return one that opens the grant, which holds the first pair, and the answer with the second one."""
    grant = Grant(
        account_id="account",
        label="",
        access_token=Secret("A0"),
        refresh_token=Secret("R0"),
        token_type="Bearer",
        scopes=(),
        obtained_at=0,
    )
    answer = ProviderResponse(status=200, body=b'{"access_token": "A1", "refresh_token": "R1"}', received_at=0)
    sealer = SimpleNamespace(open=lambda _sealed, **_place: answer.to_bytes())
    return SimpleNamespace(grant=lambda _record: grant, sealer=sealer)


@pytest.mark.parametrize("mishap", [Mishap.KILL, Mishap.EXCEPTION, Mishap.HANG, Mishap.DOWN, Mishap.LOST])
def test_an_answer_may_go_with_its_worker(mishap: Mishap) -> None:
    """The one limit: nobody else had it yet."""
    assert [] == verdict(mishap)


@pytest.mark.parametrize("mishap", [Mishap.STOP, Mishap.CLOCK, Mishap.SLOW, Mishap.NO_TABLE])
def test_whoever_lives_loses_no_answer(mishap: Mishap) -> None:
    """A worker that goes on, however late, has to store what it was given."""
    assert "an answer got lost where it need not" in verdict(mishap)


def test_an_answer_beside_the_record_counts_as_stored() -> None:
    """A place of its own, or a message, is as durable as the record."""
    assert "I1: an answer was stored and is not the grant" in verdict(Mishap.KILL, kept=True)


@pytest.mark.parametrize("exemption", [None, Exemption.OPERATOR, Exemption.GRACE, Exemption.NOT_PROCESSED])
def test_a_second_presentation_has_its_exemption(exemption: Exemption | None) -> None:
    """It stands on the attempt, and is true: nobody is an operator here, and what was committed was processed."""
    assert "I2: presented 1 times without an exemption" in verdict(Mishap.KILL, exemption=exemption)
