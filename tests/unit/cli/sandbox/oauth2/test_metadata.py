from typing import Any

import pytest

BASE = "http://localhost:4001/oauth2"
SERVER = "/oauth2/.well-known/oauth-authorization-server"
OPENID = "/oauth2/.well-known/openid-configuration"


@pytest.mark.parametrize("path", [SERVER, OPENID, "/.well-known/oauth-authorization-server/oauth2"])
def test_the_issuer_is_where_the_server_was_reached(client: Any, path: str) -> None:
    """Every document, RFC 8414's at its own place too, tells the base URL as the issuer and endpoints below it."""
    told = client.box.get(path).json()
    assert told["issuer"] == BASE
    assert told["authorization_endpoint"] == f"{BASE}/authorize"
    assert told["token_endpoint"] == f"{BASE}/token"
    assert told["revocation_endpoint"] == f"{BASE}/revoke"


def test_the_server_tells_what_it_demands(client: Any) -> None:
    """Code alone, S256 alone, both client authentications, and iss in the callback."""
    told = client.box.get(SERVER).json()
    assert told["response_types_supported"] == ["code"]
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert told["token_endpoint_auth_methods_supported"] == ["client_secret_basic", "client_secret_post"]
    assert told["authorization_response_iss_parameter_supported"] is True
    assert set(told["grant_types_supported"]) == {"authorization_code", "refresh_token", "client_credentials"}


def test_openid_adds_its_own(client: Any) -> None:
    """Discovery tells where user info and keys are; there is no key, as the client's secret signs."""
    told = client.box.get(OPENID).json()
    assert told["userinfo_endpoint"] == f"{BASE}/userinfo"
    assert told["id_token_signing_alg_values_supported"] == ["HS256"]
    assert client.box.get("/oauth2/jwks").json() == {"keys": []}


def test_the_document_can_lie(client: Any) -> None:
    """A mangled document names another issuer, or none."""
    client.fault("metadata", "mangle", set={"issuer": "https://evil.example"})
    assert client.box.get(OPENID).json()["issuer"] == "https://evil.example"
    client.fault("metadata", "mangle", drop=["issuer"])
    assert "issuer" not in client.box.get(SERVER).json()
    client.fault("metadata", "status", status=503)
    assert client.box.get(SERVER).status_code == 503
    assert client.box.ledger()["requests"] == {"oauth2/metadata": 3}
