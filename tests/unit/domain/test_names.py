from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fault_rows import fault
from tokensync.domain.errors import InvalidName
from tokensync.domain.names import (
    ConnectionName,
    account_id,
    app_name,
    app_secret_name,
    encoded_account,
    token_secret_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable

# A lone surrogate is no text that UTF-8 can hold, and control characters are refused as well.
ACCOUNTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=225)
# Few characters, many lengths around the bounds: where two names could meet.
CLOSE_ACCOUNTS = st.text("a=-/2DF", min_size=1, max_size=220)


@pytest.mark.parametrize("name", ["a", "0", "tiktok-shop", "a" * 40, "9-", "a--b"])
def test_valid_app_names_stay(name: str) -> None:
    """An app's name is 1 to 40 lower-case letters, digits and hyphens."""
    assert name == app_name(name)


@pytest.mark.parametrize(
    "name", ["", "-a", "A", "a_b", "a/b", "..", "a" * 41, "a\n", "ä", "a b", "a.b", "\N{ARABIC-INDIC DIGIT ONE}"]
)
@pytest.mark.parametrize("read", [app_name, lambda name: app_secret_name("stack", name)])
def test_invalid_app_names_are_refused(name: str, read: Callable[[str], str]) -> None:
    """Whatever is outside of the alphabet or the length is no app's name, and gets into no secret's name."""
    with pytest.raises(InvalidName):
        read(name)


@pytest.mark.parametrize("account", ["7010736057180325637", "a/../b"])
def test_a_connection_is_written_with_a_slash(account: str) -> None:
    """A connection's text form is app, slash, account, and reads back the same; only the first slash counts."""
    assert f"shop/{account}" == str(ConnectionName("shop", account))
    assert ConnectionName("shop", account) == ConnectionName.parse(f"shop/{account}")


@pytest.mark.parametrize("text", ["shop", "", "/account", "shop/", "Shop/account", "shop/" + "a" * 901])
def test_what_is_no_connection_is_refused(text: str) -> None:
    """A connection needs a valid app and an account of 1 to 900 bytes."""
    with pytest.raises(InvalidName):
        ConnectionName.parse(text)


@pytest.mark.parametrize("account", ["a" * 900, "ü" * 450, "店" * 300, "..", "a b", "\N{RIGHT-TO-LEFT OVERRIDE}x"])
def test_accounts_of_any_alphabet_stand(account: str) -> None:
    """An account id is whatever the provider says, up to 900 bytes of UTF-8."""
    assert account == account_id(account)


@pytest.mark.parametrize("account", ["", "ü" * 451, "\ud800", "a\x00b", "a\nb", "\x7f", "\x85"])
def test_accounts_that_no_record_can_hold_are_refused(account: str) -> None:
    """Lone surrogates, control characters and more than 900 bytes are no account id."""
    with pytest.raises(InvalidName):
        account_id(account)


def test_connections_sort_by_app_and_account() -> None:
    """Connections have an order, so that listings are stable."""
    first, second = ConnectionName("a", "2"), ConnectionName("b", "1")

    assert [first, second] == sorted([second, first])


@fault("D names")
@pytest.mark.parametrize(
    ("account", "encoded"),
    [
        ("7010736057180325637", "7010736057180325637"),
        ("Az_.@-", "Az_.@-"),
        ("a/b", "a=2Fb"),
        ("..", ".."),
        ("a b", "a=20b"),
        ("ü", "=C3=BC"),
        ("a=2Fb", "a=3D2Fb"),
        ("a+b", "a=2Bb"),
        ("shop-abcdef", "shop=2Dabcdef"),
        ("-abcdef", "=2Dabcdef"),
        ("a-------", "a=2D------"),
        ("shop-abcde", "shop-abcde"),
        ("shop-abcdefg", "shop-abcdefg"),
    ],
)
def test_unsafe_bytes_are_escaped(account: str, encoded: str) -> None:
    """Safe characters stay, every other byte becomes =XX, and so does a hyphen that would end the name like an ARN."""
    assert encoded == encoded_account(account)


@fault("D names")
def test_a_long_account_is_cut_and_hashed() -> None:
    """Over 200 bytes the first 150 stay, then = and 32 hex digits; an escape of the ending counts."""
    encoded = encoded_account("x" * 201)

    assert "x" * 200 == encoded_account("x" * 200)
    assert re.fullmatch(r"x{150}=[a-f][0-9a-f]{31}", encoded)
    assert encoded != encoded_account("x" * 202)
    assert 183 == len(encoded_account("x" * 193 + "-abcdef"))


@fault("D names")
@settings(max_examples=80, deadline=None)
@given(st.lists(st.one_of(ACCOUNTS, CLOSE_ACCOUNTS), min_size=2, max_size=2, unique=True))
@example(["a-bcdefg", "a=2Dbcdefg"])
@example(["x" * 201, encoded_account("x" * 201)])
@example(["=" * 67, "=3D" * 67])
def test_distinct_accounts_have_distinct_names(accounts: list[str]) -> None:
    """No two accounts share a secret's name."""
    first, second = (encoded_account(account) for account in accounts)

    assert first != second


@settings(max_examples=80, deadline=None)
@given(st.one_of(ACCOUNTS, CLOSE_ACCOUNTS))
def test_encoded_accounts_are_safe_and_short(account: str) -> None:
    """An encoded account has at most 200 safe characters and never ends like an ARN's suffix."""
    assert re.fullmatch(r"[A-Za-z0-9_.@=-]{1,200}", encoded_account(account))
    assert not re.search(r"-.{6}\Z", encoded_account(account))


def test_secret_names_stand_under_the_prefix() -> None:
    """Apps and tokens have their own paths below the stack's prefix."""
    assert token_secret_name("stack", ConnectionName("shop", "a/b")) == "stack/tokens/shop/a=2Fb"
    assert app_secret_name("stack", "shop") == "stack/apps/shop"
