"""The accounts that exist from the start."""

from tokensync_cli.sandbox.accounts import Account

_NAME = "tiktok_login"

SEEDS = (
    Account(
        provider=_NAME,
        account="-000MjQ5wTqFhVn1bCzk7sXoRg2yLpEdAuHi",
        user_type="user",
        label="Lena Park",
        prefix="",
        shops=(),
        facts={
            "union_id": "5fa4c0e1-7d2b-5b7e-9c3a-1f0e62d84b97",
            "avatar_url": "https://p16-sign.example/lena.jpeg?x-expires=1660556783",
        },
    ),
    Account(
        provider=_NAME,
        account="-000Zz81kPmWvYd3tJrN6uQxGi0cSfHbLoEa",
        user_type="user",
        # A right-to-left override, markup, a zero-width joiner and a letter under many marks.
        label="\u202emoc.live\u202c <b>\uff3aoë</b> 👩\u200d🎤 a\u0300\u0301\u0302\u0303",
        prefix="",
        shops=(),
        facts={
            "union_id": "0c9d3b52-84af-5c11-8e6d-7a52be90f3c4",
            "avatar_url": "https://p16-sign.example/zoe.jpeg?x-expires=1660556783",
        },
    ),
)
