"""The providers that the sandbox can be. A new one is a module and a line here."""

from tokensync_cli.sandbox.state import Provider
from tokensync_cli.sandbox.tiktok_shop import TikTokShop

PROVIDERS: tuple[Provider, ...] = (TikTokShop(),)
