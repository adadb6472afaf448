import base64
import json
from typing import Any

import pytest

APP = {"provider": "eshopbox", "app_key": "esb-key", "app_secret": "esb-secret"}
ACCOUNT = "acme-retail"


@pytest.fixture
def box(box: Any) -> Any:
    """Return a sandbox with an app of the provider."""
    box.control("apps", APP)
    return box


def imported(box: Any, **options: Any) -> str:
    asked = {"provider": "eshopbox", "app": "esb-key", "account": ACCOUNT, **options}
    return str(box.control("credentials", asked)["refresh_token"])


def generate(box: Any, token: str, **change: Any) -> Any:
    body = {
        "client_id": "esb-key",
        "client_secret": "esb-secret",
        "grant_type": "refresh_token",
        "refresh_token": token,
        **change,
    }
    return box.request("POST", "/eshopbox/api/v1/generateToken", json=body)


def fault(box: Any, name: str, **options: Any) -> None:
    box.control("faults", {"provider": "eshopbox", "endpoint": "refresh", "fault": name, **options})


def test_the_answer_has_the_documented_fields_and_no_refresh_token(box: Any) -> None:
    """An access token for a day comes with an ID token and spaced scopes; the refresh token does not come back."""
    answer = generate(box, imported(box))
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"access_token", "id_token", "scope", "expires_in", "token_type"}
    assert (body["scope"], body["expires_in"], body["token_type"]) == (
        "openid profile offline_access",
        86_400,
        "Bearer",
    )
    claims = json.loads(base64.urlsafe_b64decode(body["id_token"].split(".")[1] + "=="))
    assert (claims["sub"], claims["aud"]) == (ACCOUNT, "esb-key")


def test_the_same_refresh_token_works_again_and_has_no_end(box: Any) -> None:
    """Nothing rotates and nothing expires: the one refresh token gives another access token each time, years on."""
    token = imported(box)
    first = generate(box, token).json()
    box.control("clock", {"offset": 10 * 31_536_000})
    second = generate(box, token).json()
    assert first["access_token"] != second["access_token"]
    assert second["expires_in"] == 86_400
    (double,) = box.ledger()["doubles"]
    assert (double["count"], double["committed"]) == (2, 2)


def test_a_refresh_token_may_appear(box: Any) -> None:
    """Where one is made to come back it rotates: the one that was replaced is dead, the new one lives."""
    box.control("apps", {**APP, "settings": {"undocumented_refresh_token": True, "refresh_reuse": "single_use"}})
    old = imported(box)
    new = generate(box, old).json()["refresh_token"]
    assert new != old
    assert 400 <= generate(box, old).status_code < 500
    assert generate(box, new).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"client_id": "unknown"},
        {"client_secret": "wrong"},
        {"client_secret": None},
        {"refresh_token": "unknown"},
        {"refresh_token": 7},
        {"refresh_token": ""},
        {"grant_type": "authorization_code"},
    ],
)
def test_bad_credentials_are_some_4xx(box: Any, change: dict[str, Any]) -> None:
    """A refusal is a 4xx that is neither 408 nor 429, gives nothing and spends nothing."""
    token = imported(box)
    answer = generate(box, token, **change)
    assert 400 <= answer.status_code < 500
    assert answer.status_code not in (408, 429)
    assert "access_token" not in answer.text
    assert generate(box, token).status_code == 200


def test_refusals_have_nothing_in_common(box: Any) -> None:
    """Statuses and bodies of refusals vary, so that no client can rely on either."""
    answers = [generate(box, "unknown") for _ in range(20)]
    assert len({answer.status_code for answer in answers}) > 2
    assert len({tuple(answer.json()) for answer in answers}) > 2


def test_another_apps_refresh_token_is_refused(box: Any) -> None:
    """A refresh token is bound to its client."""
    box.control("apps", {**APP, "app_key": "other", "app_secret": "s"})
    token = imported(box)
    assert generate(box, token, client_id="other", client_secret="s").status_code >= 400
    assert generate(box, token).status_code == 200


def test_a_revoked_workspace_is_refused(box: Any) -> None:
    """After a revocation the refresh token is worth nothing."""
    token = imported(box)
    assert box.control("revoke", {"provider": "eshopbox", "app": "esb-key", "account": ACCOUNT}) == {"revoked": 1}
    assert 400 <= generate(box, token).status_code < 500


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"[" * 100_000, b"client_id=esb-key"])
def test_a_body_that_is_no_object_is_refused(box: Any, content: bytes) -> None:
    """Whatever is not a JSON object is a refusal, and no presentation."""
    answer = box.request("POST", "/eshopbox/api/v1/generateToken", content=content)
    assert 400 <= answer.status_code < 500
    assert box.ledger()["entries"] == []


def test_there_is_no_way_to_consent(box: Any) -> None:
    """No page, no other method, and no consent over the control plane either."""
    assert box.get("/eshopbox/api/v1/generateToken").status_code == 405
    assert box.get("/eshopbox/authorize").status_code == 404
    box.control("apps", {**APP, "redirect_uri": "http://localhost:4000/callback/esb"})
    answer = box.request(
        "POST", "/_sandbox/authorize", json={"provider": "eshopbox", "app": "esb-key", "account": ACCOUNT}
    )
    assert answer.status_code == 400
    assert "no consent" in answer.json()["error"]


def test_every_presentation_is_in_the_ledger(box: Any, sha256: Any) -> None:
    """Issued and refused presentations are written down under hashes, with their account where it is known."""
    token = imported(box)
    given = generate(box, token).json()["access_token"]
    generate(box, "unknown")
    issued, refused = box.ledger()["entries"]
    assert (issued["kind"], issued["account"], issued["outcome"]) == ("refresh_token", ACCOUNT, "issued")
    assert issued["presented"] == sha256(token)
    assert issued["issued"] == {"access_token": sha256(given), "refresh_token": None}
    assert (refused["outcome"], refused["account"], refused["committed"]) == ("refused", None, False)
    assert box.ledger()["requests"] == {"eshopbox/refresh": 2}


def test_faults_and_mangling_reach_it(box: Any) -> None:
    """A missing expires_in, a 5xx, a throttle and a scripted refusal can be had."""
    token = imported(box)
    fault(box, "mangle", how="no_expiry")
    assert "expires_in" not in generate(box, token).json()
    fault(box, "mangle", set={"refresh_token": "appeared"})
    assert generate(box, token).json()["refresh_token"] == "appeared"
    fault(box, "status", status=502)
    assert generate(box, token).status_code == 502
    fault(box, "throttle", headers={"Retry-After": "5"})
    assert generate(box, token).headers["retry-after"] == "5"
    fault(box, "error", code=401, status=401, message="look")
    assert generate(box, token).status_code == 401
    assert generate(box, token).status_code == 200
