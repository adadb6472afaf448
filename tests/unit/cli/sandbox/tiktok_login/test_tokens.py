from typing import Any

import pytest

from tokensync_cli.sandbox.mint import digest

SUCCESS = {
    "access_token",
    "expires_in",
    "open_id",
    "refresh_expires_in",
    "refresh_token",
    "scope",
    "token_type",
}
PATH = "/tiktok_login/v2/oauth/token/"


def test_a_code_gives_the_documented_fields(login: Any) -> None:
    """The answer is flat: two hours, 180 days, a comma string and an opaque id."""
    answer = login.exchange(login.code())
    told = answer.json()
    assert 200 == answer.status_code
    assert set(told) == SUCCESS
    assert (7_200, 15_552_000) == (told["expires_in"], told["refresh_expires_in"])
    assert (login.user, "Bearer") == (told["open_id"], told["token_type"])
    assert told["scope"].startswith("user.info.basic,user.info.profile")


def test_a_code_works_once(login: Any) -> None:
    """A code presented again is an invalid grant and a double."""
    code = login.code()
    login.exchange(code)
    assert "invalid_grant" == login.exchange(code).json()["error"]
    (double,) = login.box.ledger()["doubles"]
    assert (digest(code), 2, 1) == (double["presented"], double["count"], double["committed"])


def test_a_code_that_was_decoded_twice_or_not_at_all_is_unknown(login: Any) -> None:
    """The code counts as it stands in the callback, decoded once."""
    code = login.code()
    encoded = code.replace("*", "%2A").replace("!", "%21")
    assert "invalid_grant" == login.exchange(encoded).json()["error"]
    assert "access_token" in login.exchange(code).json()


@pytest.mark.parametrize("uri", [None, "http://localhost:4000/callback/login/"])
def test_the_exchange_repeats_the_redirect_uri(login: Any, uri: str | None) -> None:
    """Another redirect URI than the link's is refused, and the code stays unspent."""
    code = login.code()
    assert "invalid_grant" == login.exchange(code, redirect_uri=uri).json()["error"]
    assert "access_token" in login.exchange(code).json()


def test_refresh_tokens_rotate_strictly(login: Any) -> None:
    """A refresh gives a new pair and ends the token presented; the loser of two reads the vendor's words."""
    first = login.pair()
    second = login.refresh(first["refresh_token"]).json()
    assert set(second) == SUCCESS
    assert second["refresh_token"] != first["refresh_token"]
    lost = login.refresh(first["refresh_token"]).json()
    assert ("invalid_grant", "Refresh token is invalid or expired.") == (lost["error"], lost["error_description"])
    assert "access_token" in login.refresh(second["refresh_token"]).json()


@pytest.mark.parametrize(("extends", "left"), [(False, 15_552_000 - 1_000), (True, 15_552_000)])
def test_whether_a_refresh_extends_is_a_setting(login: Any, extends: bool, left: int) -> None:  # noqa: FBT001 - a case
    """The refresh token's life counts down, or begins anew where the app is set so."""
    login.settings(refresh_extends=extends)
    pair = login.pair()
    login.box.control("clock", {"offset": 1_000})
    assert left == login.refresh(pair["refresh_token"]).json()["refresh_expires_in"]


def test_a_refresh_token_ends(login: Any) -> None:
    """After its life a refresh token is an invalid grant."""
    login.settings(refresh_token_seconds=100)
    pair = login.pair()
    login.box.control("clock", {"offset": 100})
    assert "invalid_grant" == login.refresh(pair["refresh_token"]).json()["error"]


def test_client_credentials_give_a_token_alone(login: Any) -> None:
    """The app's own token lives two hours and has neither refresh token nor open_id; two of them are no double."""
    told = [login.token(grant_type="client_credentials").json() for _ in range(2)]
    assert {"access_token", "expires_in", "token_type"} == set(told[0])
    assert told[0]["access_token"].startswith("clt.")
    assert (7_200, "Bearer") == (told[0]["expires_in"], told[0]["token_type"])
    ledger = login.box.ledger(kind="client_credentials")
    assert [True, True] == [entry["committed"] for entry in ledger["entries"]]
    assert digest(told[0]["access_token"]) == ledger["entries"][0]["issued"]["access_token"]
    assert [] == ledger["doubles"]
    assert "access_token_invalid" == login.user_info(told[0]["access_token"]).json()["error"]["code"]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_key": "other"}, "invalid_client"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_secret": None}, "invalid_request"),
        ({"client_key": None}, "invalid_request"),
        ({"grant_type": "authorized_code"}, "unsupported_grant_type"),
        ({"grant_type": None}, "unsupported_grant_type"),
        ({"code": None}, "invalid_request"),
        ({"code": "null"}, "invalid_grant"),
    ],
)
def test_each_mistake_has_its_word(login: Any, change: dict[str, str | None], error: str) -> None:
    """Errors are flat, with a description and a log id, and spend nothing."""
    code = login.code()
    told = login.exchange(code, **change).json()
    assert {"error", "error_description", "log_id"} == set(told)
    assert error == told["error"]
    assert "access_token" in login.exchange(code).json()


def test_errors_come_on_each_status_in_turn(login: Any) -> None:
    """The same error is seen with 200, 400 and 401."""
    assert {200, 400, 401} == {login.refresh("x").status_code for _ in range(3)}


@pytest.mark.parametrize("status", ["200", "400", "401"])
def test_the_status_of_errors_can_be_set(login: Any, status: str) -> None:
    """An app may be set to see one status alone."""
    login.settings(error_status=status)
    assert {int(status)} == {login.refresh("x").status_code for _ in range(3)}


def test_credentials_are_taken_from_the_body_alone(login: Any) -> None:
    """Neither Basic nor the query names a client."""
    form = {"grant_type": "client_credentials"}
    for options in ({"auth": ("awkey", "login-secret")}, {"params": login.client}):
        answer = login.box.request("POST", PATH, data=form, **options)
        assert "invalid_request" == answer.json()["error"]


def test_the_body_is_a_form_that_says_each_thing_once(login: Any) -> None:
    """JSON is refused, and so is a parameter that comes twice."""
    form = {**login.client, "grant_type": "client_credentials"}
    assert "error" in login.box.request("POST", PATH, json=form).json()
    twice = {**form, "client_secret": ["login-secret", "login-secret"]}
    assert "invalid_request" == login.box.request("POST", PATH, data=twice).json()["error"]


@pytest.mark.parametrize(("method", "path"), [("GET", PATH), ("POST", PATH[:-1]), ("GET", "/tiktok_login/v2")])
def test_the_address_is_post_with_its_slash(login: Any, method: str, path: str) -> None:
    """Another method, or the address without its slash, does not exist."""
    assert 404 == login.box.request(method, path).status_code


def test_another_apps_credentials_are_refused(login: Any) -> None:
    """Codes and refresh tokens are bound to their client."""
    other = {"provider": "tiktok_login", "app_key": "other", "app_secret": "s", "redirect_uri": login.uri}
    login.box.control("apps", other)
    as_other = {"client_key": "other", "client_secret": "s"}
    pair = login.pair()
    assert "invalid_grant" == login.refresh(pair["refresh_token"], **as_other).json()["error"]
    assert "invalid_grant" == login.exchange(login.code(), **as_other).json()["error"]
    assert "invalid_request" == login.revoke(pair["access_token"], **as_other).json()["error"]


def test_revocation_has_an_empty_body_and_ends_the_authorization(login: Any) -> None:
    """An access token ends everything that came with it; a second time it is unknown, and no double."""
    pair = login.pair()
    answer = login.revoke(pair["access_token"])
    assert (200, b"") == (answer.status_code, answer.content)
    assert "invalid_grant" == login.refresh(pair["refresh_token"]).json()["error"]
    assert 401 == login.user_info(pair["access_token"]).status_code
    assert "invalid_request" == login.revoke(pair["access_token"]).json()["error"]
    ledger = login.box.ledger(kind="revocation")
    assert [True, False] == [entry["committed"] for entry in ledger["entries"]]
    assert [] == ledger["doubles"]


def test_a_refresh_token_cannot_be_revoked(login: Any) -> None:
    """The revocation takes access tokens only, and its client's own secret."""
    pair = login.pair()
    assert "invalid_request" == login.revoke(pair["refresh_token"]).json()["error"]
    assert "invalid_client" == login.revoke(pair["access_token"], client_secret="wrong").json()["error"]
    assert "access_token" in login.refresh(pair["refresh_token"]).json()


def test_user_info_tells_what_is_asked(login: Any) -> None:
    """The fields asked for come back in data.user, and the error says ok."""
    token = login.pair()["access_token"]
    told = login.user_info(token).json()
    assert {"open_id", "union_id", "avatar_url", "display_name"} == set(told["data"]["user"])
    assert ("ok", "Lena Park") == (told["error"]["code"], told["data"]["user"]["display_name"])
    assert {"open_id": login.user} == login.user_info(token, "open_id").json()["data"]["user"]


def test_odd_names_survive_the_wire(login: Any) -> None:
    """A name with bidirectional controls and markup comes as it is."""
    told = login.user_info(login.pair(account=login.odd)["access_token"]).json()
    assert "\u202emoc.live\u202c <b>" in told["data"]["user"]["display_name"]


def test_user_info_has_errors_of_its_own_shape(login: Any) -> None:
    """A token that is missing, wrong, expired or without the scope is a 401 with the API's words."""
    pair = login.pair()
    poor = login.pair(scopes=["video.list"])["access_token"]
    assert "scope_not_authorized" == login.user_info(poor).json()["error"]["code"]
    login.box.control("clock", {"offset": 7_200})
    for token in (None, "x", pair["access_token"], pair["refresh_token"]):
        answer = login.user_info(token)
        assert (401, {}) == (answer.status_code, answer.json()["data"])
        assert "access_token_invalid" == answer.json()["error"]["code"]
        assert {"code", "message", "log_id"} == set(answer.json()["error"])


def test_faults_speak_the_providers_words(login: Any) -> None:
    """A scripted error takes a word, and what fails without one is the server's error."""
    login.settings(error_status="400")
    login.fault("refresh", "error", code="temporarily_unavailable")
    login.fault("refresh", "fail_before")
    login.fault("user_info", "throttle", code="rate_limit_exceeded", headers={"retry-after": "5"})
    pair = login.pair()
    answers = [login.refresh(pair["refresh_token"]) for _ in range(3)]
    assert [400, 500, 200] == [answer.status_code for answer in answers]
    told = [answer.json().get("error") for answer in answers]
    assert ["temporarily_unavailable", "server_error", None] == told
    limited = login.user_info(pair["access_token"])
    assert (429, "rate_limit_exceeded") == (limited.status_code, limited.json()["error"]["code"])


@pytest.mark.parametrize(("how", "body"), [("empty", b""), ("bom", b"\xef\xbb\xbf{")])
def test_flat_answers_can_be_mangled(login: Any, how: str, body: bytes) -> None:
    """The whole body or single fields are spoiled after the commit."""
    code = login.code()
    login.fault("token", "mangle", how=how)
    assert login.exchange(code).content.startswith(body)
    assert "fault:mangle" == login.box.ledger()["entries"][-1]["outcome"]
    assert login.box.ledger()["entries"][-1]["committed"]


def test_fields_of_flat_answers_can_be_mangled(login: Any) -> None:
    """Expiries can be dropped and single fields written as source."""
    login.fault("token", "mangle", how="no_expiry", raw={"open_id": "1e400"})
    text = login.exchange(login.code()).text
    assert '"open_id":1e400' in text
    assert "expires" not in text


@pytest.mark.parametrize(
    ("endpoint", "ask"),
    [
        ("client_credentials", lambda login: login.token(grant_type="client_credentials")),
        ("revoke", lambda login: login.revoke("x")),
        ("user_info", lambda login: login.user_info("x")),
    ],
)
def test_every_endpoint_can_fail(login: Any, endpoint: str, ask: Any) -> None:
    """A fault meets the endpoint that it names."""
    login.fault(endpoint, "status", status=503, body="{}")
    assert 503 == ask(login).status_code


def test_an_empty_answer_can_be_mangled(login: Any) -> None:
    """What a revocation says in error is there although success says nothing."""
    pair = login.pair()
    login.fault("revoke", "mangle", set={"message": "success"})
    assert "success" == login.revoke(pair["access_token"]).json()["data"]["message"]


def test_tokens_without_an_end_tell_none(login: Any) -> None:
    """Where a life is set to none its field is left out."""
    login.settings(access_token_seconds=None, refresh_token_seconds=None)
    told = login.pair()
    assert SUCCESS - {"expires_in", "refresh_expires_in"} == set(told)
    assert {"access_token", "token_type"} == set(login.token(grant_type="client_credentials").json())
    assert 200 == login.user_info(told["access_token"]).status_code
