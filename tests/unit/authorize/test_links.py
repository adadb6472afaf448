from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tokensync.authorize.links import Invite, Signer, browser_of, verifier_of
from tokensync.domain.authorization import AuthorizationKey, hashed
from tokensync.domain.errors import BadRequest, InviteRefused
from tokensync.domain.secret import Secret

NOW = 1_700_000_000
KEY = AuthorizationKey("shop", hashed("browser"), hashed("nonce"))
INVITE = Invite(id="invite-1", app="shop", expires_at=NOW + 60, label="Acme GmbH", for_account="701")
SIGNER = Signer([Secret("first key"), Secret("second key")])
WORDS = st.text(st.characters(codec="utf-8"), max_size=30)


def test_a_state_reads_back_the_same() -> None:
    """A state carries its authorization and its end through a consent page."""
    state = SIGNER.read_state(SIGNER.state(KEY, expires_at=NOW + 60), app="shop", now=NOW)

    assert (state.key, state.expires_at) == (KEY, NOW + 60)


@settings(max_examples=50, deadline=None)
@given(WORDS, WORDS, WORDS)
def test_an_invite_reads_back_the_same(identity: str, label: str, account: str) -> None:
    """An invite carries label and account of any script."""
    invite = replace(INVITE, id=identity, label=label, for_account=account)

    assert SIGNER.read_invite(SIGNER.invite(invite), app="shop", now=NOW) == invite


@pytest.mark.parametrize("account", ["a" * 900, "ü" * 450, "店" * 300, "🛍" * 225, '"' * 900, "\\" * 900])
@pytest.mark.parametrize("label", ["", "🛍" * 100])
def test_the_longest_invite_can_be_used(account: str, label: str) -> None:
    """An invite for the longest account id with the longest label verifies, and fits into a query."""
    invite = replace(INVITE, label=label, for_account=account, id="i" * 22)

    text = SIGNER.invite(invite)

    assert SIGNER.read_invite(text, app="shop", now=NOW) == invite
    assert len(text) < 4096


def test_a_signed_text_stands_in_a_url_as_it_is() -> None:
    """No character of a signed text needs an escape in a query."""
    text = SIGNER.invite(replace(INVITE, label="Ü & = / ?"))

    assert quote(text, safe="") == text


def flipped(text: str) -> list[str]:
    """Return the text with each one character changed, dropped or doubled."""
    changed = []
    for at, char in enumerate(text):
        other = "B" if char == "A" else "A"
        changed += [text[:at] + other + text[at + 1 :], text[:at] + text[at + 1 :], text[:at] + char + text[at:]]
    return [other for other in changed if other != text]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 7))
def test_any_flipped_bit_of_an_invite_is_refused(position: int, bit: int) -> None:
    """One flipped bit anywhere and an invite is refused, unused bits of the last characters included."""
    text = SIGNER.invite(INVITE)
    at = position % len(text)
    broken = text[:at] + chr(ord(text[at]) ^ (1 << bit)) + text[at + 1 :]

    with pytest.raises(InviteRefused):
        SIGNER.read_invite(broken, app="shop", now=NOW)


GARBAGE = ["", ".", "..", "a.b", "x" * 5000, "." * 5000, "ü.ü", "\ud800.", "a", "e30.", "null", "\x00.\x00"]


@pytest.mark.parametrize("text", GARBAGE, ids=[ascii(text)[:20] for text in GARBAGE])
def test_garbage_is_refused(text: str) -> None:
    """Whatever is no signed text is refused, by the error of its kind."""
    with pytest.raises(BadRequest):
        SIGNER.read_state(text, app="shop", now=NOW)
    with pytest.raises(InviteRefused):
        SIGNER.read_invite(text, app="shop", now=NOW)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300))
@example("a" * 2100 + ".b")
def test_any_text_is_refused_and_nothing_else_raised(text: str) -> None:
    """No text that we did not sign passes or breaks the check."""
    with pytest.raises(InviteRefused):
        SIGNER.read_invite(text, app="shop", now=NOW)


@pytest.mark.parametrize(("now", "good"), [(NOW + 59, True), (NOW + 60, False), (NOW + 61, False)])
def test_a_signed_text_ends_at_its_second(now: int, good: object) -> None:
    """At the second of its expiry a text is expired."""
    text = SIGNER.invite(INVITE)
    if good:
        assert SIGNER.read_invite(text, app="shop", now=now) == INVITE
    else:
        with pytest.raises(InviteRefused, match="expired"):
            SIGNER.read_invite(text, app="shop", now=now)


def test_signature_comes_first_then_expiry_then_app() -> None:
    """Of several faults the first in this order is reported; a text is for one app."""
    stale = SIGNER.invite(replace(INVITE, expires_at=NOW - 1))
    for text, fault in ((stale[:-2], "signature"), (stale, "expired"), (SIGNER.invite(INVITE), "another app")):
        with pytest.raises(InviteRefused, match=fault) as raised:
            SIGNER.read_invite(text, app="shop-2", now=NOW)
        assert (fault != "signature") == raised.value.signed  # only a text of ours says which app is meant
    with pytest.raises(BadRequest, match="another app") as other:
        SIGNER.read_state(SIGNER.state(KEY, expires_at=NOW + 60), app="shop-2", now=NOW)
    assert other.value.signed


def test_a_state_is_no_invite() -> None:
    """The purpose is signed with the text: neither passes for the other."""
    with pytest.raises(InviteRefused, match="signature"):
        SIGNER.read_invite(SIGNER.state(KEY, expires_at=NOW + 60), app="shop", now=NOW)
    with pytest.raises(BadRequest, match="signature"):
        SIGNER.read_state(SIGNER.invite(INVITE), app="shop", now=NOW)


def test_the_previous_key_still_verifies() -> None:
    """After a rotation of the key, texts under the previous one hold and new ones are signed by the current."""
    before, after = Signer([Secret("old")]), Signer([Secret("new"), Secret("old")])
    later = Signer([Secret("newer"), Secret("new")])

    assert after.read_invite(before.invite(INVITE), app="shop", now=NOW) == INVITE
    assert later.read_invite(after.invite(INVITE), app="shop", now=NOW) == INVITE
    with pytest.raises(InviteRefused):
        later.read_invite(before.invite(INVITE), app="shop", now=NOW)


def test_a_text_that_nobody_signed_is_refused() -> None:
    """A payload that is well made is not enough."""
    payload = base64.urlsafe_b64encode(json.dumps({"a": "shop", "e": NOW + 60}).encode()).rstrip(b"=").decode()

    for forged in (f"{payload}.", payload, f"{payload}.{payload}"):
        with pytest.raises(InviteRefused):
            SIGNER.read_invite(forged, app="shop", now=NOW)


def test_a_signer_without_keys_lets_nothing_pass() -> None:
    """With no key at hand nothing verifies."""
    with pytest.raises(InviteRefused):
        Signer([]).read_invite(SIGNER.invite(INVITE), app="shop", now=NOW)


def test_a_verifier_is_bound_to_authorization_and_browser() -> None:
    """It repeats for these alone, and RFC 7636 §4.1 asks for 43 to 128 unreserved characters."""
    cookie = Secret("cookie")
    verifier = verifier_of(KEY, cookie)

    assert verifier == verifier_of(KEY, cookie)
    assert verifier not in (verifier_of(replace(KEY, nonce=hashed("other")), cookie), verifier_of(KEY, Secret("other")))
    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier.reveal())


def test_a_browser_stands_under_a_hash() -> None:
    """Neither a state nor the table holds the cookie itself."""
    assert browser_of(Secret("cookie")) == browser_of(Secret("cookie"))
    assert "cookie" not in browser_of(Secret("cookie"))
    assert browser_of(Secret("cookie")) != hashed("cookie")


BEFORE = json.loads((Path(__file__).parents[2] / "fixtures" / "links_2026_11.json").read_text())
KEYS = [Secret(BEFORE["key"]), Secret(BEFORE["previous_key"])]
INVITES = [(kept["text"], Invite(**kept["holds"])) for kept in BEFORE["invites"].values()]
STATES = [(kept["text"], kept) for kept in BEFORE["states"].values()]


@pytest.mark.parametrize(("text", "holds"), INVITES, ids=BEFORE["invites"])
def test_an_invite_that_was_sent_before_works_until_it_expires(text: str, holds: Invite) -> None:
    """A link that a seller has in the post keeps working across an update, under both keys, to its second."""
    signer = Signer(KEYS)

    assert signer.read_invite(text, app=holds.app, now=BEFORE["now"]) == holds
    assert signer.read_invite(text, app=holds.app, now=holds.expires_at - 1) == holds
    with pytest.raises(InviteRefused, match="expired"):
        signer.read_invite(text, app=holds.app, now=holds.expires_at)
    with pytest.raises(InviteRefused, match="another app"):
        signer.read_invite(text, app="other", now=BEFORE["now"])
    with pytest.raises(InviteRefused, match="signature"):
        Signer([Secret("rotated twice")]).read_invite(text, app=holds.app, now=BEFORE["now"])
    with pytest.raises(BadRequest, match="signature"):
        signer.read_state(text, app=holds.app, now=BEFORE["now"])


@pytest.mark.parametrize(("text", "holds"), STATES, ids=BEFORE["states"])
def test_a_state_that_is_at_a_provider_since_before_works_until_it_expires(text: str, holds: dict[str, Any]) -> None:
    """A seller who is on the consent page while the stack is updated comes back to an authorization that goes on."""
    signer = Signer(KEYS)
    key = AuthorizationKey(holds["app"], holds["browser"], holds["nonce"])
    state = signer.read_state(text, app=holds["app"], now=BEFORE["now"])

    assert (state.key, state.expires_at) == (key, holds["expires_at"])
    with pytest.raises(BadRequest, match="expired"):
        signer.read_state(text, app=holds["app"], now=holds["expires_at"])
    with pytest.raises(InviteRefused, match="signature"):
        signer.read_invite(text, app=holds["app"], now=BEFORE["now"])


def test_a_changed_text_is_refused() -> None:
    """One character more, fewer or different, anywhere, and a text of today's or the earlier form is refused."""
    signer = Signer(KEYS)
    for text in (
        signer.state(replace(KEY, app="tiktok-shop"), expires_at=BEFORE["now"] + 60),
        BEFORE["states"]["current"]["text"],
    ):
        for broken in flipped(text):
            with pytest.raises(BadRequest):
                signer.read_state(broken, app="tiktok-shop", now=BEFORE["now"])
    for broken in flipped(BEFORE["invites"]["current"]["text"]):
        with pytest.raises(InviteRefused):
            signer.read_invite(broken, app="tiktok-shop", now=BEFORE["now"])


def test_new_links_are_of_the_new_form() -> None:
    """What is signed now is not what the earlier version signed, so that its reader can go one day."""
    text, holds = INVITES[0]

    assert Signer(KEYS).invite(holds) != text
    assert Signer(KEYS).read_invite(Signer(KEYS).invite(holds), app=holds.app, now=BEFORE["now"]) == holds


def test_an_operators_and_an_installers_cookie_are_as_before() -> None:
    """An authorization that was begun by hand before an update can be finished after it."""
    signer = Signer(KEYS)
    install = BEFORE["installer"]

    assert BEFORE["operator"]["cookie"] == signer.operator(BEFORE["operator"]["app"]).reveal()
    assert install["cookie"] == signer.installer(install["app"], Secret(install["code"])).reveal()


@pytest.mark.parametrize("text", [SIGNER.invite(INVITE), INVITES[0][0]], ids=["now", "before"])
def test_a_signature_has_one_spelling(text: str) -> None:
    """Unused bits of its last character, padding and what base64 passes over are changes as any other."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    unused_bits = text[:-1] + alphabet[alphabet.index(text[-1]) + 1]  # 43 letters hold two bits more than 32 bytes
    spellings = [unused_bits, f"{text}=", f"{text}\n", f"{text[:-1]}!{text[-1]}", f"{text[:-1]} {text[-1]}"]

    for spelling in spellings:
        with pytest.raises(InviteRefused, match="signature"):
            Signer([*KEYS, Secret("first key")]).read_invite(spelling, app="tiktok-shop", now=BEFORE["now"])
