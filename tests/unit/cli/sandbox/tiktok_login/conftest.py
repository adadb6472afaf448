"""One registered app of TikTok for Developers, and its calls in short."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

NAME = "tiktok_login"
URI = "http://localhost:4000/callback/login"
CLIENT = {"client_key": "awkey", "client_secret": "login-secret"}


class Login:
    """The vendor's calls, made through a box."""

    user = "-000MjQ5wTqFhVn1bCzk7sXoRg2yLpEdAuHi"
    odd = "-000Zz81kPmWvYd3tJrN6uQxGi0cSfHbLoEa"
    uri = URI
    client = CLIENT

    def __init__(self, box: Any) -> None:
        self.box = box
        self.register(redirect_uri=URI, app_secret=CLIENT["client_secret"])

    def register(self, **change: Any) -> None:
        """Register the app or change it."""
        self.box.control("apps", {"provider": NAME, "app_key": CLIENT["client_key"], **change})

    def settings(self, **settings: Any) -> None:
        """Change the app's settings."""
        self.register(settings=settings)

    def fault(self, endpoint: str, fault: str, **options: Any) -> None:
        """Script a fault."""
        self.box.control("faults", {"provider": NAME, "endpoint": endpoint, "fault": fault, **options})

    def code(self, **options: Any) -> str:
        """Let the user approve and return the code."""
        asked = {"provider": NAME, "app": CLIENT["client_key"], "account": self.user, **options}
        return dict(parse_qsl(urlsplit(self.box.control("authorize", asked)["location"]).query))["code"]

    def token(self, change: dict[str, str | None] | None = None, **fields: str) -> Any:
        """Post to the token endpoint; `change` replaces fields, None leaves one out."""
        sent = {**CLIENT, **fields, **(change or {})}
        form = {name: value for name, value in sent.items() if value is not None}
        return self.box.request("POST", "/tiktok_login/v2/oauth/token/", data=form)

    def exchange(self, code: str, /, **change: str | None) -> Any:
        """Exchange a code."""
        return self.token(change, grant_type="authorization_code", code=code, redirect_uri=URI)

    def refresh(self, refresh_token: str, /, **change: str | None) -> Any:
        """Refresh."""
        return self.token(change, grant_type="refresh_token", refresh_token=refresh_token)

    def pair(self, **options: Any) -> dict[str, Any]:
        """Return a first answer."""
        told: dict[str, Any] = self.exchange(self.code(**options)).json()
        return told

    def revoke(self, token: str, **change: str) -> Any:
        """Revoke."""
        return self.box.request("POST", "/tiktok_login/v2/oauth/revoke/", data={**CLIENT, "token": token, **change})

    def user_info(self, token: str | None, fields: str = "open_id,union_id,avatar_url,display_name") -> Any:
        """Ask who a token speaks for."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return self.box.get("/tiktok_login/v2/user/info/", params={"fields": fields}, headers=headers)


@pytest.fixture
def login(box: Any) -> Login:
    """Return the calls of a sandbox with one registered app."""
    return Login(box)
