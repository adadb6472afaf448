"""What holds for every provider's data. Its requests, answers and errors stand in the modules beside this one."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from documented import SAMPLES
from rows import FIVE, case

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
            assert provider.hosts is not None
            assert parts.hostname in provider.hosts
    assert ("token" in provider.endpoints) == (provider.hosts is not None)


def test_requirements_name_fields_of_an_app(provider: Provider) -> None:
    """What an app must state is a field that an app has."""
    assert set(provider.required) <= {field.name for field in fields(App)}


def test_settings_have_distinct_values(provider: Provider) -> None:
    """Each option lists its allowed values once."""
    for values in provider.settings.values():
        assert len(values) == len(set(values))


def test_a_grace_has_seconds(provider: Provider) -> None:
    """Only a provider with a grace declares how long it lasts."""
    assert (provider.refresh_reuse is RefreshReuse.GRACE) == (provider.grace_seconds > 0)


def test_a_consent_page_goes_with_the_code(sample: Sample) -> None:
    """Who gives tokens for codes has a consent page; who does not has none."""
    by_code = sample.provider.grant_type is GrantType.AUTHORIZATION_CODE

    assert sample.provider.has_endpoint(sample.app, "authorize") == by_code == (sample.authorize is not None)


def test_failure_texts_can_match(provider: Provider) -> None:
    """Messages are compared in lower case: a text with a capital would never be found."""
    call = provider.account_call
    for text, _ in (*provider.failure_texts, *(() if call is None else call.failure_texts)):
        assert text == text.lower().strip() != ""


def test_no_text_calls_a_connection_dead(provider: Provider) -> None:
    """Only a documented code refuses a token, as a message may be reworded on any day; a text may refuse a code."""
    refusing = {text for text, kind in provider.failure_texts if kind is FailureClass.REFUSED}
    call = provider.account_call

    assert refusing <= {"auth_code expired or invalid"}
    assert call is None or FailureClass.REFUSED not in {kind for _, kind in call.failure_texts}
