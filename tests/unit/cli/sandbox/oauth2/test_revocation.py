from typing import Any

import pytest


@pytest.mark.parametrize("name", ["access_token", "refresh_token"])
def test_either_token_ends_the_authorization(client: Any, name: str) -> None:
    """A revoked token, of either kind, ends the pair; the answer is an empty 200."""
    pair = client.pair()
    answer = client.post("revoke", token=pair[name], token_type_hint=name)
    assert (answer.status_code, answer.content) == (200, b"")
    assert client.user_info(pair["access_token"]).status_code == 401
    assert client.refresh(pair["refresh_token"]).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("hint", [None, "refresh_token", "unknown"])
def test_an_unknown_token_is_revoked_too(client: Any, hint: str | None) -> None:
    """A token that is not known is answered 200, whatever the hint says, and so is one revoked before."""
    assert client.post("revoke", token="unknown", token_type_hint=hint).status_code == 200
    token = client.pair()["refresh_token"]
    assert [client.post("revoke", token=token).status_code for _ in range(2)] == [200, 200]


def test_another_providers_token_is_an_unknown_one(client: Any) -> None:
    """A token of another provider is left as it is."""
    pair = client.box.pair()
    assert client.post("revoke", token=pair["refresh_token"]).status_code == 200
    assert client.box.refresh(pair["refresh_token"]).json()["code"] == 0


def test_another_clients_token_is_refused(client: Any) -> None:
    """A client cannot revoke what was issued to another."""
    client.box.control("apps", {"provider": "oauth2", "app_key": "other", "app_secret": "s"})
    token = client.pair()["refresh_token"]
    answer = client.post("revoke", client.basic("other", "s"), token=token)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert client.refresh(token).status_code == 200


def test_the_client_must_be_authenticated(client: Any) -> None:
    """Without the secret nothing is revoked; without a token the request is invalid."""
    token = client.pair()["refresh_token"]
    assert client.post("revoke", {}, token=token).status_code == 401
    assert client.post("revoke").json()["error"] == "invalid_request"
    assert client.refresh(token).status_code == 200


def test_a_revocation_is_in_the_ledger_and_can_fail(client: Any) -> None:
    """Revocations are written down, are no doubles, and meet faults."""
    token = client.pair()["refresh_token"]
    client.fault("revoke", "status", status=503, headers={"Retry-After": "5"})
    assert client.post("revoke", token=token).status_code == 503
    assert client.post("revoke", token=token).status_code == 200
    entries = client.box.ledger(kind="revocation")["entries"]
    assert [(e["outcome"], e["committed"]) for e in entries] == [("fault:status", False), ("issued", True)]
    assert client.box.ledger()["doubles"] == []
