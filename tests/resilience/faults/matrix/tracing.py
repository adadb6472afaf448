"""Reads the provider's ledger: who presented what, under which exemption, and whether its answer was ever stored."""

from __future__ import annotations

import hashlib
import math
import time
from typing import TYPE_CHECKING, Any

from tokensync.authorize.finish import authorization_binding
from tokensync.domain.messages import ProviderResponse
from tokensync.domain.sealing import answer_binding

if TYPE_CHECKING:
    from faults.matrix.scene import Played, Presented
    from tokensync.domain.sealing import Unsealer

Entry = dict[str, Any]
_STORED = ("received", "exchange.received")


def traced(played: Played, unsealer: Unsealer) -> list[Entry]:
    """Return the ledger until all was at rest, each entry with what is known of its presentation.

    `stored`: a store acknowledged its answer: on the record, beside it, or as a message. `exemption`: what stood on
    its attempt before it was sent. `worker`: who presented it, empty where none did; `harmed`: whether the mishap
    met that one.

    An entry came of the worker that stood between SENT and its answer at that moment, the last to come there. A
    code that is no worker's went to the deployed function, whose answer said that it connected.
    """
    entries = [entry for entry in played.registration.sandbox.entries() if entry["seq"] <= played.ended]
    kept = _kept(played, unsealer)
    for entry in entries:
        entry["marked"], by = _presenter(entry, played)
        issued = (entry["issued"] or {}).get("access_token")
        deployed = by is None and entry["kind"] == "code"
        on_record = by is not None and any(name in _STORED for name in by.worker.places())
        entry["stored"] = deployed or on_record or issued in kept
        entry["exemption"] = by.attempt.exemption if by is not None and by.attempt is not None else None
        entry["worker"] = "" if by is None else by.worker.id
        entry["harmed"] = by is not None and by.worker.id == played.harmed_worker
    return entries


def _kept(played: Played, unsealer: Unsealer) -> set[str]:
    """Return the digests of all strings in the answers that stood beside the record, or in the queue."""
    bodies = []
    for work in played.kept:
        binding = (
            authorization_binding(work.authorization)
            if work.authorization
            else answer_binding(played.registration.connection)
        )
        opened = unsealer.sealer.open(work.answer or b"", app=work.app, binding=binding)
        bodies.append(ProviderResponse.from_bytes(opened).body)
    return {digest(word) for body in bodies for word in body.decode("utf-8", "replace").split('"')}


def _presenter(entry: Entry, played: Played) -> tuple[float, Presented | None]:
    """Return when something was marked as SENT, and by whom: None where no worker of the case presented it."""
    epoch = time.time() - time.perf_counter()  # one clock for all processes of this machine
    place = "exchange.sent" if entry["kind"] == "code" else "sent"
    found = []
    for presented in played.presented:
        times = presented.worker.times()
        began = next((at + epoch for name, _, at in times if name == place), math.inf)
        ended = next((at + epoch for name, _, at in times if name == "answered"), math.inf)
        if began <= entry["at"] <= ended:
            found.append((began, presented))
    return max(found, key=lambda one: one[0], default=(entry["at"], None))


def chains_of(entries: list[Entry]) -> list[list[Entry]]:
    """Return what came of each code: its own entry, and those of the refresh tokens that came of it, in order."""
    chains: list[tuple[list[Entry], set[str]]] = []
    for entry in entries:
        issued = (entry["issued"] or {}).get("refresh_token") if entry["committed"] else None
        if entry["kind"] == "code":
            if issued:
                chains.append(([entry], {issued}))
            continue
        for chain, tokens in chains:
            if entry["presented"] in tokens:
                chain.append(entry)
                if issued:
                    tokens.add(issued)
                break
    return [chain for chain, _ in chains]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
