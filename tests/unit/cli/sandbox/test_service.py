"""Faults on the way of a call, and single use under concurrency."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from samples import REDIRECT

from tokensync.domain.messages import FailureClass, Issued
from tokensync.domain.secret import Secret
from tokensync.oauth.token_request import code_request, refresh_request
from tokensync_cli.sandbox.faults.wire import NoTransportError


def last(shop: Any) -> tuple[str, bool, str | None]:
    """Return outcome, commit and error of the last presentation."""
    entry = shop.box.ledger()["entries"][-1]
    return entry["outcome"], entry["committed"], entry["error"]


@pytest.fixture
def token(shop: Any) -> Secret:
    """Return a refresh token that works."""
    held: Secret = shop.grant().refresh_token
    return held


def test_without_a_fault_the_outcome_is_what_was_decided(shop: Any, token: Secret) -> None:
    """An accepted credential is issued and committed, another refused with its error."""
    assert last(shop) == ("issued", True, None)
    shop.refresh(Secret(token.reveal() + "x"))
    assert last(shop) == ("refused", False, "36004005")


@pytest.mark.parametrize(
    ("fault", "options", "status"),
    [
        ("fail_before", {}, 500),
        ("throttle", {"headers": {"Retry-After": "5"}}, 429),
        ("status", {"status": 504, "body": "Gateway"}, 504),
        ("redirect", {"status": 308, "location": "http://localhost:9/x"}, 308),
        ("error", {"code": 36009002, "message": "rate limit"}, 200),
        ("error", {"code": 36009002, "status": 400}, 400),
    ],
)
def test_answers_instead_commit_nothing(
    shop: Any, token: Secret, fault: str, options: dict[str, Any], status: int
) -> None:
    """A fault before the commit leaves the credential good; the response is what was scripted."""
    shop.fault("refresh", fault, **options)
    response = shop.ask_refresh(token)
    assert status == response.status_code
    assert options.get("headers", {}).get("Retry-After") == response.headers.get("retry-after")
    assert options.get("location") == response.headers.get("location")
    assert options.get("body", response.text) == response.text
    assert options.get("code", 0) in (0, response.json()["code"] if "body" not in options else 0)
    assert options.get("message", "service unavailable") in response.text or "body" in options
    assert last(shop) == (f"fault:{fault}", False, None)
    assert isinstance(shop.refresh(token), Issued)


@pytest.mark.parametrize(
    ("fault", "options", "waits"),
    [
        ("status", {"status": 502, "committed": True}, []),
        ("hang", {"seconds": 12}, [12]),
        ("hang", {"committed": False}, [30]),
        ("drip", {}, None),
        ("mangle", {"raw": {"access_token_expire_in": "1e400"}}, []),
    ],
)
def test_what_was_committed_is_spent(
    shop: Any, token: Secret, fault: str, options: dict[str, Any], waits: list[float] | None
) -> None:
    """After these the old credential is dead, whether the answer is whole, late, slow or spoiled."""
    shop.fault("refresh", fault, **options)
    response = shop.ask_refresh(token)
    assert ([0.4] * len(response.content) if waits is None else waits) == shop.box.waits
    assert (fault == "status") == (response.status_code == 502)
    assert (fault == "mangle") == (b'"access_token_expire_in":1e400' in response.content)
    assert last(shop) == (f"fault:{fault}", True, None)
    assert shop.box.ledger()["entries"][-1]["issued"]
    assert shop.refresh(token).kind is FailureClass.REFUSED


@pytest.mark.parametrize(
    ("fault", "options", "committed"),
    [
        ("drop_after_commit", {}, True),
        ("reset", {}, False),
        ("hang", {"committed": False, "then": "drop", "seconds": 1}, False),
    ],
)
def test_a_cut_connection_needs_a_socket(
    shop: Any, token: Secret, fault: str, options: dict[str, Any], committed: object
) -> None:
    """Without a transport the request fails; the commit is as the kind says."""
    shop.fault("refresh", fault, **options)
    with pytest.raises(NoTransportError):
        shop.refresh(token)
    assert last(shop) == (f"fault:{fault}", committed, None)


def test_a_fault_on_a_refused_credential_commits_nothing(shop: Any) -> None:
    """A fault that would commit cannot commit what is refused."""
    shop.fault("refresh", "drip", seconds=0)
    assert shop.refresh(Secret("unknown")).code == "36004005"
    assert last(shop) == ("fault:drip", False, "36004005")


def test_faults_hit_the_account_they_name(shop: Any) -> None:
    """A fault for one account is not met by another's request, on token calls and API calls."""
    first, grant = shop.account, shop.grant()
    shop.fault("token", "fail_before", account=first)
    shop.fault("shops", "error", code=36009007, message="timeout", account=first)
    shop.account = "7201846620391507713"
    assert isinstance(shop.verify(shop.grant()), dict)
    shop.account = first
    assert shop.ask_exchange(shop.code()).status_code == 500
    assert shop.verify(grant).code == "36009007"
    assert isinstance(shop.verify(grant), dict)


def test_a_request_without_a_credential_presents_nothing(shop: Any) -> None:
    """It is counted, and no line of the ledger; every response has the sandbox's own date."""
    response = shop.ask_exchange(Secret(""))
    assert response.headers["date"] == "Mon, 08 Aug 2022 23:06:40 GMT"
    assert ([], {"tiktok_shop/token": 1}) == (shop.box.ledger()["entries"], shop.box.ledger()["requests"])


@pytest.mark.parametrize("slow", [0, 10])
def test_single_use_holds_under_concurrency(shop: Any, slow: int) -> None:
    """Of many simultaneous presentations, some of them slow, one commits, and the ledger counts all."""
    if slow:
        request = refresh_request(shop.provider, shop.app, shop.grant().refresh_token)
        shop.fault("refresh", "hang", committed=False, times=slow)
    else:
        request = code_request(shop.provider, shop.app, shop.code(), redirect_uri=REDIRECT)

    async def run() -> list[int]:
        async with shop.box.client() as client:
            responses = await asyncio.gather(*(client.get(request.url) for _ in range(30)))
            return [response.json()["code"] for response in responses if isinstance(response, httpx.Response)]

    assert asyncio.run(run()).count(0) == 1
    (double,) = shop.box.ledger()["doubles"]
    assert (30, 1) == (double["count"], double["committed"])
