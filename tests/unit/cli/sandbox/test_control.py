from typing import Any

import pytest

from tokensync_cli.sandbox.registry import PROVIDERS


def refused(box: Any, path: str, body: Any, status: int = 400) -> str:
    answer = box.request("POST", f"/_sandbox/{path}", json=body)
    assert answer.status_code == status
    return str(answer.json()["error"])


def test_health_tells_providers_and_time(box: Any) -> None:
    """Health names the providers and the clock."""
    got = box.get("/_sandbox/health").json()
    assert got == {
        "ok": True,
        "providers": [provider.name for provider in PROVIDERS],
        "now": float(box.now),
        "offset": 0.0,
    }


def test_apps_are_listed_without_their_secrets(box: Any) -> None:
    """A registration can be read back, its secret cannot."""
    (app,) = box.get("/_sandbox/apps").json()["apps"]
    assert (app["app_key"], app["service_id"]) == ("29a39d", "7770001")
    assert "app_secret" not in app


def test_accounts_can_be_added_singly_and_in_bulk(box: Any) -> None:
    """Sellers can be added, alone or many alike, and are listed with the seeds."""
    added = box.control("accounts", {"provider": "tiktok_shop", "region": "GB", "count": 3})["accounts"]
    assert len({a["account"] for a in added}) == 3
    hostile = "<script>alert(1)</script>"
    box.control("accounts", {"provider": "tiktok_shop", "account": "x", "region": "US", "seller_name": hostile})
    listed = box.get("/_sandbox/accounts").json()["accounts"]
    assert len([a for a in listed if a["provider"] == "tiktok_shop"]) == 8
    assert box.pair("x")["seller_name"] == hostile


def test_authorize_returns_where_the_browser_would_go(box: Any) -> None:
    """A consent without a browser leads to the registered redirect URL with state, or without."""
    body = {"provider": "tiktok_shop", "app": "29a39d", "account": box.seller}
    location = box.control("authorize", {**body, "state": "s"})["location"]
    assert location.startswith("http://localhost:4000/callback/demo?code=ROW_")
    assert "&state=s&" in location
    assert "state" not in box.control("authorize", body)["location"]


def test_revoke_ends_access_and_refresh(box: Any) -> None:
    """After a revocation the access token is deauthorized and the refresh token finds no record."""
    pair = box.pair()
    body = {"provider": "tiktok_shop", "app": "29a39d", "account": box.seller}
    assert box.control("revoke", body) == {"revoked": 1}
    assert box.call(pair["access_token"])["code"] == 105001
    assert box.refresh(pair["refresh_token"]).json()["code"] == 36004005


def test_ledger_can_be_filtered_summed_and_cleared(box: Any) -> None:
    """Filters, summary and clearing work over the control plane."""
    pair = box.pair()
    box.refresh(pair["refresh_token"])
    box.refresh(pair["refresh_token"])
    assert [e["seq"] for e in box.ledger(kind="refresh_token", outcome="issued")["entries"]] == [2]
    assert [e["seq"] for e in box.ledger(after="1")["entries"]] == [2, 3]
    summary = box.ledger(summary="1")
    assert summary["by_kind"] == {"code": {"issued": 1}, "refresh_token": {"issued": 1, "refused": 1}}
    assert summary["requests"] == {"tiktok_shop/token": 1, "tiktok_shop/refresh": 2}
    assert [d["seqs"] for d in summary["doubles"]] == [[2, 3]]
    assert box.control("ledger", method="DELETE") == {"ok": True}
    assert box.ledger() == {"entries": [], "requests": {}, "doubles": []}
    assert box.get("/_sandbox/ledger?nothing=1").status_code == 400
    assert box.get("/_sandbox/ledger?after=x").status_code == 400


def test_faults_can_be_listed_and_cleared(box: Any) -> None:
    """What waits can be read and forgotten."""
    box.fault("token", "status", status=503, times=None)
    (fault,) = box.get("/_sandbox/faults").json()["faults"]
    assert (fault["status"], fault["times"]) == (503, None)
    assert box.control("faults", method="DELETE") == {"cleared": 1}


def test_the_clock_can_be_set_off(box: Any) -> None:
    """The offset moves what is issued, what has expired, and the Date header."""
    code = box.code()
    assert box.control("clock", {"offset": 1800}) == {"now": box.now + 1800.0, "offset": 1800.0}
    assert box.exchange(code).json()["code"] == 36004004
    assert box.get("/_sandbox/clock").headers["date"] == "Mon, 08 Aug 2022 23:36:40 GMT"
    assert box.pair()["access_token_expire_in"] == box.now + 1800 + 604_800


def test_says_what_is_wrong_with_a_request(box: Any) -> None:
    """Every refusal names its cause."""
    named = {"provider": "tiktok_shop", "app": "29a39d", "account": "nobody"}
    assert "provider must be one of tiktok_shop" in refused(box, "apps", {"provider": "x"})
    assert "must be a JSON object" in refused(box, "apps", [])
    assert "count" in refused(box, "accounts", {"provider": "tiktok_shop", "count": 0})
    assert "exclude" in refused(box, "accounts", {"provider": "tiktok_shop", "count": 2, "account": "x"})
    assert "no account nobody" in refused(box, "authorize", named, 404)
    box.control("apps", {"provider": "tiktok_shop", "app_key": "29a39d", "redirect_uri": ""})
    assert "has no redirect_uri" in refused(box, "authorize", {**named, "account": box.seller})
    assert "no app x" in refused(box, "revoke", {**named, "app": "x"}, 404)
    assert "offset must be a number" in refused(box, "clock", {"offset": "1"})
    assert box.request("POST", "/_sandbox/clock", content=b"{").json()["error"] == "the body must be JSON"
    assert box.request("POST", "/_sandbox/clock", content=b" " * 9_000_000).json()["error"] == "the body is too large"


@pytest.mark.parametrize(("method", "path", "status"), [("PUT", "apps", 405), ("GET", "nothing", 404)])
def test_other_paths_and_methods_do_not_exist(box: Any, method: str, path: str, status: int) -> None:
    """The control plane is what is listed and nothing more."""
    assert box.request(method, f"/_sandbox/{path}").status_code == status


def test_accounts_are_of_their_providers_kind(box: Any) -> None:
    """Where nothing is said an account of a provider without sellers is a user, and needs no region."""
    (added,) = box.control("accounts", {"provider": "tiktok_login", "label": "Zoë"})["accounts"]
    assert (added["user_type"], added["region"], added["shops"]) == ("user", None, [])
    assert "must be a JSON object" in refused(box, "accounts", [])


def test_a_new_app_begins_with_its_providers_settings(box: Any) -> None:
    """Lifetimes are the provider's own where nothing is set, and are kept by what changes another setting."""
    app = {"provider": "tiktok_accounts", "app_key": "k", "app_secret": "s", "settings": {"code_seconds": 5}}
    settings = box.control("apps", app)["app"]["settings"]
    assert (settings["access_token_seconds"], settings["code_seconds"]) == (86_400, 5)
    again = {"provider": "tiktok_accounts", "app_key": "k", "settings": {"access_token_seconds": 200}}
    assert box.control("apps", again)["app"]["settings"]["code_seconds"] == 5


def test_the_parameters_of_a_link_can_be_given(box: Any) -> None:
    """An approval without a browser ties its code to the link's redirect URI, as the page would."""
    app = {"provider": "tiktok_login", "app_key": "k", "app_secret": "s", "redirect_uri": "http://a/"}
    box.control("apps", app)
    account = "-000MjQ5wTqFhVn1bCzk7sXoRg2yLpEdAuHi"
    link = {"redirect_uri": "http://b/", "code_challenge": "c", "code_challenge_method": "S256"}
    box.control("authorize", {"provider": "tiktok_login", "app": "k", "account": account, "link": link})
    (code,) = box.sandbox.snapshot().grants.codes
    assert (code.binding.redirect_uri, code.binding.challenge, code.binding.method) == ("http://b/", "c", "S256")
