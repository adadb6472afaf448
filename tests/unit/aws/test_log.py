from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import Stubber

from tokensync.aws.log import PowertoolsLog
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from tokensync.aws.clients import Clients


@pytest.fixture
def stream() -> io.StringIO:
    """Return where the log goes."""
    return io.StringIO()


@pytest.fixture
def log(stream: io.StringIO, request: pytest.FixtureRequest) -> PowertoolsLog:
    """Return a log of its own: Powertools keeps one logger for each service's name."""
    return PowertoolsLog(service=f"test-{request.node.name}", level="DEBUG", stream=stream)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Return the lines that were written."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event(log: PowertoolsLog, stream: io.StringIO) -> None:
    """An event is one line with its level, its fields, and the place that told it."""
    log.info("token.published", connection=ConnectionName("demo", "1"), generation=3)
    log.warning("alert.not_sent", code="x")
    info, warning = lines(stream)
    assert ("INFO", "token.published", 3) == (info["level"], info["message"], info["generation"])
    assert info["location"].startswith("test_an_event:")
    assert ("WARNING", "alert.not_sent", "x") == (warning["level"], warning["message"], warning["code"])


def test_fields_of_any_name(log: PowertoolsLog, stream: io.StringIO) -> None:
    """A field that is called like a part of the line itself stands beside it."""
    log.info("a.b", name="n", message="m", level="l", args=("x",), service="s")
    (line,) = lines(stream)
    assert ("INFO", "a.b") == (line["level"], line["message"])
    assert ["n", "m", "l", ["x"], "s"] == [line[key] for key in ("name_", "message_", "level_", "args_", "service_")]


def test_secrets_are_masked(log: PowertoolsLog, stream: io.StringIO) -> None:
    """A secret that gets into a field prints as its mask."""
    log.info("a.b", token=Secret("planted"))
    assert "planted" not in stream.getvalue()
    assert lines(stream)[0]["token"] == "***"


def test_an_unforeseen_error(log: PowertoolsLog, stream: io.StringIO) -> None:
    """An error nobody foresaw is told by its type and places, never by its text or the source around it."""

    def breaks() -> None:
        raise ValueError("planted")

    try:
        breaks()
    except ValueError as error:
        log.failure("work.broken", error)
    (line,) = lines(stream)
    assert ("ERROR", "work.broken", "ValueError") == (line["level"], line["message"], line["kind"])
    assert [place.split()[1] for place in line["places"]] == ["test_an_unforeseen_error", "breaks"]
    assert "planted" not in stream.getvalue()


def test_botocore_stays_silent_at_debug(log: PowertoolsLog, clients: Clients, stream: io.StringIO) -> None:
    """At DEBUG, with everything logged that anyone would log, no request's secret is printed."""
    log.info("started")
    everything = logging.StreamHandler(stream)
    root = logging.getLogger()
    level = root.level
    root.addHandler(everything)
    root.setLevel(logging.DEBUG)
    try:
        with Stubber(clients.secrets) as stub:
            stub.add_response("put_secret_value", {})
            clients.secrets.put_secret_value(SecretId="s", SecretString="planted")
    finally:
        root.removeHandler(everything)
        root.setLevel(level)
    assert "started" in stream.getvalue()
    assert "planted" not in stream.getvalue()


@pytest.mark.parametrize("name", ["boto3", "botocore.auth", "urllib3.connectionpool", "httpcore.http11", "httpx"])
def test_leaking_libraries_are_held_at_warning(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries that print requests and URLs are heard from WARNING on, whatever our level and the host's."""
    monkeypatch.setattr(logging.getLogger(), "level", logging.DEBUG)
    for logger in (logging.getLogger(name), logging.getLogger(name.partition(".")[0])):
        logger.setLevel(logging.NOTSET)
    assert logging.getLogger(name).getEffectiveLevel() == logging.DEBUG
    PowertoolsLog(service=f"held-{name}", level="DEBUG")
    assert logging.getLogger(name).getEffectiveLevel() == logging.WARNING
