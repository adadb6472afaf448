"""Failpoints, the shifted clock and loopback: brought by the host's layer alone, and switched by files alone."""

from __future__ import annotations

import importlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tokensync.aws.host import NoFailpoints, host_runtime
from tokensync.aws.system import SystemClock
from tokensync.oauth.addresses import PublicOnly

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

_LAYER = Path(__file__).parents[3] / "layers" / "core"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ModuleType]:
    """The host's own package, as in its layer, with a directory of its own."""
    monkeypatch.syspath_prepend(str(_LAYER / "host"))
    monkeypatch.setenv("TOKENSYNC_HOST_DIR", str(tmp_path))
    (tmp_path / "failpoints").mkdir()
    yield importlib.import_module("tokensync_host")
    del sys.modules["tokensync_host"]


def test_the_clouds_layer_has_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the host's package there is nothing to switch on, whatever the environment says."""
    monkeypatch.delitem(sys.modules, "tokensync_host", raising=False)  # another test may have found it on its own path
    policy, failpoints, clock = host_runtime()

    assert (PublicOnly, NoFailpoints, SystemClock) == (type(policy), type(failpoints), type(clock))


def test_the_hosts_layer_brings_it(host: ModuleType) -> None:
    """The same call finds the package where it is."""
    policy, failpoints, clock = host_runtime()

    expected = (host.PublicAndLoopback, host.FileFailpoints, host.ShiftedClock)
    assert expected == (type(policy), type(failpoints), type(clock))


def test_only_the_hosts_package_reads_where_its_files_lie() -> None:
    """No stack parameter, no event and no line of the deployed code can point to another directory."""
    project = _LAYER.parents[1]
    deployed = [project / "template.yaml", *(project / "functions").rglob("*.py"), *(_LAYER / "python").rglob("*.py")]

    assert [] == [file for file in deployed if "TOKENSYNC_HOST_DIR" in file.read_text()]


def test_the_wall_clock_is_off_and_no_other(host: ModuleType, tmp_path: Path) -> None:
    """What the file says counts at once; what measures deadlines is never off."""
    clock = host.ShiftedClock()
    right = clock.now()
    (tmp_path / "clock").write_text("-600")
    wrong = clock.now()

    assert abs(right - time.time()) < 5
    assert -600 <= wrong - right <= -595
    assert abs(clock.monotonic() - time.monotonic()) < 5


@pytest.mark.parametrize("text", ["", "soon", "1e3", None])
def test_a_file_that_holds_no_number_shifts_nothing(
    host: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    """A half-written file sends no worker to another century; without a directory there is neither it nor a place."""
    if text is None:
        monkeypatch.delenv("TOKENSYNC_HOST_DIR")
        host.FileFailpoints().reached("sent")
    else:
        (tmp_path / "clock").write_text(text)

    assert abs(host.ShiftedClock().now() - time.time()) < 5


def test_a_failpoint_is_used_as_often_as_it_says(host: ModuleType, tmp_path: Path) -> None:
    """`raise 2` raises twice; then, and at every other place, nothing happens."""
    failpoints = host.FileFailpoints()
    (tmp_path / "failpoints" / "sent").write_text("raise 2")
    for _ in range(2):
        with pytest.raises(host.FailpointReached, match="sent"):
            failpoints.reached("sent")

    failpoints.reached("sent")
    failpoints.reached("answered")


def test_the_trace_is_written_where_there_is_one(host: ModuleType, tmp_path: Path) -> None:
    """One line for each place that was reached: its name, the thread and the time."""
    failpoints = host.FileFailpoints()
    failpoints.reached("leased")
    (tmp_path / "trace").touch()
    failpoints.reached("sent")
    failpoints.reached("answered")
    lines = [line.split() for line in (tmp_path / "trace").read_text().splitlines()]

    assert ["sent", "answered"] == [name for name, _, _ in lines]
    assert float(lines[0][2]) <= float(lines[1][2])
