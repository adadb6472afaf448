"""The accounts to choose from on a consent page: sellers with their shops, creators, users."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tokensync_cli.sandbox.apps import UserType
from tokensync_cli.sandbox.mint import Mint
from tokensync_cli.sandbox.records import BadRecordError

_PREFIXES = {"US": "TTP_", "GB": "GCP_", "DE": "GCP_", "ES": "GCP_", "FR": "GCP_", "IE": "GCP_", "IT": "GCP_"}


def prefix_of(region: str | None) -> str:
    """Return what codes and tokens of a region begin with; a client must read nothing from it."""
    return _PREFIXES.get(region or "", "ROW_")


@dataclass(frozen=True, kw_only=True)
class Shop:
    """One shop of a seller, as the list of authorized shops has it."""

    id: str = ""
    name: str = ""
    region: str = ""
    seller_type: str = "LOCAL"
    cipher: str = ""
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class Account:
    """Somebody who can authorize an app. `account` is the provider's own opaque id."""

    provider: str
    account: str = ""
    user_type: UserType = "seller"
    label: str = ""
    """What the consent page shows; the provider's responses carry `seller_name` alone."""
    seller_name: str | None = None
    region: str | None = None
    prefix: str | None = None
    shops: tuple[Shop, ...] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    """What else the provider says of it, under the provider's own names."""


def user(provider: str, account: str, label: str, **facts: Any) -> Account:
    """Return an account of a provider that knows users alone: it has no shops, and its tokens no prefix."""
    return Account(provider=provider, account=account, user_type="user", label=label, prefix="", shops=(), facts=facts)


class Accounts:
    """All accounts, by provider and id."""

    def __init__(self, accounts: Iterable[Account] = ()) -> None:
        self._accounts = {(a.provider, a.account): a for a in accounts}

    def __iter__(self) -> Iterator[Account]:
        return iter(tuple(self._accounts.values()))

    def find(self, provider: str, account: str) -> Account | None:
        """Return the account, or None if there is none."""
        return self._accounts.get((provider, account))

    def add(self, account: Account, mint: Mint) -> Account:
        """Add an account, or replace the one with the same id; missing fields are filled in.

        Raises:
            BadRecordError: a seller has no region.
        """
        if account.user_type == "seller" and not account.region:
            raise BadRecordError("region is missing: a seller has one")
        number = account.account or mint.number()
        name = account.seller_name
        label = account.label or name or f"{account.user_type.capitalize()} {number}"
        prefix = account.prefix
        if prefix is None:
            prefix = "" if account.user_type == "user" else prefix_of(account.region)
        shops = account.shops
        if shops is None:
            shops = (Shop(name=label),) if account.user_type == "seller" else ()
        filled = replace(
            account,
            account=number,
            label=label,
            prefix=prefix,
            shops=tuple(_fill(shop, account.region or "", prefix, mint) for shop in shops),
        )
        self._accounts[filled.provider, filled.account] = filled
        return filled


def _fill(shop: Shop, region: str, prefix: str, mint: Mint) -> Shop:
    region = shop.region or region
    return replace(
        shop,
        id=shop.id or mint.number(),
        region=region,
        cipher=shop.cipher or mint.credential(prefix)[:38],
        code=shop.code or f"{region}{region}{mint.word(8)}",
    )
