"""The figures of a run, and the histories of what went wrong in it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults.soaking.fleet import Fleet
    from faults.soaking.ledger import Account

_SHOWN = 5  # histories


def figures(fleet: Fleet, *, weeks: float, seconds: float) -> Iterator[str]:
    """Yield a line for each figure."""
    ledger, chance, judge, queue, people = fleet.server.ledger, fleet.chance, fleet.judge, fleet.queue, fleet.people
    faults, steps = sum(chance.injected.values()), chance.steps_at_risk
    yield f"{len(fleet.server.accounts)} connections over {weeks:g} simulated weeks in {seconds:.0f} s"
    yield f"provider calls: {ledger.presentations} refreshes presented, {ledger.issued} pairs given"
    yield f"steps: {steps}, faults: {faults} ({faults / max(steps, 1):.2%}), deaths: {fleet.timeline.deaths}"
    kinds = Counter[str]()
    for where, count in chance.injected.items():
        kinds[where.partition(": ")[2]] += count
    yield f"faults by kind: {_listed(kinds)}; spared: {chance.spared}"
    yield (
        f"queue: {queue.sent} sent, {queue.delivered} delivered, {queue.redelivered} of them again, "
        f"{people.redriven} dead letters redriven; {fleet.ticks} ticks"
    )
    yield f"losses: {len(ledger.losses)} ({_listed(_ends(fleet))})"
    yield (
        f"presented twice: {ledger.doubles}, spent ones among them: {_listed(ledger.spent)}; "
        f"exemptions: {ledger.exemptions} ({_listed(ledger.exempted)}), "
        f"{ledger.alone} of them for a first that never arrived; "
        f"safe ones asked again: {ledger.asked_again}"
    )
    yield f"provider calls per refresh that reached a secret: {ledger.presentations / max(judge.renewals, 1):.3f}"
    yield f"checks: {judge.checks} ({_listed(judge.seen)})"
    yield f"slowest from answer to secret: {timedelta(seconds=int(judge.slowest))}"
    gaps = Counter(why for _, _, why in judge.lifeless)
    for why in gaps:
        longest = max(gap for gap, _, other in judge.lifeless if other == why)
        yield f"without life ({why}): {gaps[why]} secrets, the longest for {timedelta(seconds=int(longest))}"
    yield f"sellers' visits: {people.visits}, operator's refreshes: {people.forced}, alerts: {_listed(people.told)}"
    yield f"invocations that failed: {_listed(fleet.log.broken)}"


def histories(fleet: Fleet) -> list[str]:
    """Return what went wrong, with the first histories that it happened in; empty where all is well."""
    wrong = [*fleet.judge.violations, *fleet.server.ledger.violations]
    lines = [f"{account.name}: {what}" for account, what in wrong[:200]]
    lines += [f"at the end {what}" for what in fleet.judge.unsettled()]
    lines += fleet.judge.misled()
    ledger = fleet.server.ledger
    if fleet.chance.spares and ledger.losses:
        lines += [f"{loss.account.name}: lost, {loss.how}" for loss in ledger.losses]
    if ledger.doubles != ledger.exemptions - ledger.alone:
        lines.append(f"{ledger.doubles} doubles, and {ledger.exemptions - ledger.alone} exemptions for them")
    for account in list(dict.fromkeys(account for account, _ in wrong))[:_SHOWN]:
        lines += ["", str(account.name), *_story(account, fleet.timeline.start)]
    return lines


def _ends(fleet: Fleet) -> Counter[str]:
    return Counter(" > ".join(loss.path) for loss in fleet.server.ledger.losses)


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counted.most_common()) or "none"


def _story(account: Account, start: int) -> Iterator[str]:
    for at, text in account.remembered or account.story:
        yield f"  {timedelta(seconds=round(at - start, 1))!s:>24}  {text}"
