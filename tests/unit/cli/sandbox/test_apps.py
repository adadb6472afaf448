from typing import Any

import pytest

from tokensync_cli.sandbox.apps import Apps, origin, public
from tokensync_cli.sandbox.records import BadRecordError

APP = {"provider": "p", "app_key": "k", "app_secret": "planted-secret", "service_id": "1"}


def test_upsert_changes_the_given_fields_alone() -> None:
    """A second upsert keeps what it does not name, settings one by one."""
    apps = Apps()
    apps.upsert({**APP, "settings": {"code_seconds": 5}})
    app = apps.upsert({"provider": "p", "app_key": "k", "name": "Demo", "settings": {"refresh_reuse": "safe"}})
    assert (app.app_secret, app.title) == ("planted-secret", "Demo")
    assert (app.settings.code_seconds, app.settings.refresh_reuse) == (5, "safe")
    assert [app] == list(apps)


def test_defaults_are_the_documented_lifetimes() -> None:
    """Seven days, one year and thirty minutes hold where nothing is set, and single use."""
    settings = Apps().upsert(APP).settings
    assert (settings.access_token_seconds, settings.refresh_token_seconds, settings.code_seconds) == (
        604_800,
        31_536_000,
        1_800,
    )
    assert settings.refresh_reuse == "single_use"


def test_the_secret_is_not_shown() -> None:
    """Neither the repr nor the public form holds the secret."""
    app = Apps().upsert(APP)
    assert "planted-secret" not in repr(app)
    assert "planted-secret" not in str(public(app))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"app_key": ""}, "app_key must not be empty"),
        ({"settings": []}, "settings must be a JSON object"),
        ({"settings": {"code_seconds": -1}}, "settings.code_seconds must not be negative"),
        ({"settings": {"refresh_reuse": "often"}}, "settings.refresh_reuse must be one of"),
        ({"redirect_uri": "javascript:alert(1)"}, "redirect_uri"),
        ({"redirect_uri": "http://a/#x"}, "redirect_uri"),
        ({"redirect_uri": "http://a; script-src *"}, "redirect_uri"),
        ({"redirect_uri": "http://a\r\nx: y"}, "redirect_uri"),
    ],
)
def test_refuses_what_cannot_be(change: dict[str, Any], text: str) -> None:
    """An impossible registration is refused by the name of its field."""
    with pytest.raises(BadRecordError, match=text):
        Apps().upsert({**APP, **change})


def test_a_service_id_belongs_to_one_app() -> None:
    """Two apps of a provider cannot share what the authorization link names."""
    apps = Apps()
    apps.upsert(APP)
    with pytest.raises(BadRecordError, match="belongs to the app k"):
        apps.upsert({**APP, "app_key": "other"})


def test_origin_keeps_the_port() -> None:
    """The origin of a redirect URL is its scheme, host and port."""
    assert origin("http://localhost:4000/callback/x?y") == "http://localhost:4000"


def test_apps_without_service_ids_stand_beside_each_other() -> None:
    """A provider without service ids has any number of apps."""
    apps = Apps()
    for key in ("a", "b"):
        apps.upsert({"provider": "p", "app_key": key, "app_secret": "s"})
    assert [app.app_key for app in apps] == ["a", "b"]


def test_lives_may_have_no_end() -> None:
    """Null is a life without an end."""
    settings = {"access_token_seconds": None, "refresh_token_seconds": None}
    assert Apps().upsert({**APP, "settings": settings}).settings.access_token_seconds is None
