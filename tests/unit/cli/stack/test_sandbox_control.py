"""The sandbox's control plane, asked of the sandbox itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from tokensync_cli.output.failures import CommandFailed
from tokensync_cli.sandbox.app import build
from tokensync_cli.sandbox.control.saver import Saver
from tokensync_cli.sandbox.registry import PROVIDERS
from tokensync_cli.sandbox.state import Sandbox
from tokensync_cli.stack.sandbox_control import SandboxControl

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

URL = "http://localhost:4001"
REGISTRATION = {
    "provider": "tiktok_shop",
    "app_key": "29a39d",
    "app_secret": "s3cr3t-canary",
    "service_id": "7172",
    "redirect_uri": "http://localhost:8400/callback/tiktok-shop",
    "settings": {"access_token_seconds": 200},
}


def control(answer: Callable[[httpx.Request], httpx.Response]) -> SandboxControl:
    """Return a control whose requests get this answer."""
    return SandboxControl(URL, httpx.Client(base_url=URL, transport=httpx.MockTransport(answer)))


def raising(request: httpx.Request) -> httpx.Response:
    """Answer nothing."""
    raise httpx.ConnectError("refused", request=request)


def test_the_sandbox_takes_what_is_registered(tmp_path: Path) -> None:
    """Field by field: the sandbox refuses a name that it does not know."""
    sandbox = Sandbox(PROVIDERS)
    real = build(sandbox, Saver(sandbox, tmp_path / "state.json"))

    def answer(request: httpx.Request) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(real)) as client:
                return await client.request(request.method, request.url, content=request.content)

        answered = asyncio.run(ask())
        return httpx.Response(answered.status_code, content=answered.content)

    asked = control(answer)
    asked.register(REGISTRATION)

    assert [provider.name for provider in PROVIDERS] == asked.providers()
    (app,) = sandbox.apps
    assert ("29a39d", "s3cr3t-canary", 200) == (app.app_key, app.app_secret, app.settings.access_token_seconds)
    with pytest.raises(CommandFailed, match="provider must be one of"):
        asked.register({**REGISTRATION, "provider": "nobody"})


@pytest.mark.parametrize(
    "answer",
    [raising, lambda _: httpx.Response(200, text="<html>"), lambda _: httpx.Response(200, json=[])],
    ids=["nothing", "a page", "a list"],
)
def test_what_is_no_sandbox(answer: Callable[[httpx.Request], httpx.Response]) -> None:
    """It is reported without what was sent."""
    with pytest.raises(CommandFailed) as failed:
        control(answer).register(REGISTRATION)

    assert "s3cr3t-canary" not in failed.value.message
    assert failed.value.__cause__ is None
