"""The users that exist from the start, with the advertisers that they may act for."""

from typing import Any

from tokensync_cli.sandbox.accounts import Account

_NAME = "tiktok_ads"


def _facts(*advertisers: tuple[str, str]) -> dict[str, Any]:
    """Return advertisers, told by id and name, as the vendor lists them."""
    return {"advertisers": [{"advertiser_id": number, "advertiser_name": name} for number, name in advertisers]}


SEEDS = (
    Account(
        provider=_NAME,
        user_type="user",
        account="7255120459873156097",
        label="Northwind Media",
        prefix="",
        shops=(),
        facts=_facts(("7255118762340519937", "Northwind Spring"), ("7255118762340519938", "Northwind Brand")),
    ),
    Account(
        provider=_NAME,
        user_type="user",
        account="7261904415560728578",
        label="Atelier Sonne",
        prefix="",
        shops=(),
        facts=_facts(("7261901130842906625", "Atelier Sonne")),
    ),
)
