"""Debian's Chromium, driven by Playwright. It resolves no name but localhost, so nothing can leave this machine."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from browser.visitor import Visitor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def resolves() -> str:
    """Return Chromium's rules for looking names up."""
    return "MAP * ~NOTFOUND, EXCLUDE localhost"


# Not for the whole session: Playwright keeps an event loop running, in which no other test could run its own.
@pytest.fixture(scope="module")
def chromium(resolves: str) -> Iterator[Browser]:
    """Return a running Chromium with a fresh profile. Without one installed the tests are skipped, in CI they fail."""
    path = shutil.which("chromium")
    if path is None:
        missing = "NO CHROMIUM HERE, so nobody looked at the pages: run tests/system/browser/install-chromium"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(f"!!! {missing}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=[*_ARGUMENTS, f"--host-resolver-rules={resolves}"]
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Visitor]]:
    """Return a maker of browsers that share nothing. Each is judged when the test is over."""
    visitors: list[Visitor] = []

    def arrive(**options: object) -> Visitor:
        visitors.append(Visitor(chromium.new_context(**options)))  # type: ignore[arg-type]
        return visitors[-1]

    yield arrive
    for visitor in visitors:
        visitor.context.close()
        visitor.judge()


@pytest.fixture
def visitor(visit: Callable[..., Visitor]) -> Visitor:
    """Return one seller's browser."""
    return visit()


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where pictures of the pages are put."""
    return tmp_path_factory.mktemp("screenshots")
