"""The control plane: who may use it, what it accepts, and what it says of a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tokensync.domain.messages import Issued
from tokensync.domain.secret import Secret
from tokensync_cli.sandbox.accounts import Account, Accounts, Shop, prefix_of
from tokensync_cli.sandbox.mint import Mint
from tokensync_cli.sandbox.records import BadRecordError
from tokensync_cli.sandbox.registry import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("path", ["ledger", "api2cart"])
@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:4001"},
        {"host": "evil.localhost:4001"},
        {"host": "localhost.:4001"},
        {"host": "user@localhost:4001"},
        {"origin": "http://localhost:4001"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_web_pages_cannot_drive_the_control_plane(box: Any, headers: dict[str, str], path: str) -> None:
    """A foreign Host, any Origin and a foreign site are refused, for reading and writing."""
    assert box.get(f"/_sandbox/{path}", headers=headers).status_code == 403
    assert box.request("POST", "/_sandbox/clock", json={"offset": 9}, headers=headers).status_code == 403
    assert box.sandbox.clock.offset == 0


@pytest.mark.parametrize(
    "path", ["/", "/tiktok_shop/open/authorize", "/oauth2/token", "/.well-known/oauth-authorization-server"]
)
def test_the_whole_sandbox_answers_under_its_own_names_only(box: Any, path: str) -> None:
    """A page that lets its name resolve to this machine reaches neither pages nor tokens, and no page reads them."""
    refused = box.get(path, headers={"host": "evil.example:4001"})
    assert (403, False) == (refused.status_code, "evil" in refused.text)
    answered = box.get(path, headers={"origin": "http://localhost:9"})
    assert [] == [name for name in answered.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("headers", [{"host": "127.0.0.1:4001"}, {"sec-fetch-site": "none"}])
def test_programs_and_typed_addresses_may(box: Any, headers: dict[str, str]) -> None:
    """A local program and an address typed into a browser are answered: health names providers and clock."""
    expected = {"ok": True, "providers": [p.name for p in PROVIDERS], "now": float(box.now), "offset": 0.0}
    assert expected == box.get("/_sandbox/health", headers=headers).json()


def test_the_index_and_the_list_name_apps_without_secrets(shop: Any) -> None:
    """A registration can be read back, its secret cannot."""
    (app,) = shop.box.get("/_sandbox/apps").json()["apps"]
    assert (app["app_key"], app["service_id"], "app_secret" in app) == ("client-1", "service-1", False)
    text = shop.box.get("/").text
    assert ("TikTok Shop" in text, "client-1" in text, "canary" in text) == (True, True, False)


def test_accounts_can_be_added_singly_and_in_bulk(shop: Any) -> None:
    """Sellers can be added, alone or many alike, and are listed with the seeds; of another provider they are users."""
    added = shop.box.control("accounts", {"provider": "tiktok_shop", "region": "GB", "count": 3})["accounts"]
    assert len({account["account"] for account in added}) == 3
    shop.box.control("accounts", {"provider": "tiktok_shop", "account": "x", "region": "US", "seller_name": "<b>"})
    listed = shop.box.get("/_sandbox/accounts").json()["accounts"]
    assert len([account for account in listed if account["provider"] == "tiktok_shop"]) == 8
    shop.account = "x"
    issued = shop.exchange(shop.code())
    assert issued.account.facts == {"open_id": "x", "seller_name": "<b>", "region": "US", "user_type": "seller"}
    (user,) = shop.box.control("accounts", {"provider": "tiktok_login", "label": "Zoë"})["accounts"]
    assert (user["user_type"], user["region"], user["shops"]) == ("user", None, [])


def test_authorize_returns_where_the_browser_would_go(party: Callable[..., Any], shop: Any) -> None:
    """A consent without a browser leads to the registered redirect URL; link, scopes and length can be chosen."""
    told = {**shop.named, "state": "s", "scopes": ["seller.order.info"], "seconds": 100}
    location = shop.box.control("authorize", told)["location"]
    assert location.startswith("https://a.example/callback/shop?code=ROW_")
    assert "&state=s&" in location
    assert "state" not in shop.box.control("authorize", shop.named)["location"]
    issued = shop.exchange(Secret(location.partition("code=")[2].partition("&")[0]))
    assert (("seller.order.info",), shop.box.now + 100) == (issued.scopes, issued.refresh_expires_at)
    pair = shop.box.control("credentials", {**shop.named, "scopes": ["a"], "seconds": 50})
    imported = shop.refresh(Secret(pair["refresh_token"]))
    assert (("a",), shop.box.now + 50) == (imported.scopes, imported.refresh_expires_at)
    login = party("tiktok_login")
    link = {"redirect_uri": "http://b/", "code_challenge": "c", "code_challenge_method": "S256"}
    login.box.control("authorize", {**login.named, "link": link})
    binding = login.box.sandbox.snapshot().grants.codes[-1].binding
    assert (binding.redirect_uri, binding.challenge, binding.method) == ("http://b/", "c", "S256")


def test_the_ledger_can_be_filtered_summed_and_cleared(shop: Any) -> None:
    """Filters, summary and clearing work over the control plane."""
    token = shop.grant().refresh_token
    shop.refresh(token)
    shop.refresh(token)
    box = shop.box
    assert [e["seq"] for e in box.ledger(kind="refresh_token", outcome="issued")["entries"]] == [2]
    assert [e["seq"] for e in box.ledger(after="1")["entries"]] == [2, 3]
    assert box.ledger(summary="0")["entries"]
    summary = box.ledger(summary="1")
    assert summary["by_kind"] == {"code": {"issued": 1}, "refresh_token": {"issued": 1, "refused": 1}}
    assert summary["requests"] == {"tiktok_shop/authorize": 2, "tiktok_shop/token": 1, "tiktok_shop/refresh": 2}
    assert [d["seqs"] for d in summary["doubles"]] == [[2, 3]]
    assert box.control("ledger", method="DELETE") == {"ok": True}
    assert box.ledger() == {"entries": [], "requests": {}, "doubles": []}
    assert [400, 400] == [box.get(f"/_sandbox/ledger?{wrong}").status_code for wrong in ("nothing=1", "after=x")]


def test_faults_can_be_listed_and_cleared(shop: Any) -> None:
    """What waits can be read and forgotten."""
    shop.fault("token", "status", status=503, times=None)
    (fault,) = shop.box.get("/_sandbox/faults").json()["faults"]
    assert (fault["status"], fault["times"]) == (503, None)
    assert shop.box.control("faults", method="DELETE") == {"cleared": 1}


def test_the_clock_can_be_set_off(shop: Any) -> None:
    """The offset moves what is issued, what has expired, and the Date header."""
    code = shop.code()
    assert shop.box.control("clock", {"offset": 1800}) == {"now": shop.box.now + 1800.0, "offset": 1800.0}
    assert shop.exchange(code).code == "36004004"
    assert shop.box.get("/_sandbox/clock").headers["date"] == "Mon, 08 Aug 2022 23:36:40 GMT"
    assert shop.exchange(shop.code()).access_expires_at == shop.box.now + 1800 + 604_800


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        ("apps", {"provider": "x"}, 400, "provider must be one of tiktok_shop"),
        ("apps", [], 400, "must be a JSON object"),
        ("accounts", {"provider": "tiktok_shop", "count": 0}, 400, "count"),
        ("accounts", {"provider": "tiktok_shop", "count": 10_001}, 400, "count"),
        ("accounts", {"provider": "tiktok_shop", "count": True}, 400, "count"),
        ("accounts", {"provider": "tiktok_shop", "count": 2, "account": "x", "region": "US"}, 400, "exclude"),
        ("accounts", [], 400, "must be a JSON object"),
        ("authorize", {"account": "nobody"}, 404, "no account nobody"),
        ("authorize", {"provider": "oauth2"}, 404, "no app client-1"),
        ("credentials", {"account": "nobody"}, 404, "no account nobody"),
        ("credentials", {"app": "x"}, 404, "no app x"),
        ("credentials", {"provider": "nobody"}, 400, "provider must be one of"),
        ("credentials", {"seconds": "1"}, 400, "seconds must be an integer"),
        ("revoke", {"app": "x"}, 404, "no app x"),
        ("clock", {"offset": "1"}, 400, "offset must be a number"),
        ("api2cart", {"api_key": ""}, 400, "api_key must not be empty"),
        ("api2cart", {"api_key": 1}, 400, "api_key must be a string"),
        ("api2cart", [], 400, "must be a JSON object"),
        ("api2cart/refresh", {"store_key": "x"}, 404, "no store x"),
    ],
)
def test_says_what_is_wrong_with_a_request(shop: Any, path: str, body: Any, status: int, text: str) -> None:
    """Every refusal names its cause."""
    told = {**shop.named, **body} if path in ("authorize", "credentials", "revoke") else body
    assert text in shop.box.refused(path, told, status)


def test_says_what_no_body_can_be(party: Callable[..., Any], shop: Any) -> None:
    """What is no JSON or too large, and a consent that cannot be, are refused; there is nothing else to call."""
    box = shop.box
    for content, text in ((b"{", "must be JSON"), (b"[" * 100_000, "must be JSON"), (b" " * 9_000_000, "too large")):
        assert text in box.request("POST", "/_sandbox/clock", content=content).json()["error"]
    shop.put(redirect_uri="")
    assert "has no redirect_uri" in box.refused("authorize", shop.named)
    assert "code_challenge" in box.refused("authorize", party("oauth2").named)
    assert "no consent" in box.refused("authorize", party("eshopbox").named)
    assert (405, 404) == (box.request("PUT", "/_sandbox/apps").status_code, box.get("/_sandbox/nothing").status_code)


def test_a_new_app_begins_with_its_providers_settings(box: Any) -> None:
    """Lifetimes are the provider's own where nothing is set, and are kept by what changes another setting."""
    app = {"provider": "tiktok_accounts", "app_key": "k", "app_secret": "s", "settings": {"code_seconds": 5}}
    settings = box.control("apps", app)["app"]["settings"]
    assert (settings["access_token_seconds"], settings["code_seconds"]) == (86_400, 5)
    again = {"provider": "tiktok_accounts", "app_key": "k", "settings": {"access_token_seconds": 200}}
    assert box.control("apps", again)["app"]["settings"]["code_seconds"] == 5


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_every_provider_begins_with_two_accounts(box: Any, provider: Any) -> None:
    """So that one can be taken for the other; each says whose it is, and is the same after a restart."""
    seeds = list(provider.seeds)
    assert (True, {provider.name}) == (len({a.account for a in seeds}) >= 2, {a.provider for a in seeds})
    again = box.restarted().sandbox.accounts
    assert [a for a in box.sandbox.accounts if a.provider == provider.name] == [
        a for a in again if a.provider == provider.name
    ]


def test_the_shops_seeds_have_every_prefix() -> None:
    """One seller per token prefix, with one or two shops each, and a creator without a name."""
    seeds = list(PROVIDERS[0].seeds)
    sellers = [(s.region, s.prefix, len(s.shops or ())) for s in seeds if s.user_type == "seller"]
    assert [("ID", "ROW_", 2), ("US", "TTP_", 1), ("GB", "GCP_", 2)] == sellers
    assert [None] == [s.seller_name for s in seeds if s.user_type == "creator"]
    assert ["ROW_", "TTP_", "GCP_", "ROW_"] == [prefix_of(region) for region in ("ID", "US", "GB", None)]


def test_add_fills_in_what_was_left_open() -> None:
    """A seller needs a region and gets the rest; what is given is kept; a user and a creator have no shop."""
    add, mint = Accounts().add, Mint()
    seller = add(Account(provider="p", region="US"), mint)
    (shop,) = seller.shops or ()
    assert (f"Seller {seller.account}", None, "TTP_") == (seller.label, seller.seller_name, seller.prefix)
    assert ("US", True) == (shop.region, shop.cipher.startswith("TTP_") and all((shop.id, shop.name, shop.code)))
    given = Account(provider="p", account="a", label="L", region="US", prefix="", shops=(Shop(id="1", name="s"),))
    kept = add(given, mint)
    assert ("a", "L", "", "1") == (kept.account, kept.label, kept.prefix, (kept.shops or ())[0].id)
    user = add(Account(provider="p", user_type="user", facts={"a": "b"}), mint)
    assert (f"User {user.account}", "", (), {"a": "b"}) == (user.label, user.prefix, user.shops, user.facts)
    assert add(Account(provider="p", user_type="creator"), mint).shops == ()
    with pytest.raises(BadRecordError, match="region"):
        add(Account(provider="p"), mint)


def test_the_imports_end_with_the_account(shop: Any) -> None:
    """What was issued by hand works, rotates, and ends when the account revokes."""
    pair = shop.box.control("credentials", shop.named)
    issued = shop.refresh(Secret(pair["refresh_token"]))
    assert isinstance(issued, Issued)
    assert shop.box.control("revoke", shop.named) == {"revoked": 1}
    assert shop.refresh(issued.refresh_token).code == "36004005"
