"""The count of what can be declared is of what really arrives in the requests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
import declarable

PLAIN = {
    "auth_mode": "OAUTH2",
    "authorization_url": "https://one.example/authorize",
    "token_url": "https://one.example/token",
    "authorization_params": {"response_type": "code", "prompt": "consent"},
    "token_params": {"grant_type": "authorization_code"},
    "refresh_params": {"grant_type": "refresh_token"},
    "docs": "https://docs.example",
}
DECLARED = {
    "plain": PLAIN,
    "alias": {"alias": "plain", "body_format": "json", "authorization_method": "header"},
    "raw": {**PLAIN, "token_request_auth_method": "basic", "scope_separator": ",", "default_scopes": ["a", "b"]},
    "renamed": {**PLAIN, "authorization_url_replacements": {"client_id=": "appKey=", "state": "custom"}},
    "hash": {**PLAIN, "authorization_url_fragment": "/o/a", "disable_pkce": True},
    "named code": {**PLAIN, "authorization_code_param_in_callback": "the_code"},
    "own host": {
        **PLAIN,
        "authorization_url": "https://${connectionConfig.subDomain}.shop.example/authorize",
        "token_url": "https://${connectionConfig.subDomain}.shop.example/token",
        "token_params": {"site": "${connectionConfig.subDomain}"},
        "connection_config": {"subDomain": {"pattern": "^[a-z0-9-]+$"}},
    },
    "one of two hosts": {
        **PLAIN,
        "token_url": "https://api.${connectionConfig.region}.one.example/t || https://api.one.example/t",
        "connection_config": {"region": {"enum": ["eu", "au"]}},
    },
    "wider": {**PLAIN, "authorization_params": {"nonce": "${random}", "session": False}},
}
NOT_DECLARED = {
    "without a page": {key: value for key, value in PLAIN.items() if key != "authorization_url"},
    "unheard of": {**PLAIN, "token_dance": True},
    "secret": {
        **PLAIN,
        "authorization_params": {"password": "${connectionConfig.password}"},
        "connection_config": {"password": {"secret": True}},
    },
    "odd separator": {**PLAIN, "scope_separator": "#"},
}


def judged(table: dict[str, object], tmp_path: Path) -> list[str]:
    """Return the report about a table."""
    file = tmp_path / "table.yaml"
    file.write_text(yaml.safe_dump(table), encoding="utf-8")
    return declarable.report(file).splitlines()


def test_what_can_be_declared_is_counted(tmp_path: Path) -> None:
    """Each is registered and its requests are built; other kinds of entries are not looked at."""
    told = judged({**DECLARED, "key": {"auth_mode": "API_KEY"}}, tmp_path)
    assert [f"{len(DECLARED)} of {len(DECLARED)} can be declared by settings alone"] == told


@pytest.mark.parametrize("name", NOT_DECLARED)
def test_what_cannot_be_said_is_named(tmp_path: Path, name: str) -> None:
    """It is not counted, and the report says why."""
    told = judged({name: NOT_DECLARED[name]}, tmp_path)
    assert ("0 of 1 can be declared by settings alone", True) == (told[0], told[1].startswith(f"{name}: "))


def test_a_parameter_that_does_not_arrive_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A translation that forgets something is found out by the request that follows from it."""
    monkeypatch.setattr(declarable, "_filled", lambda *_, **__: "another value")
    told = judged({"wider": {**PLAIN, "token_params": {"audience": "api"}}}, tmp_path)
    assert "0 of 1 can be declared by settings alone" == told[0]
