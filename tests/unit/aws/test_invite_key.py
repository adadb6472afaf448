"""The key that signs invites and states, as Secrets Manager keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakes import FakeClock
from tokensync.authorize.links import Invite, Signer
from tokensync.aws.invite_key import InviteKeys
from tokensync.domain.errors import InviteRefused, StoreUnavailable
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from botocore.stub import Stubber

    from tokensync.aws.clients import Clients

OLD, NEW, NEWEST = "o" * 64, "n" * 64, "w" * 64


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that the test moves."""
    return FakeClock()


@pytest.fixture
def keys(clients: Clients, clock: FakeClock) -> InviteKeys:
    """Return the adapter."""
    return InviteKeys(clients.secrets, "demo/invite-key", clock)


def stored(secrets: Stubber, current: str, previous: str | None) -> None:
    """Let the secret hold these versions for the next read."""
    asked = {"SecretId": "demo/invite-key"}
    secrets.add_response("get_secret_value", {"SecretString": current}, {**asked, "VersionStage": "AWSCURRENT"})
    if previous is None:
        secrets.add_client_error("get_secret_value", "ResourceNotFoundException")
    else:
        secrets.add_response("get_secret_value", {"SecretString": previous}, {**asked, "VersionStage": "AWSPREVIOUS"})


def link(key: str, clock: FakeClock) -> str:
    """Return an invite that this key signed."""
    return Signer([Secret(key)]).invite(Invite(id="i", app="demo", expires_at=clock.now() + 86_400))


def test_it_is_read_once_in_five_minutes(keys: InviteKeys, secrets: Stubber, clock: FakeClock) -> None:
    """No request causes a read of its own; a rotated key is seen after that, and the one before it stays valid."""
    stored(secrets, OLD, None)
    invite = link(OLD, clock)
    first = keys.signer()
    clock.advance(300)
    assert first is keys.signer()
    assert "i" == first.read_invite(invite, app="demo", now=clock.now()).id
    clock.advance(1)
    stored(secrets, NEW, OLD)
    second = keys.signer()
    clock.advance(300)
    assert second is keys.signer()

    for key in (OLD, NEW):
        assert "i" == second.read_invite(link(key, clock), app="demo", now=clock.now()).id
    with pytest.raises(InviteRefused):
        second.read_invite(link(NEWEST, clock), app="demo", now=clock.now())


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException", "ResourceNotFoundException"])
def test_a_key_that_cannot_be_read(keys: InviteKeys, secrets: Stubber, code: str) -> None:
    """Nothing is signed or verified with half a key ring; only a previous version may be missing."""
    secrets.add_client_error("get_secret_value", code)
    with pytest.raises(StoreUnavailable):
        keys.signer()
    secrets.add_response("get_secret_value", {"SecretString": NEW})
    secrets.add_client_error("get_secret_value", "ThrottlingException")
    with pytest.raises(StoreUnavailable):
        keys.signer()
