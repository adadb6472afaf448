"""The vendors' documented requests against the sandbox: the core reads the documented outcome.

The core's requests are held to the vendors' pages byte for byte in `tests/unit/providers`, and so is its parser: what
both agree on here is the sandbox's faithfulness.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from documented import SAMPLES
from samples import GRANT, STATE, VERIFIER

from tokensync.domain.messages import Failure, FailureClass, Issued
from tokensync.domain.secret import Secret
from tokensync.oauth.provider import RefreshReuse

if TYPE_CHECKING:
    from collections.abc import Callable

REFUSED, CONFIGURATION, UNKNOWN = FailureClass.REFUSED, FailureClass.CONFIGURATION, FailureClass.UNKNOWN
EVERYBODY = sorted(SAMPLES)
CONSENTING = [name for name in EVERYBODY if SAMPLES[name].authorize is not None]
REFRESHING = [name for name in EVERYBODY if SAMPLES[name].refresh is not None]
# What no page of TikTok Ads documents, and an app of the sandbox may be set to.
APPEARING = {"access_token_seconds": 86_400, "refresh_token_seconds": 2_592_000, "refreshable": True}
ROTATING = [name for name in REFRESHING if SAMPLES[name].provider.refresh_reuse is RefreshReuse.SINGLE_USE]
REVOKING = [name for name in EVERYBODY if SAMPLES[name].revocation is not None]
VERIFYING = [name for name in EVERYBODY if SAMPLES[name].account is not None]
MINTING = [name for name in EVERYBODY if SAMPLES[name].minting is not None]
# The exchange asks for no advertiser ids; an ID token comes with the scope openid.
BESIDE = {"tiktok_ads": {"advertiser_ids"}, "oauth2": {"id_token"}}
WRONG_CLIENT = {"tiktok_ads": UNKNOWN, "eshopbox": UNKNOWN}


def refreshed_by(party: Callable[..., Any], name: str, **settings: Any) -> Any:
    """Return a party of a provider that gives refresh tokens, be it undocumented."""
    return party(name, **{**(APPEARING if name == "tiktok_ads" else {}), **settings})


def fields(body: dict[str, Any], envelope: str | None) -> tuple[set[str], set[str]]:
    """Return the names of a success's fields, and of those in its envelope."""
    return set(body), set(body[envelope] if envelope else {})


@pytest.mark.parametrize("name", CONSENTING)
def test_a_consent_gives_the_documented_success(party: Callable[..., Any], name: str) -> None:
    """Link, page, callback and exchange work as documented: the success has the sample's fields, lives and scopes."""
    one = party(name)
    callback = one.callback()
    code = callback.code(one.provider, one.app)
    response = one.ask_exchange(code)
    read, sample = one.read(response), one.sample

    assert callback.state == STATE
    assert isinstance(read, Issued)
    envelope = sample.provider.response.envelope
    outer, inner = fields(response.json(), envelope)
    expected_outer, expected_inner = fields(dict(sample.success), envelope)
    assert BESIDE.get(name, set()) == (outer ^ expected_outer) | (inner ^ expected_inner)
    assert (sample.issued.life, ()) == (read.life, read.oddities)
    assert sample.issued.token_type == read.token_type
    assert (sample.issued.refresh_token is None) == (read.refresh_token is None)
    ends = sample.issued.refresh_expires_at
    assert (ends and ends - 1_700_000_000) == (read.refresh_expires_at and read.refresh_expires_at - one.box.now)
    assert one.app.scopes == read.scopes
    assert bool(sample.issued.trace_id) == bool(read.trace_id) or name == "tiktok_login"
    assert (None if name == "tiktok_ads" else one.account) == (read.account and read.account.id)
    assert read.account is None or (read.account.kind == ("seller" if name == "tiktok_shop" else ""))


@pytest.mark.parametrize("name", CONSENTING)
def test_a_denial_brings_no_code(party: Callable[..., Any], name: str) -> None:
    """A denial returns the state and an error, in whatever words the vendor has."""
    callback = party(name).callback("deny", account=None, scope=None)

    assert callback.state == STATE
    assert callback.code(party(name).provider, party(name).app) is None


@pytest.mark.parametrize("name", CONSENTING)
def test_a_code_works_once_and_for_its_time(party: Callable[..., Any], name: str, sha256: Any) -> None:
    """A used, an expired and an unknown code are refused as documented; the ledger counts the double presentation."""
    one = party(name)
    code, late = one.code(), one.code()
    issued = one.exchange(code)
    assert issued.access_token
    assert one.exchange(code).kind is REFUSED
    (double,) = one.box.ledger()["doubles"]
    assert (sha256(code.reveal()), 2, 1) == (double["presented"], double["count"], double["committed"])
    life = one.box.sandbox.apps.find(name, one.app.client_id).settings.code_seconds
    assert life == {"tiktok_shop": 1_800, "tiktok_login": 1_800, "tiktok_ads": 3_600}.get(name, 600)
    one.box.control("clock", {"offset": life})
    assert one.exchange(late).kind is REFUSED
    assert one.exchange(Secret("unknown")).kind is REFUSED
    one.box.control("clock", {"offset": life - 1})
    assert isinstance(one.exchange(late), Issued)
    first = one.box.ledger()["entries"][0]
    assert ("code", one.account, "issued", None) == tuple(first[key] for key in ("kind", "account", "outcome", "error"))
    refresh = None if issued.refresh_token is None else sha256(issued.refresh_token.reveal())
    assert first["issued"] == {"access_token": sha256(issued.access_token.reveal()), "refresh_token": refresh}


@pytest.mark.parametrize("name", ROTATING)
def test_a_refresh_token_works_once_and_until_its_end(party: Callable[..., Any], name: str) -> None:
    """A refresh rotates the pair and leaves the end of the authorization; the old token is refused, and is a double."""
    one = refreshed_by(party, name, refresh_token_seconds=9_000, reuse_detection=False)
    first = one.grant()
    one.box.control("clock", {"offset": 1_000})
    second = one.refresh(first.refresh_token)
    assert isinstance(second, Issued)
    assert {first.access_token, first.refresh_token}.isdisjoint({second.access_token, second.refresh_token})
    if name != "oauth2":  # the RFC's answer states no end
        assert second.refresh_expires_at == one.box.now + 9_000
    assert one.refresh(first.refresh_token).kind is REFUSED
    assert one.refresh(Secret("unknown")).kind is REFUSED
    (double,) = one.box.ledger()["doubles"]
    assert ("refresh_token", 2, 1) == (double["kind"], double["count"], double["committed"])
    third = one.refresh(second.refresh_token)
    one.box.control("clock", {"offset": 9_000})
    assert one.refresh(third.refresh_token).kind is REFUSED


def test_eshopbox_rotates_nothing(party: Callable[..., Any]) -> None:
    """The one refresh token gives access tokens for years, whatever the app's rule; nothing else comes back."""
    one = party("eshopbox", refresh_reuse="single_use")
    token = one.grant().refresh_token
    response = one.ask_refresh(token)
    assert (set(one.sample.success), 86_400, ()) == (
        set(response.json()),
        one.read(response).life,
        one.read(response).oddities,
    )
    one.box.control("clock", {"offset": 10 * 31_536_000})
    assert one.refresh(token).life == 86_400
    (double,) = one.box.ledger()["doubles"]
    assert (2, 2) == (double["count"], double["committed"])
    assert one.box.ledger()["entries"][0]["issued"]["refresh_token"] is None


@pytest.mark.parametrize("name", EVERYBODY)
def test_a_wrong_client_spends_nothing(party: Callable[..., Any], name: str) -> None:
    """A wrong secret and an unknown client are the operator's, as far as documented; the credential stays good."""
    one = party(name)
    real, present = one.app, one.exchange if one.sample.authorize else one.refresh
    credential = one.code() if one.sample.authorize else one.grant().refresh_token
    for change in ({"client_secret": Secret("wrong")}, {"client_id": "unknown"}):
        one.app = replace(real, **change)
        assert present(credential).kind is WRONG_CLIENT.get(name, CONFIGURATION)
    one.app = real
    assert isinstance(present(credential), Issued)


@pytest.mark.parametrize("name", EVERYBODY)
def test_a_credential_is_bound_to_its_app(party: Callable[..., Any], name: str) -> None:
    """Another app's code, refresh token and access token are refused, and stay good."""
    one = refreshed_by(party, name)
    other, grant = one.other(), one.grant()
    refused = UNKNOWN if name == "eshopbox" else REFUSED
    if one.sample.authorize:
        code = one.code()
        assert other.exchange(code).kind is refused
        assert isinstance(one.exchange(code), Issued)
    if one.sample.revocation:
        assert other.revoke(grant) is not None
    if one.sample.account and name in ("tiktok_shop", "tiktok_ads"):  # the others name no app in their call
        assert isinstance(other.verify(grant), Failure)
    if name in REFRESHING:
        assert other.refresh(grant.refresh_token).kind is refused
        assert isinstance(one.refresh(grant.refresh_token), Issued)


@pytest.mark.parametrize("name", REVOKING)
def test_a_revocation_ends_that_authorization_alone(party: Callable[..., Any], name: str) -> None:
    """Its tokens work no more, others of the same account do; the ledger has it, and repeated it is no double."""
    one = refreshed_by(party, name)
    kept, ended = one.grant(), one.grant()
    wrong = replace(one.app, client_secret=Secret("wrong"))
    real, one.app = one.app, wrong
    assert one.revoke(ended) is not None
    one.app = real
    assert one.revoke(ended) is None
    again = one.revoke(ended)
    assert (again is None) == (name == "oauth2")  # RFC 7009 §2.2: an invalid token is no error
    if one.sample.account:
        assert one.verify(ended).kind is REFUSED
        assert isinstance(one.verify(kept), dict)
    if name in REFRESHING:
        assert one.refresh(ended.refresh_token).kind is REFUSED
        assert isinstance(one.refresh(kept.refresh_token), Issued)
    outcomes = [entry["committed"] for entry in one.box.ledger(kind="revocation")["entries"]]
    assert [False, True, name == "oauth2"] == outcomes
    assert [] == [double for double in one.box.ledger()["doubles"] if double["kind"] == "revocation"]


FACTS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "tiktok_shop": lambda one: {
        "shops": [
            {key: getattr(shop, key) for key in ("id", "cipher", "name", "region", "code", "seller_type")}
            for shop in one.box.sandbox.accounts.find("tiktok_shop", one.account).shops
        ]
    },
    "tiktok_login": lambda one: {
        "open_id": one.account,
        "display_name": "Lena Park",
        **one.box.sandbox.accounts.find("tiktok_login", one.account).facts,
    },
    "tiktok_ads": lambda _: {
        "advertiser_ids": ["7255118762340519937", "7255118762340519938"],
        "advertisers": [
            {"id": "7255118762340519937", "name": "Northwind Spring"},
            {"id": "7255118762340519938", "name": "Northwind Brand"},
        ],
    },
    "oauth2": lambda one: {"sub": one.account, "name": "Jane Doe"},
}


@pytest.mark.parametrize("name", VERIFYING)
def test_a_token_is_verified_by_its_account(party: Callable[..., Any], name: str) -> None:
    """The documented call returns the account's facts; an unknown, expired or withdrawn token is refused."""
    one = party(name, access_token_seconds=500)
    grant = one.grant()
    assert FACTS[name](one) == one.verify(grant)
    assert one.verify(replace(grant, access_token=Secret("unknown"))).kind is REFUSED
    second = one.grant()
    one.box.control("clock", {"offset": 500})
    assert one.verify(grant).kind is REFUSED
    one.box.control("clock", {"offset": 0})
    assert {"revoked": 2} == one.box.control("revoke", one.named)
    assert one.verify(second).kind is REFUSED


@pytest.mark.parametrize(
    ("name", "scope"), [("tiktok_shop", "seller.order.info"), ("tiktok_login", "video.list"), ("oauth2", "read")]
)
def test_a_scope_that_was_not_granted_refuses_no_token(party: Callable[..., Any], name: str, scope: str) -> None:
    """What is not ticked is not granted; the account call then says nothing of the token."""
    one = party(name)
    issued = one.exchange(one.code(scope=[scope, "never.asked"]))
    assert (scope,) == issued.scopes
    read = one.verify(replace(one.grant(), access_token=issued.access_token))
    assert (read.kind, isinstance(read, Failure)) == (UNKNOWN, True)


@pytest.mark.parametrize("name", MINTING)
def test_an_app_mints_its_own_token(party: Callable[..., Any], name: str) -> None:
    """It has a life, no refresh token and no account; two of them are no double, and nobody's facts are read by it."""
    one = party(name)
    one.app = replace(one.sample.minting, endpoints=one.endpoints, scopes=("read",) if name == "oauth2" else ())
    minted = [one.mint() for _ in range(2)]
    assert minted[0].access_token != minted[1].access_token
    assert (one.sample.issued.life, None, None) == (minted[0].life, minted[0].refresh_token, minted[0].account)
    ledger = one.box.ledger(kind="client_credentials")
    assert ([True, True], []) == ([entry["committed"] for entry in ledger["entries"]], ledger["doubles"])
    one.app = replace(one.app, settings={})
    assert isinstance(one.verify(replace(GRANT, access_token=minted[0].access_token)), Failure)


@pytest.mark.parametrize("name", ROTATING)
def test_a_lost_answer_costs_the_refresh_token(party: Callable[..., Any], name: str) -> None:
    """Where the answer is lost after the commit, the token that was presented is dead."""
    one = refreshed_by(party, name)
    token = one.grant().refresh_token
    one.fault("refresh", "status", status=502, committed=True, body="")
    assert one.refresh(token).kind is FailureClass.AMBIGUOUS
    assert one.refresh(token).kind is REFUSED


LIKELY = {"tiktok_shop": ("98001005", "98001006"), "tiktok_ads": ("40110", ""), "tiktok_accounts": ("40110", "40105")}


@pytest.mark.parametrize("name", LIKELY)
def test_numbers_of_single_observations_are_refusals_too(party: Callable[..., Any], name: str) -> None:
    """An app may be set to the numbers that were seen once: the core knows them."""
    one = party(name, likely_codes=True)
    code = one.code()
    token = one.exchange(code).refresh_token
    by_code = one.exchange(code)
    assert (LIKELY[name][0], REFUSED) == (by_code.code, by_code.kind)
    if token is not None:
        one.refresh(token)
        by_token = one.refresh(token)
        assert (LIKELY[name][1], REFUSED) == (by_token.code, by_token.kind)


ENDPOINTS: dict[str, Callable[[Any], Any]] = {
    "token": lambda one: one.exchange(one.code()),
    "refresh": lambda one: one.refresh(one.held),
    "client_credentials": lambda one: one.mint(),
    "revoke": lambda one: one.revoke(GRANT),
    "shops": lambda one: one.verify(GRANT),
    "advertisers": lambda one: one.verify(GRANT),
    "user_info": lambda one: one.verify(GRANT),
}
WORDS: dict[str, tuple[int | str, FailureClass]] = {
    "tiktok_shop": (36009002, FailureClass.BUSY),
    "tiktok_login": ("temporarily_unavailable", FailureClass.BUSY),
    "tiktok_ads": (40100, FailureClass.BUSY),
    "tiktok_accounts": (40100, FailureClass.BUSY),
    "eshopbox": (401, UNKNOWN),
    "oauth2": ("temporarily_unavailable", FailureClass.BUSY),
}
# A scripted error has no challenge, which alone refuses a token to the RFCs.
CALL_WORDS = {"tiktok_login": ("rate_limit_exceeded", FailureClass.BUSY), "oauth2": (401, UNKNOWN)}


@pytest.mark.parametrize(
    ("name", "endpoint"),
    [
        (name, endpoint)
        for name, endpoints in {
            "tiktok_shop": ("token", "refresh", "shops"),
            "tiktok_login": ("token", "refresh", "client_credentials", "revoke", "user_info"),
            "tiktok_ads": ("token", "refresh", "advertisers", "revoke"),
            "tiktok_accounts": ("token", "refresh", "revoke"),
            "eshopbox": ("refresh",),
            "oauth2": ("token", "refresh", "client_credentials", "revoke", "user_info"),
        }.items()
        for endpoint in endpoints
    ],
)
def test_every_endpoint_fails_on_command(party: Callable[..., Any], name: str, endpoint: str) -> None:
    """A scripted error, a throttle and a spoiled body are read as such, for one app alone; each request is counted."""
    one = refreshed_by(party, name) if endpoint == "refresh" else party(name)
    one.held = one.grant().refresh_token
    ask = ENDPOINTS[endpoint]
    word, kind = CALL_WORDS.get(name, WORDS[name]) if endpoint == "user_info" else WORDS[name]
    before = one.box.ledger()["requests"].get(f"{name}/{endpoint}", 0)
    one.fault(endpoint, "error", app="another", code=word)
    one.fault(endpoint, "error", code=word, message="later")
    one.fault(endpoint, "throttle", headers={"Retry-After": "5"})
    one.fault(endpoint, "mangle", how="html")

    scripted, throttled, spoiled = ask(one), ask(one), ask(one)

    assert (kind, f"http_{word}" if word == 401 else str(word)) == (scripted.kind, scripted.code)
    assert (FailureClass.BUSY, 5) == (throttled.kind, throttled.retry_after)
    if (name, endpoint) != ("oauth2", "revoke"):  # RFC 7009 §2.2: its status alone speaks
        assert isinstance(spoiled, Failure)
    assert one.box.ledger()["requests"][f"{name}/{endpoint}"] == before + 3


@pytest.mark.parametrize("name", EVERYBODY)
def test_every_credential_carries_the_marker(party: Callable[..., Any], name: str) -> None:
    """An app's marker is in every code and token, so that a search finds a leak."""
    one = party(name, token_marker="CANARY7")
    grant = one.grant()
    given = [grant.access_token, grant.refresh_token, one.code() if one.sample.authorize else None]
    assert all("CANARY7" in secret.reveal() for secret in given if secret is not None)


@pytest.mark.parametrize("name", EVERYBODY)
def test_an_import_brings_a_working_pair(party: Callable[..., Any], name: str, sha256: Any) -> None:
    """A pair without a consent refreshes or verifies, also after a restart, and is no presentation in the ledger."""
    one = party(name)
    pair = one.box.control("credentials", one.named)
    assert (pair["refresh_token"] is None) == (name == "tiktok_ads")
    assert one.box.ledger()["entries"] == []
    one.box = one.box.restarted()
    assert pair["access_token"] not in one.box.path.read_text()
    assert sha256(pair["access_token"]) in one.box.path.read_text()
    assert one.box.sandbox.grants.owner(pair["access_token"]).account == one.account
    if name == "tiktok_ads":
        assert isinstance(one.verify(replace(GRANT, access_token=Secret(pair["access_token"]))), dict)
    else:
        assert isinstance(one.refresh(Secret(pair["refresh_token"])), Issued)


def test_codes_stay_bound_over_a_restart(party: Callable[..., Any]) -> None:
    """The challenge and the redirect URI of a code are saved with it."""
    one = party("oauth2")
    code = one.code()
    one.box = one.box.restarted()
    assert one.exchange(code, code_verifier="x" * 43).code == "invalid_grant"
    assert isinstance(one.exchange(code, code_verifier=VERIFIER.reveal()), Issued)


def test_the_documented_bodies_are_objects(party: Callable[..., Any]) -> None:
    """Every JSON endpoint reads an object and nothing else: anything else presents nothing."""
    for name, key in (
        ("tiktok_ads", "token"),
        ("tiktok_ads", "revoke"),
        ("eshopbox", "token"),
        ("tiktok_accounts", "token"),
    ):
        one = party(name)
        for content in (b"", b"[]", b"{", b"[" * 100_000, b"client_id=client-1", json.dumps([1]).encode()):
            headers = {"content-type": "application/json"}
            response = one.box.request("POST", one.endpoints[key], content=content, headers=headers)
            assert isinstance(one.read(response), Failure)
            assert one.box.get(one.endpoints[key]).status_code in (404, 405)
    assert one.box.ledger()["entries"] == []
