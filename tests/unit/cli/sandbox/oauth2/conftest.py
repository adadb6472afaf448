"""A client of the generic server, to the letter of the RFCs."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlsplit

import pytest

CLIENT_ID = "client:1"
SECRET = "s+e/c r=et"
REDIRECT = "http://localhost:4000/callback/oauth2"
JANE = "248289761001"
# RFC 7636 appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


class Client:
    """A registered client in a sandbox."""

    client_id, secret, redirect_uri, jane = CLIENT_ID, SECRET, REDIRECT, JANE
    verifier, challenge = VERIFIER, CHALLENGE

    def __init__(self, box: Any) -> None:
        self.box = box
        self.app()

    def app(self, **settings: Any) -> None:
        """Register the client, or change its settings."""
        told = {"provider": "oauth2", "app_key": CLIENT_ID, "app_secret": SECRET, "redirect_uri": REDIRECT}
        self.box.control("apps", {**told, "settings": settings})

    def fault(self, endpoint: str, fault: str, **options: Any) -> None:
        """Script a fault."""
        self.box.control("faults", {"provider": "oauth2", "endpoint": endpoint, "fault": fault, **options})

    def callback(self, **link: str) -> dict[str, str]:
        """Let Jane approve and return the callback's parameters."""
        asked = {
            "provider": "oauth2",
            "app": CLIENT_ID,
            "account": JANE,
            "state": "s",
            "link": {"code_challenge": CHALLENGE, "code_challenge_method": "S256", **link},
        }
        return dict(parse_qsl(urlsplit(self.box.control("authorize", asked)["location"]).query))

    def basic(self, client_id: str = CLIENT_ID, secret: str = SECRET) -> dict[str, str]:
        """Return the header of client_secret_basic: both are form-encoded first."""
        text = f"{quote_plus(client_id)}:{quote_plus(secret)}"
        return {"authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}

    def post(self, path: str, headers: dict[str, str] | None = None, **form: str | None) -> Any:
        """Post a form, with client_secret_basic unless headers are given."""
        sent = {name: value for name, value in form.items() if value is not None}
        return self.box.request(
            "POST", f"/oauth2/{path}", data=sent, headers=self.basic() if headers is None else headers
        )

    def exchange(self, code: str, headers: dict[str, str] | None = None, **change: str | None) -> Any:
        """Exchange a code."""
        form = {"grant_type": "authorization_code", "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
        return self.post("token", headers, code=code, **{**form, **change})

    def pair(self) -> Any:
        """Return the tokens of a new authorization."""
        return self.exchange(self.callback()["code"]).json()

    def refresh(self, token: str, **change: str | None) -> Any:
        """Refresh."""
        return self.post("token", **{"grant_type": "refresh_token", "refresh_token": token, **change})

    def user_info(self, token: str | None) -> Any:
        """Ask who granted a token."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return self.box.get("/oauth2/userinfo", headers=headers)


def s256(verifier: str) -> str:
    """Return a verifier's challenge (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def client(box: Any) -> Client:
    """Return a registered client."""
    assert s256(VERIFIER) == CHALLENGE
    return Client(box)
