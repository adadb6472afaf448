"""What holds for every provider's data. Its requests, answers and errors stand in the modules beside this one."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from documented import SAMPLES
from rows import FIVE, case, row

import tokensync.providers
from tokensync.domain.app import ENDPOINT_KEYS, App
from tokensync.domain.errors import InvalidApp
from tokensync.domain.messages import FailureClass
from tokensync.oauth.provider import GrantType, Provider, RefreshReuse
from tokensync.providers import PROVIDERS, provider_named

if TYPE_CHECKING:
    from samples import Sample

REGISTRY = {"__init__", "api2cart"}


@pytest.fixture(params=sorted(PROVIDERS))
def provider(request: pytest.FixtureRequest) -> Provider:
    """Return each provider in turn, as no app has configured it."""
    return PROVIDERS[request.param]


def test_every_file_is_registered() -> None:
    """Each module beside the registry is a registered provider, or data that a registered provider imports."""
    folder = Path(tokensync.providers.__file__).parent
    files = {path.stem: path.read_text() for path in folder.glob("*.py") if path.stem not in REGISTRY}
    providers = {name for name, text in files.items() if re.search(r"^PROVIDER\b", text, re.MULTILINE)}
    imported = {
        node.module.removeprefix("tokensync.providers.")
        for name in providers
        for node in ast.walk(ast.parse(files[name]))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tokensync.providers.")
    }

    assert providers == set(PROVIDERS)
    assert files.keys() - providers <= imported


def test_every_provider_has_a_sample() -> None:
    """This suite knows each provider's requests and documented answers."""
    assert set(SAMPLES) == set(PROVIDERS)


@pytest.mark.parametrize("name", [case(f"1 provider name: {name}", name) for name in FIVE])
def test_the_services_are_there_by_name(name: str) -> None:
    """Each documented service is a provider under its own name."""
    assert provider_named(name).name == name


def test_a_provider_is_found_by_name(provider: Provider) -> None:
    """The registry's key is the provider's own name."""
    assert provider_named(provider.name) is provider


@pytest.mark.parametrize("name", ["", "tiktok", "TIKTOK_SHOP", "../tiktok_shop", "contract", "tiktok_business_codes"])
def test_an_unknown_provider_is_refused(name: str) -> None:
    """A name that nobody has is refused, and the known ones are told."""
    with pytest.raises(InvalidApp, match=", ".join(sorted(PROVIDERS))):
        provider_named(name)


def test_a_providers_data_is_in_order(provider: Provider) -> None:
    """A plain name, a title, the vendor's page; each URL is https on a listed host; each value is there once."""
    assert re.fullmatch(r"[a-z][a-z0-9_]*", provider.name)
    assert provider.title.strip() == provider.title != ""
    assert provider.docs.startswith("https://")
    for urls in (provider.endpoints, *provider.regions.values()):
        assert set(urls) <= set(ENDPOINT_KEYS)
        for url in urls.values():
            parts = urlsplit(url)
            assert ("https", None, None, "") == (parts.scheme, parts.port, parts.username, parts.fragment)
            assert provider.hosts is not None
            assert parts.hostname in provider.hosts
    assert ("token" in provider.endpoints) == (provider.hosts is not None)
    assert set(provider.required) <= {field.name for field in fields(App)}
    assert all(len(values) == len(set(values)) for values in provider.settings.values())
    assert (provider.refresh_reuse is RefreshReuse.GRACE) == (provider.grace_seconds > 0)


def test_every_fact_has_a_meaning(sample: Sample) -> None:
    """What a provider's documented responses say of an account is named in its data, with what it means."""
    facts, call, name = sample.provider.facts, sample.provider.account_call, sample.app.provider
    said = dict(sample.issued.account.facts) if sample.issued.account else {}
    if call is not None and name in CALLED:
        read = call.read(CALLED[name], 200)
        assert isinstance(read, dict)
        said |= read

    assert said.keys() <= facts.keys()
    assert said.keys() == facts.keys() or (call is not None and name not in CALLED)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) and meaning == meaning.strip() for name, meaning in facts.items())


# What each account call answers, from the vendors' samples.
CALLED: dict[str, dict[str, Any]] = {
    "tiktok_shop": {"code": 0, "data": {"shops": [{"id": "7000714532876273420", "name": "Maomao beauty shop"}]}},
    "tiktok_login": {
        "data": {"user": {"open_id": "o", "union_id": "u", "avatar_url": "https://p.example", "display_name": "n"}},
        "error": {"code": "ok"},
    },
    "tiktok_ads": {"code": 0, "data": {"list": [{"advertiser_id": "1", "advertiser_name": "Acme"}]}},
    "oauth2": {"sub": "s", "name": "n", "preferred_username": "p", "email": "e", "zoneinfo": "z", "locale": "l"},
}

HOSTS = {
    "tiktok_login": {"www.tiktok.com", "open.tiktokapis.com"},
    "tiktok_ads": {"business-api.tiktok.com", "sandbox-ads.tiktok.com"},
    "tiktok_accounts": {"www.tiktok.com", "business-api.tiktok.com"},
    "eshopbox": {"auth.myeshopbox.com"},
    "oauth2": None,
    "tiktok_shop": {
        "services.tiktokshop.com",
        "services.us.tiktokshop.com",
        "services.tiktokshops.us",
        "partner.tiktokshop.com",
        "shop.tiktok.com",
        "auth.tiktok-shops.com",
        "auth-sandbox.tiktok-shops.com",
        "open-api.tiktokglobalshop.com",
    },
}


@row("2 hosts exactly these", "2 token calls: sandbox by configuration", "4.1 sandbox host")
@pytest.mark.parametrize("name", HOSTS)
def test_the_hosts_are_exactly_the_vendors(name: str) -> None:
    """No other host may be named by an app; a vendor's sandbox is one of them, and nobody's default."""
    assert HOSTS[name] == PROVIDERS[name].hosts
    assert not any("sandbox" in url for url in PROVIDERS[name].endpoints.values())


def test_a_consent_page_goes_with_the_code(sample: Sample) -> None:
    """Who gives tokens for codes has a consent page; who does not has none."""
    by_code = sample.provider.grant_type is GrantType.AUTHORIZATION_CODE

    assert sample.provider.has_endpoint(sample.app, "authorize") == by_code == (sample.authorize is not None)


def test_no_text_calls_a_connection_dead(provider: Provider) -> None:
    """Texts are compared in lower case; one may refuse a code and never a token, as it may be reworded on any day."""
    call = provider.account_call
    texts = (*provider.failure_texts, *(() if call is None else call.failure_texts))
    assert all(text == text.lower().strip() != "" for text, _ in texts)
    assert {text for text, kind in texts if kind is FailureClass.REFUSED} <= {"auth_code expired or invalid"}
    assert call is None or FailureClass.REFUSED not in {kind for _, kind in call.failure_texts}
