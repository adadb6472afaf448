from typing import Any

import pytest


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:4001"},
        {"host": "evil.localhost:4001"},
        {"origin": "http://localhost:4001"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_web_pages_cannot_drive_the_control_plane(box: Any, headers: dict[str, str]) -> None:
    """A foreign Host, any Origin and a foreign site are refused, for reading and writing."""
    assert box.get("/_sandbox/ledger", headers=headers).status_code == 403
    assert box.request("POST", "/_sandbox/clock", json={"offset": 9}, headers=headers).status_code == 403
    assert box.sandbox.clock.offset == 0


@pytest.mark.parametrize("headers", [{"host": "127.0.0.1:4001"}, {"sec-fetch-site": "none"}])
def test_programs_and_typed_addresses_may(box: Any, headers: dict[str, str]) -> None:
    """A local program and an address typed into a browser are answered."""
    assert box.get("/_sandbox/health", headers=headers).status_code == 200
