"""Somebody who may write an app's secret, and import, tries to take standing tokens along to a host of his own.

He imports a token of his own over a connection, for what it is silent about stays. His app's rule has a parameter in a
host: at first nobody names it, so there is no such host yet, and the next import names it under the same rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fakes.scripted import ISSUER
from fakes.tampering import EVIL, leaked, standing, tamper
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from fakes.any_host import AnyHost
    from tokensync.domain.names import ConnectionName

THEIR_HOST = "https://{h}.evil.example"


def imported(one: AnyHost, name: ConnectionName, **fields: Any) -> None:
    """Import over the connection, some seconds after what was done before."""
    one.world.clock.advance(10)
    one.world.ask("import", app=name.app, account=name.account, replace=True, **fields)


def an_access_token(one: AnyHost, text: str) -> dict[str, Any]:
    """Return the fields of an access token, which leave the refresh token as it is."""
    return {"access_token": text, "expires_at": one.world.clock.now() + 7200}


@pytest.mark.parametrize("source", ["invite", "callback.h", "invite,token.h"])
@pytest.mark.parametrize("key", ["token", "revoke"])
def test_a_carried_refresh_token_stays_bound_as_it_was(source: str, key: str) -> None:
    """Refreshed, revoked, with the endpoint moved to the host that came in: nothing arrives there."""
    one, name = standing()
    since = len(one.server.asked)
    tamper(
        one,
        endpoints={"refresh": f"{ISSUER}/token", key: f"{THEIR_HOST}/{key}"},
        settings={"param.h": "[a-z]+", "param_source.h": source},
    )
    imported(one, name, **an_access_token(one, "his-own"))
    assert Secret("canary-refresh") == one.world.grant(name).refresh_token  # it is carried over, and may be used
    imported(one, name, **an_access_token(one, "his-other"), **{"param.h": "a"})
    tamper(one, endpoints={"refresh": "https://a.evil.example/token"})
    one.world.settle(ticks=10, every=1200)
    one.world.ask("revoke", connection=str(name))

    assert [] == leaked(one, since=since)


def test_a_published_access_token_goes_to_no_other_account_call() -> None:
    """A refresh token of his own leaves the published access token in its place until it is refreshed."""
    one, name = standing()
    since = len(one.server.asked)
    one.server.says("/token", *[503] * 6)
    tamper(one, endpoints={"verify": f"{EVIL}/me"})
    imported(one, name, refresh_token="his-own")
    one.world.ask("verify", connection=str(name))

    assert [] == leaked(one, since=since)
