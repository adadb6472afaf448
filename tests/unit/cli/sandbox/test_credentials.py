from typing import Any

import pytest

ASKED = {"provider": "tiktok_shop", "app": "29a39d", "account": "7010736057180325637"}


def test_a_pair_can_be_had_without_a_consent(box: Any) -> None:
    """An account's pair is issued over the control plane: the access token works and the refresh token refreshes."""
    pair = box.control("credentials", ASKED)
    assert box.call(pair["access_token"])["code"] == 0
    assert box.refresh(pair["refresh_token"]).json()["data"]["open_id"] == ASKED["account"]
    assert box.refresh(pair["refresh_token"]).json()["code"] == 36004005


def test_scopes_and_length_can_be_chosen(box: Any) -> None:
    """The consent that was given elsewhere may be short and partial."""
    pair = box.control("credentials", {**ASKED, "scopes": ["seller.order.info"], "seconds": 100})
    data = box.refresh(pair["refresh_token"]).json()["data"]
    assert data["granted_scopes"] == ["seller.order.info"]
    assert data["refresh_token_expire_in"] == box.now + 100


def test_what_is_issued_belongs_to_the_account(box: Any) -> None:
    """It ends when the account revokes, is in the saved state as a hash, and no presentation in the ledger."""
    pair = box.control("credentials", ASKED)
    assert box.ledger()["entries"] == []
    box.control("save")
    assert pair["refresh_token"] not in box.path.read_text()
    assert box.control("revoke", ASKED) == {"revoked": 1}
    assert box.refresh(pair["refresh_token"]).json()["code"] == 36004005


@pytest.mark.parametrize(
    ("change", "status"),
    [({"provider": "nobody"}, 400), ({"app": "x"}, 404), ({"account": "x"}, 404), ({"seconds": "1"}, 400)],
)
def test_who_is_not_there_gets_nothing(box: Any, change: dict[str, Any], status: int) -> None:
    """Provider, app and account must exist, and fields must fit."""
    assert box.request("POST", "/_sandbox/credentials", json={**ASKED, **change}).status_code == status
