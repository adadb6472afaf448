"""PROVIDERS' facts about TikTok Shop, from its vendor's pages."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from rows import case, row

from tokensync.domain.app import App
from tokensync.domain.errors import BadRequest
from tokensync.domain.messages import Request
from tokensync.domain.secret import Secret
from tokensync.oauth.callback import Query
from tokensync.oauth.provider import RefreshReuse
from tokensync.oauth.token_request import authorize_url, code_request, refresh_request
from tokensync.providers.tiktok_shop import PROVIDER

APP = App(
    name="shop",
    provider="tiktok_shop",
    client_id="29a39d",
    client_secret=Secret("e59af819cc"),
    service_id="7172553411213117190",
    scopes=("seller.authorization.info",),
)


@row("2 seller link: service_id and state alone")
@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("", "services.tiktokshop.com"),
        case("2 authorize host: global", "global", "services.tiktokshop.com"),
        case("2 authorize host: us", "us", "services.us.tiktokshop.com"),
        case("2 authorize host: us-alternative", "us-alternative", "services.tiktokshops.us"),
        case("2 authorize host: partner", "partner", "partner.tiktokshop.com"),
    ],
)
def test_the_authorize_link_of_each_region(region: str, host: str) -> None:
    """A link holds service_id and state and nothing else: the rest is set in Partner Center."""
    url = authorize_url(
        PROVIDER, replace(APP, region=region), state="s.t", redirect_uri="https://a.example/cb", verifier=Secret("v")
    )

    assert url == f"https://{host}/open/authorize?service_id=7172553411213117190&state=s.t"


@row("2 creator link: app_key, state required")
@pytest.mark.parametrize("region", ["", "global", "us", "us-alternative", "partner"])
def test_the_creators_link_names_the_app_key(region: str) -> None:
    """Creators have one page for every region; it takes app_key and state, and no service id is needed."""
    app = replace(APP, region=region, service_id="", settings={"account_kind": "creator"})
    creators = PROVIDER.for_app(app)

    url = authorize_url(creators, app, state="s.t", redirect_uri="https://a.example/cb", verifier=Secret("v"))

    assert url == "https://shop.tiktok.com/alliance/creator/auth?app_key=29a39d&state=s.t"
    assert creators.required == ()


@pytest.mark.parametrize("kind", ["seller", "partner"])
def test_only_creators_have_another_link(kind: str) -> None:
    """Sellers' and partners' apps have the provider as it is, token calls and all."""
    assert PROVIDER.for_app(replace(APP, settings={"account_kind": kind})) == PROVIDER


def test_creators_tokens_come_from_the_same_host() -> None:
    """The link alone is another: code and refresh token are presented where everybody's are."""
    app = replace(APP, settings={"account_kind": "creator"})
    creators = PROVIDER.for_app(app)

    assert code_request(creators, app, Secret("x"), redirect_uri="") == code_request(
        PROVIDER, APP, Secret("x"), redirect_uri=""
    )
    assert refresh_request(creators, app, Secret("x")) == refresh_request(PROVIDER, APP, Secret("x"))


@row("2 service_id is not app_key", "8 5 service_id for app_key")
def test_the_link_names_the_service_and_not_the_app_key() -> None:
    """service_id for app_key shows "This service does not exist": an app must state its service id."""
    assert PROVIDER.required == ("service_id",)
    assert "29a39d" not in authorize_url(PROVIDER, APP, state="s", redirect_uri="")


@row(
    "2 callback: code=null is a denial",
    "2 callback: prefixes mean nothing",
    "2 callback: unknown parameters ignored",
    "8 3 code=null",
)
@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("code=TTP_x&state=s", "TTP_x"),
        ("app_key=29a39d&code=ROW_x&locale=en-GB&shop_region=GB&state=s", "ROW_x"),
        ("code=GCP_a%2Bb%2F%3D&state=s", "GCP_a+b/="),
        ("code=plain&state=s&unknown=1", "plain"),
        ("code=null&error=auth_denied&state=s", None),
        ("code=null&state=s", None),
        ("code=&state=s", None),
        ("error=auth_denied&state=s", None),
        ("error=access_denied&code=&state=s", None),
    ],
)
def test_every_form_of_the_callback(raw: str, code: str | None) -> None:
    """Prefixes mean nothing, unknown parameters are ignored, and any error or the text null is a denial."""
    found = Query.parse(raw).code(PROVIDER, APP)

    assert (found.reveal() if found else None) == code


@row("2 callback: app_key checked where present")
@pytest.mark.parametrize("raw", ["code=x&app_key=another", "code=x&app_key=", "code=null&app_key=another&error=x"])
def test_an_authorization_for_another_app_is_refused(raw: str) -> None:
    """Where app_key is present it is this app's."""
    with pytest.raises(BadRequest, match="another client"):
        Query.parse(raw).code(PROVIDER, APP)


@row("2 callback: install without state", "8 4 App Store install without state")
def test_an_install_from_the_app_store_brings_no_state() -> None:
    """Its code is read like any other; the state is empty, which is refused unless the app's setting allows it."""
    query = Query.parse("app_key=29a39d&code=TTP_x&locale=en-GB&shop_region=GB")

    assert (query.state, query.code(PROVIDER, APP)) == ("", Secret("TTP_x"))
    assert PROVIDER.setting(APP, "installs") == "none"
    assert PROVIDER.settings["installs"] == ("none", "provider")


def test_code_and_error_at_once_are_refused() -> None:
    """A code beside an error is no answer to act upon."""
    with pytest.raises(BadRequest):
        Query.parse("code=TTP_x&error=auth_denied").code(PROVIDER, APP)


@row("2 token calls: one host for every region", "2 token calls: authorized_code")
@pytest.mark.parametrize("region", ["", "us", "us-alternative", "partner"])
def test_the_exchange_is_a_get_with_everything_in_the_query(region: str) -> None:
    """One host serves every region; there is no body, header, redirect URI or verifier."""
    request = code_request(
        PROVIDER,
        replace(APP, region=region),
        Secret("TTP_a+b/c= d"),
        redirect_uri="https://a.example/cb",
        verifier=Secret("v"),
    )

    assert request == Request(
        method="GET",
        url=(
            "https://auth.tiktok-shops.com/api/v2/token/get?app_key=29a39d&app_secret=e59af819cc"
            "&auth_code=TTP_a%2Bb%2Fc%3D+d&grant_type=authorized_code"
        ),
    )


def test_the_refresh_is_a_get_of_its_own_path() -> None:
    """A refresh has its own path and the RFC's grant type."""
    assert refresh_request(PROVIDER, APP, Secret("TTP_r&=")) == Request(
        method="GET",
        url=(
            "https://auth.tiktok-shops.com/api/v2/token/refresh?app_key=29a39d&app_secret=e59af819cc"
            "&refresh_token=TTP_r%26%3D&grant_type=refresh_token"
        ),
    )


@row("2 token calls: sandbox by configuration")
def test_sandbox_hosts_are_for_explicit_configuration() -> None:
    """Production is the default; the old sandbox host is allowed and used only where an app names it."""
    own = {"token": "https://auth-sandbox.tiktok-shops.com/api/v2/token/get"}

    request = code_request(PROVIDER, replace(APP, endpoints=own), Secret("x"), redirect_uri="")

    assert urlsplit(request.url).hostname == "auth-sandbox.tiktok-shops.com"
    assert "auth-sandbox.tiktok-shops.com" in PROVIDER.hosts
    assert not any("sandbox" in url for url in PROVIDER.endpoints.values())


@row("2 hosts exactly these")
def test_the_hosts_are_exactly_the_vendors() -> None:
    """No other host may be named by an app."""
    assert PROVIDER.hosts == {
        "services.tiktokshop.com",
        "services.us.tiktokshop.com",
        "services.tiktokshops.us",
        "partner.tiktokshop.com",
        "shop.tiktok.com",
        "auth.tiktok-shops.com",
        "auth-sandbox.tiktok-shops.com",
        "open-api.tiktokglobalshop.com",
    }


@row("2 whether the old refresh token dies is unknown")
def test_whether_the_old_refresh_token_dies_is_not_known() -> None:
    """Where sources disagree a refresh token counts as used up when it was presented."""
    assert PROVIDER.refresh_reuse is RefreshReuse.SINGLE_USE
