"""Goes through every state of the model, and shows the shortest way to one that must not be."""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, NamedTuple

from model.protocol import State

if TYPE_CHECKING:
    from model.protocol import Protocol

# Where nobody can know that the provider committed: F2.
AMBIGUOUS = ("killed: answered", "provider: answer lost")


class Explored(NamedTuple):
    """What a search found: how many states, those in which it rests, and the way to the first wrong one."""

    states: int
    settled: list[State]
    wrong: str
    trace: list[str]


def explore(protocol: Protocol) -> Explored:
    """Search every reachable state, the nearest first.

    Raises:
        graphlib.CycleError: some way never comes to rest.
    """
    states, settled = [State()], list[State]()
    came: dict[State, tuple[State, str] | None] = {_alike(states[0]): None}
    ways: dict[State, list[State]] = {}
    for state in states:  # grows as it goes
        steps = list(protocol.steps(state))
        # What the world may still do is nothing to wait for.
        due = [step for step in steps if _events(step.state) == _events(state)]
        ways[_alike(state)] = [_alike(step.state) for step in due]
        wrong = _wrong(state) or ("" if due else _wrong_at_rest(state, protocol.reuse))
        if wrong:
            return Explored(len(came), settled, wrong, _way(came, state))
        if not due:
            settled.append(state)
        for step in steps:
            if _alike(step.state) not in came:
                came[_alike(step.state)] = (state, step.told)
                states.append(step.state)
    TopologicalSorter(ways).prepare()
    return Explored(len(came), settled, "", [])


def _wrong(state: State) -> str:
    """Return what must never be, empty where all is well."""
    record = state.record
    if record.status != "active" and not state.fault:
        return f"I6: {record.status} although nothing went wrong"
    if record.status == "reauthorize" and {record.token, -record.token} & state.alive:
        return "I6: sent back to consent without a refusal of this grant"
    return state.wrong


def _wrong_at_rest(state: State, reuse: str) -> str:
    """Return what must not be once nothing is left to be done."""
    record = state.record
    if state.secret != (record.generation, record.status):
        return f"I3: the secret holds {state.secret}, the grant is {(record.generation, record.status)}"
    if record.status == "held":
        return "liveness: held, with nothing to come"
    if record.status == "active" and record.token not in state.alive:
        return "I1: the newest token is lost, and nobody knows"
    if record.status == "reauthorize" and not (reuse == "single_use" and state.fault in AMBIGUOUS):
        return f"I1: lost beyond F2 ({state.fault})"
    return ""


def _events(state: State) -> tuple[str, bool, bool]:
    return state.fault, state.authorized, state.throttled


def _alike(state: State) -> State:
    """Return what stands for every state that differs only in which of the two workers is which."""
    return state._replace(workers=tuple(sorted(state.workers, key=hash)))


def _way(came: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    trace = []
    while (step := came[_alike(state)]) is not None:
        state, told = step
        trace.append(told)
    return trace[::-1]
