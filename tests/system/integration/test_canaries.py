"""The deployed functions in Python's development mode, at DEBUG: what they print holds no secret."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from canary import hears_alerts, leaked
from fault_rows import fault
from faults.polling import at_rest, batch, scheduled
from faults.workers import Workers
from stack import Browser

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stack import Sandbox, Stack

APP = "loud"
CANARY = "C4N4RY-in-development-mode"
LOUD = {"PYTHONDEVMODE": "1", "PYTHONFAULTHANDLER": "1", "TOKENSYNC_LOG_LEVEL": "DEBUG"}
FAULTS = (
    ("mangle", {"how": "html"}),
    ("mangle", {"raw": {"access_token": '"with a space"'}}),
    ("drop_after_commit", {}),
    ("redirect", {"location": f"https://elsewhere.example/?token={CANARY}"}),
)


@pytest.fixture(scope="module")
def loud(stack: Stack) -> Iterator[Stack]:
    """The stack with both functions in development mode."""
    hears_alerts(stack)
    client = stack.client("lambda")
    before = {
        name: client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        for name in (stack.outputs.callback_function, stack.outputs.rotation_function)
    }
    for name, variables in before.items():
        client.update_function_configuration(FunctionName=name, Environment={"Variables": {**variables, **LOUD}})
    yield stack
    for name, variables in before.items():
        client.update_function_configuration(FunctionName=name, Environment={"Variables": variables})


@pytest.fixture(scope="module")
def sandbox(loud: Stack) -> Sandbox:
    """An app whose every code and token carries the canary."""
    return loud.add_app(APP, token_marker=CANARY)


@pytest.fixture(scope="module")
def crashing(stack: Stack) -> Sandbox:
    """An app for the functions that are aborted: no fault of another test's is left for it."""
    return stack.add_app("crashing", token_marker=CANARY)


@fault("D canaries", "D foreign errors")
def test_development_mode_prints_no_secret(loud: Stack, sandbox: Sandbox) -> None:
    """Success and failure of both functions: pages, answers, logs, alerts, messages, configuration, files."""
    seen = []
    for failing, more in ((None, {}), *FAULTS):
        browser = Browser(loud, APP, sandbox)
        browser.connect(loud.invite(APP))
        seller = sandbox.sellers(1)[0]
        back = browser.consent(seller)
        if failing:
            sandbox.fault("token", failing, **more)
        seen += [browser.get(back).text, browser.result().text]
    for failing, more in FAULTS:
        name = loud.connect(APP, sandbox, sandbox.sellers(1)[0])
        sandbox.fault("refresh", failing, **more)
        seen.append(json.dumps(loud.refresh(name)))
    for command in ("refresh", "verify", "revoke", "remove"):
        seen.append(json.dumps(loud.ask(command, name)))
    seen.append(json.dumps(loud.invoke(loud.outputs.rotation_function, {"Records": [{"body": CANARY}]})))

    assert CANARY not in json.dumps(seen)
    assert [] == leaked(loud, [CANARY, sandbox.app_secret], *seen)


@fault("D canaries")
@pytest.mark.parametrize("place", ["sent", "answered", "received", "published"])
def test_a_crash_report_holds_no_secret(stack: Stack, crashing: Sandbox, tmp_path: Path, place: str) -> None:
    """Aborted with tokens in its memory: faulthandler's report has places, and no values."""
    name = stack.connect("crashing", crashing, crashing.sellers(1)[0])
    with at_rest(stack), Workers(stack, tmp_path, development=True) as workers:
        assert stack.connections.request_refresh(name, generation=1, now=0)
        worker = workers.start("rotation", batch([scheduled(connection=str(name))]), failpoints={place: "wait"})
        assert worker.reach(place)
        worker.signal(signal.SIGABRT)
        worker.ended.wait(30)

        assert "Fatal Python error: Aborted" in worker.log()
        assert [] == leaked(stack, [CANARY, crashing.app_secret], workers.written())
