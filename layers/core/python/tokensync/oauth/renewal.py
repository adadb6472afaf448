"""How and when the next access token is asked for, where that departs from RFC 6749 §6.

Some access tokens extend themselves: there is no refresh token, and the access token is presented for the next one,
which may be the same with a later end. Some providers take a renewal only a while after the last one, or only shortly
before the token's end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_MARGIN = 60  # seconds: the provider's clock need not be ours


class Credentials(StrEnum):
    """What of the client goes with an access token that is presented for the next one."""

    SAME = "same"
    """As with every token request."""

    SECRET = "secret"  # noqa: S105 - a word
    """The client secret alone, as a parameter."""

    NONE = "none"
    """Nothing."""


@dataclass(frozen=True, kw_only=True)
class UpgradeShape:
    """The exchange of a consent's short-lived access token for one that lasts, at once: a first renewal of its own.

    `grant_type` and `parameters` are in the place of a refresh's. It goes to the endpoint `upgrade`, else to `token`.
    """

    grant_type: str | None
    parameters: Mapping[str, str] = field(default_factory=dict)
    credentials: Credentials = Credentials.SAME


@dataclass(frozen=True, kw_only=True)
class RenewalShape:
    """How the next access token is asked for.

    `presents_access_token`: by the access token itself, under the name of the refresh token; it has to be asked for
    before its end, and is not used up by that. `by_get` sends it in the query of a GET.

    `after` is how many seconds old a token must be, and `before_end` how many seconds before its end it may be renewed
    at the earliest, None where any time will do.
    """

    presents_access_token: bool = False
    by_get: bool = False
    credentials: Credentials = Credentials.SAME
    upgrade: UpgradeShape | None = None
    after: int = 0
    before_end: int | None = None

    def not_before(self, *, obtained_at: int, ends_at: int | None) -> int:
        """Return the Unix second before which the provider takes no renewal of a token, 0 where any time will do.

        Without a rule nothing is compared: the token may have been obtained by a worker whose clock is ahead.
        """
        if not self.after and self.before_end is None:
            return 0
        opens = obtained_at + self.after
        if self.before_end is not None and ends_at is not None:
            opens = max(opens, ends_at - self.before_end)
        return opens

    def opens_at(self, *, obtained_at: int, ends_at: int | None) -> int:
        """Return when a renewal may be planned at the earliest, 0 where any time will do."""
        earliest = self.not_before(obtained_at=obtained_at, ends_at=ends_at)
        if earliest == 0:
            return 0
        opens = earliest + _MARGIN
        # One that ends before it may be renewed is looked at when it ends: nothing but a consent helps then.
        return min(opens, ends_at) if self.presents_access_token and ends_at is not None else opens
