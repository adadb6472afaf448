"""How commands print: results on stdout, everything else on stderr."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tokensync.domain.command_line import Next
from tokensync.domain.visible import visible

_STATUS_STYLES = {
    "active": "green",
    "held": "yellow",
    "orphaned": "yellow",
    "reauthorize": "red",
    "quarantined": "red",
    "disconnected": "dim",
    "ok": "green",
    "wrong": "red",
    "paused": "yellow",
    "running": "green",
}

_STEPS = 10  # how often the progress of a known number is written where nothing can be drawn

Say = Callable[[str], None]


class Output:
    """Prints for people, or JSON for programs: one document on stdout, an error as the last line of stderr."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    def json(self, value: object) -> None:
        """Print one JSON document."""
        print(json.dumps(value, indent=2))  # ASCII, so that no terminal has anything to obey

    def line(self, text: str) -> None:
        """Print one line of the result, never wrapped."""
        print(visible(text))

    def result(self, value: object, *lines: str, following: Next | None = None) -> None:
        """Print what a command did: `value` for programs, else the lines, and the next command beside them."""
        if self.as_json:
            self.json(value)
            return
        for line in lines:
            self.line(line)
        if following is not None:
            self.next(following)

    def next(self, command: Next) -> None:
        """Print for people what helps next."""
        self.note(f"Next: {command}")

    def fields(self, pairs: Mapping[str, object], value: object = None) -> None:
        """Print names and values below each other; for programs `value`, or the same if that is None."""
        if self.as_json:
            self.json(pairs if value is None else value)
            return
        width = max(map(len, pairs), default=0)
        for name, entry in pairs.items():
            self._print(Text.assemble((name.ljust(width), "dim"), "  ", _styled(entry)))

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], value: object = None) -> None:
        """Print rows under their columns' names, coloured on a terminal and aligned elsewhere; for programs `value`."""
        if self.as_json:
            self.json(value)
            return
        if not _is_decorated():
            _print_aligned([columns, *rows])
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*map(_styled, row))
        Console(highlight=False).print(table)

    def note(self, text: str) -> None:
        """Print a remark for people."""
        if not self.as_json:
            self._print(Text(visible(text), style="dim"), to_stderr=True)

    def say(self, text: str) -> None:
        """Print what has to be read while the command runs, with --json too. A failure's JSON comes after it."""
        self._print(Text(visible(text)), to_stderr=True)

    def warn(self, text: str) -> None:
        """Print a warning for people; programs find it in the result."""
        if not self.as_json:
            self._print(Text(f"Warning: {visible(text)}", style="yellow"), to_stderr=True)

    @contextmanager
    def progress(self, text: str) -> Iterator[Say]:
        """Show on stderr what is being waited for; what it yields changes the text."""
        console = Console(stderr=True, highlight=False)
        if self.as_json:
            yield lambda _: None
        elif console.is_terminal and _is_decorated(stderr=True):
            with console.status(Text(visible(text))) as status:
                yield lambda changed: status.update(Text(visible(changed)))
        else:
            self.note(f"{text} …")
            yield lambda changed: self.note(f"{changed} …")

    @contextmanager
    def bar(self, text: str, *, total: int) -> Iterator[Callable[[], None]]:
        """Show on stderr how much of a known number is done; what it yields counts one more."""
        from rich.progress import Progress  # noqa: PLC0415 - it is slow to load, and `--help` needs none

        console = Console(stderr=True, highlight=False)
        if not self.as_json and console.is_terminal and _is_decorated(stderr=True):
            with Progress(*Progress.get_default_columns(), console=console, transient=True) as progress:
                task = progress.add_task(escape(visible(text)), total=total)
                yield lambda: progress.advance(task)
        else:
            self.note(f"{text}: {total} …")
            yield self._counted(text, total=total)

    def _counted(self, text: str, *, total: int) -> Callable[[], None]:
        """Return what counts, and says so at each tenth of what is more than a handful."""
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1
            if total >= _STEPS and done < total and done * _STEPS // total > (done - 1) * _STEPS // total:
                self.note(f"{text}: {done} of {total} …")

        return advance

    @staticmethod
    def _print(text: Text, *, to_stderr: bool = False) -> None:
        if _is_decorated(stderr=to_stderr):
            Console(stderr=to_stderr, highlight=False, soft_wrap=True).print(text)
        else:
            print(text.plain, file=sys.stderr if to_stderr else sys.stdout)


def cell(value: object) -> str:
    """Return one value as people read it in a table."""
    match value:
        case bool():
            return "yes" if value else "no"
        case None | "":
            return "-"
        case (list() | tuple() | dict()) as empty if not empty:
            return "-"
        case list() | tuple():
            return ", ".join(map(cell, value))
        case dict():
            return ", ".join(f"{name}={cell(entry)}" for name, entry in value.items())
        case _:
            return visible(str(value))


def _styled(value: object) -> Text:
    text = cell(value)
    return Text(text, style=_STATUS_STYLES.get(text, ""))


def _is_decorated(*, stderr: bool = False) -> bool:
    """Return whether colours and layout are wanted: on a terminal, unless the user says otherwise (no-color.org)."""
    return not os.environ.get("NO_COLOR") and (sys.stderr if stderr else sys.stdout).isatty()


def _print_aligned(rows: Sequence[Sequence[Any]]) -> None:
    texts = [[cell(value) for value in row] for row in rows]
    widths = [max(cell_len(row[index]) for row in texts) for index in range(len(texts[0]))]
    for row in texts:
        print(
            "  ".join(text + " " * (width - cell_len(text)) for text, width in zip(row, widths, strict=True)).rstrip()
        )
