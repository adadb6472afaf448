from typing import Any

import pytest


def error(answer: Any) -> tuple[int, str]:
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"code", "message", "request_id", "data"}
    assert body["data"] == {}
    return body["code"], body["message"]


def test_success_has_the_fields_of_the_vendors_sample(ads: Any) -> None:
    """An exchange answers a token, scopes as numbers and advertiser ids as strings beyond 2^53; nothing expires."""
    body = ads.exchange(ads.code()).json()
    assert (body["code"], body["message"], set(body)) == (0, "OK", {"code", "message", "data", "request_id"})
    assert set(body["data"]) == {"access_token", "scope", "advertiser_ids"}
    assert body["data"]["scope"] == [4]
    assert body["data"]["advertiser_ids"] == ["7255118762340519937", "7255118762340519938"]
    assert all(int(advertiser) > 2**53 for advertiser in body["data"]["advertiser_ids"])


def test_advertiser_ids_can_be_left_out(ads: Any) -> None:
    """With return_advertiser_ids false the answer has none; with true it has."""
    assert "advertiser_ids" not in ads.exchange(ads.code(), return_advertiser_ids=False).json()["data"]
    assert "advertiser_ids" in ads.exchange(ads.code(), return_advertiser_ids=True).json()["data"]


def test_thousands_of_advertisers_outgrow_an_answer(ads: Any) -> None:
    """Somebody with thousands of advertisers gets an answer above 64 KB, unless it leaves them out."""
    listed = [{"advertiser_id": str(7_300_000_000_000_000_000 + n), "advertiser_name": "A"} for n in range(4_000)]
    ads.box.control("accounts", {"provider": "tiktok_ads", "account": "big", "facts": {"advertisers": listed}})
    assert len(ads.exchange(ads.code("big")).content) > 65_536
    assert len(ads.exchange(ads.code("big"), return_advertiser_ids=False).content) < 1_000


def test_a_token_never_expires(ads: Any) -> None:
    """Years later the token is still good."""
    token = ads.token()
    ads.box.control("clock", {"offset": 20 * 31_536_000})
    assert ads.user_info(token).json()["code"] == 0


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, (40001, "auth_code expired or invalid")), ({"likely_codes": True}, (40110, "invalid auth_code"))],
)
def test_a_code_lives_an_hour_and_once(ads: Any, settings: dict[str, Any], expected: tuple[int, str]) -> None:
    """A used, an expired and an unknown code are refused in either of the observed ways."""
    ads.app(**settings)
    used, old = ads.code(), ads.code()
    assert ads.exchange(used).json()["code"] == 0
    assert error(ads.exchange(used)) == expected
    ads.box.control("clock", {"offset": 3_600})
    assert error(ads.exchange(old)) == expected
    assert error(ads.exchange("unknown")) == expected


def test_a_code_is_good_until_the_hour(ads: Any) -> None:
    """One second before its end a code works."""
    code = ads.code()
    ads.box.control("clock", {"offset": 3_599})
    assert ads.exchange(code).json()["code"] == 0


@pytest.mark.parametrize(
    "change", [{"auth_code": ""}, {"auth_code": None}, {"auth_code": 7}, {"return_advertiser_ids": "no"}]
)
def test_parameters_are_checked_and_spend_nothing(ads: Any, change: dict[str, Any]) -> None:
    """What is missing or of another type is 40002, and the code stays good."""
    code = ads.code()
    assert error(ads.exchange(code, **change))[0] == 40002
    assert ads.exchange(code).json()["code"] == 0


@pytest.mark.parametrize("change", [{"app_id": "unknown"}, {"secret": "wrong"}, {"secret": None}])
def test_a_wrong_client_has_no_sure_number(ads: Any, change: dict[str, Any]) -> None:
    """App id and secret that do not match are told by text; the number varies, and nothing is spent."""
    code = ads.code()
    told = [error(ads.exchange(code, **change)) for _ in range(20)]
    assert len({number for number, _ in told}) > 1
    assert {text for _, text in told} == {"app_id and secret do not match"}
    assert ads.exchange(code).json()["code"] == 0


def test_the_likely_number_of_a_wrong_secret(ads: Any) -> None:
    """Where the app is set so, a wrong secret has the number that was observed once."""
    ads.app(likely_codes=True)
    assert error(ads.exchange(ads.code(), secret="wrong"))[0] == 40101


def test_another_apps_code_is_refused(ads: Any) -> None:
    """A code is bound to its app."""
    ads.box.control("apps", {"provider": "tiktok_ads", "app_key": "other", "app_secret": "s"})
    code = ads.code()
    assert error(ads.exchange(code, app_id="other", secret="s"))[0] == 40001
    assert ads.exchange(code).json()["code"] == 0


def test_expiry_and_refresh_token_can_be_made_to_appear(ads: Any) -> None:
    """What nobody documents can be had, so that a client may be seen to honour it."""
    ads.app(access_token_seconds=7_200, refreshable=True)
    data = ads.exchange(ads.code()).json()["data"]
    assert data["expires_in"] == 7_200
    assert data["refresh_token"]


def test_a_revoked_token_is_dead(ads: Any) -> None:
    """After a revocation every call answers 40105, and so does a second revocation."""
    token = ads.token()
    body = ads.revoke(token).json()
    assert (body["code"], body["data"]) == (0, {})
    expected = (40105, "Access token is incorrect or has been revoked.")
    assert error(ads.advertisers(token)) == expected
    assert error(ads.user_info(token)) == expected
    assert error(ads.revoke(token)) == expected


def test_a_revocation_ends_that_token_alone(ads: Any) -> None:
    """Another token of the same user lives on."""
    first, second = ads.token(), ads.token()
    ads.revoke(first)
    assert ads.user_info(second).json()["code"] == 0


@pytest.mark.parametrize(
    "change", [{"secret": "wrong"}, {"header": "other"}, {"access_token": ""}, {"access_token": "x"}]
)
def test_a_revocation_must_be_in_order(ads: Any, change: dict[str, Any]) -> None:
    """Without the secret, the header or the token nothing is revoked."""
    token = ads.token()
    assert error(ads.revoke(token, **change))[0] != 0
    assert ads.user_info(token).json()["code"] == 0


def test_who_cancels_ends_the_token(ads: Any) -> None:
    """A token dies when the advertiser cancels."""
    token = ads.token()
    ads.box.control("revoke", {"provider": "tiktok_ads", "app": ads.app_id, "account": ads.user})
    assert error(ads.user_info(token))[0] == 40105


def test_an_import_has_no_refresh_token(ads: Any) -> None:
    """Credentials from elsewhere are an access token alone, which works."""
    asked = {"provider": "tiktok_ads", "app": ads.app_id, "account": ads.user}
    pair = ads.box.control("credentials", asked)
    assert pair["refresh_token"] is None
    assert ads.user_info(pair["access_token"]).json()["code"] == 0


def test_every_presentation_is_in_the_ledger(ads: Any, sha256: Any) -> None:
    """Codes and revocations are written down; a code presented twice is a double."""
    code = ads.code()
    token = ads.exchange(code).json()["data"]["access_token"]
    ads.exchange(code)
    ads.revoke(token)
    entries = ads.box.ledger()["entries"]
    assert [(e["kind"], e["outcome"], e["error"]) for e in entries] == [
        ("code", "issued", None),
        ("code", "refused", "40001"),
        ("revocation", "issued", None),
    ]
    assert entries[0]["issued"] == {"access_token": sha256(token), "refresh_token": None}
    assert [d["count"] for d in ads.box.ledger()["doubles"]] == [2]


def test_an_exchange_may_time_out_after_the_code_is_spent(ads: Any) -> None:
    """A hang that commits leaves the code spent although no answer came; sent again it is refused."""
    code = ads.code()
    ads.fault("token", "status", status=504, committed=True)
    assert ads.exchange(code).status_code == 504
    assert error(ads.exchange(code))[0] == 40001


@pytest.mark.parametrize("number", [40100, 40200, 40201, 40202, 40700, 50000, 50002, 49999])
def test_any_number_can_be_scripted(ads: Any, number: int) -> None:
    """The numbers that ask for a retry, and unknown ones, come in the vendor's envelope and spend nothing."""
    code = ads.code()
    ads.fault("token", "error", code=number, message="Too many requests")
    assert error(ads.exchange(code)) == (number, "Too many requests")
    assert ads.exchange(code).json()["code"] == 0


def test_an_answer_can_be_mangled(ads: Any) -> None:
    """An answer's fields can be spoiled by a bare name."""
    ads.fault("token", "mangle", drop=["access_token"])
    assert "access_token" not in ads.exchange(ads.code()).json()["data"]
    ads.fault("token", "mangle", how="truncated")
    assert ads.exchange(ads.code()).text.endswith("}") is False


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"[" * 100_000, b"app_id=7001"])
@pytest.mark.parametrize("call", ["access_token", "revoke_token"])
def test_a_body_that_is_no_object_is_refused(ads: Any, call: str, content: bytes) -> None:
    """Whatever is not a JSON object names no app, and presents nothing."""
    answer = ads.box.request("POST", f"/tiktok_ads/open_api/v1.3/oauth2/{call}/", content=content)
    assert error(answer)[0] != 0
    assert ads.box.ledger()["entries"] == []


@pytest.mark.parametrize("path", ["open_api/v1.3/oauth2/access_token/", "open_api/v1.3/oauth2/revoke_token/"])
def test_only_post_exists(ads: Any, path: str) -> None:
    """A GET with everything in the query is not served."""
    assert ads.box.get(f"/tiktok_ads/{path}").status_code == 405


def test_nobody_may_act_for_no_advertiser(ads: Any) -> None:
    """Somebody without advertisers gets a token and an empty list."""
    ads.box.control("accounts", {"provider": "tiktok_ads", "account": "alone"})
    assert ads.exchange(ads.code("alone")).json()["data"]["advertiser_ids"] == []
