"""The vendor's calls in short."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

APP_ID = "7001"
SECRET = "ads-secret"
REDIRECT = "http://localhost:4000/callback/ads"
USER = "7255120459873156097"


class Ads:
    """An app of the provider in a sandbox."""

    app_id, secret, redirect_uri, user = APP_ID, SECRET, REDIRECT, USER

    def __init__(self, box: Any) -> None:
        self.box = box
        self.app()

    def app(self, **settings: Any) -> None:
        """Register the app, or change its settings."""
        told = {"provider": "tiktok_ads", "app_key": APP_ID, "app_secret": SECRET, "redirect_uri": REDIRECT}
        self.box.control("apps", {**told, "settings": settings})

    def fault(self, endpoint: str, fault: str, **options: Any) -> None:
        """Script a fault."""
        self.box.control("faults", {"provider": "tiktok_ads", "endpoint": endpoint, "fault": fault, **options})

    def code(self, account: str = USER) -> str:
        """Let an account approve and return the code."""
        asked = {"provider": "tiktok_ads", "app": APP_ID, "account": account, "state": "s"}
        return dict(parse_qsl(urlsplit(self.box.control("authorize", asked)["location"]).query))["auth_code"]

    def exchange(self, code: str, **change: Any) -> Any:
        """Exchange a code; `change` replaces members of the body."""
        body = {"app_id": APP_ID, "secret": SECRET, "auth_code": code, **change}
        return self.box.request("POST", "/tiktok_ads/open_api/v1.3/oauth2/access_token/", json=body)

    def token(self, **change: Any) -> str:
        """Return a token that works."""
        return str(self.exchange(self.code(), **change).json()["data"]["access_token"])

    def advertisers(self, token: str | None, **change: Any) -> Any:
        """List a token's advertisers."""
        query = {"app_id": APP_ID, "secret": SECRET, **change}
        headers = {} if token is None else {"Access-Token": token}
        path = "/tiktok_ads/open_api/v1.3/oauth2/advertiser/get/"
        return self.box.get(path, params={k: v for k, v in query.items() if v is not None}, headers=headers)

    def user_info(self, token: str | None) -> Any:
        """Ask who gave a token."""
        headers = {} if token is None else {"Access-Token": token}
        return self.box.get("/tiktok_ads/open_api/v1.3/user/info/", headers=headers)

    def revoke(self, token: str, *, header: str | None = None, **change: Any) -> Any:
        """Revoke a token."""
        body = {"app_id": APP_ID, "secret": SECRET, "access_token": token, **change}
        headers = {"Access-Token": token if header is None else header}
        return self.box.request("POST", "/tiktok_ads/open_api/v1.3/oauth2/revoke_token/", json=body, headers=headers)


@pytest.fixture
def ads(box: Any) -> Ads:
    """Return a sandbox with an app of the provider."""
    return Ads(box)
