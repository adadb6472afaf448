import base64
import hashlib
import hmac
import json
from typing import Any

import pytest

from tokensync_cli.sandbox.control.saver import load


def error(answer: Any) -> tuple[int, str]:
    assert set(answer.json()) == {"error", "error_description"}
    return answer.status_code, answer.json()["error"]


def claims(token: str, secret: str) -> Any:
    text, _, signature = token.rpartition(".")
    expected = hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64encode(expected).rstrip(b"=").decode() == signature
    return json.loads(base64.urlsafe_b64decode(text.split(".")[1] + "=="))


def test_success_is_flat_and_not_to_be_stored(client: Any) -> None:
    """An exchange answers RFC 6749's members at the top, scopes with spaces, and no cache may keep it."""
    answer = client.exchange(client.callback()["code"])
    body = answer.json()
    assert answer.status_code == 200
    assert set(body) == {"access_token", "token_type", "expires_in", "refresh_token", "scope", "id_token"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3_600)
    assert body["scope"] == "openid profile offline_access read write"
    assert answer.headers["cache-control"] == "no-store"


def test_the_id_token_tells_who_it_was(client: Any) -> None:
    """The ID token carries issuer, subject, audience, times and the nonce, signed with the client's secret."""
    token = client.exchange(client.callback(nonce="n-1")["code"]).json()["id_token"]
    assert claims(token, client.secret) == {
        "iss": "http://localhost:4001/oauth2",
        "sub": client.jane,
        "aud": client.client_id,
        "exp": client.box.now + 3_600,
        "iat": client.box.now,
        "nonce": "n-1",
    }


def test_the_issuer_of_the_id_token_can_lie(client: Any) -> None:
    """The ID token tells the issuer that the app is set to."""
    client.app(issuer="https://evil.example")
    assert claims(client.pair()["id_token"], client.secret)["iss"] == "https://evil.example"


def test_without_openid_there_is_no_id_token(client: Any) -> None:
    """An ID token comes with the scope openid alone."""
    client.app(scopes=["read"])
    assert "id_token" not in client.pair()


def test_both_ways_of_client_authentication_work(client: Any) -> None:
    """A client may put its credentials into the header, form-encoded, or into the body."""
    in_body = {"client_id": client.client_id, "client_secret": client.secret}
    assert client.exchange(client.callback()["code"]).status_code == 200
    assert client.exchange(client.callback()["code"], {}, **in_body).status_code == 200
    assert client.exchange(client.callback()["code"], client_id=client.client_id).status_code == 200


def test_a_client_that_is_not_known_gets_a_challenge(client: Any) -> None:
    """Wrong credentials are invalid_client with 401 and WWW-Authenticate, and spend nothing."""
    code = client.callback()["code"]
    for answer in (
        client.exchange(code, client.basic(secret="wrong")),
        client.exchange(code, client.basic(client_id="unknown")),
        client.exchange(code, {"authorization": "Basic %%%"}),
        client.exchange(code, {"authorization": "Bearer x"}),
        client.exchange(code, {}),
        client.exchange(code, {}, client_id=client.client_id, client_secret="wrong"),
    ):
        assert error(answer) == (401, "invalid_client")
        assert answer.headers["www-authenticate"].startswith("Basic ")
    assert client.exchange(code).status_code == 200


def test_unencoded_basic_credentials_do_not_work(client: Any) -> None:
    """Credentials with reserved characters must be form-encoded before they are put into the header."""
    plain = base64.b64encode(f"{client.client_id}:{client.secret}".encode()).decode()
    answer = client.exchange(client.callback()["code"], {"authorization": f"Basic {plain}"})
    assert error(answer) == (401, "invalid_client")


@pytest.mark.parametrize(
    "change",
    [
        {"client_secret": "s+e/c r=et"},
        {"client_id": "other"},
        {"grant_type": None},
        {"grant_type": ""},
        {"code": ""},
    ],
)
def test_a_wrong_form_is_an_invalid_request(client: Any, change: dict[str, Any]) -> None:
    """Two authentications, a contradiction or a missing parameter is refused with 400 and spends nothing."""
    code = client.callback()["code"]
    form = {"code": code, "grant_type": "authorization_code", **change}
    assert error(client.post("token", redirect_uri=client.redirect_uri, **form)) == (400, "invalid_request")
    assert client.exchange(code).status_code == 200


def test_a_repeated_parameter_is_refused(client: Any) -> None:
    """No parameter may come twice."""
    content = b"grant_type=authorization_code&grant_type=refresh_token&code=x"
    headers = {**client.basic(), "content-type": "application/x-www-form-urlencoded"}
    assert error(client.box.request("POST", "/oauth2/token", content=content, headers=headers))[1] == "invalid_request"


def test_json_and_get_are_refused(client: Any) -> None:
    """The token endpoint takes a posted form and nothing else."""
    body = {"grant_type": "authorization_code", "code": client.callback()["code"]}
    answer = client.box.request("POST", "/oauth2/token", json=body, headers=client.basic())
    assert error(answer) == (400, "invalid_request")
    assert client.box.get("/oauth2/token", params=body).status_code == 405


@pytest.mark.parametrize("grant_type", ["password", "authorized_code", "urn:ietf:params:oauth:grant-type:device_code"])
def test_other_grant_types_are_not_supported(client: Any, grant_type: str) -> None:
    """A grant type that is not served is named so."""
    assert error(client.post("token", grant_type=grant_type)) == (400, "unsupported_grant_type")


@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": None},
        {"code_verifier": "short"},
        {"code_verifier": "x" * 43},
        {"redirect_uri": None},
        {"redirect_uri": "http://localhost:4000/callback/oauth2/"},
    ],
)
def test_a_code_is_tied_to_its_request(client: Any, change: dict[str, Any]) -> None:
    """Without the verifier or the very redirect URI of the request a code is an invalid grant."""
    code = client.callback(redirect_uri=client.redirect_uri)["code"]
    assert error(client.exchange(code, **change)) == (400, "invalid_grant")


def test_a_code_used_twice_ends_what_it_gave(client: Any) -> None:
    """The second use of a code is refused and revokes the tokens of the first."""
    code = client.callback()["code"]
    pair = client.exchange(code).json()
    assert error(client.exchange(code)) == (400, "invalid_grant")
    assert client.user_info(pair["access_token"]).status_code == 401
    assert error(client.refresh(pair["refresh_token"])) == (400, "invalid_grant")


@pytest.mark.parametrize("offset", [600, 10_000])
def test_a_code_lives_ten_minutes(client: Any, offset: int) -> None:
    """An expired code is an invalid grant."""
    code = client.callback()["code"]
    client.box.control("clock", {"offset": offset})
    assert error(client.exchange(code)) == (400, "invalid_grant")


def test_a_refresh_rotates_strictly(client: Any) -> None:
    """A refresh gives a new pair with the same scopes; the old refresh token again ends the whole family."""
    first = client.pair()
    second = client.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == first["scope"]
    assert client.user_info(second["access_token"]).status_code == 200
    assert error(client.refresh(first["refresh_token"])) == (400, "invalid_grant")
    assert error(client.refresh(second["refresh_token"])) == (400, "invalid_grant")
    assert client.user_info(second["access_token"]).status_code == 401


def test_a_refresh_cannot_widen_the_scope(client: Any) -> None:
    """A wider scope is invalid and spends nothing; a narrower one is accepted."""
    token = client.pair()["refresh_token"]
    assert error(client.refresh(token, scope="openid admin")) == (400, "invalid_scope")
    assert client.refresh(token, scope="openid").status_code == 200


def test_a_credential_of_another_client_is_refused(client: Any) -> None:
    """Codes and refresh tokens are bound to their client."""
    client.box.control("apps", {"provider": "oauth2", "app_key": "other", "app_secret": "s"})
    code, token = client.callback()["code"], client.pair()["refresh_token"]
    other = client.basic("other", "s")
    assert error(client.exchange(code, other)) == (400, "invalid_grant")
    assert error(client.post("token", other, grant_type="refresh_token", refresh_token=token))[1] == "invalid_grant"
    assert client.exchange(code).status_code == 200
    assert client.refresh(token).status_code == 200


def test_a_missing_refresh_token_is_an_invalid_request(client: Any) -> None:
    """A refresh without its token is refused and no presentation."""
    assert error(client.refresh("")) == (400, "invalid_request")
    assert client.box.ledger()["entries"] == []


def test_a_server_may_give_no_refresh_token(client: Any) -> None:
    """Where the app is set so, an exchange gives an access token alone."""
    client.app(refreshable=False)
    assert "refresh_token" not in client.pair()


def test_a_token_may_never_expire(client: Any) -> None:
    """Where access tokens have no end, expires_in is left out."""
    client.app(access_token_seconds=None)
    assert "expires_in" not in client.pair()


def test_client_credentials_stand_for_nobody(client: Any) -> None:
    """A client's own token has its impersonal scopes, no refresh token, no ID token, and tells of no person."""
    body = client.post("token", grant_type="client_credentials").json()
    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    assert body["scope"] == "read write"
    assert client.user_info(body["access_token"]).status_code == 403


@pytest.mark.parametrize(("scope", "status"), [("read", 200), ("openid", 400), ("admin", 400)])
def test_client_credentials_have_their_scopes(client: Any, scope: str, status: int) -> None:
    """A client may ask for less, and not for what a person grants."""
    assert client.post("token", grant_type="client_credentials", scope=scope).status_code == status


def test_everything_presented_is_in_the_ledger(client: Any, sha256: Any) -> None:
    """Codes, refresh tokens and client credentials are written down; the last are no doubles."""
    pair = client.pair()
    client.refresh(pair["refresh_token"])
    client.refresh(pair["refresh_token"])
    for _ in range(2):
        client.post("token", grant_type="client_credentials")
    got = client.box.ledger()
    assert [(e["kind"], e["outcome"], e["error"]) for e in got["entries"]] == [
        ("code", "issued", None),
        ("refresh_token", "issued", None),
        ("refresh_token", "refused", "invalid_grant"),
        ("client_credentials", "issued", None),
        ("client_credentials", "issued", None),
    ]
    assert got["entries"][0]["issued"]["refresh_token"] == sha256(pair["refresh_token"])
    assert {e["app"] for e in got["entries"]} == {client.client_id}
    assert [(d["kind"], d["count"]) for d in got["doubles"]] == [("refresh_token", 2)]
    assert got["requests"] == {"oauth2/token": 1, "oauth2/refresh": 2, "oauth2/client_credentials": 2}


@pytest.mark.parametrize("endpoint", ["token", "refresh", "client_credentials"])
def test_each_grant_type_can_fail_on_command(client: Any, endpoint: str) -> None:
    """Faults meet one grant type: a word of the RFC, its statuses, a mangled answer."""
    token = client.pair()["refresh_token"]

    def call() -> Any:
        if endpoint == "token":
            return client.exchange(client.callback()["code"])
        if endpoint == "refresh":
            return client.refresh(token)
        return client.post("token", grant_type="client_credentials")

    client.fault(endpoint, "error", code="invalid_client", message="not now")
    assert error(call()) == (401, "invalid_client")
    client.fault(endpoint, "error", code="invalid_grant")
    assert error(call()) == (400, "invalid_grant")
    client.fault(endpoint, "throttle", headers={"Retry-After": "5"})
    answer = call()
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
    assert answer.json()["error"] == "temporarily_unavailable"
    client.fault(endpoint, "mangle", set={"expires_in": "3600"})
    assert call().json()["expires_in"] == "3600"


def test_an_answer_lost_after_the_commit_costs_the_refresh_token(client: Any) -> None:
    """A gateway that fails after the commit leaves the old refresh token dead, and its reuse ends the family."""
    token = client.pair()["refresh_token"]
    client.fault("refresh", "status", status=502, committed=True)
    assert client.refresh(token).status_code == 502
    assert error(client.refresh(token)) == (400, "invalid_grant")


def test_an_import_brings_a_refresh_token(client: Any) -> None:
    """A pair that was given elsewhere can be refreshed here."""
    asked = {"provider": "oauth2", "app": client.client_id, "account": client.jane}
    pair = client.box.control("credentials", asked)
    assert client.refresh(pair["refresh_token"]).status_code == 200


def test_a_code_stays_tied_over_a_restart(client: Any) -> None:
    """The challenge and the redirect URI of a code are saved with it."""
    code = client.callback()["code"]
    client.box.control("save")
    restarted = type(client.box)(client.box.path, saved=load(client.box.path))
    client.box = restarted
    assert error(client.exchange(code, code_verifier="x" * 43)) == (400, "invalid_grant")
    assert client.exchange(code).status_code == 200
