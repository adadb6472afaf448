from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tokensync.domain.text import one_line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Acme GmbH", "Acme GmbH"),
        ("  padded\t", "padded"),
        ("two\nlines\r\nthree", "two lines  three"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("nul\x00led", "nulled"),
        ("abc\N{RIGHT-TO-LEFT OVERRIDE}fed", "abcfed"),
        ("\N{LEFT-TO-RIGHT ISOLATE}x\N{POP DIRECTIONAL ISOLATE}", "x"),
        ("zero\N{ZERO WIDTH SPACE}width", "zerowidth"),
        ("a\N{LINE SEPARATOR}b\N{PARAGRAPH SEPARATOR}c", "abc"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("private \ue000", "private"),
        ("<script>", "<script>"),
        ("店铺 Ünïcode 🛍", "店铺 Ünïcode 🛍"),
        ("", ""),
    ],
)
def test_text_becomes_one_printable_line(text: str, line: str) -> None:
    """Control, format and separator characters go, line breaks become spaces, and all else stays."""
    assert line == one_line(text, length=100)


@pytest.mark.parametrize(("length", "line"), [(3, "abc"), (2, "a…"), (1, "…")])
def test_long_text_is_cut_with_an_ellipsis(length: int, line: str) -> None:
    """What is longer than asked for ends in an ellipsis that counts."""
    assert line == one_line("abc", length=length)


def test_a_hundred_kilobytes_are_cut() -> None:
    """Text of any size comes out bounded."""
    assert len(one_line("x" * 102_400, length=200)) == 200


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(codec=None), max_size=300), st.integers(1, 60))
@example("\x00" * 1000, 10)
@example("  \n", 1)
def test_every_text_becomes_one_short_clean_line(text: str, length: int) -> None:
    """Whatever comes in, what comes out is short, printable, encodable, and is changed no further by a second pass."""
    line = one_line(text, length=length)

    assert len(line) <= length
    assert not {unicodedata.category(char) for char in line} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert line.encode("utf-8").decode("utf-8") == line
    assert one_line(line, length=length) == line
