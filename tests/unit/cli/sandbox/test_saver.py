import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tokensync_cli.sandbox.control.saver import Saver, load, write
from tokensync_cli.sandbox.registry import PROVIDERS
from tokensync_cli.sandbox.state import Sandbox, Saved


def again(box: Any) -> Any:
    return type(box)(box.path, saved=load(box.path))


def test_everything_goes_on_after_a_restart(box: Any) -> None:
    """Apps, accounts, codes, tokens, spent marks, ledger and clock survive the file."""
    spent = box.pair()
    live = box.refresh(spent["refresh_token"]).json()["data"]
    code = box.code()
    (added,) = box.control("accounts", {"provider": "tiktok_shop", "region": "US"})["accounts"]
    box.settings(grace_seconds=7)
    box.control("clock", {"offset": 5})
    assert box.control("save") == {"saved": str(box.path)}
    restarted = again(box)
    assert restarted.sandbox.snapshot() == box.sandbox.snapshot()
    assert restarted.call(live["access_token"])["code"] == 0
    assert restarted.refresh(spent["refresh_token"]).json()["code"] == 36004005
    assert restarted.refresh(live["refresh_token"]).json()["code"] == 0
    assert restarted.exchange(code).json()["code"] == 0
    assert restarted.exchange(code).json()["code"] == 36004004
    assert restarted.pair(added["account"])["seller_base_region"] == "US"
    assert [d["count"] for d in restarted.ledger()["doubles"]] == [2, 2]
    assert restarted.sandbox.clock.offset == 5


def test_the_file_is_the_owners_alone_and_holds_no_credential(box: Any) -> None:
    """The file has mode 0600, no token or code in it, and leaves no temporary file behind."""
    pair = box.pair()
    box.control("save")
    assert stat.S_IMODE(box.path.stat().st_mode) == 0o600
    text = box.path.read_text()
    assert pair["access_token"] not in text
    assert pair["refresh_token"] not in text
    assert list(box.path.parent.iterdir()) == [box.path]


def test_large_states_are_written_in_pieces(box: Any) -> None:
    """More records than one piece holds are all there."""
    box.control("accounts", {"provider": "tiktok_shop", "region": "ID", "count": 1201})
    box.control("save")
    saved = load(box.path)
    assert saved is not None
    assert len([a for a in saved.accounts if a.provider == "tiktok_shop"]) == 1205


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """What cannot be encoded is not written, and the file before it stands."""
    path = tmp_path / "state.json"
    write(path, Saved(version=1))
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write(path, Saved(version=1, requests={"x": b""}))  # type: ignore[dict-item] # bytes are no JSON
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_to_load_and_nothing_to_save(tmp_path: Path) -> None:
    """A missing file is a fresh start; without a path nothing is written."""
    assert load(tmp_path / "none.json") is None
    assert asyncio.run(Saver(Sandbox(PROVIDERS), None).save()) is None


def test_a_damaged_file_is_not_taken_for_a_fresh_start(tmp_path: Path) -> None:
    """Text that is no state is an error."""
    path = tmp_path / "state.json"
    path.write_text('{"version": 1, "apps"')
    with pytest.raises(ValueError, match="delimiter"):
        load(path)


def test_changes_are_saved_while_it_runs(tmp_path: Path) -> None:
    """A change is written without being asked for, once for a burst."""

    async def run() -> None:
        path = tmp_path / "new" / "state.json"
        sandbox = Sandbox(PROVIDERS)
        saver = Saver(sandbox, path, pause=0.01)
        saving = asyncio.create_task(saver.keep_saving())
        sandbox.ledger.count("p", "token")
        sandbox.changed()
        sandbox.changed()
        async with asyncio.timeout(5):
            while not path.exists():  # noqa: ASYNC110 - a file tells no event
                await asyncio.sleep(0.005)
        saving.cancel()
        assert json.loads(path.read_text())["requests"] == {"p/token": 1}
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700

    asyncio.run(run())


def test_a_state_that_cannot_be_saved_is_told(box: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A failing save is an answer of the control plane and a line on stderr, not the end of the sandbox."""
    box.path.mkdir()
    answer = box.request("POST", "/_sandbox/save")
    assert answer.status_code == 500
    assert "not saved" in answer.json()["error"]

    async def run() -> None:
        saver = Saver(box.sandbox, box.path, pause=0)
        saving = asyncio.create_task(saver.keep_saving())
        box.sandbox.changed()
        async with asyncio.timeout(5):
            while "not saved" not in capsys.readouterr().err:  # noqa: ASYNC110 - nor does stderr
                await asyncio.sleep(0.005)
        assert not saving.done()
        saving.cancel()

    asyncio.run(run())
