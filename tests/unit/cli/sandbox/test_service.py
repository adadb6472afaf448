from typing import Any

import pytest

from tokensync_cli.sandbox.faults.wire import NoTransportError


def last(box: Any) -> Any:
    return box.ledger()["entries"][-1]


def test_without_a_fault_the_outcome_is_what_was_decided(box: Any) -> None:
    """An accepted credential is issued and committed, another refused with its error."""
    pair = box.pair()
    assert (last(box)["outcome"], last(box)["committed"], last(box)["error"]) == ("issued", True, None)
    box.refresh(pair["refresh_token"] + "x")
    assert (last(box)["outcome"], last(box)["committed"], last(box)["error"]) == ("refused", False, "36004005")


@pytest.mark.parametrize(
    ("fault", "options", "status"),
    [
        ("fail_before", {}, 500),
        ("throttle", {"headers": {"Retry-After": "5"}}, 429),
        ("status", {"status": 504}, 504),
        ("redirect", {"status": 308, "location": "http://localhost:9/x"}, 308),
    ],
)
def test_answers_instead_commit_nothing(box: Any, fault: str, options: dict[str, Any], status: int) -> None:
    """A fault before the commit leaves the credential good."""
    token = box.pair()["refresh_token"]
    box.fault("refresh", fault, **options)
    answer = box.refresh(token)
    assert answer.status_code == status
    assert answer.headers.get("retry-after") == options.get("headers", {}).get("Retry-After")
    assert answer.headers.get("location") == options.get("location")
    assert (last(box)["outcome"], last(box)["committed"]) == (f"fault:{fault}", False)
    assert box.refresh(token).json()["code"] == 0


def test_a_status_may_come_after_the_commit(box: Any) -> None:
    """A gateway that fails after the commit leaves the old credential dead and tells no new one."""
    token = box.pair()["refresh_token"]
    box.fault("refresh", "status", status=502, committed=True, body="Bad Gateway")
    answer = box.refresh(token)
    assert (answer.status_code, answer.text) == (502, "Bad Gateway")
    assert last(box)["committed"]
    assert last(box)["issued"]
    assert box.refresh(token).json()["code"] == 36004005


def test_scripted_error_speaks_in_the_providers_envelope(box: Any) -> None:
    """A scripted error has the provider's shape and the number told, in HTTP 200."""
    token = box.pair()["refresh_token"]
    box.fault("refresh", "error", code=36009002, message="rate limit")
    answer = box.refresh(token)
    assert (answer.status_code, answer.json()["code"], answer.json()["message"]) == (200, 36009002, "rate limit")
    assert not last(box)["committed"]


@pytest.mark.parametrize("fault", ["drop_after_commit", "reset"])
def test_a_cut_connection_needs_a_socket(box: Any, fault: str) -> None:
    """Without a transport the request fails; the commit is as the kind says."""
    token = box.pair()["refresh_token"]
    box.fault("refresh", fault)
    with pytest.raises(NoTransportError):
        box.refresh(token)
    assert last(box)["committed"] == (fault == "drop_after_commit")


def test_a_hang_after_the_commit_answers_late(box: Any) -> None:
    """A hang waits for its seconds and then gives the answer of the commit before."""
    token = box.pair()["refresh_token"]
    box.fault("refresh", "hang", seconds=12)
    assert box.refresh(token).json()["code"] == 0
    assert box.waits == [12]
    assert last(box)["committed"]


def test_a_hang_before_the_commit_commits_late(box: Any) -> None:
    """A hang before the commit ends in a commit that the ledger then tells."""
    token = box.pair()["refresh_token"]
    box.fault("refresh", "hang", committed=False)
    assert box.refresh(token).json()["code"] == 0
    assert box.waits == [30]
    assert (last(box)["outcome"], last(box)["committed"]) == ("fault:hang", True)


def test_a_hang_may_end_without_an_answer(box: Any) -> None:
    """With then=drop the hang before the commit never commits."""
    token = box.pair()["refresh_token"]
    box.fault("refresh", "hang", committed=False, then="drop", seconds=1)
    with pytest.raises(NoTransportError):
        box.refresh(token)
    assert not last(box)["committed"]
    assert box.refresh(token).json()["code"] == 0


def test_a_drip_sends_every_byte_after_a_pause(box: Any) -> None:
    """A dripped answer is whole in the end, and took one pause for each byte."""
    token = box.pair()["refresh_token"]
    box.fault("refresh", "drip")
    answer = box.refresh(token)
    assert answer.json()["code"] == 0
    assert box.waits == [0.4] * len(answer.content)


def test_a_mangled_answer_is_committed(box: Any) -> None:
    """The pair in a mangled answer is real and its predecessor is dead."""
    token = box.pair()["refresh_token"]
    box.fault("refresh", "mangle", raw={"access_token_expire_in": "1e400"})
    answer = box.refresh(token)
    assert b'"access_token_expire_in":1e400' in answer.content
    assert (last(box)["outcome"], last(box)["committed"]) == ("fault:mangle", True)
    assert box.refresh(token).json()["code"] == 36004005


def test_a_fault_on_a_refused_credential_commits_nothing(box: Any) -> None:
    """A fault that would commit cannot commit what is refused."""
    box.fault("refresh", "drip", seconds=0)
    assert box.refresh("unknown").json()["code"] == 36004005
    assert (last(box)["committed"], last(box)["error"]) == (False, "36004005")


def test_faults_hit_the_account_they_name(box: Any) -> None:
    """A fault for one account is not met by another's request, on every endpoint."""
    box.fault("token", "fail_before", account=box.seller)
    assert box.exchange(box.code("7201846620391507713")).status_code == 200
    assert box.exchange(box.code(box.seller)).status_code == 500


def test_faults_reach_api_calls(box: Any) -> None:
    """An API call can fail on command and leaves no line in the ledger."""
    token = box.pair()["access_token"]
    box.fault("shops", "error", code=36009007, message="timeout", account=box.seller)
    assert box.call(token)["code"] == 36009007
    assert box.call(token)["code"] == 0
    assert len(box.ledger()["entries"]) == 1
