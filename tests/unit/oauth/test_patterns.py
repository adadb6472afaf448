from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensync.oauth.patterns import LONGEST_VALUE, NotAPattern, pattern

_ATOMS = st.sampled_from(["a", "b", r"\.", "-", "[ab]", "[^a]", ".", "[a-b.]", r"\w"])
_PATTERNS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda two: f"({two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,3}", "{2,}"])).map(
            lambda two: f"(?:{two[0]}){two[1]}"
        ),
    ),
    max_leaves=6,
)


@given(_PATTERNS, st.text("ab.-_", min_size=1, max_size=6))
def test_a_pattern_means_what_a_regular_expression_means(text: str, value: str) -> None:
    """Every pattern matches exactly the values that Python's own expressions match as a whole."""
    assert pattern(text).matches(value) == bool(re.fullmatch(text, value, re.ASCII))


@given(_PATTERNS, st.text("ab.-_", min_size=1, max_size=6))
def test_whatever_matches_ends_as_the_pattern_says(text: str, value: str) -> None:
    """A value that matches has one of the pattern's endings, or is one of its whole values."""
    one = pattern(text)
    fits = [value == end.text if end.whole else value.endswith(end.text) for end in one.endings()]

    assert not one.matches(value) or any(fits)


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        (r"^[a-zA-Z0-9][a-zA-Z0-9-]*\.myshopify\.com$", "Some-shop.myshopify.com", True),
        (r"^[a-zA-Z0-9][a-zA-Z0-9-]*\.myshopify\.com$", "some-shop.myshopify.com.evil.example", False),
        (r"https://[a-z-]+\.example\.com", "https://a-b.example.com", True),
        (r"[^/]+", "a/b", False),
        (r"[\w.-]{2,4}", "a-.b", True),
        ("[]a]", "]", True),
        (".+", "a b", False),
        (".+", "caf\N{LATIN SMALL LETTER E WITH ACUTE}", False),
        (".+", "a\n", False),
        (".+", "", False),
        (".+", "a" * LONGEST_VALUE, True),
        (".+", "a" * (LONGEST_VALUE + 1), False),
    ],
)
def test_a_value_matches_as_a_whole_or_not_at_all(text: str, value: str, expected: bool) -> None:  # noqa: FBT001
    """Values are visible ASCII of at most 255 characters, and no part of one that matches is enough."""
    assert pattern(text).matches(value) is expected


@pytest.mark.parametrize("text", ["(a+)+b", "(a|a)*b", "a*a*a*a*a*a*a*b", "((a?){255}){255}b", "(a*)*b", "(a|aa)+$"])
def test_no_pattern_takes_long(text: str) -> None:
    """What makes other engines try for years is decided at once: here every way is followed at the same time."""
    assert pattern(text).matches("a" * LONGEST_VALUE) is text.endswith("$")


@pytest.mark.parametrize(
    "text",
    ["", "(", ")", "a)", "(a", "[a", "[z-a]", "*a", "a**", "a+?", "a{2", "a{x}", "a{3,2}", "a{999}", "(?=a)", "(?i)a",
     r"(a)\1", "\\", r"\bword", "a$b", "a^", "{shop}", "é", "a b", "(" * 30 + ")" * 30, "a" * 1001],
)  # fmt: skip
def test_what_a_pattern_does_not_have_is_refused(text: str) -> None:
    """Look-around, back references, flags and broken texts are no patterns, and the reason says which."""
    with pytest.raises(NotAPattern, match=r"[a-z]"):
        pattern(text)


def test_what_is_known_of_an_ending_is_true_of_every_value() -> None:
    """Where there are more ways than anybody would list, only what they share is said."""
    endings = pattern(r"(a|b){20}\.example\.com").endings()

    assert {(False, True)} == {(one.whole, one.text.endswith(".example.com")) for one in endings}


@pytest.mark.parametrize("text", ["((a{255}){30}){255}", "((((a?){255}){255}){255}){255}", "(" * 19 + "){255}" * 19])
def test_no_ending_takes_long(text: str) -> None:
    """Groups that repeat groups are followed no further than a value is long, as a registration may say anything."""
    assert all(len(one.text) <= 2 * LONGEST_VALUE for one in pattern(text).endings(".example.com"))
