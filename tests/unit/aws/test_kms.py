from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakes import FakeClock
from tokensync.aws.kms import KmsKeys
from tokensync.domain.errors import SealingUnavailable

if TYPE_CHECKING:
    from botocore.stub import Stubber

    from tokensync.aws.clients import Clients

KEY = "arn:aws:kms:xx-none-1:000000000000:key/1"


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that the test moves."""
    return FakeClock()


@pytest.fixture
def keys(clients: Clients, clock: FakeClock) -> KmsKeys:
    """Return the adapter."""
    return KmsKeys(clients.kms, KEY, clock)


def unwraps(kms: Stubber, wrapped: bytes, *, app: str = "demo") -> None:
    """Expect one Decrypt of a wrapped key."""
    kms.add_response(
        "decrypt",
        {"Plaintext": b"plain-" + wrapped},
        {"CiphertextBlob": wrapped, "KeyId": KEY, "EncryptionContext": {"app": app}},
    )


def test_a_data_key(kms: Stubber, keys: KmsKeys) -> None:
    """A data key is made under the grant key for one app, and asking again makes another."""
    for plain in (b"1" * 32, b"2" * 32):
        kms.add_response(
            "generate_data_key",
            {"Plaintext": plain, "CiphertextBlob": b"wrapped"},
            {"KeyId": KEY, "KeySpec": "AES_256", "EncryptionContext": {"app": "demo"}},
        )
        assert (plain, b"wrapped") == keys.generate("demo")


def test_an_unwrapped_key_is_held_for_minutes(kms: Stubber, keys: KmsKeys, clock: FakeClock) -> None:
    """One wrapped key costs one call in five minutes, for each app that it is asked for."""
    unwraps(kms, b"w")
    assert [b"plain-w"] * 2 == [keys.unwrap(b"w", app="demo") for _ in range(2)]
    unwraps(kms, b"w", app="other")
    keys.unwrap(b"w", app="other")
    clock.advance(300)
    unwraps(kms, b"w")
    keys.unwrap(b"w", app="demo")


def test_few_keys_are_held(kms: Stubber, keys: KmsKeys) -> None:
    """Of many keys the 64 used last are held."""
    for number in range(65):
        unwraps(kms, b"%d" % number)
        keys.unwrap(b"%d" % number, app="demo")
        if number == 63:
            keys.unwrap(b"0", app="demo")
    keys.unwrap(b"0", app="demo")
    unwraps(kms, b"1")
    keys.unwrap(b"1", app="demo")


@pytest.mark.parametrize("code", ["DisabledException", "AccessDeniedException", "ThrottlingException"])
def test_every_refusal(kms: Stubber, keys: KmsKeys, code: str) -> None:
    """Whatever KMS refuses, there is no key now."""
    kms.add_client_error("generate_data_key", code)
    with pytest.raises(SealingUnavailable, match=code):
        keys.generate("demo")
    kms.add_client_error("decrypt", code)
    with pytest.raises(SealingUnavailable, match=code):
        keys.unwrap(b"w", app="demo")


def test_keys_are_not_printed(kms: Stubber, keys: KmsKeys) -> None:
    """The adapter prints none of the keys that it holds."""
    unwraps(kms, b"w")
    keys.unwrap(b"w", app="demo")
    assert "plain" not in repr(keys)
