"""What is printed, where, and how."""

from __future__ import annotations

import json

import pytest

from tokensync_cli.output.console import Output, cell
from tokensync_cli.output.failures import UsageFailed, sentence
from tokensync_cli.output.times import DAY, HOUR, moment, seconds_of, span


def test_tables_are_plain_where_no_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Aligned text, nothing cut, no colours."""
    Output().table(("A", "LONGER"), [("x" * 200, "active"), (1, None)])

    head, first, second = capsys.readouterr().out.splitlines()
    assert head == f"A{' ' * 201}LONGER"
    assert first == f"{'x' * 200}  active"
    assert second == f"1{' ' * 201}-"


class Terminal:
    """A stream that says that it is a terminal."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        """Keep it."""
        self.text += text
        return len(text)

    def flush(self) -> None:
        """Have nothing to flush."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_a_terminal_gets_colours_unless_the_user_declines(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR makes it as plain as a pipe."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured, plain = Terminal(), Terminal()
    monkeypatch.setattr("sys.stdout", coloured)
    Output().table(("STATUS",), [("active",)])
    Output().fields({"status": "held"})
    monkeypatch.setattr("sys.stdout", plain)
    monkeypatch.setenv("NO_COLOR", "1")
    Output().table(("STATUS",), [("active",)])

    assert "\x1b[32mactive" in coloured.text
    assert "\x1b[33mheld" in coloured.text
    assert "STATUS\nactive\n" == plain.text


def test_markup_in_a_name_stays_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """A seller called [red] is shown as such."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)

    Output().table(("LABEL",), [("[red]Acme[/red]",)])

    assert "[red]Acme[/red]" in terminal.text


def test_progress_is_lines_where_no_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr; programs that asked for JSON get none."""
    with Output().progress("Waiting") as tell:
        tell("Still waiting")
    assert ("", "Waiting …\nStill waiting …\n") == capsys.readouterr()

    with Output(as_json=True).progress("Waiting") as tell:
        tell("Still waiting")
    assert ("", "") == capsys.readouterr()


def test_progress_on_a_terminal_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A spinner with the text, which changes."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)

    with Output().progress("Waiting") as tell:
        tell("Still waiting")

    assert "aiting" in terminal.text


def test_a_bar_counts_what_is_done(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A bar on a terminal, one line elsewhere, nothing for programs; markup in its text is text."""
    with Output().bar("Importing", total=2) as advance:
        advance()
    with Output(as_json=True).bar("Importing", total=2) as advance:
        advance()
    assert ("", "Importing: 2 …\n") == capsys.readouterr()

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with Output().bar("Importing [red]", total=2) as advance:
        advance()
        advance()

    assert "100%" in terminal.text
    assert "[red]" in terminal.text


def test_notes_and_warnings_are_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """Programs get a document and nothing beside it; what a command waits for is said under JSON too."""
    out = Output(as_json=True)
    out.note("by the way")
    out.say("read this")
    out.warn("look at that")
    out.json({"a": [1]})

    printed = capsys.readouterr()
    assert "read this\n" == printed.err
    assert {"a": [1]} == json.loads(printed.out)


@pytest.mark.parametrize(
    ("total", "told"), [(9, []), (10, [1, 2, 3, 4, 5, 6, 7, 8, 9]), (25, [3, 5, 8, 10, 13, 15, 18, 20, 23])]
)
def test_progress_without_a_terminal_is_told_by_tenths(
    capsys: pytest.CaptureFixture[str], total: int, told: list[int]
) -> None:
    """A log shows that it goes on, and is not flooded; a handful needs no lines."""
    with Output().bar("Importing", total=total) as advance:
        for _ in range(total):
            advance()

    first, *lines = capsys.readouterr().err.splitlines()
    assert f"Importing: {total} …" == first
    assert [f"Importing: {done} of {total} …" for done in told] == lines


def test_columns_stand_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    """Wide characters take two cells, combining marks none."""
    Output().table(("LABEL", "STATUS"), [("日本語", "active"), ("e\u0301e\u0301", "held"), ("אבג", "held")])

    lines = capsys.readouterr().out.splitlines()
    assert ["LABEL   STATUS", "日本語  active", "e\u0301e\u0301      held", "אבג     held"] == lines


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        ("", "-"),
        ([], "-"),
        ({}, "-"),
        ((), "-"),
        (0, "0"),
        (True, "yes"),
        (False, "no"),
        (["a", "b"], "a, b"),
        ({"a": 1, "b": [2]}, "a=1, b=2"),
        ("a\nb", r"a\nb"),
    ],
    ids=repr,
)
def test_cells(value: object, text: str) -> None:
    """One line for each value."""
    assert text == cell(value)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3600, "1 h"), (3601, "1 h"), (4 * DAY + 3 * HOUR + 5, "4 d 3 h")],
)
def test_spans(seconds: int, text: str) -> None:
    """The two largest units that lie side by side."""
    assert text == span(seconds)


def test_moments() -> None:
    """As seen from now."""
    assert ("in 1 min", "2 min ago", "now", "never", "-") == (
        moment(160, now=100),
        moment(100, now=220),
        moment(100, now=100),
        moment(None, now=100),
        moment(None, now=100, never="-"),
    )


def test_durations() -> None:
    """A number and a unit, within a limit."""
    assert [45, 1800, 43_200, 604_800] == [
        seconds_of(text, option="--expires", at_most=90 * DAY) for text in ("45s", "30m", "12h", "7d")
    ]
    for bad in ("", "7", "d", "-1d", "1.5h", "0d", "7D", "٣d", "7d7d", "99999999d"):
        with pytest.raises(UsageFailed):
            seconds_of(bad, option="--expires", at_most=90 * DAY)


def test_sentences() -> None:
    """A capital first, but for names, and one full stop."""
    assert ["There is none.", "shop/1: held.", "--set it.", "."] == [
        sentence(text) for text in ("there is none.", "shop/1: held", "--set it", "")
    ]
