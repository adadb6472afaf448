"""A connection whose account, label, history and last error strangers worded, through every command that shows it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.hostile import CONTROLS, HOSTILE, unseen
from fakes.world import APP
from tokensync.domain.connection import HistoryEntry, LastError, Reason, Status
from tokensync.domain.messages import FailureClass
from tokensync.domain.names import ConnectionName
from tokensync.domain.visible import visible

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [ConnectionName(APP, text) for text in HOSTILE.values()]
STATES = [
    {"status": Status.HELD, "reason": Reason.AMBIGUOUS},
    {"status": Status.HELD, "reason": Reason.LAST_ATTEMPT_AMBIGUOUS},
    {"status": Status.REAUTHORIZE, "reason": Reason.REFUSED},
    {"status": Status.QUARANTINED},
    {"status": Status.ORPHANED},
]


@pytest.fixture
def shell(tmp_path: Path) -> Any:
    """Return what pastes lines into a real shell, where each of our programs prints its words."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in ("tokensync", "sam", "aws"):
        stub = programs / program
        stub.write_text("#!/bin/sh\nprintf '%s\\0' \"${0##*/}\" \"$@\"\nprintf '\\n\\0'\n", encoding="utf-8")
        stub.chmod(stub.stat().st_mode | stat.S_IXUSR)
    work = tmp_path / "work"
    work.mkdir()

    def paste(*lines: str) -> list[list[str]]:
        variables = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
        script = "\n".join(lines)
        done = subprocess.run(
            ["/bin/bash", "-c", script], capture_output=True, check=True, timeout=60, cwd=work, env=variables
        )
        assert [] == list(work.iterdir())
        return [words.split("\0")[:-1] for words in done.stdout.decode().split("\n\0")[:-1]]

    return paste


def seed(desk: Any, number: int, name: ConnectionName, text: str) -> None:
    """Seed a connection about which everything is hostile."""
    record = desk.world.connected(name, refresh_token=f"R{number}")
    error = LastError(failure=FailureClass.REFUSED, code=text, message=text, trace_id=text, at=1)
    history = (*record.history, HistoryEntry(at=1, event="told", generation=1, detail=text))
    changed = replace(record, label=text, last_error=error, history=history, **STATES[number % len(STATES)])
    desk.world.connections.seed(changed)


def test_every_next_command_is_pasted_whole(desk: Any, shell: Any) -> None:
    """What `list` says beside each connection is what a shell hands to the command line: its very name, nothing run."""
    for number, name in enumerate(NAMES):
        seed(desk, number, name, name.account)

    listed = json.loads(desk.run("list", "--json").stdout)
    pasted = shell(*(one["next"] for one in listed))

    assert sorted(map(str, NAMES)) == sorted(one["connection"] for one in listed)
    assert [True] * len(listed) == [one["connection"] in words for one, words in zip(listed, pasted, strict=True)]
    assert {"tokensync"} == {words[0] for words in pasted}


def test_every_refusal_names_a_command_that_can_be_pasted(desk: Any, shell: Any) -> None:
    """`refresh` of each is refused by its state: what follows `Next:` is pasted as it is."""
    lines, wanted = [], []
    for number, name in enumerate(NAMES):
        seed(desk, number, name, name.account)
        failed = desk.run("refresh", str(name))
        following = [line for line in failed.stderr.splitlines() if line.startswith("Next: ")]
        assert 1 == len(following), failed.stderr
        lines.append(following[0].removeprefix("Next: "))
        wanted.append(str(name))

    assert [True] * len(lines) == [name in words for name, words in zip(wanted, shell(*lines), strict=True)]


@pytest.mark.parametrize("command", ["list", "doctor", "show", "history", "verify", "remove"])
def test_whatever_is_shown_is_seen(desk: Any, command: str) -> None:
    """On a pipe, no command lets a stranger move a terminal, break a line or hide a letter."""
    texts = [*CONTROLS.values()]
    for number, name in enumerate(NAMES):
        seed(desk, number, name, texts[number % len(texts)])
    words = [[command]] if command in ("list", "doctor") else [[command, str(name)] for name in NAMES]
    printed = "".join(result.stdout + result.stderr for result in (desk.run(*each) for each in words))

    assert len(NAMES) <= len(printed.splitlines())
    assert set() == unseen(printed)
    assert "\nNext: tokensync remove x" not in printed


def test_a_question_shows_all_that_it_asks_about(desk: Any) -> None:
    """What is answered with yes is what was read."""
    desk.is_interactive = True
    texts = [*CONTROLS.values()]
    for number, name in enumerate(NAMES):
        seed(desk, number, name, texts[number % len(texts)])
        asked = desk.run("remove", str(name), stdin="n\n").stderr

        assert f"Remove {visible(str(name))} ({visible(texts[number % len(texts)])})?" in asked
        assert set() == unseen(asked)


@pytest.mark.parametrize("command", ["list", "show", "history"])
def test_json_gives_the_very_text(desk: Any, command: str) -> None:
    """Programs need the true text; every terminal can show the document."""
    for number, name in enumerate(NAMES):
        seed(desk, number, name, name.account)
        printed = desk.run(command, "--json", *([] if command == "list" else [str(name)])).stdout

        assert printed.isascii()
        assert printed.replace("\n", "").isprintable()
        assert name.account in texts_of(json.loads(printed))


def texts_of(value: Any) -> set[str]:
    """Return all texts in a document."""
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return set().union(*map(texts_of, parts)) if parts else set()
    return {value} if isinstance(value, str) else set()
