"""What an app of the generic provider may say of renewals, see `tokensync.oauth.renewal`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tokensync.oauth.provider import GrantType
from tokensync.oauth.renewal import Credentials, RenewalShape, UpgradeShape

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tokensync.providers.oauth2_settings import Declared

ACCESS_TOKEN = "access_token"  # noqa: S105 - a word
_CREDENTIALS = tuple(each.value for each in Credentials)
# Each setting with the values that it may have (none: any text) and what it does, as in `oauth2_settings`.
TABLE: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("renewal", ("refresh_token", ACCESS_TOKEN), "what is presented for the next access token"),
    ("renewal_method", ("same", "GET"), "how an access token is presented for the next one: GET puts it in the query"),
    ("renewal_client", _CREDENTIALS, "what of the client goes with that: as always, the secret alone, or nothing"),
    ("upgrade.", (), "a parameter of the exchange of a consent's short-lived token; upgrade.grant_type begins it"),
    ("upgrade_client", _CREDENTIALS, "what of the client goes with that exchange"),
    ("renew_after", (), "seconds that a token has to be old before it may be renewed"),
    ("renew_before_end", (), "seconds before its end from which on a token may be renewed"),
)


def renewal_shape(told: Declared) -> RenewalShape:
    """Return how the next access token is asked for, as an app has it."""
    own = told.under("upgrade.")
    upgrade = None
    if own:
        grant_type = own.pop("grant_type", None)
        upgrade = UpgradeShape(
            grant_type=grant_type, parameters=own, credentials=Credentials(told.text("upgrade_client"))
        )
    return RenewalShape(
        presents_access_token=told.text("renewal") == ACCESS_TOKEN,
        by_get=told.text("renewal_method") == "GET",
        credentials=Credentials(told.text("renewal_client")),
        upgrade=upgrade,
        after=told.seconds("renew_after"),
        before_end=told.seconds("renew_before_end") or None,
    )


class Told(Protocol):
    """An app's settings, whose values are allowed ones."""

    settings: Mapping[str, str]

    def value(self, key: str) -> str:
        """Return a setting, or its default."""
        ...

    def first(self, *keys: str) -> str:
        """Return the first of the app's own settings that is one of these, or begins with one that ends in a dot."""
        ...


def renewal_problems(told: Told) -> Iterator[str]:
    """Yield what an app may not say of renewals: what would be ignored, and what contradicts another setting."""
    minted = told.value("grant") == GrantType.CLIENT_CREDENTIALS
    extends = told.value("renewal") == ACCESS_TOKEN
    if minted and told.first("renewal", "renew_before_end", "renew_after"):
        yield f"{told.first('renewal', 'renew_before_end', 'renew_after')} does nothing where the app mints its tokens"
    key = told.first("renewal_method", "renewal_client", "upgrade.", "upgrade_client")
    if key and not extends:
        yield f"{key} does nothing without renewal={ACCESS_TOKEN}"
    if extends and told.first("refresh_reuse", "grace_seconds"):
        yield f"{told.first('refresh_reuse', 'grace_seconds')} does nothing with renewal={ACCESS_TOKEN}: none is spent"
    key = told.first("response.refresh_token", "response.refresh_expires_in")
    if key and (minted or extends):
        because = f"grant={GrantType.CLIENT_CREDENTIALS}" if minted else f"renewal={ACCESS_TOKEN}"
        yield f"{key} does nothing with {because}: no refresh token is presented"
    if "upgrade_client" in told.settings and not told.first("upgrade."):
        yield "upgrade_client does nothing without upgrade.grant_type"
