"""The key that signs invites and states, as Secrets Manager keeps it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from fakes import FakeClock
from fault_rows import fault
from tokensync.authorize.links import Invite, Signer
from tokensync.aws.invite_key import KEPT_SECONDS, InviteKeys
from tokensync.domain.authorization import AuthorizationKey
from tokensync.domain.errors import BadRequest, InviteRefused, StoreUnavailable
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from botocore.stub import Stubber

    from tokensync.aws.clients import Clients

KEY = AuthorizationKey("demo", "browser", "nonce")
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


def test_no_garbage_causes_a_read(keys: InviteKeys, secrets: Stubber, clock: FakeClock) -> None:
    """Whatever is forged, damaged or expired, the key is read once in half a minute."""
    stored(secrets, OLD, None)
    late = link(OLD, clock)
    clock.advance(86_400)
    for text in ("x.y", link(NEW, clock), f"{link(OLD, clock)}x", late):
        with pytest.raises(InviteRefused):
            keys.signer().read_invite(text, app="demo", now=clock.now())
    clock.advance(KEPT_SECONDS)
    keys.signer()
    clock.advance(1)
    stored(secrets, NEW, OLD)
    keys.signer()


def test_a_rotated_key_leaves_the_one_before_it_valid(keys: InviteKeys, secrets: Stubber, clock: FakeClock) -> None:
    """Links of the key before are taken, and those of the key before that are not."""
    stored(secrets, NEW, OLD)
    signer = keys.signer()
    for key in (OLD, NEW):
        secrets.add_response("get_secret_value", {"SecretString": NEW})
        assert "i" == signer.read_invite(link(key, clock), app="demo", now=clock.now()).id
    with pytest.raises(InviteRefused):
        signer.read_invite(link(NEWEST, clock), app="demo", now=clock.now())


@fault("C15")
def test_a_key_that_was_taken_back_ends_its_links_at_once(keys: InviteKeys, secrets: Stubber, clock: FakeClock) -> None:
    """A warm function that holds the old key takes nothing of it, and takes the new one at once after that."""
    stored(secrets, OLD, NEW)
    signer, invites = keys.signer(), [link(OLD, clock), link(NEW, clock)]
    state = Signer([Secret(OLD)]).state(KEY, expires_at=clock.now() + 60)
    secrets.add_response("get_secret_value", {"SecretString": f"alone.{NEWEST}"})
    with pytest.raises(InviteRefused):
        signer.read_invite(invites[0], app="demo", now=clock.now())

    for text in invites:
        with pytest.raises(InviteRefused):
            keys.signer().read_invite(text, app="demo", now=clock.now())
    with pytest.raises(BadRequest):
        keys.signer().read_state(state, app="demo", now=clock.now())
    secrets.add_response("get_secret_value", {"SecretString": f"alone.{NEWEST}"})
    mine = keys.signer().invite(Invite(id="i", app="demo", expires_at=clock.now() + 60))
    assert "i" == keys.signer().read_invite(mine, app="demo", now=clock.now()).id


def test_ending_all_is_one_write(keys: InviteKeys, secrets: Stubber, clock: FakeClock) -> None:
    """The new key says itself that it stands alone: nothing in between can leave the old one valid."""
    stored(secrets, OLD, None)
    old = keys.signer().invite(Invite(id="i", app="demo", expires_at=clock.now() + 60))
    written: list[str] = []

    def take(params: dict[str, Any], **_: object) -> None:
        written.append(params["SecretString"])

    secrets.client.meta.events.register("provide-client-params.secrets-manager.PutSecretValue", take)
    secrets.add_response("put_secret_value", {})
    keys.end_all()

    assert 1 == len(written)
    assert re.fullmatch(r"alone\.[0-9a-f]{64}", written[0])
    secrets.add_response("get_secret_value", {"SecretString": written[0]})
    with pytest.raises(InviteRefused):
        keys.signer().read_invite(old, app="demo", now=clock.now())


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
