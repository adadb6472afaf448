"""One running oidc-provider for the tests of the generic provider."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from integration.oidc.server import OidcServer, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

_MISSING = "NO OIDC-PROVIDER HERE, so nobody else's server was asked"


@pytest.fixture(scope="session")
def oidc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OidcServer]:
    """Return a running server. Where Node or npm is missing the tests are skipped, in CI they fail."""
    server = OidcServer(tmp_path_factory.mktemp("oidc"))
    try:
        server.start()
    except Unavailable as missing:
        if os.environ.get("CI"):
            pytest.fail(f"{_MISSING}: {missing}")
        pytest.skip(f"!!! {_MISSING}: {missing}")
    yield server
    server.stop()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end, in red, that these tests were skipped."""
    skipped = terminalreporter.stats.get("skipped", [])
    if any(_MISSING in str(report.longrepr) for report in skipped):
        terminalreporter.write_line(f"!!! {_MISSING}", red=True, bold=True)
