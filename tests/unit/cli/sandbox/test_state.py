from typing import Any

import pytest

from tokensync_cli.sandbox.credentials import Binding
from tokensync_cli.sandbox.records import BadRecordError
from tokensync_cli.sandbox.state import restore


def test_refuses_another_versions_file() -> None:
    """A file of another version is refused by its number."""
    with pytest.raises(BadRecordError, match="version 99 is not 1"):
        restore({"version": 99})


def test_a_snapshot_is_not_touched_by_what_follows(box: Any) -> None:
    """A snapshot stays as it was while requests go on."""
    before = box.sandbox.snapshot()
    box.pair()
    assert (before.ledger, before.grants.codes) == ((), ())
    assert len(box.sandbox.snapshot().ledger) == 1


def test_faults_are_not_kept(box: Any) -> None:
    """The script of faults belongs to the running process."""
    box.fault("token", "fail_before")
    assert "fail_before" not in repr(box.sandbox.snapshot())


def test_a_file_of_fewer_fields_is_read() -> None:
    """What was saved before a code was bound, or an account had facts, is taken as without."""
    grants = {"codes": [{"digest": "d", "authorization": 1, "expires_at": 2.0}]}
    accounts = [{"provider": "tiktok_login", "account": "x", "user_type": "user", "shops": []}]
    saved = restore({"version": 1, "grants": grants, "accounts": accounts})
    assert (saved.grants.codes[0].binding, saved.accounts[0].facts) == (Binding(), {})
