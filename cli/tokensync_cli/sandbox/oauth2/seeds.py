"""The people who exist from the start."""

from tokensync_cli.sandbox.accounts import Account

_NAME = "oauth2"

SEEDS = (
    Account(provider=_NAME, user_type="user", account="248289761001", label="Jane Doe", prefix="", shops=()),
    Account(provider=_NAME, user_type="user", account="248289761002", label="Kofi Mensah", prefix="", shops=()),
)
