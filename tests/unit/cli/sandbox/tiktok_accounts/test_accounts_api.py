import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

NAME = "tiktok_accounts"
URI = "https://app.example/callback/accounts"
CLIENT = {"client_id": "7000001", "client_secret": "accounts-secret"}
BASE = "/tiktok_accounts/open_api/v1.3/tt_user/oauth2"
USER = "-000PrairieQ7dK2mXvT9sLc4HbNwYfEuRjo"
LINK = {
    "client_key": "7000001",
    "response_type": "code",
    "redirect_uri": URI,
    "scope": "user.info.basic,video.list",
    "state": "x",
}
DATA = {
    "access_token",
    "token_type",
    "scope",
    "expires_in",
    "refresh_token",
    "refresh_token_expires_in",
    "open_id",
}


class Calls:
    """The vendor's calls, made through a box."""

    def __init__(self, box: Any) -> None:
        self.box = box
        self.register(redirect_uri=URI, app_secret=CLIENT["client_secret"])

    def register(self, **change: Any) -> None:
        """Register the app or change it."""
        self.box.control("apps", {"provider": NAME, "app_key": CLIENT["client_id"], **change})

    def code(self) -> str:
        """Let the user approve and return the code."""
        asked = {"provider": NAME, "app": CLIENT["client_id"], "account": USER}
        return dict(parse_qsl(urlsplit(self.box.control("authorize", asked)["location"]).query))["code"]

    def post(self, path: str, **fields: Any) -> dict[str, Any]:
        """Post JSON with the client's credentials and return the envelope; None leaves a field out."""
        sent = {name: value for name, value in {**CLIENT, **fields}.items() if value is not None}
        answer = self.box.request("POST", f"{BASE}/{path}/", json=sent)
        assert 200 == answer.status_code
        told: dict[str, Any] = answer.json()
        assert {"code", "message", "request_id", "data"} == set(told)
        return told

    def exchange(self, auth_code: str, /, **change: Any) -> dict[str, Any]:
        """Exchange a code."""
        fields = {"grant_type": "authorization_code", "auth_code": auth_code, "redirect_uri": URI}
        return self.post("token", **{**fields, **change})

    def refresh(self, refresh_token: str, /, **change: Any) -> dict[str, Any]:
        """Refresh."""
        return self.post("refresh_token", **{"grant_type": "refresh_token", "refresh_token": refresh_token, **change})

    def pair(self) -> dict[str, Any]:
        """Return the data of a first exchange."""
        data: dict[str, Any] = self.exchange(self.code())["data"]
        return data


@pytest.fixture
def calls(box: Any) -> Calls:
    return Calls(box)


@pytest.mark.parametrize("slash", ["", "/"])
def test_the_page_offers_users_and_the_links_scopes(calls: Calls, slash: str) -> None:
    """The link names the app as client_key; odd names are escaped."""
    text = calls.box.get(f"/tiktok_accounts/v2/auth/authorize{slash}", params=LINK).text
    assert ["user.info.basic", "video.list"] == re.findall(r'name="scope" id="scope-\d" value="([^"]+)"', text)
    assert 2 == len(re.findall(r'id="account-', text))
    assert "<img" not in text


def test_the_callback_carries_code_and_state(calls: Calls) -> None:
    """The callback names no scopes: the token's answer does."""
    form = {**LINK, "link_scope": LINK["scope"], "scope": ["video.list"], "account": USER, "decision": "approve"}
    answer = calls.box.request("POST", "/tiktok_accounts/v2/auth/authorize", data=form)
    assert 302 == answer.status_code
    got = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert ["code", "state"] == list(got)
    assert "video.list" == calls.exchange(got["code"])["data"]["scope"]


def test_a_denial_carries_an_error(calls: Calls) -> None:
    """A denial has no code."""
    form = {**LINK, "link_scope": LINK["scope"], "decision": "deny"}
    answer = calls.box.request("POST", "/tiktok_accounts/v2/auth/authorize", data=form)
    got = dict(parse_qsl(urlsplit(answer.headers["location"]).query))
    assert ("access_denied", "x") == (got["error"], got["state"])
    assert "code" not in got


def test_a_code_gives_the_documented_data(calls: Calls) -> None:
    """The answer stands in data: a day, a year, and a comma string of scopes."""
    told = calls.exchange(calls.code())
    data = told["data"]
    assert (0, "OK") == (told["code"], told["message"])
    assert set(data) == DATA
    assert (86_400, 31_536_000, USER) == (data["expires_in"], data["refresh_token_expires_in"], data["open_id"])
    assert data["scope"].startswith("user.info.basic,")


@pytest.mark.parametrize(("likely", "number"), [(False, 40001), (True, 40110)])
def test_used_expired_and_wrong_codes(calls: Calls, likely: bool, number: int) -> None:  # noqa: FBT001 - a case
    """A code works once and for ten minutes; what refuses it is one of two numbers."""
    calls.register(settings={"likely_codes": likely})
    used, late = calls.code(), calls.code()
    calls.exchange(used)
    assert number == calls.exchange(used)["code"]
    assert number == calls.exchange("null")["code"]
    assert number == calls.exchange(late, redirect_uri=URI + "/")["code"]
    calls.box.control("clock", {"offset": 600})
    told = calls.exchange(late)
    assert (number, {}) == (told["code"], told["data"])
    assert [1, 0] == [double["committed"] for double in calls.box.ledger()["doubles"]]


def test_the_refresh_year_counts_down(calls: Calls) -> None:
    """A refresh rotates the token and leaves its end where it was."""
    first = calls.pair()
    calls.box.control("clock", {"offset": 1_000})
    second = calls.refresh(first["refresh_token"])["data"]
    assert (86_400, 31_536_000 - 1_000) == (second["expires_in"], second["refresh_token_expires_in"])
    assert second["refresh_token"] != first["refresh_token"]
    assert 40105 == calls.refresh(first["refresh_token"])["code"]
    calls.box.control("clock", {"offset": 31_536_000})
    assert 40105 == calls.refresh(second["refresh_token"])["code"]


def test_revocation_ends_the_authorization(calls: Calls) -> None:
    """The access token ends the pair; again, missing or of another kind it is refused."""
    pair = calls.pair()
    assert 40105 == calls.post("revoke", access_token=pair["refresh_token"])["code"]
    assert 40104 == calls.post("revoke")["code"]
    told = calls.post("revoke", access_token=pair["access_token"])
    assert (0, {}) == (told["code"], told["data"])
    assert 40105 == calls.post("revoke", access_token=pair["access_token"])["code"]
    assert 40105 == calls.refresh(pair["refresh_token"])["code"]
    kinds = [entry["committed"] for entry in calls.box.ledger(kind="revocation")["entries"]]
    assert [False, True, False] == kinds


@pytest.mark.parametrize(
    ("change", "number"),
    [
        ({"client_id": None}, 40002),
        ({"client_secret": ""}, 40002),
        ({"client_id": 7000001}, 40002),
        ({"client_secret": "wrong"}, 40101),
        ({"client_id": "7000002"}, 40101),
        ({"grant_type": "authorized_code"}, 40002),
        ({"grant_type": None}, 40002),
        ({"auth_code": None, "code": "x"}, 40002),
    ],
)
def test_each_mistake_has_its_number(calls: Calls, change: dict[str, Any], number: int) -> None:
    """Errors are numbers inside HTTP 200 with empty data, and spend nothing."""
    code = calls.code()
    told = calls.exchange(code, **change)
    assert (number, {}) == (told["code"], told["data"])
    assert 0 == calls.exchange(code)["code"]


@pytest.mark.parametrize(
    "options",
    [{"data": {"grant_type": "refresh_token"}}, {"content": b"{", "headers": {"content-type": "application/json"}}],
)
def test_only_json_is_read(calls: Calls, options: dict[str, Any]) -> None:
    """A form or broken JSON holds no parameters."""
    assert 40002 == calls.box.request("POST", f"{BASE}/token/", **options).json()["code"]
    assert 40002 == calls.box.request("POST", f"{BASE}/token/", json=[1]).json()["code"]


@pytest.mark.parametrize(("method", "path"), [("GET", f"{BASE}/token/"), ("POST", f"{BASE}/token")])
def test_other_paths_and_methods_do_not_exist(calls: Calls, method: str, path: str) -> None:
    """The calls are posted to their address with its slash."""
    assert 404 == calls.box.request(method, path).status_code


@pytest.mark.parametrize("number", [40100, 40200, 40700, 50002])
def test_numbers_that_ask_for_patience_can_be_scripted(calls: Calls, number: int) -> None:
    """Whatever number a fault names comes inside HTTP 200, and nothing was spent."""
    calls.box.control("faults", {"provider": NAME, "endpoint": "refresh", "fault": "error", "code": number})
    pair = calls.pair()
    told = calls.refresh(pair["refresh_token"])
    assert (number, {}) == (told["code"], told["data"])
    assert 0 == calls.refresh(pair["refresh_token"])["code"]


@pytest.mark.parametrize("endpoint", ["token", "refresh", "revoke"])
def test_every_endpoint_can_be_mangled(calls: Calls, endpoint: str) -> None:
    """Fields in data are found by their bare names."""
    fault = {"provider": NAME, "endpoint": endpoint, "fault": "mangle", "set": {"expires_in": "soon"}}
    calls.box.control("faults", fault)
    path = {"refresh": "refresh_token"}.get(endpoint, endpoint)
    assert "soon" == calls.post(path)["data"]["expires_in"]


def test_another_apps_tokens_are_refused(calls: Calls) -> None:
    """Codes and tokens are bound to their client."""
    calls.box.control("apps", {"provider": NAME, "app_key": "other", "app_secret": "s", "redirect_uri": URI})
    other = {"client_id": "other", "client_secret": "s"}
    pair = calls.pair()
    assert 40105 == calls.refresh(pair["refresh_token"], **other)["code"]
    assert 40105 == calls.post("revoke", access_token=pair["access_token"], **other)["code"]
    assert 40001 == calls.exchange(calls.code(), **other)["code"]
