"""The accounts that exist from the start: three sellers, one per token prefix, and a creator."""

from tokensync_cli.sandbox.accounts import Account, Shop, prefix_of
from tokensync_cli.sandbox.tiktok_shop.envelope import NAME


def _seller(account: str, name: str, region: str, *shops: Shop) -> Account:
    prefix = prefix_of(region)
    return Account(
        provider=NAME, account=account, label=name, seller_name=name, region=region, prefix=prefix, shops=shops
    )


SEEDS = (
    _seller(
        "7010736057180325637",
        "Jakarta Batik House",
        "ID",
        Shop(
            id="7494101200441805910",
            name="Jakarta Batik House",
            region="ID",
            cipher="ROW_m1hTnQAAAABvT2cQ0y9pWk3sLr8uXe5a",
            code="IDLCBA4LLU81",
        ),
        Shop(
            id="7494101200441805911",
            name="Batik House Outlet",
            region="ID",
            cipher="ROW_Zq7EeAAAAADk40bJ6tVxN1yGfCi2wHsM",
            code="IDLCBA4LLU82",
        ),
    ),
    _seller(
        "7201846620391507713",
        "Prairie Outdoor Co.",
        "US",
        Shop(
            id="7495540735365777507",
            name="Prairie Outdoor",
            region="US",
            cipher="TTP_bN4uKQAAAAD93rPzEo7VtYw1dSg6hXjL",
            code="USLCKD7MMQ02",
        ),
    ),
    _seller(
        "7108533420916884225",
        "Maomao beauty",
        "GB",
        Shop(
            id="7000714532876273420",
            name="Maomao beauty shop",
            region="GB",
            seller_type="CROSS_BORDER",
            cipher="GCP_XF90igAAAABh00qsWgtvOiGFNqyubMt3",
            code="CNGBCBA4LLU8",
        ),
        Shop(
            id="7000714532876273421",
            name="Maomao beauty Germany",
            region="DE",
            seller_type="CROSS_BORDER",
            cipher="GCP_h3RvTwAAAAB5mUqYk8nZcJx2eLs9aPdW",
            code="CNDECBA4LLU9",
        ),
    ),
    Account(
        provider=NAME, account="7316620945501274118", user_type="creator", label="Lena Park", prefix="ROW_", shops=()
    ),
)
