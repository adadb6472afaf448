from __future__ import annotations

import pytest

from tokensync.aws.config import BadEnvironment, CallbackConfig, RotationConfig, callback_config, rotation_config
from tokensync.domain.origins import TrustedHosts

SHARED = {
    "TOKENSYNC_STACK": "demo",
    "TOKENSYNC_PREFIX": "team/demo",
    "TOKENSYNC_TABLE": "table",
    "TOKENSYNC_KEY_ARN": "arn:key",
    "TOKENSYNC_QUEUE_URL": "https://queue",
    "TOKENSYNC_ALERT_TOPIC_ARN": "arn:topic",
    "TOKENSYNC_LOG_LEVEL": "DEBUG",
    "TOKENSYNC_TRUSTED_HOSTS": "id.example:8443,.example.com",
}
CALLBACK = {**SHARED, "TOKENSYNC_INVITE_KEY": "demo/invite-key", "TOKENSYNC_PUBLIC_URL": "https://connect.example/"}
ROTATION = {
    **SHARED,
    "TOKENSYNC_CLAIM_SECONDS": "720",
    "TOKENSYNC_DEAD_LETTER_QUEUE_URL": "https://sqs/dead",
    "POWERTOOLS_SERVICE_NAME": "rotation",
}


def test_the_callbacks_environment() -> None:
    """The callback function's variables are read and typed."""
    assert callback_config(CALLBACK) == CallbackConfig(
        stack="demo",
        prefix="team/demo",
        table="table",
        key_arn="arn:key",
        queue_url="https://queue",
        alert_topic_arn="arn:topic",
        service="callback",
        log_level="DEBUG",
        trusted_hosts=TrustedHosts(frozenset({("id.example", 8443)}), (".example.com",)),
        public_url="https://connect.example",
        invite_key="demo/invite-key",
    )


def test_the_rotations_environment() -> None:
    """The rotation function's variables are read and typed."""
    config = rotation_config(ROTATION)
    assert isinstance(config, RotationConfig)
    assert (config.claim_seconds, config.service) == (720, "rotation")


def test_what_may_be_left_out() -> None:
    """The prefix defaults to the stack's name, the level to INFO, and no public URL means the request's domain."""
    left_out = {
        "TOKENSYNC_PREFIX": "",
        "TOKENSYNC_TRUSTED_HOSTS": "",
        "TOKENSYNC_LOG_LEVEL": "",
        "TOKENSYNC_PUBLIC_URL": "",
    }
    config = callback_config({**CALLBACK, **left_out})
    assert (config.prefix, config.log_level, config.public_url) == ("demo", "INFO", "")
    assert TrustedHosts() == config.trusted_hosts


def test_everything_missing_is_named() -> None:
    """One start tells of every variable that is missing."""
    with pytest.raises(BadEnvironment) as raised:
        rotation_config({})
    needed = set(ROTATION) - {"TOKENSYNC_PREFIX", "TOKENSYNC_LOG_LEVEL", "POWERTOOLS_SERVICE_NAME"}
    needed -= {"TOKENSYNC_TRUSTED_HOSTS"}
    assert needed == {name for name in ROTATION if f"{name} is missing" in str(raised.value)}


@pytest.mark.parametrize("value", ["0", "-1", "12.5", "soon", "²"])
def test_bad_numbers_are_named(value: str) -> None:
    """A number that is none, or none of seconds, is named and its value is not shown."""
    with pytest.raises(BadEnvironment, match=r"TOKENSYNC_CLAIM_SECONDS is not a positive whole number\Z"):
        rotation_config({**ROTATION, "TOKENSYNC_CLAIM_SECONDS": value})


def test_bad_values_are_named() -> None:
    """A level that is none and an address that is none are both named."""
    both = "TOKENSYNC_PUBLIC_URL is no http or https URL; TOKENSYNC_LOG_LEVEL is not one of"
    with pytest.raises(BadEnvironment, match=both):
        callback_config({**CALLBACK, "TOKENSYNC_LOG_LEVEL": "LOUD", "TOKENSYNC_PUBLIC_URL": "ftp://x"})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("id.example.com,https://evil.example", "entry 2 has no usable port"),
        ("a.example, b/c", "entry 2 is neither a host nor a suffix such as .example.com"),
        (".com", "entry 1 is neither"),
        (".co.uk", "entry 1 is neither"),
        ("*.example.com", "entry 1 is neither"),
        ("a.example,,b.example", "entry 2 is neither"),
        ("id.example:0", "entry 1 has no usable port"),
        ("id.example:\u00b2", "entry 1 is neither a host"),
        ("\u212aelvin.example", "entry 1 is neither a host"),
        ("id.example:65536", "entry 1 has no usable port"),
        (".example.com:8443", "entry 1 has no usable port"),
    ],
)
def test_trusted_hosts_that_are_none_stop_the_start(value: str, said: str) -> None:
    """A function with a host that cannot be meant does not start; the error names the entry by its place."""
    for read, variables in ((callback_config, CALLBACK), (rotation_config, ROTATION)):
        with pytest.raises(BadEnvironment, match=f"TOKENSYNC_TRUSTED_HOSTS: {said}"):
            read({**variables, "TOKENSYNC_TRUSTED_HOSTS": value})
