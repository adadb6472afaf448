"""Authorization server metadata, as servers publish it and as none should."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes import FakeClock
from fakes.scripted import ISSUER, ScriptedServer
from field_rows import field
from tokensync.domain.destinations import Destinations
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


LOCAL = Destinations(is_local=lambda host: host in ("localhost", "127.0.0.1"))  # as on the embedded stack


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


@field("A2", "A12")
@pytest.mark.parametrize("coding", ["gzip", "", "identity"])
def test_a_packed_document_is_read(server: ScriptedServer, coding: str) -> None:
    """As any answer: packed though nobody asked for it, with a mark before it, and with or without a word of it."""
    body = gzip.compress(b"\xef\xbb\xbf" + json.dumps(metadata()).encode())
    server.says(OAUTH, server.answer(body, content_encoding=coding))

    assert f"{ISSUER}/token" == discover(ISSUER, server).endpoints["token"]


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
    "torn": gzip.compress(b'{"issuer": "a"}')[:-1],
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
    [None, "", "https://evil.example", f"{ISSUER}//", f"{ISSUER}/tenant", "HTTPS://id.example", 7, [ISSUER]],
    ids=str,
)
def test_a_document_that_names_another_issuer_is_refused(server: ScriptedServer, named: object) -> None:
    """RFC 8414 §3.3: identical, letter by letter; no other document is tried in its place."""
    server.says(OAUTH, {**metadata(), "issuer": named})
    server.says(OPENID, metadata())

    with pytest.raises(BadMetadata, match="names another issuer"):
        discover(ISSUER, server)
    assert 1 == len(server.asked)


@field("A14")
@pytest.mark.parametrize("given", [ISSUER, f"{ISSUER}/", f"{ISSUER}{OPENID}", f"{ISSUER}{OAUTH}"])
@pytest.mark.parametrize("named", [ISSUER, f"{ISSUER}/"])
@pytest.mark.parametrize("place", [OAUTH, OPENID])
def test_the_issuer_is_what_its_document_says(server: ScriptedServer, given: str, named: str, place: str) -> None:
    """With its last slash or without it, or the document's whole URL: the server's own spelling is compared later."""
    server.says(place, metadata(named, userinfo_endpoint=f"{ISSUER}/me"))

    assert named == discover(given, server).settings["issuer"]


@field("A14")
@pytest.mark.parametrize(
    "given",
    [f"{ISSUER}/tenant{OPENID}", f"{ISSUER}{OAUTH}/tenant", f"{ISSUER}{OPENID}/tenant", f"{ISSUER}{OAUTH}/tenant/"],
)
def test_a_documents_own_url_is_asked_first(server: ScriptedServer, given: str) -> None:
    """What an operator copied is tried as it is; the document's name is no part of the issuer's."""
    server.says(given.removeprefix(ISSUER), metadata(f"{ISSUER}/tenant", userinfo_endpoint=f"{ISSUER}/me"))

    assert f"{ISSUER}/tenant" == discover(given, server).settings["issuer"]
    assert [given] == [request.url for request in server.asked]


def test_a_document_behind_a_last_slash_is_found(server: ScriptedServer) -> None:
    """Some servers take only the URL that an issuer with a slash would have."""
    server.says(f"{OAUTH}/tenant/", metadata(f"{ISSUER}/tenant/"))

    assert f"{ISSUER}/tenant/" == discover(f"{ISSUER}/tenant", server).settings["issuer"]


@field("A14")
def test_another_issuer_is_named_with_the_command(server: ScriptedServer) -> None:
    """The message holds both names, and what to type where the other one is meant; nothing in it moves a terminal."""
    server.says(OAUTH, metadata("https://id.example/other\x1b[2J; rm"))

    with pytest.raises(BadMetadata) as refused:
        discover(ISSUER, server)
    assert f"the metadata of {ISSUER} names another issuer, https://id.example/other[2J; rm; " in str(refused.value)
    assert "--discover 'https://id.example/other[2J; rm'" in str(refused.value)


@pytest.mark.parametrize("endpoint", [None, 7, [], {}])
def test_without_a_token_endpoint_nothing_works(server: ScriptedServer, endpoint: object) -> None:
    """It is what everything else is for."""
    server.says(OAUTH, metadata(token_endpoint=endpoint))

    with pytest.raises(BadMetadata, match="names no token endpoint"):
        discover(ISSUER, server)


NO_ENDPOINT = [
    *("", "/token", "//id.example/token", "https://", "ftp://id.example/token", "javascript:alert(1)"),
    *(f"{ISSUER}/token{end}" for end in ("?tenant=1#top", "#top", "#")),
    *(f"https://{user}@id.example/token" for user in ("user", "user:password", ":password")),
    *(f"{ISSUER}/t{char}ken" for char in "ø \n\t\0"),
    *(f"https://{host}/token" for host in ("\u0131d.example", "id.example:99999", "id.example:port", "[::1")),
    f"{ISSUER}/{'x' * 2048}",
]


@pytest.mark.parametrize("url", NO_ENDPOINT)
@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "revocation_endpoint"])
def test_an_endpoint_is_a_plain_url(server: ScriptedServer, name: str, url: str) -> None:
    """No fragment, nobody's password, nothing that two readers read differently."""
    server.says(OAUTH, metadata(**{name: url}))

    with pytest.raises(BadMetadata, match=name):
        discover(ISSUER, server)


@field("A14")
def test_an_endpoint_may_have_a_query(server: ScriptedServer) -> None:
    """RFC 6749 §3.1 and §3.2 allow it; RFC 8414 §2 allows it an issuer not."""
    urls = {name: f"{ISSUER}/{name}?tenant=a&x=" for name in ("authorization", "token", "revocation", "userinfo")}
    server.says(OAUTH, metadata(**{f"{name}_endpoint": url for name, url in urls.items()}))

    assert list(urls.values()) == list(discover(ISSUER, server).endpoints.values())


@pytest.mark.parametrize(
    "issuer", ["", "id.example", "https://user@id.example", f"{ISSUER}?a=b", f"{ISSUER}#", "http:"]
)
def test_an_issuer_that_is_none_is_not_asked(server: ScriptedServer, issuer: str) -> None:
    """Nothing is sent anywhere."""
    with pytest.raises(BadMetadata, match="the issuer"):
        discover(issuer, server)
    assert [] == server.asked


def test_http_is_for_this_machine_alone(server: ScriptedServer) -> None:
    """A sandbox there speaks it; a stack on AWS asks for nothing in clear."""
    server.says(OAUTH, metadata("http://localhost:4001", token_endpoint="http://localhost:4001/token"))
    found = discover("http://localhost:4001", server, LOCAL)

    assert "http://localhost:4001/token" == found.endpoints["token"]
    since = len(server.asked)
    for destinations in (Destinations(), LOCAL):
        with pytest.raises(BadMetadata, match="no https URL"):
            discover("http://id.example", server, destinations)
    assert since == len(server.asked)


@pytest.mark.parametrize("url", ["http://localhost:4001/token", "https://127.0.0.1/token", "http://id.example/token"])
def test_no_endpoint_on_this_machine_is_taken_from_elsewhere(server: ScriptedServer, url: str) -> None:
    """A server's document leads nobody to a developer's own machine, and to nothing in clear."""
    server.says(OAUTH, metadata(token_endpoint=url))

    with pytest.raises(BadMetadata, match="its token endpoint"):
        discover(ISSUER, server, LOCAL)


@pytest.mark.parametrize(
    ("methods", "chosen"),
    [
        (["client_secret_basic", "client_secret_post"], "client_secret_basic"),
        (["client_secret_post", "client_secret_basic"], "client_secret_basic"),
        (["client_secret_basic"], "client_secret_basic"),
        (["none", "client_secret_post", 7, None], "client_secret_post"),
        (["none", "private_key_jwt", "tls_client_auth"], "private_key_jwt"),
        (["none", "client_secret_jwt"], "none"),
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
