"""`app add`, `app set`, `app set-private-key`: what a client authenticates with, and settings that fit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fakes.scripted import OIDC
from field_rows import field

if TYPE_CHECKING:
    from pathlib import Path

KEY = ec.generate_private_key(ec.SECP256R1())
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")
ADD = ("app", "add", "bank", "--provider", "oauth2", "--client-id", "client-1")
ENDPOINTS = ("--endpoint", "authorize=https://id.example/a", "--endpoint", "token=https://id.example/t")
PUBLIC = ("--set", "client_auth=none")
SIGNING = ("--set", "client_auth=private_key_jwt")


@pytest.fixture
def key_file(tmp_path: Path) -> str:
    """A file with a private key."""
    file = tmp_path / "key.pem"
    file.write_text(PEM, encoding="ascii")
    return str(file)


@field("B public client")
def test_a_public_client_is_asked_for_no_secret(desk: Any) -> None:
    """Nothing is read, and nothing is stored in its place."""
    assert 0 == desk.run(*ADD, *ENDPOINTS, *PUBLIC).exit_code

    app = desk.world.apps.get("bank")
    assert (False, None) == (bool(app.client_secret), app.private_key)
    effective = desk.json("app", "show", "bank")["effective"]
    assert ("none", "S256", "form") == (effective["client_auth"], effective["pkce"], effective["token_format"])
    assert "none" in next(
        line for line in desk.run("app", "show", "bank").stdout.splitlines() if "client_secret" in line
    )


@field("B private_key_jwt")
@pytest.mark.parametrize("from_stdin", [False, True])
def test_a_client_that_signs_brings_its_key(desk: Any, key_file: str, from_stdin: bool) -> None:  # noqa: FBT001
    """From a file or from stdin; it is printed nowhere."""
    option = ("--private-key-file", "-" if from_stdin else key_file)
    result = desk.run(*ADD, *ENDPOINTS, *SIGNING, *option, stdin=PEM if from_stdin else None)

    assert 0 == result.exit_code, result.output
    app = desk.world.apps.get("bank")
    assert PEM.strip() == app.private_key.reveal()
    shown = desk.run("app", "show", "bank")
    assert "PRIVATE KEY" not in result.output + shown.output
    assert "stored, never shown" == desk.json("app", "show", "bank")["private_key"]


@field("B private_key_jwt", "B public client")
@pytest.mark.parametrize(
    ("options", "said", "following"),
    [
        (SIGNING, "needs --private-key-file", "--private-key-file FILE"),
        ((*SIGNING, "--client-secret-stdin"), "has no client secret", "client_auth=private_key_jwt"),
        ((*PUBLIC, "--client-secret-stdin"), "has no client secret", "client_auth=none"),
        (("--private-key-file", "x"), "is for client_auth=private_key_jwt", "--set client_auth=private_key_jwt"),
        ((*SIGNING, "--private-key-file", "/nowhere/key.pem"), "cannot be read", "PEM"),
        ((*SIGNING, "--private-key-file", "-"), "no private key in PEM", "--private-key-file -"),
        ((), "asked for on a terminal", "--client-secret-stdin"),
    ],
)  # fmt: skip
def test_a_credential_that_does_not_fit_registers_nothing(
    desk: Any, options: tuple[str, ...], said: str, following: str
) -> None:
    """The message names the option, and the next command has the one that fits."""
    code, error = desk.error(*ADD, *ENDPOINTS, *options, stdin="canary that is no key")

    assert 2 == code
    assert said in error["message"]
    assert following in error["next"]
    assert "canary" not in str(error)
    assert "bank" not in desk.world.apps.names()


@field("B private_key_jwt")
def test_a_private_key_is_stored_and_replaced(desk: Any, key_file: str, tmp_path: Path) -> None:
    """Beside a secret at first, then used instead of it; one that cannot sign replaces nothing."""
    desk.world.apps.register(OIDC)
    assert 2 == desk.error("app", "set", "oidc", "client_auth=private_key_jwt")[0]
    stored = desk.run("app", "set-private-key", "oidc", "--private-key-file", key_file)
    assert "Next: tokensync app set oidc client_auth=private_key_jwt" in stored.stderr
    assert 0 == desk.run("app", "set", "oidc", "client_auth=private_key_jwt").exit_code

    bad = tmp_path / "bad.pem"
    bad.write_text("no key", encoding="ascii")
    assert 2 == desk.error("app", "set-private-key", "oidc", "--private-key-file", str(bad))[0]
    assert PEM.strip() == desk.world.apps.get("oidc").private_key.reveal()
    code, error = desk.error("app", "rotate-secret", "oidc", "--client-secret-stdin", stdin="new")
    assert (1, "NoClientSecret") == (code, error["class"])
    assert "set-private-key oidc" in error["next"]
    assert (1, "WrongProvider") == (
        desk.error("app", "set-private-key", "tiktok-shop", "--private-key-file", key_file)[0],
        desk.error("app", "set-private-key", "tiktok-shop", "--private-key-file", key_file)[1]["class"],
    )


@field("B refused")
def test_a_setting_that_would_be_ignored_is_refused_when_it_is_set(desk: Any) -> None:
    """By `app add` and by `app set`; one without a value is removed."""
    code, error = desk.error(*ADD, *ENDPOINTS, "--set", "authorize.redirect_uri=https://x.example", *PUBLIC)
    assert (2, True) == (code, "authorize.redirect_uri would be ignored" in error["message"])

    desk.world.apps.register(replace(OIDC, settings={"refresh_reuse": "grace", "grace_seconds": "60"}))
    code, error = desk.error("app", "set", "oidc", "refresh_reuse=safe")
    assert (2, True) == (code, "grace_seconds does nothing" in error["message"])
    assert {"refresh_reuse": "safe"} == desk.json("app", "set", "oidc", "refresh_reuse=safe", "grace_seconds=")[
        "settings"
    ]
    assert 2 == desk.error("app", "set", "oidc", "grace_seconds=")[0]


@field("B refused")
def test_a_setting_from_before_stops_no_connection_and_makes_none(desk: Any) -> None:
    """An app that has one refreshes what it has; its invite names the setting, and the command that removes it."""
    desk.world.apps.register(replace(OIDC, settings={"authorize.redirect_uri": "https://x.example"}))
    code, error = desk.error("invite", "oidc")

    assert (1, "InvalidApp") == (code, error["class"])
    assert "authorize.redirect_uri would be ignored" in error["message"]
    assert desk.world.session("oidc").provider.authorize.parameters
    assert 0 == desk.run("app", "set", "oidc", "authorize.redirect_uri=").exit_code
    assert 0 == desk.run("invite", "oidc").exit_code
