"""The generic provider, held to the RFCs by their letter."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, unquote_plus, urlsplit

import pytest
from documented import SAMPLES
from hypothesis import given, settings
from hypothesis import strategies as st
from rows import row
from samples import (
    CODE,
    GRANT,
    NOW,
    REDIRECT,
    REFRESH_TOKEN,
    STATE,
    VERIFIER,
    answer,
    app_of,
    failure,
    issued,
    varied,
)  # fmt: skip

from tokensync.domain.errors import BadRequest
from tokensync.domain.messages import AccountReply, FailureClass, ProviderResponse
from tokensync.domain.secret import Secret
from tokensync.oauth.callback import Query
from tokensync.oauth.discovery import discover
from tokensync.oauth.provider import GrantType, Provider, RefreshReuse
from tokensync.oauth.token_request import (
    authorize_url,
    client_credentials_request,
    code_request,
    refresh_request,
    revocation_request,
)
from tokensync.oauth.token_response import read_account, read_revocation
from tokensync.providers import PROVIDERS

if TYPE_CHECKING:
    from samples import Sample

    from tokensync.domain.app import App
    from tokensync.domain.messages import Request
    from tokensync.domain.ports import Wire

OAUTH2 = PROVIDERS["oauth2"]
SAMPLE = SAMPLES["oauth2"]
ISSUER = "https://id.example"


def sample(**app_settings: str) -> Sample:
    """Return the sample of an app with these settings; two underscores are the dot in a setting's name."""
    told = {name.replace("__", "."): value for name, value in app_settings.items()}
    return replace(SAMPLE, app=replace(SAMPLE.app, settings=told))


def link(**app_settings: str) -> dict[str, str]:
    """Return the parameters of the consent page."""
    one = sample(**app_settings)
    url = authorize_url(one.provider, one.app, state=STATE, redirect_uri=REDIRECT, verifier=VERIFIER)
    return dict(parse_qsl(urlsplit(url).query, strict_parsing=True))


def exchange(one: Sample) -> Request:
    """Return the exchange of a code."""
    return code_request(one.provider, one.app, CODE, redirect_uri=REDIRECT, verifier=VERIFIER)


def token_requests(one: Sample) -> list[Request]:
    """Return every request to the token endpoint."""
    refreshing = refresh_request(one.provider, one.app, REFRESH_TOKEN)
    return [exchange(one), refreshing, client_credentials_request(one.provider, one.app)]


def form(request: Request | None) -> dict[str, str]:
    """Return the fields of a form."""
    assert request is not None
    return dict(parse_qsl(request.body.decode("ascii"), strict_parsing=True))


def without(endpoint: str) -> App:
    """Return the registration without one of its endpoints."""
    return replace(SAMPLE.app, endpoints={key: url for key, url in SAMPLE.app.endpoints.items() if key != endpoint})


@row("7 oauth2 PKCE S256 base64url")
def test_pkce_may_be_switched_off() -> None:
    """A server that refuses unknown parameters gets neither challenge nor verifier."""
    assert link().keys() - link(pkce="none").keys() == {"code_challenge", "code_challenge_method"}
    assert form(exchange(SAMPLE)).keys() - form(exchange(sample(pkce="none"))).keys() == {"code_verifier"}


@row("7 oauth2 client_secret_basic")
@pytest.mark.parametrize(
    ("client_id", "secret"),
    [("client-1", "plain"), ("a:b", "c:d"), ("a b", "c+d&e=f/g%h"), ("ü", "店"), ("~.-_*", "!'()")],
)
def test_basic_credentials_are_form_encoded_first(client_id: str, secret: str) -> None:
    """RFC 6749 §2.3.1: both parts are form-encoded before they are joined, so a colon in them parts nothing."""
    app = replace(SAMPLE.app, client_id=client_id, client_secret=Secret(secret))
    request = refresh_request(SAMPLE.provider, app, REFRESH_TOKEN)

    scheme, _, encoded = request.headers["authorization"].partition(" ")
    name, _, password = base64.b64decode(encoded).decode("ascii").partition(":")
    assert ("Basic", client_id, secret) == (scheme, unquote_plus(name), unquote_plus(password))


@row("7 oauth2 client_secret_post")
@pytest.mark.parametrize("way", ["client_secret_basic", "client_secret_post"])
def test_both_ways_of_authentication_serve_every_call(way: str) -> None:
    """RFC 6749 §2.3.1: exchange, refresh, minting and revocation prove the client alike, by header or by fields."""
    one = sample(client_auth=way)
    client = {} if way == "client_secret_basic" else {"client_id": "client-1", "client_secret": "canary-secret&="}
    for request in (*token_requests(one), revocation_request(one.provider, one.app, GRANT)):
        assert request is not None
        assert client == {key: value for key, value in form(request).items() if key in ("client_id", "client_secret")}
        assert (not client) is ("authorization" in request.headers)


def test_a_server_may_want_parameters_of_its_own() -> None:
    """What an app sets is sent beside the protocol's own parameters, and replaces none of them."""
    extra = {"authorize__access_type": "offline", "authorize__prompt": "consent", "token__audience": "https://api"}
    assert link(**extra) == {**link(), "access_type": "offline", "prompt": "consent"}
    assert form(exchange(sample(**extra))) == {**form(exchange(SAMPLE)), "audience": "https://api"}
    assert {"https://api"} == {form(request)["audience"] for request in token_requests(sample(**extra))}

    bad = {"authorize__state": "x", "authorize__client_id": "x", "authorize__redirect_uri": "https://evil.example"}
    worse = {f"token__{name}": "x" for name in ("grant_type", "code", "redirect_uri", "code_verifier", "client_id")}
    assert link(**bad) == link()
    assert exchange(sample(**worse)).body == exchange(SAMPLE).body


@pytest.mark.parametrize(("name", "separator"), [("space", " "), ("comma", ",")])
def test_scopes_have_the_apps_separator(name: str, separator: str) -> None:
    """RFC 6749 §3.3 parts scopes by spaces; a server that parts them by commas is sent and read so."""
    assert f"read{separator}write" == link(scope_separator=name)["scope"]
    assert issued(sample(scope_separator=name), varied(SAMPLE, scope=f"a{separator}b")).scopes == ("a", "b")


def test_without_scopes_none_are_asked_for() -> None:
    """RFC 6749 §3.3: the scope may be left out; §3.1: an endpoint's own query is kept."""
    bare = replace(SAMPLE.app, scopes=())
    assert "scope" not in authorize_url(SAMPLE.provider, bare, state="s", redirect_uri=REDIRECT)
    assert form(client_credentials_request(SAMPLE.provider, bare)) == {"grant_type": "client_credentials"}
    for endpoint in ("https://id.example/authorize?tenant=a", "https://id.example/authorize"):
        own = replace(SAMPLE.app, endpoints={**SAMPLE.app.endpoints, "authorize": endpoint})
        url = authorize_url(SAMPLE.provider, own, state=STATE, redirect_uri=REDIRECT, verifier=VERIFIER)
        assert url.startswith(f"{endpoint}{'&' if '?' in endpoint else '?'}client_id=client-1&")


KNOWN, DEMANDED = {"issuer": ISSUER}, {"issuer": ISSUER, "iss": "required"}


@row("7 oauth2 iss")
@pytest.mark.parametrize(
    ("raw", "told", "holds"),
    [
        ("code=a&iss=https%3A%2F%2Fid.example", DEMANDED, True),
        ("code=a&iss=https%3A%2F%2Fid.example", KNOWN, True),
        ("code=a", KNOWN, True),
        ("code=a", {}, True),
        ("code=a&iss=https%3A%2F%2Fanybody.example", {}, True),
        ("code=a", DEMANDED, False),
        ("code=a&iss=", DEMANDED, False),
        ("code=a&iss=https%3A%2F%2Fid.example%2F", KNOWN, False),
        ("code=a&iss=https%3A%2F%2FID.example", KNOWN, False),
        ("code=a&iss=https%3A%2F%2Fevil.example", KNOWN, False),
        ("error=access_denied&iss=https%3A%2F%2Fevil.example", KNOWN, False),
        ("error=access_denied", DEMANDED, False),
    ],
)
def test_the_issuer_is_compared(raw: str, told: dict[str, str], holds: object) -> None:
    """RFC 9207 §2.4: `iss` is the app's issuer to the letter, with errors as well, and is there if announced."""
    one, query = sample(**told), Query.parse(raw)
    if holds:
        assert query.code(one.provider, one.app) == Secret("a")
        return
    with pytest.raises(BadRequest, match="another issuer"):
        query.code(one.provider, one.app)


def test_an_app_may_act_for_itself() -> None:
    """RFC 6749 §4.4: nobody is asked or named, there is no refresh token, and minting again costs nothing."""
    minting = sample(grant="client_credentials")
    told = {"access_token": "a", "token_type": "Bearer", "expires_in": 600, "id_token": id_token()}
    read = issued(minting, told)

    assert (None, None, 600) == (read.refresh_token, read.account, read.life)
    provider = minting.provider
    assert (GrantType.CLIENT_CREDENTIALS, RefreshReuse.SAFE) == (provider.grant_type, provider.refresh_reuse)
    assert (None, True) == (provider.account_call, provider.renews(replace(GRANT, refresh_token=None)))
    assert issued(minting, {"access_token": "a"}).life == 3600


def test_a_token_that_only_the_account_gives_has_no_assumed_end() -> None:
    """Without a stated life and without a refresh token, nothing could renew it before an assumed one."""
    assert issued(SAMPLE, varied(SAMPLE, expires_in=..., refresh_token=...)).life is None
    assert sample(grant="refresh_token").provider.grant_type is GrantType.REFRESH_TOKEN
    assert ({}, None, "Ours") == (OAUTH2.endpoints, OAUTH2.hosts, sample(title="Ours").provider.title)


@row("7 oauth2 strict rotation")
@pytest.mark.parametrize(
    ("told", "reuse", "seconds"),
    [
        ({}, RefreshReuse.SINGLE_USE, 0),
        ({"refresh_reuse": "single_use"}, RefreshReuse.SINGLE_USE, 0),
        ({"refresh_reuse": "safe"}, RefreshReuse.SAFE, 0),
        *(
            ({"refresh_reuse": "grace", "grace_seconds": text}, RefreshReuse.GRACE, seconds)
            for text, seconds in (
                ("60", 60),
                ("999999", 999_999),
                ("-1", 0),
                ("soon", 0),
                ("999999999", 0),
                ("\N{ARABIC-INDIC DIGIT FIVE}", 0),
            )
        ),
    ],
)
def test_reuse_is_what_the_app_declares(told: dict[str, str], reuse: RefreshReuse, seconds: int) -> None:
    """RFC 9700 §4.14: a refresh token is presented once, unless the operator knows better of this server."""
    assert (reuse, seconds) == (sample(**told).provider.refresh_reuse, sample(**told).provider.grace_seconds)


@row("7 oauth2 7009 revocation")
def test_what_is_revoked() -> None:
    """RFC 7009 §2.1: the refresh token ends all, without one the access token; a server may have no such call."""
    bare = revocation_request(SAMPLE.provider, SAMPLE.app, replace(GRANT, refresh_token=None))
    assert form(bare) == {"token": "canary-access", "token_type_hint": "access_token"}
    assert revocation_request(SAMPLE.provider, without("revoke"), GRANT) is None


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        *((body, 200, None) for body in (b"", b"{}", b"OK", b"<html>", b'{"error":"invalid_token"}', b"\xff")),
        ({"error": "unsupported_token_type"}, 400, FailureClass.UNKNOWN),
        ({"error": "invalid_client"}, 401, FailureClass.CONFIGURATION),
        ({"error": "temporarily_unavailable"}, 503, FailureClass.BUSY),
        *((b"", status, FailureClass.AMBIGUOUS) for status in (503, 500, 404, 302)),
    ],
)
def test_the_status_alone_tells_of_a_revocation(body: object, status: int, kind: FailureClass | None) -> None:
    """RFC 7009 §2.2: a 200 says that the token is dead, whatever its body; errors are those of RFC 6749 §5.2."""
    read = read_revocation(SAMPLE.provider, answer(body, status))

    assert kind is (read and read.kind)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("invalid_grant", FailureClass.REFUSED),
        ("invalid_client", FailureClass.CONFIGURATION),
        ("unauthorized_client", FailureClass.CONFIGURATION),
        ("unsupported_grant_type", FailureClass.CONFIGURATION),
        ("invalid_request", FailureClass.UNKNOWN),
        ("invalid_scope", FailureClass.UNKNOWN),
    ],
)
def test_the_errors_of_the_token_endpoint(error: str, kind: FailureClass) -> None:
    """RFC 6749 §5.2 names six errors, with 400 or 401."""
    assert [kind, kind] == [failure(SAMPLE, {"error": error}, status).kind for status in (400, 401)]


def id_token(**claims: object) -> str:
    """Return an ID token with these claims beside its own; `...` leaves one out."""
    whole = {"iss": ISSUER, "sub": "user-1", "aud": "client-1", "exp": 1, **claims}
    text = json.dumps({name: value for name, value in whole.items() if value is not ...})
    part = base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJub25lIn0.{part}.c2lnbmF0dXJl"


@pytest.mark.parametrize("audience", ["client-1", ["client-1"], ["other", "client-1"]])
def test_the_subject_names_the_account(audience: object) -> None:
    """OpenID Connect Core §2: the ID token's subject is the account; name, login or e-mail is its label."""
    token = id_token(aud=audience, name="Ada", email="a@b.example", roles=["x"])
    read = issued(sample(issuer=ISSUER), varied(SAMPLE, id_token=token))

    facts = {"sub": "user-1", "name": "Ada", "email": "a@b.example"}
    assert AccountReply(id="user-1", label="Ada", facts=facts) == read.account
    labelled = issued(SAMPLE, varied(SAMPLE, id_token=id_token(preferred_username=7, email="a@b.example"))).account
    assert (labelled and labelled.label) == "a@b.example"


@pytest.mark.parametrize(
    "token",
    [
        *(id_token(aud=audience) for audience in ("other", ["other"], ..., None)),
        *(id_token(sub=subject) for subject in (..., "", True, 7.5, [7])),
        *(id_token(iss=issuer) for issuer in ("https://evil.example", ...)),
        "",
        "a.b",
        "a.b.c",
        "a.W10.c",
        "a.ü.c",
        id_token() + ".x",
        "a." + base64.urlsafe_b64encode(b"[" * 20_000).decode() + ".c",
        None,
        7,
    ],
)
def test_an_id_token_that_is_not_ours_names_nobody(token: object) -> None:
    """Another audience or issuer, no subject, or no ID token at all: the tokens are kept and nobody is named."""
    read = issued(sample(issuer=ISSUER), varied(SAMPLE, id_token=token))

    assert (None, SAMPLE.issued.access_token) == (read.account, read.access_token)


@pytest.mark.parametrize(
    ("value", "account"), [("t-1", "t-1"), (7, "7"), ("", None), (None, None), (True, None), ([], None), (..., None)]
)
def test_a_field_of_the_answer_may_name_the_account(value: object, account: str | None) -> None:
    """Where an app names a field it alone names the account: one account never goes by two names."""
    one = sample(account_field="team_id")
    read = issued(one, varied(SAMPLE, team_id=value, id_token=id_token()))

    assert read.account is not None
    assert (account or "") == read.account.id
    assert one.provider.account_call is not None
    assert one.provider.account_call.account({"sub": "user-1"}, "") is None


def test_user_info_names_the_account() -> None:
    """OpenID Connect Core §5.3.2: `sub` names the account; few claims are kept; without an endpoint nobody is asked."""
    call = SAMPLE.provider.account_call
    assert call is not None
    told = {"sub": "user-1", "preferred_username": "ada", "address": {}, "groups": ["x"], "locale": 5}
    facts = read_account(SAMPLE.provider, call, answer(told))

    assert facts == {"sub": "user-1", "preferred_username": "ada"}
    assert AccountReply(id="user-1", label="ada") == call.account(facts, "")
    assert [None, None] == [call.account({"sub": subject}, "") for subject in (True, "")]
    assert OAUTH2.for_app(without("verify")).account_call is None


CLAIMS: Any = st.dictionaries(
    st.sampled_from(["iss", "sub", "aud", "name", "email"]),
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=2),
)


@settings(max_examples=50, deadline=None)
@given(CLAIMS | st.integers() | st.text())
def test_no_id_token_breaks_the_answer(claims: Any) -> None:
    """Whatever an ID token claims, the tokens beside it are read."""
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()

    assert issued(sample(issuer=ISSUER), varied(SAMPLE, id_token=f"a.{part}.c")).access_token


TENANT = "https://id.example/tenant"
OAUTH = "https://id.example/.well-known/oauth-authorization-server/tenant"
OPENID = "https://id.example/tenant/.well-known/openid-configuration"
METADATA: dict[str, Any] = {
    "issuer": TENANT,
    "authorization_endpoint": f"{TENANT}/authorize",
    "token_endpoint": f"{TENANT}/token",
    "revocation_endpoint": f"{TENANT}/revoke",
    "userinfo_endpoint": f"{TENANT}/userinfo",
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


def discovered(place: str = OAUTH, **changes: Any) -> tuple[Provider, App]:
    """Return provider and app of a server that says this of itself."""
    found = discover(TENANT, cast("Wire", Server(place, {**METADATA, **changes})))
    app = app_of("oauth2", endpoints=dict(found.endpoints), settings=dict(found.settings))
    return OAUTH2.for_app(app), app


@row("7 oauth2 discovery")
@pytest.mark.parametrize("place", [OAUTH, OPENID])
def test_metadata_becomes_endpoints(place: str) -> None:
    """RFC 8414 §3 and OpenID Connect Discovery §4: from either place, every call goes where the document says."""
    provider, app = discovered(place)
    revocation = revocation_request(provider, app, GRANT)

    url = authorize_url(provider, app, state=STATE, redirect_uri=REDIRECT, verifier=VERIFIER)
    assert url.startswith(f"{TENANT}/authorize?client_id=client-1&")
    assert f"{TENANT}/token" == code_request(provider, app, CODE, redirect_uri=REDIRECT).url
    assert f"{TENANT}/revoke" == (revocation and revocation.url)
    assert provider.account_call is not None
    assert f"{TENANT}/userinfo" == provider.endpoint(app, provider.account_call.endpoint)


def test_what_a_server_announces_is_demanded() -> None:
    """RFC 9207 §3: without an announced `iss` nothing is believed; RFC 8414 §2: plain is no challenge of ours."""
    provider, app = discovered(authorization_response_iss_parameter_supported=True)
    assert Query.parse("code=a&iss=https%3A%2F%2Fid.example%2Ftenant").code(provider, app) == Secret("a")
    with pytest.raises(BadRequest):
        Query.parse("code=a").code(provider, app)
    provider, app = discovered(code_challenge_methods_supported=["plain"])
    url = authorize_url(provider, app, state=STATE, redirect_uri=REDIRECT, verifier=VERIFIER)
    assert "code_challenge" not in url


@pytest.mark.parametrize(
    ("methods", "basic"),
    [(["client_secret_post"], False), (["client_secret_post", "client_secret_basic"], True)],
)
def test_the_client_proves_itself_as_the_server_takes_it(methods: list[str], basic: object) -> None:
    """RFC 8414 §2: Basic where it is taken, the body where only that is."""
    provider, app = discovered(token_endpoint_auth_methods_supported=methods)

    assert basic is ("authorization" in code_request(provider, app, CODE, redirect_uri=REDIRECT).headers)
