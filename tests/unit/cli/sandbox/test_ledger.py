from tokensync_cli.sandbox.ledger import Issued, Kind, Ledger
from tokensync_cli.sandbox.mint import digest


def present(ledger: Ledger, credential: str, kind: Kind = "refresh_token", *, committed: bool = True) -> int:
    seq = ledger.arrive(at=1.5, provider="p", app="k", kind=kind, credential=credential, account="a")
    issued = Issued(access_token="x", refresh_token=None) if committed else None
    outcome = "issued" if committed else "refused"
    ledger.settle(seq, outcome, committed=committed, error=None if committed else "1", issued=issued)
    return seq


def test_entry_tells_everything_but_the_credential() -> None:
    """An entry holds the digest, the outcome and the commit, never the credential."""
    ledger = Ledger()
    present(ledger, "planted", "code")
    assert ledger.listing()["entries"] == [
        {
            "seq": 1,
            "at": 1.5,
            "provider": "p",
            "app": "k",
            "kind": "code",
            "presented": digest("planted"),
            "outcome": "issued",
            "committed": True,
            "account": "a",
            "error": None,
            "issued": {"access_token": "x", "refresh_token": None},
        }
    ]


def test_doubles_name_every_presentation() -> None:
    """A credential presented more than once is one double with all its numbers."""
    ledger = Ledger()
    for credential, committed in (("a", True), ("b", True), ("a", False), ("a", False)):
        present(ledger, credential, committed=committed)
    (double,) = ledger.doubles()
    assert (double["presented"], double["count"], double["committed"]) == (digest("a"), 3, 1)
    assert double["seqs"] == [1, 3, 4]
    assert double["outcomes"] == ["issued", "refused", "refused"]


def test_summary_counts_by_kind_and_outcome() -> None:
    """The summary counts presentations by kind and outcome, and requests by endpoint."""
    ledger = Ledger()
    present(ledger, "a", "code")
    present(ledger, "b")
    present(ledger, "c", committed=False)
    ledger.count("p", "token")
    assert ledger.summary() == {
        "total": 3,
        "committed": 2,
        "by_kind": {"code": {"issued": 1}, "refresh_token": {"issued": 1, "refused": 1}},
        "requests": {"p/token": 1},
        "doubles": [],
    }


def test_listing_filters() -> None:
    """Entries can be asked for from a number on and by their fields; doubles stay whole."""
    ledger = Ledger()
    present(ledger, "a", "code")
    present(ledger, "b")
    present(ledger, "b")
    assert [e["seq"] for e in ledger.listing(after=2)["entries"]] == [3]
    assert [e["seq"] for e in ledger.listing(kind="code")["entries"]] == [1]
    assert len(ledger.listing(kind="code")["doubles"]) == 1


def test_restored_ledger_still_finds_doubles() -> None:
    """A credential presented before and after a restart is a double."""
    before = Ledger()
    present(before, "a")
    after = Ledger(before.entries, dict(before.requests))
    assert present(after, "a") == 2
    assert [d["seqs"] for d in after.doubles()] == [[1, 2]]


def test_clear_starts_again() -> None:
    """After clear nothing is remembered."""
    ledger = Ledger()
    present(ledger, "a")
    ledger.clear()
    assert present(ledger, "a") == 1
    assert ledger.doubles() == []


def test_only_single_use_credentials_can_be_doubles() -> None:
    """An app may ask for its own token, and a token be revoked, as often as wanted; a spent one too."""
    ledger = Ledger()
    for kind in ("client_credentials", "client_credentials", "refresh_token", "revocation", "revocation"):
        present(ledger, "same", kind)
    assert ledger.doubles() == []
    present(ledger, "same")
    assert [double["seqs"] for double in Ledger(ledger.entries).doubles()] == [[3, 6]]
