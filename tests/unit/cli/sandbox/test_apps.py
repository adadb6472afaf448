"""Registrations: what a change keeps, what is refused, and what is never shown."""

from __future__ import annotations

from typing import Any

import pytest

from tokensync_cli.sandbox.apps import Apps, origin, public
from tokensync_cli.sandbox.records import BadRecordError

APP = {"provider": "p", "app_key": "k", "app_secret": "planted-secret", "service_id": "1"}


def test_upsert_changes_the_given_fields_alone() -> None:
    """A second upsert keeps what it does not name, settings one by one; null is a life without an end."""
    apps = Apps()
    apps.upsert({**APP, "settings": {"code_seconds": 5, "access_token_seconds": None}})
    app = apps.upsert({"provider": "p", "app_key": "k", "name": "Demo", "settings": {"refresh_reuse": "safe"}})
    assert (app.app_secret, app.title, app.settings.refresh_reuse) == ("planted-secret", "Demo", "safe")
    assert (app.settings.code_seconds, app.settings.access_token_seconds) == (5, None)
    assert [app] == list(apps)


def test_defaults_are_the_documented_lifetimes_and_the_secret_is_not_shown() -> None:
    """Seven days, one year, thirty minutes and single use; neither the repr nor the public form has the secret."""
    app = Apps().upsert(APP)
    settings = app.settings
    lives = (settings.access_token_seconds, settings.refresh_token_seconds, settings.code_seconds)
    assert ((604_800, 31_536_000, 1_800), "single_use", "k") == (lives, settings.refresh_reuse, app.title)
    assert "planted-secret" not in repr(app) + str(public(app))


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
    """Two apps of a provider cannot share what the link names; without service ids there are any number of apps."""
    apps = Apps()
    apps.upsert(APP)
    with pytest.raises(BadRecordError, match="belongs to the app k"):
        apps.upsert({**APP, "app_key": "other"})
    for key in ("a", "b"):
        apps.upsert({"provider": "p", "app_key": key, "app_secret": "s"})
    assert ["k", "a", "b"] == [app.app_key for app in apps]
    assert origin("http://localhost:4000/callback/x?y") == "http://localhost:4000"
