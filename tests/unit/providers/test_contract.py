"""What holds for every provider. A new one adds a line to `SAMPLES`; without it this suite fails."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tokensync.providers
from tokensync.answers import Answer, Failure, FailureClass, Issued
from tokensync.app import ENDPOINT_KEYS, App
from tokensync.callback_query import Query
from tokensync.errors import InvalidApp
from tokensync.grant import Grant
from tokensync.providers import PROVIDERS, provider_named
from tokensync.providers.contract import Encoding, Provider, RefreshReuse
from tokensync.reading import read_answer
from tokensync.secret import Secret
from tokensync.token_request import authorize_url, code_request, refresh_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.request import Request

NOW = 1_700_000_000
REDIRECT = "https://a.example/callback/shop"


@dataclass(frozen=True)
class Sample:
    """A provider's documented success, its refusal of a refresh token, and an error that nobody documents."""

    success: Mapping[str, Any]
    account_id: str
    life: int
    refused: Mapping[str, Any]
    unknown: Mapping[str, Any]


SAMPLES = {
    "tiktok_shop": Sample(
        success={
            "code": 0,
            "message": "success",
            "data": {
                "access_token": "TTP_access",
                "access_token_expire_in": NOW + 604_800,
                "refresh_token": "TTP_refresh",
                "refresh_token_expire_in": NOW + 31_536_000,
                "open_id": "7010736057180325637",
                "seller_name": "Jjj test shop",
                "seller_base_region": "ID",
                "user_type": 0,
                "granted_scopes": ["seller.authorization.info"],
            },
            "request_id": "2022080809462301024509910319695C45",
        },
        account_id="7010736057180325637",
        life=604_800,
        refused={"code": 36004005, "message": "can not find related auth record", "data": None, "request_id": "r"},
        unknown={"code": 999999999, "message": "refresh token invalid", "request_id": "r"},
    ),
}
NAMES = sorted(PROVIDERS)


@pytest.fixture(params=NAMES)
def provider(request: pytest.FixtureRequest) -> Provider:
    """Return each provider in turn."""
    return PROVIDERS[request.param]


@pytest.fixture
def sample(provider: Provider) -> Sample:
    """Return the provider's sample."""
    return SAMPLES[provider.name]


@pytest.fixture
def app(provider: Provider) -> App:
    """Return a registration with the provider."""
    return App(
        name="shop",
        provider=provider.name,
        client_id="client-1",
        client_secret=Secret("canary-client-secret"),
        service_id="service-1",
        scopes=("read", "write"),
    )


def answer(body: object, status: int = 200) -> Answer:
    """Return an answer."""
    return Answer(status=status, body=body if isinstance(body, bytes) else json.dumps(body).encode(), received_at=NOW)


def changed(provider: Provider, sample: Sample, name: str, written: str) -> bytes:
    """Return the documented success with one of its fields written otherwise."""
    body = copy.deepcopy(dict(sample.success))
    holder = body if provider.answer.envelope is None else body[provider.answer.envelope]
    holder[name] = "HOLE"
    return json.dumps(body).replace('"HOLE"', written).encode()


def issued(provider: Provider, body: object) -> Issued:
    """Return what was issued, where something was."""
    read = read_answer(provider, answer(body))
    assert isinstance(read, Issued)
    return read


def failure(provider: Provider, body: object, status: int = 200) -> Failure:
    """Return the failure, where it is one."""
    read = read_answer(provider, answer(body, status))
    assert isinstance(read, Failure)
    return read


def parameters(request: Request) -> dict[str, str]:
    """Return what a token request carries."""
    if request.method == "GET":
        return dict(parse_qsl(urlsplit(request.url).query, strict_parsing=True))
    if request.headers["content-type"] == "application/json":
        read: dict[str, str] = json.loads(request.body)
        return read
    return dict(parse_qsl(request.body.decode("ascii"), strict_parsing=True))


def test_every_file_is_registered() -> None:
    """Each module beside the contract is a provider of that name in the registry, and nothing else is there."""
    folder = Path(tokensync.providers.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "contract"}

    assert files == set(PROVIDERS)


def test_every_provider_has_a_sample() -> None:
    """This suite knows each provider's documented answers."""
    assert set(SAMPLES) == set(PROVIDERS)


def test_a_provider_is_found_by_name(provider: Provider) -> None:
    """The registry's key is the provider's own name."""
    assert provider_named(provider.name) is provider


@pytest.mark.parametrize("name", ["", "tiktok", "TIKTOK_SHOP", "../tiktok_shop", "contract"])
def test_an_unknown_provider_is_refused(name: str) -> None:
    """A name that nobody has is refused, and the known ones are told."""
    with pytest.raises(InvalidApp, match=", ".join(NAMES)):
        provider_named(name)


def test_names_and_pages_are_in_order(provider: Provider) -> None:
    """A provider has a plain name, a title for people, and its vendor's page."""
    assert re.fullmatch(r"[a-z][a-z0-9_]*", provider.name)
    assert provider.title.strip() == provider.title != ""
    assert provider.docs.startswith("https://")


def test_endpoints_are_https_on_the_providers_hosts(provider: Provider) -> None:
    """Every URL has a known key, is https, and lies on a host that the provider lists."""
    for urls in (provider.endpoints, *provider.regions.values()):
        assert set(urls) <= set(ENDPOINT_KEYS)
        for url in urls.values():
            parts = urlsplit(url)
            assert (parts.scheme, parts.port, parts.username, parts.fragment) == ("https", None, None, "")
            assert parts.hostname in provider.hosts
    assert "token" in provider.endpoints


def test_requirements_name_fields_of_an_app(provider: Provider) -> None:
    """What an app must state is a field that an app has."""
    assert set(provider.required) <= {field.name for field in fields(App)}


def test_settings_have_distinct_values(provider: Provider) -> None:
    """Each option lists its allowed values once, the default first."""
    for values in provider.settings.values():
        assert len(values) == len(set(values)) > 0


def test_a_grace_has_seconds(provider: Provider) -> None:
    """Only a provider with a grace declares how long it lasts."""
    assert (provider.refresh_reuse is RefreshReuse.GRACE) == (provider.grace_seconds > 0)


def test_failure_texts_can_match(provider: Provider) -> None:
    """Messages are compared in lower case: a text with a capital would never be found."""
    for text, _ in provider.failure_texts:
        assert text == text.lower().strip() != ""


def test_no_text_calls_a_connection_dead(provider: Provider) -> None:
    """Only a documented code refuses: a message may be reworded on any day."""
    assert FailureClass.REFUSED not in {kind for _, kind in provider.failure_texts}


def test_the_authorize_link_carries_state_and_no_secret(provider: Provider, app: App) -> None:
    """The seller's browser takes the state along, whatever is in it, and never the client secret."""
    if "authorize" not in provider.endpoints:
        pytest.skip("its connections are imported")
    for region in ("", *provider.regions):
        url = authorize_url(provider, replace(app, region=region), state="a.b-_=&", redirect_uri=REDIRECT)

        assert dict(parse_qsl(urlsplit(url).query, strict_parsing=True))["state"] == "a.b-_=&"
        assert "canary" not in url
        assert urlsplit(url).hostname in provider.hosts


@pytest.mark.parametrize("credential", ["plain", "a b&c=d+e/f%2F", "TTP_*!~.-_", "ü店"])
def test_credentials_are_encoded_exactly_once(provider: Provider, app: App, credential: str) -> None:
    """A code and a refresh token arrive as they are, under the provider's names, with the client's credentials."""
    shape = provider.token
    by_code = parameters(code_request(provider, app, Secret(credential), redirect_uri=REDIRECT))
    by_refresh = parameters(refresh_request(provider, app, Secret(credential)))

    assert by_code[shape.code] == by_refresh[shape.refresh_token] == credential
    for sent in (by_code, by_refresh):
        assert (sent[shape.client_id], sent[shape.client_secret]) == ("client-1", "canary-client-secret")


def test_secrets_stay_out_of_urls_unless_declared(provider: Provider, app: App) -> None:
    """Only a provider that declares its encoding as a query has its credentials in the URL."""
    requests = [
        code_request(provider, app, Secret("canary"), redirect_uri=REDIRECT),
        refresh_request(provider, app, Secret("canary")),
    ]
    in_query = provider.token.encoding is Encoding.QUERY

    assert (provider.token.method == "GET") == in_query
    for request in requests:
        assert ("canary" in request.url) == in_query
        assert bool(request.body) != in_query
        assert "canary" not in repr(request)


def test_the_documented_success_is_read(provider: Provider, sample: Sample) -> None:
    """The vendor's own sample gives the pair, its life, its account and nothing odd."""
    read = issued(provider, sample.success)

    assert read.access_token
    assert (read.life, read.access_expires_at) == (sample.life, NOW + sample.life)
    assert read.account
    assert read.account.id == sample.account_id
    assert read.oddities == ()
    assert bool(read.trace_id) == (provider.answer.trace_id is not None)


@pytest.mark.parametrize(
    ("written", "odd"),
    [
        ("null", False),
        ("0", True),
        ("-1", True),
        ('"3600"', True),
        ("3600.0", True),
        ("1e400", True),
        ("NaN", True),
        ("1000000000000", True),
        ("true", True),
        (str(NOW + 3600), False),
        (f"{NOW + 3600}000", True),
        ("[]", True),
        ("9" * 4000, True),
    ],
)
@pytest.mark.parametrize("which", ["expires_in", "refresh_expires_in"])
def test_mangled_expiries_keep_the_pair(
    provider: Provider, sample: Sample, which: str, written: str, odd: object
) -> None:
    """Whatever stands for an expiry the pair is kept, due within its documented order of magnitude, oddness told.

    A far end of the authorization itself is how some providers say that it has none: that is nothing odd.
    """
    odd = odd and not (which == "refresh_expires_in" and written == "1000000000000")
    name = getattr(provider.answer, which)
    if name is None:
        pytest.skip("it states none")
    whole = issued(provider, sample.success)

    read = issued(provider, changed(provider, sample, name, written))

    assert (read.access_token, read.refresh_token) == (whole.access_token, whole.refresh_token)
    assert read.life is not None
    assert 3600 <= read.life <= 10 * 365 * 86_400
    assert any(oddity.startswith(name) for oddity in read.oddities) is odd


@pytest.mark.parametrize("written", ['""', "null", "5", "[]", '"' + "x" * 65_536 + '"', '"a\\nb"', '"\\ud800"'])
def test_a_mangled_access_token_is_not_published(provider: Provider, sample: Sample, written: str) -> None:
    """Nobody can send it, so it is none, and a refresh token beside it is kept."""
    read = issued(provider, changed(provider, sample, "access_token", written))

    assert read.access_token is None
    assert read.refresh_token == issued(provider, sample.success).refresh_token
    assert "access_token malformed" in read.oddities


def _whole(sample: Sample) -> bytes:
    return json.dumps(sample.success).encode()


MANGLED = {
    "HTML": lambda _: b"<!DOCTYPE html><html><head><title>502</title></head></html>",
    "empty": lambda _: b"",
    "truncated": lambda sample: _whole(sample)[: len(_whole(sample)) // 2],
    "truncated by a byte": lambda sample: _whole(sample)[:-1],
    "BOM": lambda sample: b"\xef\xbb\xbf" + _whole(sample),
    "UTF-16": lambda sample: _whole(sample).decode().encode("utf-16"),
    "duplicate keys": lambda sample: _whole(sample)[:-1] + b',"data":{"access_token":"b"},"access_token":"b"}',
    "twice": lambda sample: _whole(sample) * 2,
    "deep": lambda sample: b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"," + _whole(sample)[1:],
    "a huge number": lambda sample: b'{"x":' + b"9" * 5_000_000 + b"," + _whole(sample)[1:],
}


@pytest.mark.parametrize("how", MANGLED)
def test_a_mangled_success_is_ambiguous(provider: Provider, sample: Sample, how: str) -> None:
    """A 200 that cannot be read may have committed: never a refusal, never a token."""
    body = MANGLED[how](sample)
    if how == "duplicate keys" and body.count(b'"data"') + body.count(b'"access_token"') < 3:
        pytest.skip("nothing stands twice")

    assert failure(provider, body).kind is FailureClass.AMBIGUOUS


def test_a_lone_surrogate_elsewhere_breaks_nothing(provider: Provider, sample: Sample) -> None:
    """An odd text beside the tokens is no reason to lose them."""
    body = b'{"padding":"\\ud800",' + _whole(sample)[1:]

    assert issued(provider, body).access_token == issued(provider, sample.success).access_token


@pytest.mark.parametrize("status", [200, 400, 401])
def test_the_documented_refusal_is_one(provider: Provider, sample: Sample, status: int) -> None:
    """The refusal of a refresh token is authoritative on any status that the provider may use."""
    assert failure(provider, sample.refused, status).kind is FailureClass.REFUSED


@pytest.mark.parametrize("status", [200, 400, 401, 403])
def test_an_undocumented_error_is_no_refusal(provider: Provider, sample: Sample, status: int) -> None:
    """An unknown code never marks a connection dead, whatever its message says."""
    assert failure(provider, sample.unknown, status).kind is FailureClass.UNKNOWN


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 403, 404, 408, 410, 500, 502, 504])
def test_no_bare_status_is_a_refusal(provider: Provider, status: int) -> None:
    """A status without a body that explains it never marks a connection dead."""
    kind = failure(provider, b"404 page not found", status).kind

    assert kind is (FailureClass.AMBIGUOUS if status >= 500 else FailureClass.UNKNOWN)


@pytest.mark.parametrize("status", [429, 503])
def test_busy_is_busy(provider: Provider, sample: Sample, status: int) -> None:
    """A 429 or 503 is for later, whatever its body says."""
    assert failure(provider, sample.refused, status).kind is FailureClass.BUSY


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_variation_of_the_answer_raises(name: str, data: st.DataObject) -> None:
    """With any of its fields replaced by any JSON, an answer is read without an exception."""
    provider, body = PROVIDERS[name], copy.deepcopy(dict(SAMPLES[name].success))
    holder = body if provider.answer.envelope is None else body[provider.answer.envelope]
    for place in (holder, body):
        for key in data.draw(st.lists(st.sampled_from(sorted(place)), unique=True, max_size=3)):
            place[key] = data.draw(JSON)

    read = read_answer(provider, answer(body, data.draw(st.sampled_from([200, 400, 500]))))

    if isinstance(read, Issued) and read.account is not None:
        assert read.account.id
        json.dumps(read.account.facts)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(JSON | st.dictionaries(st.sampled_from(["code", "data", "error", "message"]), JSON))
def test_no_reply_breaks_the_readers_of_facts(name: str, reply: object) -> None:
    """Whatever the facts call answers, its reader gives facts or none."""
    call = PROVIDERS[name].facts
    if call is None or not isinstance(reply, dict):
        return
    facts = call.read(reply)

    assert facts is None or isinstance(json.dumps(facts), str)


def test_facts_are_asked_of_the_providers_host(provider: Provider, app: App) -> None:
    """The facts call goes over https to the provider's API, with the access token outside of the URL."""
    if provider.facts is None:
        pytest.skip("it has no facts")
    grant = Grant(
        account_id="a",
        label="",
        access_token=Secret("canary-access"),
        token_type="Bearer",
        scopes=(),
        obtained_at=NOW,
    )

    request = provider.facts.request(app, provider.endpoint(app, "api"), grant, NOW)

    assert (urlsplit(request.url).scheme, urlsplit(request.url).hostname in provider.hosts) == ("https", True)
    assert "canary" not in request.url
    assert "canary-access" in request.headers.values()


@pytest.mark.parametrize("raw", ["error=access_denied", "code=", "error=x&error_description=y"])
def test_a_denial_is_no_code(provider: Provider, app: App, raw: str) -> None:
    """A callback with an error and no code is a denial for every provider."""
    assert Query.parse(raw).code(provider, app) is None
