"""What strangers chose, through everything that shows it: it is text there, on its line, and all of it is seen."""

from __future__ import annotations

import io
import json
import re
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

import pytest

from fakes.hostile import CONTROLS, HOSTILE, unseen
from fakes.recorders import RecordingLog
from fault_rows import fault
from tokensync.aws.alerts import SnsAlerts
from tokensync.aws.log import PowertoolsLog
from tokensync.domain.command_line import typed
from tokensync.domain.errors import UnknownConnection
from tokensync.domain.visible import LONGEST_VALUE, Line, visible
from tokensync.entry import command_answers
from tokensync_cli.output.console import Output
from tokensync_cli.output.failures import CommandFailed, failure_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


EVERY = {**HOSTILE, **CONTROLS}
SHOW = typed("tokensync show {name}", name="shop/1")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")  # what Rich itself writes: no cursor is moved, no link made, no title set


class Topic:
    """Takes what is published, as SNS's client does."""

    def __init__(self) -> None:
        self.mails: list[dict[str, str]] = []

    def publish(self, **mail: str) -> None:
        """Keep a mail."""
        self.mails.append(mail)


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@contextmanager
def printed(stream: io.StringIO) -> Iterator[io.StringIO]:
    """Catch both outputs of a command."""
    with redirect_stdout(stream), redirect_stderr(stream):
        yield stream


def mail(text: str) -> dict[str, str]:
    """Return the mail of an alert whose subject, detail and command hold a text."""
    topic = Topic()
    alerts = SnsAlerts(topic, "arn", stack="demo", service="test", log=RecordingLog())  # type: ignore[arg-type]
    following = typed("tokensync show {name}", name=text.replace("\0", ""))
    with redirect_stdout(io.StringIO()):
        alerts.tell("test.told", text, detail=Line("it said {text}", text=text), next_command=following)
    return topic.mails[0]


@fault("C8")
@pytest.mark.parametrize("text", EVERY.values(), ids=EVERY)
def test_a_mail_has_our_own_lines(text: str) -> None:
    """A title, a detail, one command, the stack: no text adds a line, and none is hidden."""
    sent = mail(text)
    begun = ["test.told: ", "", "it said ", "", "Next: tokensync show ", "", "Stack: demo"]

    assert set() == unseen(sent["Message"])
    assert begun == [line[: len(own)] for line, own in zip(sent["Message"].splitlines(), begun, strict=True)]


@pytest.mark.parametrize("text", EVERY.values(), ids=EVERY)
def test_a_subject_is_ascii_and_short(text: str) -> None:
    """SNS takes no other: fewer than 100 printable characters that begin with the stack's name."""
    subject = mail(text)["Subject"]

    assert subject.startswith("demo: test.told ")
    assert subject.isascii()
    assert subject.isprintable()
    assert len(subject) < 100


@fault("C8")
@pytest.mark.parametrize("text", EVERY.values(), ids=EVERY)
def test_a_log_line_is_one_of_ascii(text: str, request: pytest.FixtureRequest) -> None:
    """The fields are exact, and nothing in the line moves a terminal or parts it."""
    stream = io.StringIO()
    log = PowertoolsLog(service=f"hostile-{request.node.name}", level="DEBUG", stream=stream)
    log.warning("alert.raised", subject=text)

    written = stream.getvalue()
    assert written.isascii()
    assert written.removesuffix("\n").isprintable()
    assert text == json.loads(written)["subject"]


@pytest.mark.parametrize("text", EVERY.values(), ids=EVERY)
def test_a_metric_is_one_line_of_ascii(text: str) -> None:
    """What CloudWatch counts has our own dimensions; the text is no more than a note beside them."""
    out = io.StringIO()
    alerts = SnsAlerts(Topic(), "arn", stack="demo", service="test", log=RecordingLog())  # type: ignore[arg-type]
    with redirect_stdout(out):
        alerts.tell("test.told", text, detail=Line("d"), next_command=SHOW)

    (line,) = out.getvalue().splitlines()
    (declared,) = json.loads(line)["_aws"]["CloudWatchMetrics"]
    assert line.isascii()
    assert [["stack", "service"]] == declared["Dimensions"]


def of_an_answer(text: str) -> str:
    """Return the message of a function's answer."""

    def fails(*_: object) -> dict[str, object]:
        raise UnknownConnection(f"there is no connection {text}")

    answer = command_answers.answered({"tokensync": "x", "connection": text}, {"x": fails}, None)  # type: ignore[arg-type]
    return f"{answer['error']['message']}{answer['error']['next']}"


def of_output(show: Callable[[Output], None]) -> str:
    """Return what the command line prints on a pipe."""
    with printed(io.StringIO()) as stream:
        show(Output())
    return stream.getvalue().rstrip("\n")


def of_failure(text: str) -> str:
    """Return what is printed of a failed command, after its own second line."""
    with printed(io.StringIO()) as stream:
        failure_of(CommandFailed(f"There is no {text}.", next_command=SHOW)).show(as_json=False)
    said, following = stream.getvalue().splitlines()
    assert f"Next: {SHOW}" == following
    return said


LINES: dict[str, Callable[[str], str]] = {
    "a line of an alert": lambda text: str(Line("{text}", text=text)),
    "an error in a line": lambda text: str(Line("no: {why}", why=UnknownConnection(text))),
    "an answer": of_an_answer,
    "a line": lambda text: of_output(lambda out: out.line(text)),
    "a note": lambda text: of_output(lambda out: out.note(text)),
    "a warning": lambda text: of_output(lambda out: out.warn(text)),
    "what is said": lambda text: of_output(lambda out: out.say(text)),
    "a field": lambda text: of_output(lambda out: out.fields({"label": text})),
    "a row": lambda text: of_output(lambda out: out.table((text, "STATUS"), [])),
    "a result": lambda text: of_output(lambda out: out.result({}, text)),
    "what helps next": lambda text: of_output(lambda out: out.next(Line("{text}", text=text))),
    "a failure": of_failure,
}


@fault("C8")
def test_a_value_is_cut_before_it_fills_a_mail() -> None:
    """SNS takes 256 KB in all, and whoever reads it less."""
    longest = "x" * LONGEST_VALUE

    assert (f"of {longest}.", f"of {longest}….") == (
        str(Line("of {who}.", who=longest)),
        str(Line("of {who}.", who=f"{longest}y")),
    )


@fault("C8")
@pytest.mark.parametrize("text", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("sink", LINES)
def test_it_is_one_line_and_all_is_seen(sink: str, text: str) -> None:
    """Each invisible character stands as its escape; a stranger's line break breaks nothing."""
    shown = LINES[sink](text)

    assert set() == unseen(shown)
    assert 1 == len(shown.splitlines())
    assert visible(text) in shown


SHOWS: dict[str, Callable[[Output, str], None]] = {
    "table": lambda out, text: out.table(("LABEL", "STATUS"), [(text, "active")]),
    "fields": lambda out, text: out.fields({"label": text}),
    "note": lambda out, text: out.note(text),
    "warning": lambda out, text: out.warn(text),
}


@pytest.mark.parametrize("text", EVERY.values(), ids=EVERY)
@pytest.mark.parametrize("show", SHOWS)
def test_a_terminal_gets_colours_of_ours_alone(show: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No markup is read, no link made; what a terminal would obey stands as its escape."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "4000")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with printed(Terminal()) as stream:
        SHOWS[show](Output(), text)

    written = stream.getvalue()
    plain = COLOURS.sub("", written)
    assert "\x1b[" in written
    assert set() == unseen(plain)
    assert visible(text) in plain


@pytest.mark.parametrize("text", EVERY.values(), ids=EVERY)
def test_json_is_exact_and_ascii(text: str) -> None:
    """Programs get the very text; a terminal that shows the document gets nothing to obey."""
    with printed(io.StringIO()) as stream:
        Output(as_json=True).json({"label": text})

    assert {"label": text} == json.loads(stream.getvalue())
    assert stream.getvalue().replace("\n", "").isprintable()
    assert stream.getvalue().isascii()


@pytest.mark.parametrize("text", EVERY.values(), ids=EVERY)
def test_a_failure_in_json_is_one_line(text: str) -> None:
    """It is the last line of stderr, whatever it says."""
    with printed(io.StringIO()) as stream:
        failure_of(CommandFailed(text, next_command=SHOW)).show(as_json=True)

    (line,) = stream.getvalue().splitlines()
    assert line.isascii()
    assert {"class": "CommandFailed", "message": text, "next": str(SHOW)} == json.loads(line)["error"]
