from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakes.asgi import Recorded, ask
from tokensync_cli.loopback import OwnNames

if TYPE_CHECKING:
    from collections.abc import Sequence

OWN = (b"localhost", b"localhost:8400", b"127.0.0.1:8400", b"LocalHost:8400", b"localhost:9000")
FOREIGN = (
    b"",
    b"evil.example",
    b"evil.example:8400",
    b"localhost.evil.example:8400",
    b"evil-localhost:8400",
    b"evil.localhost:8400",
    b"127.0.0.1.evil.example:8400",
    b"localhost.:8400",
    b"127.0.0.1.:8400",
    b"user@localhost:8400",
    b"localhost:8400@evil.example",
    b"localhost:",
    b"localhost:8400:8400",
    b"localhost:84o0",
    b"localhost/evil",
    b"localhost,evil.example",
    b"localhost evil.example",
    b"[::1]:8400",
    b"127.0.0.2:8400",
    b"127.1:8400",
    b"2130706433:8400",
    b"0.0.0.0:8400",
    b"192.168.1.5:8400",
    b"localh\xc3\xb6st",
    b"localhost\x00",
)


@pytest.mark.parametrize("host", OWN)
def test_a_server_answers_under_its_own_names(host: bytes) -> None:
    """Whatever the port, as a forwarded one differs; the rest of the answer passes, but no header that opens it."""
    app = Recorded()
    answered = ask(OwnNames(app), headers=[(b"host", host)])
    assert (200, [(b"x-own", b"1")], b"secret") == (answered.status, answered.headers, answered.body)


@pytest.mark.parametrize(
    "hosts", [*([host] for host in FOREIGN), [], [b"localhost:8400"] * 2, [b"localhost", b"evil.example"]]
)
def test_a_rebound_name_meets_a_refusal(hosts: Sequence[bytes]) -> None:
    """A Host that is foreign, missing, doubled or of another form reaches nothing and is not repeated."""
    app = Recorded()
    answered = ask(OwnNames(app), headers=[(b"Host", host) for host in hosts])
    assert (403, []) == (answered.status, app.came)
    assert b"evil" not in answered.body
    assert not [name for name, _ in answered.headers if name.lower().startswith(b"access-control-")]


@pytest.mark.parametrize("site", [b"cross-site", b"same-site", b"same-origin", b"none"])
def test_another_site_may_send_a_browser_here(site: bytes) -> None:
    """A consent page's redirect is a navigation from another site."""
    app = Recorded()
    headers = [(b"host", b"localhost:8400"), (b"sec-fetch-site", site), (b"origin", b"null")]
    assert 200 == ask(OwnNames(app), headers=headers).status
    assert 1 == len(app.came)


def test_there_are_no_websockets() -> None:
    """An upgrade is refused before it is one."""
    app = Recorded()
    answered = ask(OwnNames(app), type="websocket")
    assert ([{"type": "websocket.close", "code": 1008}], []) == (answered.messages, app.came)


def test_a_server_starts_and_ends() -> None:
    """What is no request passes."""
    app = Recorded()
    ask(OwnNames(app), type="lifespan")
    assert "lifespan" == app.came[0][0]["type"]
