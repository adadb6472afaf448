from __future__ import annotations

import json
import traceback
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokensync.domain.app import App
from tokensync.domain.errors import InvalidApp, InvalidName
from tokensync.domain.secret import Secret

CANARY = "canary-client-secret"
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


def stored(app: App, **changes: object) -> str:
    """Return the app's secret with some fields changed."""
    return json.dumps({**json.loads(app.to_json()), **changes})


def test_an_app_reads_back_the_same(app: App) -> None:
    """A registration survives its secret; secrets beside the client secret are fields only where there are any."""
    beside = {"new_client_secret": "canary-new", "api2cart_key": "canary-key"}
    full = replace(
        app,
        service_id="7",
        region="us",
        endpoints={"token": "https://a.example"},
        settings={"account_kind": "seller"},
        new_client_secret=Secret("canary-new"),
        api2cart_key=Secret("canary-key"),
    )

    assert [full, app] == [App.from_json("shop", full.to_json()), App.from_json("shop", app.to_json())]
    assert beside.items() <= json.loads(full.to_json()).items()
    assert "canary" not in repr(full)


def test_the_secret_is_the_documented_object(app: App) -> None:
    """The secret's fields are those that consumers and the command line know."""
    assert json.loads(app.to_json()) == {
        "version": 1,
        "provider": "by_the_book",
        "client_id": "client-1",
        "client_secret": CANARY,
        "service_id": "",
        "region": "",
        "scopes": ["read", "write"],
        "endpoints": {},
        "settings": {},
    }


@pytest.mark.parametrize("key", ["service_id", "region", "scopes", "endpoints", "settings"])
@pytest.mark.parametrize("absent", [None, "", 0])
def test_optional_fields_may_be_empty(app: App, key: str, absent: object) -> None:
    """What an app does not need may be null or empty in its secret."""
    assert not getattr(App.from_json("shop", stored(app, **{key: absent})), key)


@pytest.mark.parametrize("value", [None, "", 5, [], {}])
def test_a_secret_of_another_shape_is_none(app: App, value: object) -> None:
    """What nobody can present counts as absent."""
    read = App.from_json("shop", stored(app, new_client_secret=value, api2cart_key=value))

    assert (None, None) == (read.new_client_secret, read.api2cart_key)


BROKEN = {
    "not JSON": CANARY,
    "empty": "",
    "an array": "[]",
    "a string": f'"{CANARY}"',
    "too deep": "[" * 100_000,
    "no version": json.dumps({"client_secret": CANARY}),
    "another version": json.dumps({"version": 2, "client_secret": CANARY}),
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_secret_of_ours_is_refused(text: str) -> None:
    """A secret that is not an object of version 1 is refused, by a message that repeats nothing of it."""
    with pytest.raises(InvalidApp) as caught:
        App.from_json("shop", text)

    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert "shop" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *((key, value) for key in ("provider", "client_id") for value in (None, "", 1, ["x"])),
        ("client_secret", 1),
        ("client_secret", ["x"]),
    ],
)
def test_a_required_field_is_named_when_it_is_missing(app: App, key: str, value: object) -> None:
    """The message says which field to mend; whether a client has a secret is for its provider to say."""
    with pytest.raises(InvalidApp, match=f"lacks {key}"):
        App.from_json("shop", stored(app, **{key: value}))


@pytest.mark.parametrize(
    "changes",
    [{"scopes": "read write"}, {"scopes": 5}, {"scopes": {"read": 1}}, {"endpoints": ["x"]}, {"settings": "x"}],
)
def test_fields_of_another_shape_are_refused(app: App, changes: dict[str, object]) -> None:
    """Scopes are an array, endpoints and settings are objects; a text in their place is not taken apart."""
    with pytest.raises(InvalidApp, match="another shape"):
        App.from_json("shop", stored(app, **changes))


@pytest.mark.parametrize("name", ["Shop", "", "../shop"])
def test_an_app_needs_a_valid_name(app: App, name: str) -> None:
    """No app is read under a name that none can have."""
    with pytest.raises(InvalidName):
        App.from_json(name, app.to_json())


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from([*json.loads('["scopes","endpoints","settings","region"]')]), JSON_VALUES))
def test_no_stored_value_breaks_the_reader(changes: dict[str, object]) -> None:
    """Whatever JSON the optional fields hold, the secret is read or refused as invalid."""
    text = json.dumps({"version": 1, "provider": "p", "client_id": "c", "client_secret": "s", **changes})
    try:
        read = App.from_json("shop", text)
    except InvalidApp:
        return
    assert all(isinstance(scope, str) for scope in read.scopes)
    assert all(isinstance(url, str) for url in read.endpoints.values())


@pytest.mark.parametrize(
    ("token", "sandboxed"),
    [
        ("http://localhost:9000/api/v2/token/get", True),
        ("http://127.0.0.1:9000/", True),
        ("http://[::1]:9000/", True),
        ("https://auth.tiktok-shops.com/api/v2/token/get", False),
        ("https://localhost.example/", False),
        ("https://example/localhost", False),
        ("", False),
    ],
)
def test_an_app_is_sandboxed_by_its_token_endpoint(app: App, token: str, sandboxed: object) -> None:
    """Only a token endpoint on this machine makes an app a sandbox's."""
    assert replace(app, endpoints={"token": token}).is_sandboxed is sandboxed


WEB = ["https://app.example/done", "https://app.example:8443/done?a=1#b"]
LOOPBACK = ["http://localhost:3000/", "http://127.0.0.1/", "http://[::1]:3000/"]
SCRIPTS = ["javascript:alert(1)", "JavaScript:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)"]
SCRIPTS += ["javascript://app.example/%0aalert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x"]
NOWHERE = ["//evil.example", "/relative", "http://app.example/", "https://", "https:///path", "https://[broken"]
NOWHERE += ["ftp://app.example/", ""]


@pytest.mark.parametrize(
    ("url", "returns"), [(url, url) for url in (*WEB, *LOOPBACK)] + [(url, "") for url in (*SCRIPTS, *NOWHERE)]
)
def test_a_return_url_leads_to_the_web(app: App, url: str, returns: str) -> None:
    """It is https, or http on this machine; a link that would run a script or lead nowhere is none."""
    assert returns == (replace(app, settings={"return_url": url}).return_url or "")
    assert not app.return_url


@pytest.mark.parametrize(
    ("settings", "push", "gives_away"),
    [
        ({}, "", False),
        ({"push": "none", "owner": "tokensync"}, "", False),
        ({"push": "api2cart"}, "api2cart", False),
        ({"owner": "consumer"}, "", True),
    ],
)
def test_who_refreshes_is_a_setting(app: App, settings: dict[str, str], push: str, *, gives_away: bool) -> None:
    """By default we refresh, and nobody is handed anything."""
    changed = replace(app, settings=settings)

    assert (push, gives_away) == (changed.push, changed.gives_away)
