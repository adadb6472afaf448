"""The ledger of presentations, and what the mint and the clock put into it."""

from __future__ import annotations

import re

from tokensync_cli.sandbox.clock import Clock
from tokensync_cli.sandbox.id_token import base64url
from tokensync_cli.sandbox.ledger import Issued, Kind, Ledger
from tokensync_cli.sandbox.mint import Mint, digest


def present(ledger: Ledger, credential: str, kind: Kind = "refresh_token", *, committed: bool = True) -> int:
    """Present a credential and settle it."""
    seq = ledger.arrive(at=1.5, provider="p", app="k", kind=kind, credential=credential, account="a")
    issued = Issued(access_token="x", refresh_token=None) if committed else None
    outcome = "issued" if committed else "refused"
    ledger.settle(seq, outcome, committed=committed, error=None if committed else "1", issued=issued)
    return seq


def test_entry_has_everything_but_the_credential() -> None:
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


def test_doubles_summary_and_listing_agree() -> None:
    """A credential presented more than once is one double with all its numbers, wherever it is listed."""
    ledger = Ledger()
    for credential, committed in (("a", True), ("b", True), ("a", False), ("a", False)):
        present(ledger, credential, committed=committed)
    present(ledger, "c", "code")
    ledger.count("p", "token")
    double = {
        "provider": "p",
        "app": "k",
        "account": "a",
        "kind": "refresh_token",
        "presented": digest("a"),
        "count": 3,
        "committed": 1,
        "seqs": [1, 3, 4],
        "outcomes": ["issued", "refused", "refused"],
    }
    assert [double] == ledger.doubles()
    by_kind = {"refresh_token": {"issued": 2, "refused": 2}, "code": {"issued": 1}}
    summary = {"total": 5, "committed": 3, "by_kind": by_kind, "requests": {"p/token": 1}, "doubles": [double]}
    assert summary == ledger.summary()
    listing = ledger.listing(after=2, kind="refresh_token")
    assert ([3, 4], [double]) == ([entry["seq"] for entry in listing["entries"]], listing["doubles"])


def test_a_restored_ledger_still_finds_doubles_and_a_cleared_one_none() -> None:
    """A credential presented before and after a restart is a double; after clear nothing is remembered."""
    before = Ledger()
    present(before, "a")
    after = Ledger(before.entries, dict(before.requests))
    assert (2, [[1, 2]]) == (present(after, "a"), [double["seqs"] for double in after.doubles()])
    after.clear()
    assert (1, []) == (present(after, "a"), after.doubles())


def test_only_single_use_credentials_can_be_doubles() -> None:
    """An app may ask for its own token, and a token be revoked, as often as wanted; a spent one too."""
    ledger = Ledger()
    kinds: tuple[Kind, ...] = ("client_credentials", "client_credentials", "refresh_token", "revocation", "revocation")
    for kind in kinds:
        present(ledger, "same", kind)
    assert ledger.doubles() == []
    present(ledger, "same")
    assert [double["seqs"] for double in Ledger(ledger.entries).doubles()] == [[3, 6]]


def test_what_is_minted_is_unique_and_of_the_vendors_shapes() -> None:
    """Credentials carry prefix and marker, ids are beyond 2^53, a trace is the UTC time and 20 characters."""
    mint = Mint()
    made = {mint.credential("ROW_", "canary") for _ in range(100)}
    assert (100, True) == (len(made), all(re.fullmatch(r"ROW_canary[A-Za-z0-9_-]{64}", one) for one in made))
    assert all(2**53 < int(mint.number()) < 10**19 for _ in range(10))
    assert re.fullmatch(r"20220808094623[0-9A-Z]{20}", mint.trace(1_659_951_983))
    assert digest("null") == "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"
    assert len(digest("\ud800")) == 64
    assert base64url(bytes([3, 236, 255, 224, 193])) == "A-z_4ME"  # RFC 7515 appendix C


def test_the_offset_moves_time_and_date() -> None:
    """It shows in both forms of the time."""
    clock = Clock(lambda: 1_660_000_000.0, offset=-600)
    assert (1_659_999_400, "Mon, 08 Aug 2022 22:56:40 GMT") == (clock.now(), clock.date())
