"""`provider list`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tokensync.providers import PROVIDERS

DOCS = Path(__file__).parents[4] / "docs" / "providers.md"


def test_the_providers_of_this_version(desk: Any) -> None:
    """All of the registry, without any stack."""
    told = json.loads(desk.start("provider", "list", "--json").stdout)

    assert list(PROVIDERS) == [provider["provider"] for provider in told]
    assert ["service_id"] == told[0]["required"]
    shown = desk.start("provider", "list").stdout
    assert "TikTok Shop" in shown
    assert "--service-id" in shown


def test_each_provider_tells_what_it_can_do(desk: Any) -> None:
    """For programs: the grant type, and which of the calls beside a refresh it has."""
    told = {each["provider"]: each for each in json.loads(desk.start("provider", "list", "--json").stdout)}

    assert ("authorization_code", True, False, True) == _can(told["tiktok_shop"])
    assert ("authorization_code", True, True, True) == _can(told["tiktok_login"])
    assert ("authorization_code", True, True, False) == _can(told["tiktok_ads"])
    assert ("refresh_token", False, False, False) == _can(told["eshopbox"])
    assert "safe" == told["eshopbox"]["refresh_reuse"]
    assert None is told["oauth2"]["hosts"]
    assert "client_secret_basic" == told["oauth2"]["settings"]["client_auth"][0]
    assert [] == told["oauth2"]["settings"]["issuer"]


def test_all_ways_to_a_connection_are_told(desk: Any) -> None:
    """They are those of the first table of docs/providers.md."""
    told = {
        each["provider"]: each["connected_by"] for each in json.loads(desk.start("provider", "list", "--json").stdout)
    }
    rows = re.findall(
        r"^\| `(\w+)` \| ([a-z, ]+) \| `(?:single_use|safe)`", DOCS.read_text(encoding="utf-8"), re.MULTILINE
    )

    assert {name: ways.split(", ") for name, ways in rows} == told


def _can(told: dict[str, Any]) -> tuple[str, bool, bool, bool]:
    return told["grant_type"], told["verifies"], told["revokes"], told["webhooks"]


def test_people_are_told_how_to_connect_and_what_to_set(desk: Any) -> None:
    """The command that makes a connection, and each setting as it is written."""
    shown = desk.start("provider", "list", COLUMNS="400").stdout

    assert "import" in next(line for line in shown.splitlines() if "eshopbox" in line)
    assert "invite" in next(line for line in shown.splitlines() if "tiktok_ads" in line)
    for written in ("grant=authorization_code|client_credentials", "authorize.NAME=TEXT", "issuer=TEXT"):
        assert written in shown


def test_one_provider_is_shown_whole(desk: Any) -> None:
    """What is known of it, what each setting does, and each departure from the RFCs; under either spelling."""
    told = json.loads(desk.start("provider", "show", "tiktok-shop", "--json").stdout)

    assert ("tiktok_shop", "single_use", 86_400) == (
        told["provider"], told["refresh_reuse"], told["access_token_seconds"],
    )  # fmt: skip
    assert told["source"].startswith("https://partner.tiktokshop.com/")
    assert ["none", "provider"] == told["settings"]["installs"]["values"]
    assert ("GET", "app_key", "access_token_expire_in") == tuple(
        told["departures"][name] for name in ("token.method", "token.client_id", "response.expires_in")
    )
    assert "seller, creator or partner" in told["facts"]["user_type"]
    assert {} == json.loads(desk.start("provider", "show", "oauth2", "--json").stdout)["departures"]
    eshopbox = json.loads(desk.start("provider", "show", "eshopbox", "--json").stdout)
    assert ({}, ["workspace"]) == (eshopbox["facts"], list(eshopbox["wanted_facts"]))


def test_every_setting_is_shown_to_people(desk: Any) -> None:
    """With its values, and what it does; an unknown provider is named."""
    shown = desk.start("provider", "show", "oauth2", COLUMNS="400").stdout
    for text in ("client_auth=client_secret_basic|", "header.NAME=TEXT", "token_method=POST|GET", "return_url=TEXT"):
        assert text in shown
    assert "none is a public client" in shown
    assert 2 == desk.start("provider", "show", "nobody").exit_code
