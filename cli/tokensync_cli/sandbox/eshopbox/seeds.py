"""The workspaces that exist from the start."""

from tokensync_cli.sandbox.accounts import Account

SEEDS = (
    Account(provider="eshopbox", user_type="user", account="acme-retail", label="Acme Retail", prefix="", shops=()),
    Account(provider="eshopbox", user_type="user", account="blue-lotus", label="Blue Lotus", prefix="", shops=()),
)
