"""Two authorization servers, one of them hostile (RFC 9700 section 4.4): nothing of one gets to the other.

App A is registered with an honest server, app B with the hostile one. Both servers are oidc-provider.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, quote_plus, urlsplit

import httpx
import pytest

from fault_rows import fault
from integration.oidc.hostile import Hostile
from integration.oidc.server import Client, OidcServer
from integration.oidc.test_stack import NO_SANDBOX, registered
from stack import Browser, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator

METHOD = "client_secret_post"


@dataclass
class Side:
    """One app with its server."""

    app: str
    client: Client
    server: OidcServer
    callback: str


@dataclass
class Scene:
    """Both sides, and what the hostile server was sent."""

    stack: Stack
    honest: Side
    hostile: Side
    attacker: Hostile

    def arrived(self, *texts: str) -> list[str]:
        """Return which of these texts the hostile server was sent, in whatever spelling."""
        sent = b"\n".join(self.attacker.sent)
        client = self.honest.client
        basic = f"{quote_plus(client.client_id)}:{quote_plus(client.client_secret)}".encode()
        spelled = {text: (text.encode(), quote(text, safe="").encode(), quote_plus(text).encode()) for text in texts}
        spelled["Basic"] = (base64.b64encode(basic),)
        return [text for text, spellings in spelled.items() if any(spelling in sent for spelling in spellings)]

    def led_astray(self, browser: Browser, redirect_uri: str) -> str:
        """Open B's invite; return where the hostile server sends the browser: to the honest one, as A."""
        endpoint = self.honest.server.metadata()["authorization_endpoint"]
        self.attacker.lead_on(endpoint, self.honest.client, redirect_uri)
        away = browser.connect(self.stack.invite(self.hostile.app))
        led = httpx.get(away.headers["location"], timeout=30)
        assert led.headers["location"].startswith(self.honest.server.issuer)
        return str(led.headers["location"])

    def exchanges(self) -> list[str]:
        """Return what was presented to the honest server's token endpoint."""
        log = self.honest.server.log(grant_type="authorization_code", client=self.honest.client.client_id)
        return [event["presented"] for event in log]


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, oidc: OidcServer) -> Iterator[OidcServer]:
    """The server that an attacker runs; `oidc` has looked for Node."""
    del oidc
    with OidcServer(tmp_path_factory.mktemp("hostile")) as running:
        yield running


@pytest.fixture(params=["iss", "no iss"])
def announced(request: pytest.FixtureRequest) -> bool:
    """Whether the apps know their issuers, and the servers name themselves."""
    return bool(request.param == "iss")


@pytest.fixture
def scene(stack: Stack, oidc: OidcServer, other: OidcServer, *, announced: bool) -> Iterator[Scene]:
    """App A at the honest server and app B at the hostile one."""
    sides = []
    for server in (oidc, other):
        name, client = registered(stack, server, METHOD)
        if not announced:
            app = stack.apps.get(name)
            unknown = {key: value for key, value in app.settings.items() if key not in ("issuer", "iss")}
            stack.apps.update(replace(app, settings=unknown))
        sides.append(Side(name, client, server, f"{stack.outputs.callback_url}/{name}"))
    with Hostile(other.issuer, other.metadata()["authorization_endpoint"]) as attacker:
        app = stack.apps.get(sides[1].app)
        endpoints = {key: url.replace(other.issuer, attacker.url) for key, url in app.endpoints.items()}
        stack.apps.update(replace(app, endpoints=endpoints))
        yield Scene(stack, sides[0], sides[1], attacker)


def code_in(callback: str) -> str:
    """Return the code that a callback brings."""
    return parse_qs(urlsplit(callback).query)["code"][0]


def as_sent(callback: str, *, announced: bool) -> str:
    """Return a callback as a server sends it that names itself, or as one that does not."""
    if announced:
        return callback
    return str(httpx.URL(callback).copy_remove_param("iss"))


@fault("C10")
def test_without_an_attack_both_work(scene: Scene, *, announced: bool) -> None:
    """The hostile server may behave: its app connects, and what it is sent is seen."""
    for side in (scene.honest, scene.hostile):
        browser = Browser(scene.stack, side.app, NO_SANDBOX)
        away = browser.connect(scene.stack.invite(side.app))
        server = side.server
        if side is scene.hostile:
            back = _walk(away.headers["location"], scene.attacker.url, "seller")
        else:
            back = server.authorize(away.headers["location"], "seller")
        assert httpx.codes.SEE_OTHER == browser.get(as_sent(back, announced=announced)).status_code
        assert "Your account is connected" in browser.result().text

    assert 1 == scene.attacker.token_requests
    assert [scene.hostile.client.client_secret] == scene.arrived(
        scene.hostile.client.client_secret, scene.honest.client.client_secret
    )


@fault("C10")
@pytest.mark.usefixtures("announced")
def test_the_honest_server_knows_one_way_back(scene: Scene) -> None:
    """One callback path for each app: an honest server does not send A's code to B's."""
    browser = Browser(scene.stack, scene.hostile.app, NO_SANDBOX)
    astray = scene.led_astray(browser, scene.hostile.callback)
    with pytest.raises(AssertionError, match="HTTP 400"):
        scene.honest.server.authorize(astray, "victim")

    assert 0 == scene.attacker.token_requests
    assert [] == scene.exchanges()


@fault("C10")
def test_a_code_that_comes_to_its_own_app_with_the_others_state(scene: Scene, *, announced: bool) -> None:
    """The victim consents at the honest server during B's authorization: A's path does not take B's state."""
    browser = Browser(scene.stack, scene.hostile.app, NO_SANDBOX)
    astray = scene.led_astray(browser, scene.honest.callback)
    back = scene.honest.server.authorize(astray, "victim")
    assert back.startswith(scene.honest.callback)

    assert httpx.codes.BAD_REQUEST == browser.get(as_sent(back, announced=announced)).status_code
    assert 0 == scene.attacker.token_requests
    assert [] == scene.arrived(code_in(back), scene.honest.client.client_secret)
    assert [] == scene.exchanges()


@fault("C10")
@pytest.mark.parametrize("announced", [True], ids=["iss"])
def test_a_code_that_is_brought_to_the_others_path(scene: Scene, *, announced: bool) -> None:
    """Were A's code sent to B's path after all, its issuer tells (RFC 9207 section 2.4): it goes nowhere."""
    assert announced
    browser = Browser(scene.stack, scene.hostile.app, NO_SANDBOX)
    astray = scene.led_astray(browser, scene.honest.callback)
    back = scene.honest.server.authorize(astray, "victim")
    brought = back.replace(scene.honest.callback, scene.hostile.callback)

    assert httpx.codes.BAD_REQUEST == browser.get(brought).status_code
    assert 0 == scene.attacker.token_requests
    assert [] == scene.arrived(code_in(back), scene.honest.client.client_secret)
    assert [] == scene.exchanges()


@fault("C10")
@pytest.mark.parametrize("announced", [True], ids=["iss"])
def test_a_hostile_server_that_says_it_is_the_other(scene: Scene, *, announced: bool) -> None:
    """B's callback with A's issuer is refused; the code goes nowhere, and the seller can still finish."""
    assert announced
    browser = Browser(scene.stack, scene.hostile.app, NO_SANDBOX)
    away = browser.connect(scene.stack.invite(scene.hostile.app))
    back = _walk(away.headers["location"], scene.attacker.url, "seller")
    lying = str(httpx.URL(back).copy_set_param("iss", scene.honest.server.issuer))

    assert httpx.codes.BAD_REQUEST == browser.get(lying).status_code
    assert 0 == scene.attacker.token_requests
    assert [] == scene.exchanges()
    assert httpx.codes.SEE_OTHER == browser.get(back).status_code


@fault("C10")
def test_a_hostile_servers_code_in_the_others_callback(scene: Scene, *, announced: bool) -> None:
    """An attacker's code under A's state is no connection, and A's secret goes to A's own server alone."""
    victim = Browser(scene.stack, scene.honest.app, NO_SANDBOX)
    victim.connect(scene.stack.invite(scene.honest.app))
    attacker = Browser(scene.stack, scene.hostile.app, NO_SANDBOX)
    away = attacker.connect(scene.stack.invite(scene.hostile.app))
    back = _walk(away.headers["location"], scene.attacker.url, "attacker")
    injected = str(httpx.URL(back).copy_set_param("state", victim.state))
    answer = victim.get(as_sent(injected, announced=announced).replace(scene.hostile.callback, scene.honest.callback))

    assert (httpx.codes.BAD_REQUEST if announced else httpx.codes.SEE_OTHER) == answer.status_code
    assert "Your account is connected" not in victim.result().text
    assert [] == list(scene.stack.connections.list(scene.honest.app))
    assert 0 == scene.attacker.token_requests
    assert [] == scene.arrived(scene.honest.client.client_secret)


def _walk(url: str, origin: str, account: str) -> str:
    """Walk through the server behind the hostile one, and return the callback's URL."""
    url = f"{url}&login_hint={account}"
    with httpx.Client(timeout=30) as browser:
        for _ in range(10):
            answer = browser.get(url)
            url = str(answer.url.join(answer.headers["location"]))
            if not url.startswith(f"{origin}/"):
                return url
    raise AssertionError("authorization did not end within 10 redirects")
