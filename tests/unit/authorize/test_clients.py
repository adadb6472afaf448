"""Clients without a secret connect accounts and keep them: a public client, and one that signs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fakes.scripted import OIDC, Staged, oidc_token
from fakes.troubles import at_its_time
from field_rows import field
from tokensync.domain.connection import Status
from tokensync.domain.secret import Secret

KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
PUBLIC = replace(OIDC, client_secret=Secret(""), settings={**OIDC.settings, "client_auth": "none"})
SIGNING = replace(
    OIDC,
    client_secret=Secret(""),
    private_key=Secret(PEM),
    settings={**OIDC.settings, "client_auth": "private_key_jwt"},
)


def staged(app: Any) -> Staged:
    """Return a stage whose server connects and refreshes one account."""
    made = Staged.of(app)
    made.server.says("/token", oidc_token(), oidc_token(access_token="OA2", refresh_token="OR2"))
    made.server.says("/userinfo", {"sub": "u-1"})
    return made


def forms(made: Staged) -> list[dict[str, str]]:
    """Return what the token endpoint was sent."""
    return [
        dict(parse_qsl(request.body.decode("ascii"))) for request in made.server.asked if request.url.endswith("/token")
    ]


@field("B public client")
def test_a_public_client_connects_and_refreshes() -> None:
    """By PKCE alone: neither request carries a secret, nor an empty one."""
    made = staged(PUBLIC)
    assert "Your account is connected" in made.connect().body
    at_its_time(made.world, made.name("u-1"))
    made.world.run(made.name("u-1"))

    exchange, refresh = forms(made)
    assert ("client-1", True) == (exchange["client_id"], "code_verifier" in exchange)
    assert ("client-1", "refresh_token") == (refresh["client_id"], refresh["grant_type"])
    assert not {"client_secret", "client_assertion"} & (exchange.keys() | refresh.keys())
    assert (Status.ACTIVE, 2) == (made.world.stored(made.name("u-1")).status, len(forms(made)))


@field("B private_key_jwt")
def test_a_client_that_signs_connects_and_refreshes() -> None:
    """No assertion is used twice, and none of them, nor the key, is in a log or an alert."""
    made = staged(SIGNING)
    assert "Your account is connected" in made.connect().body
    at_its_time(made.world, made.name("u-1"))
    made.world.run(made.name("u-1"))

    exchange, refresh = forms(made)
    assert exchange["client_assertion"] != refresh["client_assertion"]
    assert Status.ACTIVE is made.world.stored(made.name("u-1")).status
    told = f"{made.world.log.lines} {made.world.alerts.told}"
    for secret in (exchange["client_assertion"], refresh["client_assertion"], PEM):
        assert secret not in told


@pytest.mark.parametrize(
    ("app", "lacks"),
    [
        (replace(PUBLIC, settings=OIDC.settings), "client_secret"),
        (replace(SIGNING, private_key=None), "private_key"),
        (replace(SIGNING, private_key=Secret("no key")), "private_key"),
    ],
)
def test_a_client_with_nothing_to_prove_itself_consumes_nothing(app: Any, lacks: str) -> None:
    """An edited secret costs neither code nor refresh token: both work once it is mended."""
    made = staged(PUBLIC)
    made.browser.connect()
    made.world.apps.update(app)
    assert 503 == made.browser.back("code=code-1").status
    assert (0, []) == (made.world.authorizations.calls["consume"], made.server.asked)

    made.world.apps.update(PUBLIC)
    assert 303 == made.browser.back("code=code-1").status
    made.world.apps.update(app)
    at_its_time(made.world, made.name("u-1"))
    before = made.world.stored(made.name("u-1"))
    made.world.run(made.name("u-1"))
    after = made.world.stored(made.name("u-1"))
    assert (before.generation, before.status, 1) == (after.generation, after.status, made.server.times("/token"))
    assert lacks in f"{made.world.log.lines}"
