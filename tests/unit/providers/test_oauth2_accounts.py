"""Whom the generic provider takes for the account: ID token, UserInfo, or a field of the token answer."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from documented import SAMPLES
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import answer, issued, varied

from tokensync.domain.messages import AccountReply, Failure
from tokensync.oauth.token_response import read_account
from tokensync.providers import PROVIDERS

if TYPE_CHECKING:
    from samples import Sample

    from tokensync.domain.app import App
    from tokensync.oauth.provider import Provider

OAUTH2 = PROVIDERS["oauth2"]
SAMPLE = SAMPLES["oauth2"]


def app(**app_settings: str) -> App:
    """Return a registration with these settings; two underscores stand for the dot in a setting's name."""
    return replace(SAMPLE.app, settings={name.replace("__", "."): value for name, value in app_settings.items()})


def provider(**app_settings: str) -> Provider:
    """Return the provider as such an app configures it."""
    return OAUTH2.for_app(app(**app_settings))


def sample(**app_settings: str) -> Sample:
    """Return the sample of such an app."""
    return replace(SAMPLE, app=app(**app_settings))


def id_token(**claims: object) -> str:
    """Return an ID token with these claims beside its own; `...` leaves one out."""
    whole = {"iss": "https://id.example", "sub": "user-1", "aud": "client-1", "exp": 1, **claims}
    text = json.dumps({name: value for name, value in whole.items() if value is not ...})
    part = base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
    return f"eyJhbGciOiJub25lIn0.{part}.c2lnbmF0dXJl"


ISSUER = "https://id.example"


def test_the_subject_names_the_account() -> None:
    """OpenID Connect Core §2: the ID token's subject is the account; name, login or e-mail is its label."""
    read = issued(SAMPLE, varied(SAMPLE, id_token=id_token(name="Ada", email="a@b.example", roles=["x"])))

    assert read.account == AccountReply(
        id="user-1", label="Ada", facts={"sub": "user-1", "name": "Ada", "email": "a@b.example"}
    )


@pytest.mark.parametrize("audience", ["client-1", ["client-1"], ["other", "client-1"]])
def test_an_id_token_for_us_is_taken(audience: object) -> None:
    """OpenID Connect Core §2: the audience is a text or a list."""
    read = issued(SAMPLE, varied(SAMPLE, id_token=id_token(aud=audience)))

    assert read.account is not None
    assert read.account.id == "user-1"


@pytest.mark.parametrize(
    "token",
    [
        id_token(aud="other"),
        id_token(aud=["other"]),
        id_token(aud=...),
        id_token(aud=None),
        id_token(sub=...),
        id_token(sub=""),
        id_token(sub=7),
        id_token(iss="https://evil.example"),
        id_token(iss=...),
        "",
        "a.b",
        "a.b.c",
        "a.W10.c",
        "a.ü.c",
        "a." + base64.urlsafe_b64encode(b"[" * 20_000).decode() + ".c",
        None,
        7,
    ],
)
def test_an_id_token_that_is_not_ours_names_nobody(token: object) -> None:
    """Another audience or issuer, no subject, or no ID token at all: the tokens are kept and nobody is named."""
    read = issued(sample(issuer=ISSUER), varied(SAMPLE, id_token=token))

    assert (read.account, read.access_token) == (None, SAMPLE.issued.access_token)


@pytest.mark.parametrize(
    ("value", "account"), [("t-1", "t-1"), (7, "7"), ("", None), (None, None), (True, None), ([], None), (..., None)]
)
def test_a_field_of_the_answer_may_name_the_account(value: object, account: str | None) -> None:
    """Where an app names a field it alone names the account: one account never goes by two names."""
    read = issued(sample(account_field="team_id"), varied(SAMPLE, team_id=value, id_token=id_token()))

    assert read.account == (None if account is None else AccountReply(id=account))


def userinfo(reply: object, status: int = 200, **told: str) -> object:
    """Return the facts of a UserInfo answer, or the failure."""
    configured = provider(**told)
    assert configured.account_call is not None
    return read_account(configured, configured.account_call, answer(reply, status))


def test_user_info_names_the_account() -> None:
    """OpenID Connect Core §5.3.2: `sub` names the account; a few claims are kept and everything else stays there."""
    call = provider().account_call
    assert call is not None

    facts = userinfo({"sub": "user-1", "preferred_username": "ada", "address": {}, "groups": ["x"], "locale": 5})

    assert facts == {"sub": "user-1", "preferred_username": "ada"}
    assert isinstance(facts, dict)
    assert call.account(facts, "") == AccountReply(id="user-1", label="ada")
    assert call.account({"sub": 5}, "") is None


def test_a_named_field_goes_before_user_info() -> None:
    """With a field of the token answer for a name, UserInfo still verifies the token and names nobody."""
    call = provider(account_field="team_id").account_call

    assert call is not None
    assert call.account({"sub": "user-1"}, "") is None


def test_without_a_user_info_endpoint_nothing_is_asked() -> None:
    """A server that has none, and an app that acts for itself, have nothing to verify by."""
    endpoints = {key: url for key, url in SAMPLE.app.endpoints.items() if key != "verify"}

    assert OAUTH2.for_app(replace(SAMPLE.app, endpoints=endpoints)).account_call is None
    assert provider(grant="client_credentials").account_call is None


CLAIMS: Any = st.dictionaries(
    st.sampled_from(["iss", "sub", "aud", "name", "email"]),
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=2),
)


@settings(max_examples=50, deadline=None)
@given(CLAIMS | st.integers() | st.text())
def test_no_id_token_breaks_the_answer(claims: Any) -> None:
    """Whatever an ID token claims, the tokens beside it are read."""
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()

    read = issued(sample(issuer=ISSUER), varied(SAMPLE, id_token=f"a.{part}.c"))

    assert read.access_token == SAMPLE.issued.access_token
    assert not isinstance(read, Failure)
