"""Every credential presented to the sandbox, and its outcome."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from tokensync_cli.sandbox.mint import digest
from tokensync_cli.sandbox.records import to_json

Kind = Literal["code", "refresh_token", "client_credentials", "revocation"]
# These may be presented once; a client credential or a revocation may come any number of times.
_SINGLE = frozenset({"code", "refresh_token"})


@dataclass(frozen=True, kw_only=True)
class Issued:
    """The SHA-256, in hex, of the pair that was given for a credential."""

    access_token: str
    refresh_token: str | None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One presentation. `committed` is whether the provider spent the credential or issued anything for it."""

    seq: int
    at: float
    provider: str
    app: str
    kind: Kind
    presented: str
    outcome: str
    committed: bool
    account: str | None
    error: str | None
    issued: Issued | None = None


class Ledger:
    """The presentations in order of arrival, the doubles among them, and counts of all requests."""

    def __init__(self, entries: Iterable[Entry] = (), requests: dict[str, int] | None = None) -> None:
        self.entries = list(entries)
        self.requests = Counter(requests or {})
        self._presented: dict[tuple[str, str], list[int]] = {}
        for entry in self.entries:
            self._index(entry)

    def _index(self, entry: Entry) -> None:
        if entry.kind in _SINGLE:
            self._presented.setdefault((entry.provider, entry.presented), []).append(entry.seq)

    def count(self, provider: str, endpoint: str) -> None:
        """Count one request to a provider's endpoint, whatever it carried."""
        self.requests[f"{provider}/{endpoint}"] += 1

    def arrive(self, *, at: float, provider: str, app: str, kind: Kind, credential: str, account: str | None) -> int:
        """Record a presentation before anything is decided and return its number."""
        entry = Entry(
            seq=len(self.entries) + 1,
            at=at,
            provider=provider,
            app=app,
            kind=kind,
            presented=digest(credential),
            outcome="arrived",
            committed=False,
            account=account,
            error=None,
        )
        self.entries.append(entry)
        self._index(entry)
        return entry.seq

    def settle(self, seq: int, outcome: str, *, committed: bool, error: str | None, issued: Issued | None) -> None:
        """Record the outcome of a presentation; a fault may do so twice, before and after it waited."""
        entry = self.entries[seq - 1]
        self.entries[seq - 1] = replace(entry, outcome=outcome, committed=committed, error=error, issued=issued)

    def doubles(self) -> list[dict[str, Any]]:
        """Return the credentials presented more than once, with the numbers of their presentations."""
        found = []
        for seqs in self._presented.values():
            if len(seqs) > 1:
                entries = [self.entries[seq - 1] for seq in seqs]
                first = entries[0]
                found.append(
                    {
                        "provider": first.provider,
                        "app": first.app,
                        "account": first.account,
                        "kind": first.kind,
                        "presented": first.presented,
                        "count": len(seqs),
                        "committed": sum(entry.committed for entry in entries),
                        "seqs": list(seqs),
                        "outcomes": [entry.outcome for entry in entries],
                    }
                )
        return found

    def summary(self) -> dict[str, Any]:
        """Return counts by kind and outcome, of all requests, and the doubles."""
        kinds: dict[str, Counter[str]] = {}
        for entry in self.entries:
            kinds.setdefault(entry.kind, Counter())[entry.outcome] += 1
        return {
            "total": len(self.entries),
            "committed": sum(entry.committed for entry in self.entries),
            "by_kind": {kind: dict(counts) for kind, counts in kinds.items()},
            "requests": dict(self.requests),
            "doubles": self.doubles(),
        }

    def listing(self, *, after: int = 0, **match: str) -> dict[str, Any]:
        """Return the entries with a number above `after` whose fields equal `match`, the requests and the doubles."""
        entries = [to_json(e) for e in self.entries[after:] if all(getattr(e, k) == v for k, v in match.items())]
        return {"entries": entries, "requests": dict(self.requests), "doubles": self.doubles()}

    def clear(self) -> None:
        """Forget everything: the next presentation is number 1."""
        self.entries.clear()
        self.requests.clear()
        self._presented.clear()
