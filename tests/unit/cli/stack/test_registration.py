"""What an operator says of an app, checked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from field_rows import field
from tokensync.domain.errors import InvalidName
from tokensync.providers import PROVIDERS
from tokensync_cli.output.failures import UsageFailed
from tokensync_cli.stack.addresses import live_hosts
from tokensync_cli.stack.registration import Wanted, _scopes, _service_id, lifetime_warning

WANTED = Wanted(name="shop", provider="tiktok_shop", client_id="29a39d", service_id="7172")


def checked(*, is_embedded: bool = False, **change: Any) -> Any:
    """Return the app that is checked, with changes."""
    return replace(WANTED, **change).checked(is_embedded=is_embedded)


def test_a_live_app_speaks_to_its_providers_hosts() -> None:
    """These are what the embedded stack warns of."""
    assert ["auth.tiktok-shops.com", "open-api.tiktokglobalshop.com", "services.tiktokshop.com"] == live_hosts(
        checked()
    )


def test_loopback_endpoints_make_a_sandbox_app() -> None:
    """On the embedded stack alone; with all of them there, no host is live."""
    urls = [f"{key}=http://localhost:4001/{key}" for key in ("authorize", "token", "refresh", "api")]

    app = checked(endpoints=urls, is_embedded=True)

    assert app.is_sandboxed
    assert [] == live_hosts(app)
    with pytest.raises(UsageFailed, match="only the embedded stack"):
        checked(endpoints=urls)


def test_one_of_the_providers_own_hosts_is_taken() -> None:
    """The vendor's sandbox host, by the standard port."""
    url = "https://auth-sandbox.tiktok-shops.com:443/api/v2/token/get"

    assert {"token": url} == checked(endpoints=[f"token={url}"]).endpoints


@pytest.mark.parametrize(
    "endpoint",
    [
        "token=https://evil.example/",
        "token=https://auth.tiktok-shops.com.evil.example/",
        "token=https://auth.tiktok-shops.com@evil.example/",
        "token=https://user:pass@auth.tiktok-shops.com/",
        "token=https://auth.tiktok-shops.com:8443/",
        "token=https://auth.tiktok-shops.com:99999/",
        "token=https://auth.tiktok-shops.com/?x=1",
        "token=https://auth.tiktok-shops.com/#x",
        "token=https://auth.tiktok-shops.com/ x",
        "token=https://evil.example\\@auth.tiktok-shops.com/",
        "token=http://auth.tiktok-shops.com/",
        "token=ftp://auth.tiktok-shops.com/",
        "token=//auth.tiktok-shops.com/",
        "token=https://",
        "token=https://[::1/",
        "token=https://169.254.169.254/",
        "token=https://127.1/",
        "token=https://2130706433/",
        "tokens=https://auth.tiktok-shops.com/",
        "token",
        "token=",
        "=https://auth.tiktok-shops.com/",
    ],
)
def test_no_client_secret_goes_elsewhere(endpoint: str) -> None:
    """Every other host, scheme, port and spelling is refused, on the embedded stack too."""
    for is_embedded in (False, True):
        with pytest.raises(UsageFailed):
            checked(endpoints=[endpoint], is_embedded=is_embedded)


@field("A14")
@pytest.mark.parametrize("key", ["authorize", "token", "refresh", "revoke", "verify"])
def test_an_endpoint_of_any_server_may_have_a_query(key: str) -> None:
    """RFC 6749 §3.1 and §3.2; a fragment it may not have, nor a query where paths are put after it."""
    needed = ["authorize=https://id.example/a", "token=https://id.example/t"]
    others = [pair for pair in needed if not pair.startswith(f"{key}=")]
    own = f"{key}=https://id.example/o?tenant=a&x="

    def app(endpoint: str) -> Any:
        generic = {"provider": "oauth2", "service_id": "", "settings": [], "scopes": []}
        return checked(**generic, endpoints=[*others, endpoint])

    assert own.partition("=")[2] == app(own).endpoints[key]
    for wrong in (f"{own}#top", f"{own}#", "api=https://id.example/?x=1"):
        with pytest.raises(UsageFailed):
            app(wrong)


OWN = {"service_id": "", "client_id": "client-1"}
GENERIC = {**OWN, "provider": "oauth2"}
TOKEN, AUTHORIZE = "token=https://id.example/t", "authorize=https://id.example/a"
MINTS, IMPORTS = "grant=client_credentials", "grant=refresh_token"


@field("B refused")
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"endpoints": [AUTHORIZE, TOKEN, "upgrade=https://id.example/u"]}, "upgrade does nothing.*upgrade.grant_type"),
        ({"endpoints": [AUTHORIZE, TOKEN, "api=https://id.example"]}, "api does nothing.*--endpoint verify"),
        ({"endpoints": [AUTHORIZE, TOKEN, "push=http://localhost:1/p"]}, "push does nothing.*no consumer"),
        ({"endpoints": [AUTHORIZE, TOKEN], "settings": [MINTS]}, "authorize does nothing"),
        ({"endpoints": [AUTHORIZE, TOKEN], "settings": [IMPORTS]}, "authorize does nothing"),
        ({"endpoints": [TOKEN, "verify=https://id.example/v"], "settings": [MINTS]}, "verify does nothing"),
        ({"endpoints": [TOKEN, "refresh=https://id.example/r"], "settings": [MINTS]}, "refresh does nothing.*token"),
        ({"endpoints": [TOKEN], "settings": [IMPORTS], "scopes": ["read"]}, "--scope does nothing"),
        ({**OWN, "provider": "eshopbox", "scopes": ["read"]}, "--scope does nothing"),
        ({**OWN, "provider": "eshopbox", "endpoints": ["revoke=https://auth.myeshopbox.com/r"]}, "no revocation"),
        ({**OWN, "provider": "eshopbox", "endpoints": ["api=https://auth.myeshopbox.com"]}, "no account call"),
        ({**OWN, "provider": "tiktok_ads", "endpoints": ["api=https://business-api.tiktok.com"]}, "verify is the acc"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_nothing_uses_is_refused_by_name(change: dict[str, Any], why: str) -> None:
    """An endpoint that nothing calls, or a scope that nothing asks for."""
    with pytest.raises(UsageFailed, match=why):
        checked(is_embedded=True, **{**GENERIC, **change})


@field("B refused")
@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ([], ["authorize", "token", "revoke", "verify"]),
        ([MINTS], ["token", "revoke"]),
        ([IMPORTS], ["token", "revoke", "verify"]),
    ],
)
def test_metadata_brings_the_endpoints_that_the_app_calls(settings: list[str], kept: list[str]) -> None:
    """A server has more than one app needs: the rest is left out, and the registration is accepted."""
    found = {key: f"https://id.example/{key}" for key in ("authorize", "token", "revoke", "verify")}
    wanted = replace(WANTED, **GENERIC, settings=settings).completed(endpoints=found, settings={"pkce": "none"})

    assert kept == list(wanted.checked(is_embedded=False).endpoints)


@pytest.mark.parametrize(
    "change",
    [
        {"provider": "nobody"},
        {"client_id": ""},
        {"client_id": " 29a39d"},
        {"client_id": "29a\n39d"},
        {"client_id": "x" * 513},
        {"service_id": ""},
        {"region": "eu"},
        {"scopes": ["seller order"]},
        {"settings": ["color=red"]},
        {"settings": ["account_kind=admin"]},
        {"settings": ["account_kind=seller", "account_kind=creator"]},
        {"settings": ["return_url=javascript:alert(1)"]},
        {"settings": ["return_url=http://shop.example/"]},
        {"settings": ["return_url=http://localhost:3000/"]},
        {"settings": ["return_url=https://user@shop.example/"]},
    ],
    ids=str,
)
def test_what_does_not_fit_is_named(change: dict[str, Any]) -> None:
    """Options that the provider does not take, values that it does not know, URLs that nobody should follow."""
    with pytest.raises(UsageFailed) as refused:
        checked(**change)

    assert "tokensync provider list" == str(refused.value.next_command)


def test_a_name_that_is_none() -> None:
    """The core's own rule holds."""
    with pytest.raises(InvalidName):
        checked(name="Shop")


def test_settings_that_fit() -> None:
    """A named value, and a return URL: https, or this machine on the embedded stack."""
    assert {"account_kind": "creator"} == checked(settings=["account_kind=creator"]).settings
    local = ["return_url=http://localhost:3000/done"]
    assert "http://localhost:3000/done" == checked(settings=local, is_embedded=True).return_url


def test_scopes_and_service_ids_where_a_provider_takes_them() -> None:
    """RFC 6749's alphabet, each once; a service id only where it is needed."""
    shop = PROVIDERS["tiktok_shop"]
    scoped = replace(shop, authorize=replace(shop.authorize, scope_separator=" "), required=())

    assert ("a.b", "c") == _scopes(["a.b", "c", "a.b"])
    for bad in ("a b", "", 'a"b', "ä"):
        with pytest.raises(UsageFailed):
            _scopes([bad])
    assert "" == _service_id("", shop, scoped)
    assert "7172" == _service_id("7172", shop, scoped)
    with pytest.raises(UsageFailed, match="takes no --service-id"):
        _service_id("7172", scoped, scoped)


def test_lifetimes_that_the_schedule_cannot_serve() -> None:
    """Where they are known to be as short as the schedule's floor, it warns; sandbox apps have no floor."""
    shop = PROVIDERS["tiktok_shop"]
    fair, tight, short = (
        replace(shop, response=replace(shop.response, default_expires_in=life)) for life in (900, 700, 600)
    )

    assert ["", ""] == [lifetime_warning(checked(), provider) for provider in (shop, fair)]
    often = "and the schedule refreshes no connection more often than every 10 min, so that"
    assert (
        lifetime_warning(checked(), tight) == f"its tokens live for 11 min 40 s, {often} one lost message may end one"
    )
    assert lifetime_warning(checked(), short) == f"its tokens live for 10 min, {often} each ends before"
    assert "" == lifetime_warning(replace(checked(), endpoints={"token": "http://localhost/"}), short)


def test_a_pair_goes_to_a_consumers_own_host_alone() -> None:
    """The endpoint `push` is the consumer's: neither the provider's hosts nor any other will do."""
    ours = "https://api.api2cart.com/v1.1"

    assert ours == checked(endpoints=[f"push={ours}"]).endpoints["push"]
    for other in ("https://auth.tiktok-shops.com/", "https://api.api2cart.com.evil.example/", "https://evil.example/"):
        with pytest.raises(UsageFailed, match=r"api\.api2cart\.com"):
            checked(endpoints=[f"push={other}"])
    with pytest.raises(UsageFailed, match="https"):
        checked(endpoints=["push=http://api.api2cart.com/"])
    with pytest.raises(UsageFailed, match="only the embedded stack"):
        checked(endpoints=["push=http://localhost:4001/"])


def test_what_nobody_takes_is_pushed_nowhere() -> None:
    """A provider without a consumer has no such endpoint."""
    with pytest.raises(UsageFailed, match="Nobody takes"):
        checked(provider="tiktok_ads", service_id="", endpoints=["push=https://api.api2cart.com/v1.1"])
