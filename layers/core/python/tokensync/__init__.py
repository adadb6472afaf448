"""tokensync keeps a valid access token for every account that authorized your application."""

__version__ = "0.1.0"
