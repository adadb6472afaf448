"""The accounts that exist from the start."""

from tokensync_cli.sandbox.accounts import Account

_NAME = "tiktok_accounts"

SEEDS = (
    Account(
        provider=_NAME,
        account="-000PrairieQ7dK2mXvT9sLc4HbNwYfEuRjo",
        user_type="user",
        label="Prairie Outdoor Co.",
        prefix="",
        shops=(),
    ),
    Account(
        provider=_NAME,
        account="-000Odd5tGzBq8WnCeVr1JpMk3yUsXfLhAid",
        user_type="user",
        # Markup, bidirectional isolates, a line separator and an emoji of several code points.
        label="\u2067</bdi><img src=x onerror=alert(1)>\u2069\u2028👨\u200d👩\u200d👧 ﷽",
        prefix="",
        shops=(),
    ),
)
