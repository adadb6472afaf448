"""Authorization server metadata, as servers publish it and as none should."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes import FakeClock
from fakes.scripted import ISSUER, ScriptedServer
from tokensync.domain.errors import BadMetadata, NoAnswer, NotSent
from tokensync.oauth.discovery import discover

if TYPE_CHECKING:
    from tokensync.domain.messages import ProviderResponse

OAUTH = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"


@pytest.fixture
def server() -> ScriptedServer:
    """A server that says nothing of itself yet."""
    return ScriptedServer(FakeClock())


def metadata(issuer: str = ISSUER, **change: Any) -> dict[str, Any]:
    """Return a server's metadata; a change of None leaves a member out."""
    whole = {
        "issuer": issuer,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        **change,
    }
    return {name: value for name, value in whole.items() if value is not None}


def test_what_a_server_tells_becomes_endpoints_and_settings(server: ScriptedServer) -> None:
    """The keys are those of an app; what is not told is not made up."""
    server.says(
        OAUTH,
        metadata(
            revocation_endpoint=f"{ISSUER}/revoke",
            userinfo_endpoint=f"{ISSUER}/userinfo",
            jwks_uri=f"{ISSUER}/keys",
            authorization_response_iss_parameter_supported=True,
            code_challenge_methods_supported=["plain", "S256"],
            token_endpoint_auth_methods_supported=["private_key_jwt", "client_secret_post"],
        ),
    )
    found = discover(ISSUER, server)

    assert {
        "authorize": f"{ISSUER}/authorize",
        "token": f"{ISSUER}/token",
        "revoke": f"{ISSUER}/revoke",
        "verify": f"{ISSUER}/userinfo",
    } == found.endpoints
    assert {"issuer": ISSUER, "client_auth": "client_secret_post", "iss": "required"} == found.settings


def test_the_least_that_a_server_tells(server: ScriptedServer) -> None:
    """Basic where no method is named (RFC 8414 §2); PKCE is not given up because it is not mentioned."""
    server.says(OAUTH, metadata(authorization_endpoint=None))
    found = discover(ISSUER, server)

    assert {"token": f"{ISSUER}/token"} == found.endpoints
    assert {"issuer": ISSUER, "client_auth": "client_secret_basic"} == found.settings


@pytest.mark.parametrize(
    ("issuer", "oauth", "openid"),
    [
        (ISSUER, OAUTH, OPENID),
        (f"{ISSUER}/tenant", f"{OAUTH}/tenant", f"/tenant{OPENID}"),
        (f"{ISSUER}/a/b", f"{OAUTH}/a/b", f"/a/b{OPENID}"),
        (f"{ISSUER}/", OAUTH, OPENID),
        (f"{ISSUER}/tenant/", f"{OAUTH}/tenant", f"/tenant{OPENID}"),
    ],
)
def test_the_documents_name_stands_before_or_after_the_issuers_path(
    server: ScriptedServer, issuer: str, oauth: str, openid: str
) -> None:
    """RFC 8414 §3.1 puts it before, OpenID Connect Discovery §4 after; a last slash is left out."""
    server.says(oauth, 404)
    server.says(openid, metadata(issuer))
    discover(issuer, server)

    assert [f"{ISSUER}{oauth}", f"{ISSUER}{openid}"] == [request.url for request in server.asked]
    assert {("GET", b"")} == {(request.method, request.body) for request in server.asked}


def test_the_first_document_will_do(server: ScriptedServer) -> None:
    """OpenID's is asked for only where the other is not, or names no UserInfo endpoint."""
    server.says(OAUTH, metadata(userinfo_endpoint=f"{ISSUER}/me"))
    server.says(OPENID, metadata())
    discover(ISSUER, server)

    assert 1 == len(server.asked)


def test_openids_document_adds_what_the_first_does_not_name(server: ScriptedServer) -> None:
    """The UserInfo endpoint stands there alone with many servers; what the first says stands before it."""
    first = {name: value for name, value in metadata().items() if name != "userinfo_endpoint"}
    server.says(OAUTH, first)
    server.says(OPENID, {**first, "token_endpoint": f"{ISSUER}/other", "userinfo_endpoint": f"{ISSUER}/me"})
    found = discover(ISSUER, server)

    assert (f"{ISSUER}/me", first["token_endpoint"]) == (found.endpoints["verify"], found.endpoints["token"])


@pytest.mark.parametrize(
    "beside", [404, {"issuer": "https://evil.example", "userinfo_endpoint": "https://evil.example"}]
)
def test_a_second_document_that_is_none_or_lies_adds_nothing(server: ScriptedServer, beside: object) -> None:
    """The first one is enough."""
    first = {name: value for name, value in metadata().items() if name != "userinfo_endpoint"}
    server.says(OAUTH, first)
    server.says(OPENID, beside)  # type: ignore[arg-type]  # a status, or a document

    assert "verify" not in discover(ISSUER, server).endpoints


NOTHING: dict[str, int | bytes] = {
    "404": 404,
    "500": 500,
    "401": 401,
    "204": 204,
    "html": b"<html>",
    "empty": b"",
    "list": b"[]",
    "deep": b"[" * 100_000,
    "twice": b'{"issuer": "a", "issuer": "b"}',
    "utf-16": '{"issuer": "x"}'.encode("utf-16"),
}


@pytest.mark.parametrize("nothing", [*NOTHING, "redirect", "cut"])
def test_what_is_no_document_is_passed_over(server: ScriptedServer, nothing: str) -> None:
    """Errors, redirects, and bodies that are not one JSON object: OpenID's is tried, and then it is over."""
    said = NOTHING.get(nothing, b"")
    words: dict[str, int | ProviderResponse] = {
        "redirect": server.answer(b"", status=302, location=f"{ISSUER}/elsewhere"),
        "cut": replace(server.answer(metadata()), complete=False),
    }
    server.says(OAUTH, words.get(nothing, said if isinstance(said, int) else server.answer(said)))
    with pytest.raises(BadMetadata, match="has no metadata"):
        discover(ISSUER, server)
    assert [OAUTH, OPENID] == [request.url.removeprefix(ISSUER) for request in server.asked]

    server.says(OPENID, metadata())
    assert f"{ISSUER}/token" == discover(ISSUER, server).endpoints["token"]


@pytest.mark.parametrize(
    "named",
    [None, "", "https://evil.example", f"{ISSUER}/", f"{ISSUER}/tenant", "HTTPS://id.example", 7, [ISSUER]],
    ids=str,
)
def test_a_document_that_names_another_issuer_is_refused(server: ScriptedServer, named: object) -> None:
    """RFC 8414 §3.3: identical, letter by letter; no other document is tried in its place."""
    server.says(OAUTH, {**metadata(), "issuer": named})
    server.says(OPENID, metadata())

    with pytest.raises(BadMetadata, match="names another issuer"):
        discover(ISSUER, server)
    assert 1 == len(server.asked)


def test_a_slash_of_the_issuers_own_counts(server: ScriptedServer) -> None:
    """The issuer is what the server says; who leaves out its slash is told."""
    server.says(OAUTH, metadata(f"{ISSUER}/"))
    with pytest.raises(BadMetadata, match="names another issuer"):
        discover(ISSUER, server)

    assert f"{ISSUER}/" == discover(f"{ISSUER}/", server).settings["issuer"]


@pytest.mark.parametrize("endpoint", [None, 7, [], {}])
def test_without_a_token_endpoint_nothing_works(server: ScriptedServer, endpoint: object) -> None:
    """It is what everything else is for."""
    server.says(OAUTH, metadata(token_endpoint=endpoint))

    with pytest.raises(BadMetadata, match="names no token endpoint"):
        discover(ISSUER, server)


NO_ENDPOINT = [
    *("", "/token", "//id.example/token", "https://", "ftp://id.example/token", "javascript:alert(1)"),
    *(f"{ISSUER}/token{end}" for end in ("?tenant=1", "?", "#top", "#")),
    *(f"https://{user}@id.example/token" for user in ("user", "user:password", ":password")),
    *(f"{ISSUER}/t{char}ken" for char in "ø \n\t\0"),
    *(f"https://{host}/token" for host in ("\u0131d.example", "id.example:99999", "id.example:port", "[::1")),
    f"{ISSUER}/{'x' * 2048}",
]


@pytest.mark.parametrize("url", NO_ENDPOINT)
@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "revocation_endpoint"])
def test_an_endpoint_is_a_plain_url(server: ScriptedServer, name: str, url: str) -> None:
    """No query, no fragment, nobody's password, nothing that two readers read differently."""
    server.says(OAUTH, metadata(**{name: url}))

    with pytest.raises(BadMetadata, match=name):
        discover(ISSUER, server)


@pytest.mark.parametrize(
    "issuer", ["", "id.example", "https://user@id.example", f"{ISSUER}?a=b", f"{ISSUER}#", "http:"]
)
def test_an_issuer_that_is_none_is_not_asked(server: ScriptedServer, issuer: str) -> None:
    """Nothing is sent anywhere."""
    with pytest.raises(BadMetadata, match="the issuer"):
        discover(issuer, server)
    assert [] == server.asked


def test_http_is_for_whoever_registers_to_judge(server: ScriptedServer) -> None:
    """A sandbox on this machine speaks it; the registration refuses it elsewhere."""
    server.says(OAUTH, metadata("http://localhost:4001", token_endpoint="http://localhost:4001/token"))

    assert "http://localhost:4001/token" == discover("http://localhost:4001", server).endpoints["token"]


@pytest.mark.parametrize(
    ("methods", "chosen"),
    [
        (["client_secret_basic", "client_secret_post"], "client_secret_basic"),
        (["client_secret_post", "client_secret_basic"], "client_secret_basic"),
        (["client_secret_basic"], "client_secret_basic"),
        (["none", "client_secret_post", 7, None], "client_secret_post"),
    ],
)
def test_the_way_to_prove_oneself(server: ScriptedServer, methods: list[object], chosen: str) -> None:
    """Basic is what every server must take; the other where it does not."""
    server.says(OAUTH, metadata(token_endpoint_auth_methods_supported=methods))

    assert chosen == discover(ISSUER, server).settings["client_auth"]


@pytest.mark.parametrize("methods", [[], ["client_secret_jwt", "tls_client_auth"], "client_secret_basic", {}, 7])
def test_no_way_to_prove_oneself(server: ScriptedServer, methods: object) -> None:
    """None of the ways that a client has here works there."""
    server.says(OAUTH, metadata(token_endpoint_auth_methods_supported=methods))

    with pytest.raises(BadMetadata, match="takes no client authentication"):
        discover(ISSUER, server)


@pytest.mark.parametrize(
    ("methods", "pkce"), [(["S256"], None), (["plain"], "none"), ([], "none"), ("S256", None), (None, None)]
)
def test_pkce_is_given_up_only_where_the_server_says_so(
    server: ScriptedServer, methods: object, pkce: str | None
) -> None:
    """A list without S256 is a word; anything else is none."""
    server.says(OAUTH, metadata(code_challenge_methods_supported=methods))

    assert pkce == discover(ISSUER, server).settings.get("pkce")


@pytest.mark.parametrize("announced", [False, None, "true", 1])
def test_iss_is_required_only_where_it_is_announced(server: ScriptedServer, announced: object) -> None:
    """RFC 9207 §3: the boolean, and nothing like it."""
    server.says(OAUTH, metadata(authorization_response_iss_parameter_supported=announced))

    assert "iss" not in discover(ISSUER, server).settings


@pytest.mark.parametrize(("error", "told"), [(NotSent("x"), "cannot be reached"), (NoAnswer("x"), "no whole answer")])
def test_a_server_that_does_not_answer(server: ScriptedServer, error: Exception, told: str) -> None:
    """It says which, and does not go on to guess."""
    server.says(OAUTH, error)

    with pytest.raises(BadMetadata, match=told) as refused:
        discover(ISSUER, server)
    assert refused.value.__cause__ is None
    assert 1 == len(server.asked)
