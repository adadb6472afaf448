from __future__ import annotations

import traceback
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tokensync.domain.errors import BadRequest
from tokensync.domain.secret import Secret
from tokensync.oauth.callback import Query, checked_code
from tokensync.oauth.shapes import CallbackShape

if TYPE_CHECKING:
    from tokensync.domain.app import App
    from tokensync.oauth.provider import Provider


@pytest.mark.parametrize(
    ("raw", "parameters"),
    [
        ("", {}),
        ("&&", {}),
        ("code=a&state=b", {"code": "a", "state": "b"}),
        ("code=a%2Bb", {"code": "a+b"}),
        ("code=a%252Bb", {"code": "a%2Bb"}),
        ("code=a+b", {"code": "a b"}),
        ("code=a=b==", {"code": "a=b=="}),
        ("code", {"code": ""}),
        ("=x", {"": "x"}),
        ("code=x*y!", {"code": "x*y!"}),
        ("code=%2A%21", {"code": "*!"}),
        ("name=%C3%BC", {"name": "ü"}),
        ("name=ü", {"name": "ü"}),
        ("co%64e=a", {"code": "a"}),
        ("a;b=c", {"a;b": "c"}),
    ],
)
def test_a_query_is_decoded_exactly_once(raw: str, parameters: dict[str, str]) -> None:
    """Each parameter is decoded once, a plus is a space, and only & parts them."""
    assert Query.parse(raw).parameters == parameters


REFUSED = {
    "a parameter twice": "code=a&code=b",
    "a parameter twice, escaped": "code=a&co%64e=a",
    "an unknown one twice": "x=1&x=1",
    "a NUL": "code=a%00b",
    "CR LF": "state=a%0d%0aset-cookie:x",
    "a tab": "a%09=b",
    "a raw control character": "code=a\x01",
    "DEL": "code=%7f",
    "no UTF-8": "code=%ff",
    "overlong UTF-8": "code=%c0%ae",
    "an escaped surrogate": "code=%ed%a0%80",
    "a lone surrogate": "code=\ud800",
    "a percent alone": "code=100%",
    "no hex digits": "code=%zz",
    "a cut escape": "code=%2",
    "too long": "state=" + "a" * 8187,
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_query_is_refused(raw: str) -> None:
    """Repeated parameters, control characters, what is no UTF-8 and what is too long are refused."""
    with pytest.raises(BadRequest):
        Query.parse(raw)


@pytest.mark.parametrize(("raw", "state"), [("state=" + "a" * 8186, "a" * 8186), ("code=a", "")])
def test_a_query_has_one_state(raw: str, state: str) -> None:
    """At the bound of eight kilobytes it is read; a missing one is empty, which no signature fits."""
    assert Query.parse(raw).state == state


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(codec=None), max_size=60) | st.text("&=%+0aF;", max_size=30))
@example("%")
@example("\udcff=%80")
def test_no_query_raises_anything_else(raw: str) -> None:
    """Whatever stands behind the question mark, it is read or refused as bad."""
    try:
        query = Query.parse(raw)
    except BadRequest:
        return
    assert len(query.denied) <= 60
    assert all(char.isprintable() or char.isspace() for char in query.denied)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(codec=None), max_size=60))
@example("http://[::1")
@example("http://[x]?code=a")
@example("https://a\u2100b/?code=a")
def test_no_pasted_url_raises_anything_else(url: str) -> None:
    """Whatever is pasted, it is read or refused as bad."""
    with suppress(BadRequest):
        Query.of_url(url)


def test_a_refused_url_is_not_repeated() -> None:
    """What is pasted may hold a code: the error and its traceback hold nothing of it."""
    with pytest.raises(BadRequest) as caught:
        Query.of_url("https://canary\u2100example/?code=canary")

    assert "canary" not in "".join(traceback.format_exception(caught.value, limit=0))


@pytest.mark.parametrize("before", ["https://a.example/callback/shop", "  http://localhost:8080/x", "", "a.example/x"])
@pytest.mark.parametrize("after", ["", "#fragment\n"])
def test_a_pasted_url_gives_its_query(before: str, after: str) -> None:
    """A redirect URL is read with the spaces, scheme and fragment that a paste brings along."""
    assert Query.of_url(f"{before}?code=a&state=b{after}").parameters == {"code": "a", "state": "b"}


@pytest.mark.parametrize(
    ("raw", "denied"),
    [
        ("error=access_denied", "access_denied"),
        ("error=" + "x" * 100, "x" * 59 + "…"),
        ("error=a%E2%80%AEb", "ab"),
        ("code=a", ""),
    ],
)
def test_a_denial_is_cut_and_cleaned(raw: str, denied: str) -> None:
    """The provider's error code is bounded and holds nothing that reorders text."""
    assert Query.parse(raw).denied == denied


@pytest.mark.parametrize("raw", ["error=access_denied", "code=&error=x", "error=", "state=x", ""])
def test_without_a_code_the_authorization_was_declined(provider: Provider, app: App, raw: str) -> None:
    """An error, an empty code or none at all is a denial, and nothing is exchanged."""
    assert Query.parse(raw).code(provider, app) is None


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("auth_code=a%2Fb%3D&code=b", "a/b="),
        ("code=b", "b"),
        ("auth_code=&code=b", "b"),
        ("auth_code=none&code=b", "b"),
        ("auth_code=none&code=none", None),
    ],
)
def test_a_provider_names_its_code(provider: Provider, app: App, raw: str, code: str | None) -> None:
    """The preferred parameter comes first, and the provider's words for no code are none."""
    shaped = replace(provider, callback=CallbackShape(code=("auth_code", "code"), no_code=frozenset({"", "none"})))

    assert Query.parse(raw).code(shaped, app) == (code and Secret(code))


BARE, ISSUER, ANNOUNCED = CallbackShape(), CallbackShape(issuer="x"), CallbackShape(issuer="x", issuer_announced=True)
CLIENT = CallbackShape(client_id="app_key")


@pytest.mark.parametrize(
    ("shape", "raw"),
    [
        *((BARE, "code=a"), (BARE, "code=a&iss=x"), (ISSUER, "code=a"), (ANNOUNCED, "code=a&iss=x")),
        *((CLIENT, "code=a&app_key=client-1"), (CLIENT, "code=a")),
    ],
)
def test_a_callback_of_the_known_issuer_and_client_gives_its_code(
    provider: Provider, app: App, shape: CallbackShape, raw: str
) -> None:
    """Where a callback names its issuer or its client, they are the known ones."""
    assert Query.parse(raw).code(replace(provider, callback=shape), app) == Secret("a")


@pytest.mark.parametrize(
    ("shape", "raw", "words"),
    [
        *((ISSUER, "code=a&iss=y", "another issuer"), (ISSUER, "code=a&iss=", "another issuer")),
        *((ANNOUNCED, "code=a", "another issuer"), (ANNOUNCED, "error=access_denied", "another issuer")),
        *(
            (ISSUER, "error=access_denied&iss=y", "another issuer"),
            (CLIENT, "code=a&app_key=client-2", "another client"),
        ),
        *((BARE, "code=a&error=access_denied", "at once"), (BARE, "code=a&error=", "at once")),
    ],
)
def test_a_callback_that_contradicts_is_refused(
    provider: Provider, app: App, shape: CallbackShape, raw: str, words: str
) -> None:
    """RFC 9207 §2.4: another issuer, none where one is announced, another client, or both a code and an error."""
    with pytest.raises(BadRequest, match=words):
        Query.parse(raw).code(replace(provider, callback=shape), app)


@pytest.mark.parametrize("code", ["a", "a" * 4096, "*!'();:@&=+$,/?%#[]~ ", "TTP_x"])
def test_a_code_is_visible_ascii(code: str) -> None:
    """RFC 6749 §A.11 allows every visible ASCII character and the space."""
    assert checked_code(code) == Secret(code)


@pytest.mark.parametrize("code", ["", "a" * 4097, "ü", "a\x00", "a\n", "\x7f", "\u2009"])
def test_anything_else_is_no_code(code: str) -> None:
    """Empty, overlong, non-ASCII and control characters are no code, and the error does not repeat it."""
    with pytest.raises(BadRequest) as caught:
        checked_code(code)

    assert str(caught.value) == "this is no authorization code"
