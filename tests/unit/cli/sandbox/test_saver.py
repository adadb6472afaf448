"""The state file: what survives a restart, who can read it, and what a failed write leaves."""

from __future__ import annotations

import asyncio
import json
import stat
from typing import TYPE_CHECKING, Any

import pytest

from tokensync.domain.messages import Issued
from tokensync_cli.sandbox.control.saver import Saver, load, write
from tokensync_cli.sandbox.credentials import Binding
from tokensync_cli.sandbox.records import BadRecordError
from tokensync_cli.sandbox.registry import PROVIDERS
from tokensync_cli.sandbox.state import Sandbox, Saved, restore

if TYPE_CHECKING:
    from pathlib import Path


def test_everything_goes_on_after_a_restart(shop: Any) -> None:
    """Apps, accounts, codes, tokens, spent marks, ledger and clock survive the file; faults do not."""
    spent = shop.grant()
    live = shop.refresh(spent.refresh_token)
    code = shop.code()
    shop.box.control("accounts", {"provider": "tiktok_shop", "account": "added", "region": "US"})
    shop.register(grace_seconds=7)
    shop.box.control("clock", {"offset": 5})
    shop.fault("token", "fail_before")
    before = shop.box.sandbox.snapshot()
    assert shop.box.control("save") == {"saved": str(shop.box.path)}
    shop.box = shop.box.restarted()
    assert before == shop.box.sandbox.snapshot()
    assert ((), 5) == (shop.box.sandbox.faults.waiting(), shop.box.sandbox.clock.offset)
    assert shop.refresh(spent.refresh_token).code == "36004005"
    assert isinstance(shop.refresh(live.refresh_token), Issued)
    assert isinstance(shop.exchange(code), Issued)
    assert shop.exchange(code).code == "36004004"
    assert [double["count"] for double in shop.box.ledger()["doubles"]] == [2, 2]
    shop.account = "added"
    assert shop.grant().access_token


def test_a_snapshot_is_not_touched_by_what_follows(shop: Any) -> None:
    """A snapshot stays as it was while requests go on."""
    before = shop.box.sandbox.snapshot()
    shop.grant()
    assert ((), (), 1) == (before.ledger, before.grants.codes, len(shop.box.sandbox.snapshot().ledger))


def test_the_file_is_the_owners_alone_and_holds_no_credential(shop: Any) -> None:
    """The file has mode 0600, no token or code in it, and leaves no temporary file behind."""
    grant = shop.grant()
    shop.box.control("save")
    text = shop.box.path.read_text()
    assert stat.S_IMODE(shop.box.path.stat().st_mode) == 0o600
    assert [shop.box.path] == list(shop.box.path.parent.iterdir())
    assert not any(secret.reveal() in text for secret in (grant.access_token, grant.refresh_token))


def test_large_states_are_written_in_pieces(box: Any) -> None:
    """More records than one piece holds are all there."""
    box.control("accounts", {"provider": "tiktok_shop", "region": "ID", "count": 1201})
    saved = box.restarted().sandbox.accounts
    assert len([account for account in saved if account.provider == "tiktok_shop"]) == 1205


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """What cannot be encoded is not written, and the file before it remains."""
    path = tmp_path / "state.json"
    write(path, Saved(version=1))
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write(path, Saved(version=1, requests={"x": b""}))  # type: ignore[dict-item] # bytes are no JSON
    assert (before, [path]) == (path.read_bytes(), list(tmp_path.iterdir()))


def test_what_is_no_state_is_not_taken_for_a_fresh_start(tmp_path: Path) -> None:
    """A missing file is a fresh start, without a path nothing is written; a damaged or foreign file is an error."""
    assert load(tmp_path / "none.json") is None
    assert asyncio.run(Saver(Sandbox(PROVIDERS), None).save()) is None
    (tmp_path / "state.json").write_text('{"version": 1, "apps"')
    with pytest.raises(ValueError, match="delimiter"):
        load(tmp_path / "state.json")
    with pytest.raises(BadRecordError, match="version 99 is not 1"):
        restore({"version": 99})


def test_a_file_of_fewer_fields_is_read() -> None:
    """What was saved before a code was bound, or an account had facts, is taken as without."""
    grants = {"codes": [{"digest": "d", "authorization": 1, "expires_at": 2.0}]}
    accounts = [{"provider": "tiktok_login", "account": "x", "user_type": "user", "shops": []}]
    saved = restore({"version": 1, "grants": grants, "accounts": accounts})
    assert (saved.grants.codes[0].binding, saved.accounts[0].facts) == (Binding(), {})


def test_changes_are_saved_while_it_runs(tmp_path: Path) -> None:
    """A change is written without being asked for, once for a burst."""

    async def run() -> None:
        path = tmp_path / "new" / "state.json"
        sandbox = Sandbox(PROVIDERS)
        saving = asyncio.create_task(Saver(sandbox, path, pause=0.01).keep_saving())
        sandbox.ledger.count("p", "token")
        sandbox.changed()
        async with asyncio.timeout(5):
            while not path.exists():  # noqa: ASYNC110 - a file raises no event
                await asyncio.sleep(0.005)
        saving.cancel()
        assert json.loads(path.read_text())["requests"] == {"p/token": 1}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    asyncio.run(run())


def test_a_state_that_cannot_be_saved_is_told(box: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A failing save is an answer of the control plane and a line on stderr, not the end of the sandbox."""
    box.path.mkdir()
    response = box.request("POST", "/_sandbox/save")
    assert (500, True) == (response.status_code, "not saved" in response.json()["error"])

    async def run() -> None:
        saving = asyncio.create_task(Saver(box.sandbox, box.path, pause=0).keep_saving())
        box.sandbox.changed()
        async with asyncio.timeout(5):
            while "not saved" not in capsys.readouterr().err:  # noqa: ASYNC110 - nor does stderr
                await asyncio.sleep(0.005)
        assert not saving.done()
        saving.cancel()

    asyncio.run(run())
