"""What a grant is bound to: the provider whose rules it came by, and the origins that it may be sent to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Credential(StrEnum):
    """What a request carries, by who may see it."""

    TOKEN = "token"  # noqa: S105 - a word
    """A code, a refresh token, a client secret, or a token that is revoked: for the authorization server alone."""

    ACCESS = "api"
    """An access token alone: for the authorization server, and for the server of the account's data."""


@dataclass(frozen=True, kw_only=True)
class Bound:
    """The provider's name, and the origins of its endpoints when the account authorized, such as `https://id.example`.

    `token` are those of the endpoints that take codes and refresh tokens, `api` those that take the access token alone.
    `rule` is a hash of what these were made of: templates, and the patterns and sources of an account's parameters. It
    is empty for a grant of an earlier version, whose origins nobody noted. `reading` are the app's settings, by name,
    that said where the refresh token is in a response, where that is not its usual place.
    """

    provider: str
    rule: str = ""
    token: tuple[str, ...] = ()
    api: tuple[str, ...] = ()
    reading: tuple[tuple[str, str], ...] = ()

    @property
    def is_known(self) -> bool:
        """Return whether the origins were noted."""
        return bool(self.rule)

    def allows(self, origin: str, credential: Credential) -> bool:
        """Return whether an origin may be sent this kind of credential."""
        return origin in self.token or (credential is Credential.ACCESS and origin in self.api)

    def as_json(self) -> dict[str, Any]:
        """Return what is stored of it."""
        reading = {"reading": [list(pair) for pair in self.reading]} if self.reading else {}
        origins = {"token": list(self.token), "api": list(self.api)}
        return {"provider": self.provider, "rule": self.rule, **origins, **reading}

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> Bound:
        """Read what `as_json` returned."""
        return cls(
            provider=stored["provider"],
            rule=stored.get("rule", ""),
            token=tuple(stored.get("token", ())),
            api=tuple(stored.get("api", ())),
            reading=tuple((name, value) for name, value in stored.get("reading", ())),
        )
