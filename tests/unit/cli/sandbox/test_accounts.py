import pytest

from tokensync_cli.sandbox.accounts import Account, Accounts, Shop, prefix_of
from tokensync_cli.sandbox.mint import Mint
from tokensync_cli.sandbox.records import BadRecordError
from tokensync_cli.sandbox.registry import PROVIDERS


@pytest.mark.parametrize(("region", "prefix"), [("ID", "ROW_"), ("US", "TTP_"), ("GB", "GCP_"), (None, "ROW_")])
def test_prefix_follows_the_region(region: str | None, prefix: str) -> None:
    """Each of the three documented prefixes has its regions."""
    assert prefix_of(region) == prefix


def test_add_fills_in_what_was_left_open() -> None:
    """A seller that is only a region gets an id, a label, a prefix and one shop."""
    account = Accounts().add(Account(provider="p", region="US"), Mint())
    assert account.label == f"Seller {account.account}"
    assert (account.seller_name, account.prefix) == (None, "TTP_")
    (shop,) = account.shops or ()
    assert shop.region == "US"
    assert shop.cipher.startswith("TTP_")
    assert all((shop.id, shop.name, shop.code))


def test_add_keeps_what_was_given() -> None:
    """Ids, an empty prefix and an empty list of shops are kept."""
    mint = Mint()
    given = Account(provider="p", account="a", label="L", region="US", prefix="", shops=(Shop(id="1", name="s"),))
    added = Accounts().add(given, mint)
    assert (added.account, added.prefix, (added.shops or ())[0].id) == ("a", "", "1")
    assert Accounts().add(Account(provider="p", region="US", shops=()), mint).shops == ()


def test_a_seller_has_a_region() -> None:
    """A seller without a region is refused; a creator has none."""
    mint = Mint()
    with pytest.raises(BadRecordError, match="region"):
        Accounts().add(Account(provider="p"), mint)
    assert Accounts().add(Account(provider="p", user_type="creator"), mint).shops == ()


def test_seeds_are_three_sellers_and_a_creator() -> None:
    """A newcomer finds one seller per prefix, with one or two shops each, and a creator."""
    seeds = list(PROVIDERS[0].seeds)
    sellers = [s for s in seeds if s.user_type == "seller"]
    assert [(s.region, s.prefix) for s in sellers] == [("ID", "ROW_"), ("US", "TTP_"), ("GB", "GCP_")]
    assert [len(s.shops or ()) for s in sellers] == [2, 1, 2]
    assert [s.seller_name for s in seeds if s.user_type == "creator"] == [None]


def test_a_user_has_neither_region_nor_shop() -> None:
    """Where a provider knows no kinds an account needs an id alone, and its tokens begin with nothing."""
    facts = {"avatar_url": "https://a.example/"}
    account = Accounts().add(Account(provider="p", user_type="user", facts=facts), Mint())
    assert account.label == f"User {account.account}"
    assert (account.prefix, account.shops, account.facts) == ("", (), facts)
