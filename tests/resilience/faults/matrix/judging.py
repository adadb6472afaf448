"""Judges a played case from the provider's ledger and the store, never from what the workers answered."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from faults.matrix.cases import Company, Mishap, Subject
from faults.matrix.tracing import chains_of, digest, traced
from tokensync.domain.authorization import AuthorizationState
from tokensync.domain.connection import Exemption, Phase, Status
from tokensync.oauth.provider import RefreshReuse

if TYPE_CHECKING:
    from faults.matrix.cases import Case
    from faults.matrix.scene import Played
    from faults.matrix.tracing import Entry
    from tokensync.domain.connection import Connection
    from tokensync.domain.sealing import Unsealer


@dataclass
class Verdict:
    """What became of a case.

    `lost`: an answer that a store acknowledged is not the grant in the end. `spent`: a token was spent, and its answer
    was lost before any store acknowledged it. `twice`: presentations without an exemption. `again`: those with one.
    `without_call`: it recovered from a stored answer. `older`: a reader saw an older generation for a moment.
    """

    case: str
    lost: bool = False
    spent: bool = False
    twice: int = 0
    again: int = 0
    held: bool = False
    status: str = ""
    reason: str = ""
    without_call: bool = False
    older: int = 0
    broken: list[str] = field(default_factory=list)


class Judge:
    """Reads what the provider and the store hold. It opens grants as the rotation function may."""

    def __init__(self, unsealer: Unsealer) -> None:
        self._unsealer = unsealer

    def verdict(self, played: Played) -> Verdict:
        """Return what became of a case, with every invariant that it broke."""
        verdict = Verdict(str(played.case), broken=[f"it did not happen: {missed}" for missed in played.missed])
        entries = traced(played, self._unsealer)
        final = played.final
        self._presentations(verdict, played, entries)
        verdict.older = played.seen_by_reader.count("older")
        wrong = sorted(set(played.seen_by_reader) - {"older"})
        if wrong:
            verdict.broken.append(f"I3: a reader saw {', '.join(wrong)}")
        if verdict.older and not played.case.overtakes:
            verdict.broken.append("I3: a reader saw an older generation")
        verdict.held = played.recovered is not None and played.recovered.status is Status.HELD
        if final is None:
            self._unconnected(verdict, played, entries)
            return verdict
        verdict.status, verdict.reason = final.status, final.reason
        self._chain(verdict, played, entries, final)
        self._store(verdict, played, final)
        self._end(verdict, played, entries, final)
        return verdict

    def _presentations(self, verdict: Verdict, played: Played, entries: list[Entry]) -> None:
        """I2: what was presented again was exempt, by what stood on its attempt before it was sent.

        The order is that of SENT: the request of one who is overtaken may be the last to come.
        """
        marked = sorted(entries, key=lambda entry: entry["marked"])
        for at, entry in enumerate(marked):
            before = [one for one in marked[:at] if one["presented"] == entry["presented"]]
            if not before:
                continue
            if not _may_be_again(played.case.reuse, entry, before):
                verdict.twice += 1
            elif entry["exemption"] is not Exemption.NOT_PROCESSED:
                verdict.again += 1
        if verdict.twice:
            verdict.broken.append(f"I2: presented {verdict.twice} times without an exemption")
        recovering = [entry for entry in entries if entry["seq"] > played.harmed]
        stored = any(entry["stored"] and entry["worker"] for entry in entries if entry["seq"] <= played.harmed)
        verdict.without_call = stored and not recovering
        case = played.case
        alone = case.company is Company.ALONE and case.mishap not in (Mishap.STOP, Mishap.CLOCK)
        if stored and recovering and alone:
            verdict.broken.append("an answer was stored, and the provider was called again")

    def _unconnected(self, verdict: Verdict, played: Played, entries: list[Entry]) -> None:
        """A code whose answer got lost: no connection stands, and its seller is told to begin anew."""
        callback = played.callback
        if played.case.subject is not Subject.CODE or callback is None:
            verdict.broken.append("the connection is gone")
            return
        authorization = callback.authorization()
        verdict.status, verdict.reason = authorization.state, authorization.detail
        verdict.spent = any(entry["committed"] for entry in entries)
        if any(entry["committed"] and entry["stored"] for entry in entries):
            verdict.lost = True
            verdict.broken.append("I1: the answer to a code was stored, and no connection stands")
        elif not _may_be_lost(played.case, [entry for entry in entries if entry["committed"]]):
            verdict.broken.append("I1: the answer to a code got lost where it need not")
        if authorization.sealed_answer is not None and authorization.state is AuthorizationState.WORKING:
            verdict.broken.append("I1: an answer waits, and nobody comes for it")

    def _chain(self, verdict: Verdict, played: Played, entries: list[Entry], final: Connection) -> None:
        """I1: the grant is the newest pair that the provider gave for the newest authorization that was stored."""
        grant = self._unsealer.grant(final)
        access = digest(grant.access_token.reveal())
        refresh = digest(grant.refresh_token.reveal()) if grant.refresh_token else None
        chains = chains_of(entries)
        standing = [chain for chain in chains if any(_holds(entry, access, refresh) for entry in chain)]
        if not standing:
            verdict.broken.append("I1: the grant holds a pair that the provider never gave")
            return
        (chain,) = standing
        at = next(index for index, entry in enumerate(chain) if _holds(entry, access, refresh))
        later = [entry for entry in chain[at + 1 :] if _gave(entry)]
        newer = [entry for other in chains[chains.index(chain) + 1 :] for entry in other if _gave(entry)]
        if played.case.reuse is not RefreshReuse.SINGLE_USE:
            # Two pairs of one token live side by side, and either may stand: the refresh that follows proves it.
            later = [entry for entry in later if entry["presented"] != chain[at]["presented"]]
        if any(entry["stored"] for entry in (*later, *newer)):
            verdict.lost = True
            verdict.broken.append("I1: an answer was stored and is not the grant")
        elif later or newer:
            verdict.spent = True
            if not _may_be_lost(played.case, [*later, *newer]):
                verdict.broken.append("an answer got lost where it need not")

    def _store(self, verdict: Verdict, played: Played, final: Connection) -> None:
        """The secret is equal to the grant."""
        document = played.document
        if document is None:
            verdict.broken.append("the secret is gone")
            return
        grant = self._unsealer.grant(final)
        if document["access_token"] != grant.access_token.reveal():
            verdict.broken.append("the secret's token is not the grant's")
        if (document["generation"], document["status"]) != (final.generation, str(final.status)):
            told = f"{document['generation']} {document['status']}"
            verdict.broken.append(f"the secret says {told}, the grant {final.generation} {final.status}")

    def _end(self, verdict: Verdict, played: Played, entries: list[Entry], final: Connection) -> None:
        """The connection is at rest, and goes on or says why not."""
        if final.phase is not Phase.IDLE or final.lease_until is not None:
            verdict.broken.append(f"forgotten in phase {final.phase}")
        proved = played.proved
        if final.status is Status.ACTIVE and (proved is None or proved.generation <= final.generation):
            verdict.broken.append("I1: active, and its next refresh does not succeed")
        if final.status is not Status.ACTIVE and not final.reason:
            verdict.broken.append(f"{final.status} without a reason")
        refused = any(entry["outcome"] == "refused" for entry in entries)
        if final.status is Status.REAUTHORIZE and not refused:
            verdict.broken.append("I6: asked to come back, and the provider refused nothing")
        recovered = played.recovered
        if final.status is Status.REAUTHORIZE and (recovered is None or recovered.status is Status.ACTIVE):
            verdict.broken.append("it was active after the recovery, and dead later")
        if final.status is not Status.ACTIVE and not (verdict.spent and played.case.spends):
            verdict.broken.append(f"{final.status}, although no answer was lost")
        if verdict.held and not self._may_be_held(played):
            verdict.broken.append("held, although nothing was ambiguous")
        slow_alone = played.case.mishap is Mishap.SLOW and played.case.company is Company.WORKER
        if slow_alone and any(entry.event == "refresh.ambiguous" for entry in final.history):
            verdict.broken.append("a second worker took a standing lease over")

    @staticmethod
    def _may_be_held(played: Played) -> bool:
        """Return whether a worker may have presented a token that is good once, and left no answer."""
        return played.case.reuse is RefreshReuse.SINGLE_USE and played.case.is_ambiguous


def _may_be_again(reuse: RefreshReuse, entry: Entry, before: list[Entry]) -> bool:
    """Return whether something may be presented after these presentations of it.

    Each exemption holds once for a token, but for one that was not processed: then nothing was issued for it. No
    operator has a hand in any case.
    """
    if entry["kind"] == "code":
        return False
    if reuse is RefreshReuse.SAFE:
        return True
    exemption = entry["exemption"]
    if exemption is Exemption.NOT_PROCESSED:
        return not any(one["committed"] for one in before)
    allowed = {Exemption.LAST_ATTEMPT} | ({Exemption.GRACE} if reuse is RefreshReuse.GRACE else set())
    return exemption in allowed and all(one["exemption"] is not exemption for one in before)


def _may_be_lost(case: Case, lost: list[Entry]) -> bool:
    """Return whether these answers may have been lost: nobody's but that of the worker whose mishap loses one."""
    return all(case.spends and entry["harmed"] for entry in lost)


def _gave(entry: Entry) -> bool:
    return bool(entry["committed"] and entry["issued"])


def _holds(entry: Entry, access: str, refresh: str | None) -> bool:
    issued = entry["issued"] or {}
    return issued.get("access_token") == access and issued.get("refresh_token") == refresh
