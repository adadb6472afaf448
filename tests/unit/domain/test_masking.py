"""No secret is left in what a provider says, however it spells it."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensync.domain.secret import MASK, Secret
from tokensync.domain.text import masked

PLAIN = "s3cr/et*+ value~x"
SECRET = Secret(PLAIN)
SPELLINGS = {
    "plain": PLAIN,
    "percent-encoded": quote(PLAIN, safe=""),
    "percent-encoded in small letters": quote(PLAIN, safe="").replace("%2F", "%2f").replace("%2A", "%2a"),
    "in part": quote(PLAIN, safe="*/"),
    "as a form": quote_plus(PLAIN),
    "JSON-escaped": json.dumps(PLAIN)[1:-1].replace("/", "\\/"),
    "all escaped": "".join(f"\\u{ord(char):04x}" for char in PLAIN),
    "hex": PLAIN.encode().hex(),
    "HEX": PLAIN.encode().hex().upper(),
    "with what nobody sees": "\u00ad".join(PLAIN),
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_a_secret_is_masked_in_every_spelling(spelling: str) -> None:
    """Whatever encodes it, nothing of it is left."""
    assert f"refused: {MASK} it says" == masked(f"refused: {spelling} it says", [SECRET])


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("before", ["", "a", "id", "client:", "client-1:"])
def test_a_secret_is_masked_within_base64(encode: object, before: str) -> None:
    """A Basic header that is repeated gives nothing away but its ends."""
    assert callable(encode)
    for plain in (PLAIN, quote_plus(PLAIN)):
        said = encode(f"{before}{plain}".encode()).decode().rstrip("=")
        left = masked(f"Authorization: Basic {said}", [SECRET])

        assert MASK in left
        assert len(left) < len("Authorization: Basic ") + len(before) * 2 + 12


JWT = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJjYW5hcnkiLCJqdGkiOiIxIn0.Q0FOQVJZ-c2lnbmF0dXJl_x"


@pytest.mark.parametrize(
    "said",
    [
        JWT,
        JWT.replace(".", "%2E"),
        JWT[:30],
        JWT[:-9],
        JWT[21:],
        f"{JWT[:20]}..Q0FOQVJZ.Q0FOQVJZ.Q0FOQVJZ",
        "\u00ad".join(JWT),
    ],
)
def test_a_jwt_is_nobodys_to_read(said: str) -> None:
    """Whole, cut, encrypted or without its header, although nobody names it as a secret; the words around it stay."""
    assert f"assertion '{MASK}' has a wrong audience" == masked(f"assertion '{said}' has a wrong audience", [])


def test_a_word_is_no_jwt() -> None:
    """What only begins like one, and is as short as a word, stays."""
    assert "eyJack.example keyJ-1" == masked("eyJack.example keyJ-1", [])


def test_an_empty_secret_masks_nothing() -> None:
    """It is between any two letters."""
    assert "nothing here" == masked("nothing here", [Secret("")])


@given(st.text(min_size=2, max_size=12), st.text(max_size=20), st.text(max_size=20))
def test_no_text_breaks_it(plain: str, before: str, after: str) -> None:
    """Any secret in any text is masked without an exception."""
    shown = masked(f"{before}{plain}{after}", [Secret(plain)])

    assert plain not in shown.replace(MASK, "") or plain in MASK or not plain.isprintable() or plain.isspace()
