from __future__ import annotations

import pytest

from tokensync.aws.config import BadEnvironment, CallbackConfig, RotationConfig, callback_config, rotation_config

SHARED = {
    "TOKENSYNC_STACK": "demo",
    "TOKENSYNC_PREFIX": "team/demo",
    "TOKENSYNC_TABLE": "table",
    "TOKENSYNC_KEY_ARN": "arn:key",
    "TOKENSYNC_QUEUE_URL": "https://queue",
    "TOKENSYNC_ALERT_TOPIC_ARN": "arn:topic",
    "TOKENSYNC_LOG_LEVEL": "DEBUG",
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
    left_out = {"TOKENSYNC_PREFIX": "", "TOKENSYNC_LOG_LEVEL": "", "TOKENSYNC_PUBLIC_URL": ""}
    config = callback_config({**CALLBACK, **left_out})
    assert (config.prefix, config.log_level, config.public_url) == ("demo", "INFO", "")


def test_everything_missing_is_named() -> None:
    """One start tells of every variable that is missing."""
    with pytest.raises(BadEnvironment) as raised:
        rotation_config({})
    needed = set(ROTATION) - {"TOKENSYNC_PREFIX", "TOKENSYNC_LOG_LEVEL", "POWERTOOLS_SERVICE_NAME"}
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
