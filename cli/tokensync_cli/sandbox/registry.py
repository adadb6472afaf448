"""The providers that the sandbox can be. A new one is a module and a line here."""

from tokensync_cli.sandbox.eshopbox import ESHOPBOX
from tokensync_cli.sandbox.oauth2 import OAUTH2
from tokensync_cli.sandbox.state import Provider
from tokensync_cli.sandbox.tiktok_accounts import TIKTOK_ACCOUNTS
from tokensync_cli.sandbox.tiktok_ads import TIKTOK_ADS
from tokensync_cli.sandbox.tiktok_login import TIKTOK_LOGIN
from tokensync_cli.sandbox.tiktok_shop import TIKTOK_SHOP

PROVIDERS: tuple[Provider, ...] = (TIKTOK_SHOP, TIKTOK_LOGIN, TIKTOK_ACCOUNTS, ESHOPBOX, TIKTOK_ADS, OAUTH2)
