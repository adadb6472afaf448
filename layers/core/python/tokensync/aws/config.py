"""The functions' environment variables, read once and typed; `template.yaml` sets them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokensync.domain.errors import TokensyncError
from tokensync.domain.origins import BadHosts, TrustedHosts

if TYPE_CHECKING:
    from collections.abc import Mapping

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


class BadEnvironment(TokensyncError):
    """Environment variables are missing or unusable; the message names every one of them and shows no value."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What both functions know about their stack."""

    stack: str
    prefix: str
    table: str
    key_arn: str
    queue_url: str
    alert_topic_arn: str
    trusted_hosts: TrustedHosts
    service: str
    log_level: str


@dataclass(frozen=True, kw_only=True)
class CallbackConfig(Config):
    """The callback function's variables. An empty `public_url` means the request's own domain."""

    public_url: str
    invite_key: str


@dataclass(frozen=True, kw_only=True)
class RotationConfig(Config):
    """The rotation function's variables. After `claim_seconds` a connection that was queued in vain is queued again."""

    claim_seconds: int
    dead_letter_queue_url: str


class _Reader:
    """Reads variables and collects what is wrong with them, so that one error names them all."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._wrong: list[str] = []

    def text(self, name: str, *, default: str | None = None) -> str:
        value = self._environment.get(name, "").strip()
        if value:
            return value
        if default is None:
            self._wrong.append(f"{name} is missing")
            return ""
        return default

    def one_of(self, name: str, allowed: tuple[str, ...], *, default: str) -> str:
        value = self.text(name, default=default)
        if value not in allowed:
            self._wrong.append(f"{name} is not one of {', '.join(allowed)}")
        return value

    def positive(self, name: str) -> int:
        value = self.text(name)
        if value.isascii() and value.isdigit() and int(value) > 0:
            return int(value)
        if value:
            self._wrong.append(f"{name} is not a positive whole number")
        return 0

    def url(self, name: str) -> str:
        value = self.text(name, default="").rstrip("/")
        if value and not value.startswith(("https://", "http://")):
            self._wrong.append(f"{name} is no http or https URL")
        return value

    def trusted_hosts(self, name: str) -> TrustedHosts:
        try:
            return TrustedHosts.parse(self.text(name, default=""))
        except BadHosts as error:
            self._wrong.append(f"{name}: {error}")
            return TrustedHosts()

    def check(self) -> None:
        if self._wrong:
            raise BadEnvironment("; ".join(self._wrong))


def callback_config(environment: Mapping[str, str] = os.environ) -> CallbackConfig:
    """Read the callback function's variables.

    Raises:
        BadEnvironment: variables are missing or unusable.
    """
    reader = _Reader(environment)
    config = CallbackConfig(
        public_url=reader.url("TOKENSYNC_PUBLIC_URL"),
        invite_key=reader.text("TOKENSYNC_INVITE_KEY"),
        **_shared(reader, "callback"),
    )
    reader.check()
    return config


def rotation_config(environment: Mapping[str, str] = os.environ) -> RotationConfig:
    """Read the rotation function's variables.

    Raises:
        BadEnvironment: variables are missing or unusable.
    """
    reader = _Reader(environment)
    config = RotationConfig(
        claim_seconds=reader.positive("TOKENSYNC_CLAIM_SECONDS"),
        dead_letter_queue_url=reader.text("TOKENSYNC_DEAD_LETTER_QUEUE_URL"),
        **_shared(reader, "rotation"),
    )
    reader.check()
    return config


def _shared(reader: _Reader, service: str) -> dict[str, Any]:
    stack = reader.text("TOKENSYNC_STACK")
    return {
        "stack": stack,
        "prefix": reader.text("TOKENSYNC_PREFIX", default=stack),
        "table": reader.text("TOKENSYNC_TABLE"),
        "key_arn": reader.text("TOKENSYNC_KEY_ARN"),
        "queue_url": reader.text("TOKENSYNC_QUEUE_URL"),
        "alert_topic_arn": reader.text("TOKENSYNC_ALERT_TOPIC_ARN"),
        "trusted_hosts": reader.trusted_hosts("TOKENSYNC_TRUSTED_HOSTS"),
        "service": reader.text("POWERTOOLS_SERVICE_NAME", default=service),
        "log_level": reader.one_of("TOKENSYNC_LOG_LEVEL", _LEVELS, default="INFO"),
    }
