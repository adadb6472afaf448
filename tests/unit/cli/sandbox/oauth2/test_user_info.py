from typing import Any


def test_a_token_tells_who_granted_it(client: Any) -> None:
    """Subject, and the name where the scope profile was granted."""
    assert client.user_info(client.pair()["access_token"]).json() == {"sub": client.jane, "name": "Jane Doe"}
    client.app(scopes=["openid"])
    assert client.user_info(client.pair()["access_token"]).json() == {"sub": client.jane}


def test_no_token_is_challenged_without_an_error(client: Any) -> None:
    """Who sends no token learns the scheme and nothing else; one in the query is none."""
    answer = client.user_info(None)
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["www-authenticate"] == 'Bearer realm="sandbox"'
    token = client.pair()["access_token"]
    assert client.box.get("/oauth2/userinfo", params={"access_token": token}).status_code == 401


def test_a_dead_token_is_invalid(client: Any) -> None:
    """Unknown, expired and another provider's tokens are 401 with invalid_token in the challenge."""
    token = client.pair()["access_token"]
    client.box.control("clock", {"offset": 3_600})
    for dead in (token, "unknown", client.box.pair()["access_token"]):
        answer = client.user_info(dead)
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_the_scope_openid_is_needed(client: Any) -> None:
    """Without it the scope is insufficient: 403."""
    client.app(scopes=["read"])
    answer = client.user_info(client.pair()["access_token"])
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


def test_it_can_fail_on_command_and_is_counted(client: Any) -> None:
    """Faults meet it by app, and its requests are counted."""
    token = client.pair()["access_token"]
    client.fault("user_info", "error", code="invalid_token", app=client.client_id)
    assert client.user_info(token).status_code == 401
    assert client.user_info(token).status_code == 200
    assert client.box.ledger()["requests"]["oauth2/user_info"] == 2
