from typing import Any

import pytest

from tokensync_cli.sandbox.faults.script import Fault, Faults
from tokensync_cli.sandbox.records import BadRecordError


def script(*changes: dict[str, Any]) -> Faults:
    faults = Faults([("p", "token"), ("p", "refresh")])
    for change in changes:
        faults.add({"provider": "p", "endpoint": "refresh", "fault": "status", **change})
    return faults


def take(faults: Faults, *, app: str = "k", account: str | None = "a", endpoint: str = "refresh") -> Fault | None:
    return faults.take(provider="p", endpoint=endpoint, app=app, account=account)


def test_a_fault_meets_so_many_requests() -> None:
    """A fault with times=2 is met twice and is gone then."""
    faults = script({"times": 2})
    assert [bool(take(faults)) for _ in range(3)] == [True, True, False]


def test_times_null_lasts_until_cleared() -> None:
    """A fault without an end stays until the script is cleared."""
    faults = script({"times": None})
    assert all(take(faults) for _ in range(5))
    assert faults.clear() == 1
    assert take(faults) is None


def test_skip_lets_requests_pass_first() -> None:
    """A fault with skip=1 begins at the second matching request."""
    faults = script({"skip": 1})
    assert [bool(take(faults)) for _ in range(3)] == [False, True, False]


def test_faults_match_by_endpoint_app_and_account() -> None:
    """A fault for one app and account leaves others alone."""
    faults = script({"app": "k", "account": "a", "times": None})
    assert take(faults, app="other") is None
    assert take(faults, account="b") is None
    assert take(faults, account=None) is None
    assert take(faults, endpoint="token") is None
    assert take(faults)


def test_faults_come_in_the_order_scripted() -> None:
    """The first matching line of the script is taken first."""
    faults = script({"status": 500}, {"status": 504})
    assert [fault.http_status for fault in (take(faults), take(faults)) if fault] == [500, 504]
    assert faults.waiting() == ()


@pytest.mark.parametrize(
    ("fault", "status", "commits"),
    [
        ("fail_before", 500, False),
        ("throttle", 429, False),
        ("status", 503, False),
        ("reset", 200, False),
        ("drop_after_commit", 200, True),
        ("drip", 200, True),
        ("hang", 200, True),
    ],
)
def test_each_kind_has_its_defaults(fault: str, status: int, *, commits: bool) -> None:
    """Status and commit of a kind hold where nothing is said."""
    (waiting,) = script({"fault": fault}).waiting()
    assert (waiting.http_status, waiting.commits) == (status, commits)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"fault": "explode"}, "fault must be one of"),
        ({"endpoint": "nowhere"}, "no endpoint p/nowhere; known: p/refresh, p/token"),
        ({"times": 0}, "times must be at least 1"),
        ({"status": 99}, "between 200 and 599"),
        ({"fault": "fail_before", "committed": True}, "never commits"),
        ({"fault": "drop_after_commit", "committed": False}, "commits"),
        ({"fault": "redirect"}, "location is missing"),
        ({"fault": "error"}, "code is missing"),
        ({"fault": "mangle"}, "how, set, raw or drop is missing"),
        ({"fault": "mangle", "how": "bom", "committed": False}, "need an answer"),
        ({"fault": "mangle", "how": "text"}, "body is missing"),
        ({"fault": "mangle", "how": "base64", "body": "%"}, "body must be base64"),
    ],
)
def test_refuses_what_cannot_be_played(change: dict[str, Any], text: str) -> None:
    """A fault that makes no sense is refused when it is scripted, not when it is met."""
    with pytest.raises(BadRecordError, match=text):
        script(change)
