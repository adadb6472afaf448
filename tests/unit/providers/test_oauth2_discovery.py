"""What a server tells of itself becomes what the generic provider does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pytest
from rows import row
from samples import CODE, GRANT, NOW, REDIRECT, STATE, VERIFIER, answer, app_of

from tokensync.domain.errors import BadRequest
from tokensync.domain.messages import ProviderResponse
from tokensync.domain.secret import Secret
from tokensync.oauth.callback import Query
from tokensync.oauth.discovery import discover
from tokensync.oauth.token_request import authorize_url, code_request, revocation_request
from tokensync.providers import PROVIDERS

if TYPE_CHECKING:
    from tokensync.domain.app import App
    from tokensync.domain.messages import Request
    from tokensync.domain.ports import Wire

ISSUER = "https://id.example/tenant"
OAUTH = "https://id.example/.well-known/oauth-authorization-server/tenant"
OPENID = "https://id.example/tenant/.well-known/openid-configuration"
METADATA: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://id.example/tenant/authorize",
    "token_endpoint": "https://id.example/tenant/token",
    "revocation_endpoint": "https://id.example/tenant/revoke",
    "userinfo_endpoint": "https://id.example/tenant/userinfo",
}


@dataclass
class Server:
    """A server that has one document at one place."""

    place: str
    document: dict[str, Any]

    def send(self, request: Request, *, seconds: float) -> ProviderResponse:
        """Answer with the document, or that there is none."""
        del seconds
        return answer(self.document) if request.url == self.place else ProviderResponse(status=404, received_at=NOW)


def discovered(place: str = OAUTH, **changes: Any) -> App:
    """Return an app of a server that tells this of itself."""
    found = discover(ISSUER, cast("Wire", Server(place, {**METADATA, **changes})))
    return app_of("oauth2", endpoints=dict(found.endpoints), settings=dict(found.settings))


@row("7 oauth2 discovery")
@pytest.mark.parametrize("place", [OAUTH, OPENID])
def test_metadata_becomes_endpoints(place: str) -> None:
    """RFC 8414 §3 and OpenID Connect Discovery §4: from either place, every call goes where the document says."""
    app = discovered(place)
    provider = PROVIDERS["oauth2"].for_app(app)
    revocation = revocation_request(provider, app, GRANT)

    assert authorize_url(provider, app, state=STATE, redirect_uri=REDIRECT, verifier=VERIFIER).startswith(
        "https://id.example/tenant/authorize?client_id=client-1&"
    )
    assert code_request(provider, app, CODE, redirect_uri=REDIRECT).url == "https://id.example/tenant/token"
    assert revocation is not None
    assert revocation.url == "https://id.example/tenant/revoke"
    assert provider.account_call is not None
    assert provider.endpoint(app, provider.account_call.endpoint) == "https://id.example/tenant/userinfo"


def test_an_announced_issuer_is_demanded() -> None:
    """RFC 9207 §3: a server that announces `iss` is believed without it no more."""
    app = discovered(authorization_response_iss_parameter_supported=True)
    provider = PROVIDERS["oauth2"].for_app(app)

    assert Query.parse("code=a&iss=https%3A%2F%2Fid.example%2Ftenant").code(provider, app) == Secret("a")
    with pytest.raises(BadRequest):
        Query.parse("code=a").code(provider, app)


@pytest.mark.parametrize(
    ("methods", "basic"),
    [(["client_secret_post"], False), (["client_secret_post", "client_secret_basic"], True)],
)
def test_the_client_proves_itself_as_the_server_takes_it(methods: list[str], basic: object) -> None:
    """RFC 8414 §2: Basic where it is taken, the body where only that is."""
    app = discovered(token_endpoint_auth_methods_supported=methods)
    request = code_request(PROVIDERS["oauth2"].for_app(app), app, CODE, redirect_uri=REDIRECT)

    assert ("authorization" in request.headers) is basic


def test_a_server_without_s256_gets_no_challenge() -> None:
    """RFC 8414 §2: only a method that the server names is used, and plain is none of ours."""
    app = discovered(code_challenge_methods_supported=["plain"])
    url = authorize_url(PROVIDERS["oauth2"].for_app(app), app, state=STATE, redirect_uri=REDIRECT, verifier=VERIFIER)

    assert "code_challenge" not in url
