import asyncio
from typing import Any


def test_index_tells_what_this_is(box: Any) -> None:
    """The first page names the providers and the apps."""
    text = box.get("/").text
    assert "TikTok Shop" in text
    assert "29a39d" in text


def test_every_answer_has_the_sandboxs_date(box: Any) -> None:
    """The Date header is the sandbox's own, on the vendor's answers too."""
    assert box.exchange("x").headers["date"] == "Mon, 08 Aug 2022 23:06:40 GMT"


def test_a_code_is_single_use_under_concurrency(box: Any) -> None:
    """Of fifty simultaneous exchanges one gets a pair, and the ledger counts all."""
    code = box.code()
    query = {"app_key": "29a39d", "app_secret": "e59af819cc", "auth_code": code, "grant_type": "authorized_code"}

    async def run() -> list[int]:
        async with box.client() as client:
            calls = [client.get("/tiktok_shop/api/v2/token/get", params=query) for _ in range(50)]
            return [answer.json()["code"] for answer in await asyncio.gather(*calls)]

    codes = asyncio.run(run())
    assert sorted(set(codes)) == [0, 36004004]
    assert codes.count(0) == 1
    (double,) = box.ledger()["doubles"]
    assert (double["count"], double["committed"]) == (50, 1)


def test_a_refresh_token_is_single_use_under_concurrency_and_faults(box: Any) -> None:
    """Of simultaneous refreshes, some of them slow, one commits."""
    token = box.pair()["refresh_token"]
    box.fault("refresh", "hang", committed=False, times=10)
    query = {"app_key": "29a39d", "app_secret": "e59af819cc", "refresh_token": token, "grant_type": "refresh_token"}

    async def run() -> list[int]:
        async with box.client() as client:
            calls = [client.get("/tiktok_shop/api/v2/token/refresh", params=query) for _ in range(20)]
            return [answer.json()["code"] for answer in await asyncio.gather(*calls)]

    assert asyncio.run(run()).count(0) == 1
    assert sum(e["committed"] for e in box.ledger(kind="refresh_token")["entries"]) == 1
