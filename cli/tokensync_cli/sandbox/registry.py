"""The providers that the sandbox can be. A new one is a module and a line here."""

from tokensync_cli.sandbox.eshopbox import Eshopbox
from tokensync_cli.sandbox.oauth2 import OAuth2
from tokensync_cli.sandbox.state import Provider
from tokensync_cli.sandbox.tiktok_accounts import TikTokAccounts
from tokensync_cli.sandbox.tiktok_ads import TikTokAds
from tokensync_cli.sandbox.tiktok_login import TikTokLogin
from tokensync_cli.sandbox.tiktok_shop import TikTokShop

PROVIDERS: tuple[Provider, ...] = (TikTokShop(), TikTokLogin(), TikTokAccounts(), Eshopbox(), TikTokAds(), OAuth2())
