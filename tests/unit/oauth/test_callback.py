from __future__ import annotations

import traceback
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from field_rows import field
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
        ("shop_name=100%&code=a", {"code": "a"}),
        ("x=1&x=2&code=a&%zz=1&a%09=b&%ff=c", {"code": "a"}),
    ],
)
def test_a_query_is_decoded_exactly_once(raw: str, parameters: dict[str, str]) -> None:
    """Each parameter is decoded once, a plus is a space, only & parts them; what is not clean or not one is none."""
    assert Query.parse(raw).parameters == parameters


UNCLEAN = {
    "twice": "code=a&code=b",
    "twice the same": "code=a&code=a",
    "twice, escaped": "code=a&co%64e=a",
    "a NUL": "code=a%00b",
    "CR LF": "code=a%0d%0aset-cookie:x",
    "a raw control character": "code=a\x01",
    "DEL": "code=%7f",
    "no UTF-8": "code=%ff",
    "overlong UTF-8": "code=%c0%ae",
    "an escaped surrogate": "code=%ed%a0%80",
    "a lone surrogate": "code=\ud800",
    "a percent alone": "code=100%",
    "no hex digits": "code=%zz",
    "a cut escape": "code=%2",
}
READ = CallbackShape(code=("code", "auth_code"), client_id="app_key", read=("realm",))


@field("A3")
@pytest.mark.parametrize("name", ["state", "iss", "error", "code", "auth_code", "app_key", "realm"])
@pytest.mark.parametrize("raw", UNCLEAN.values(), ids=UNCLEAN.keys())
def test_what_is_read_is_there_once_and_clean(provider: Provider, app: App, name: str, raw: str) -> None:
    """Each parameter that a provider's callbacks are read for, also beside a code that would do."""
    junk = raw.replace("code=", f"{name}=").replace("co%64e=", f"%{ord(name[0]):x}{name[1:]}=")

    with pytest.raises(BadRequest):
        Query.parse(f"{junk}&x=1").code(replace(provider, callback=READ), app)
    with pytest.raises(BadRequest):
        Query.parse(junk).value(name)


IGNORED = ["error_description", "shop_name", "scope", "session_state", "code[]", "auth_code", "app_key", "", "Code"]


@field("A3")
@pytest.mark.parametrize("name", IGNORED)
@pytest.mark.parametrize("raw", UNCLEAN.values(), ids=UNCLEAN.keys())
def test_what_nobody_reads_is_ignored(provider: Provider, app: App, name: str, raw: str) -> None:
    """RFC 6749 §4.1.2: an unknown parameter changes nothing, whatever it holds, also one that other providers have."""
    junk = raw.replace("code=", f"{name}=").replace("co%64e=", f"{name}=")
    query = Query.parse(f"{junk}&state=s&code=c")

    assert (Secret("c"), "s", "") == (query.code(provider, app), query.state, query.denied)
    assert Query.parse(f"{junk}&error=access_denied").code(provider, app) is None


def test_a_query_that_is_too_long_is_refused() -> None:
    """Nothing of it is looked at."""
    with pytest.raises(BadRequest):
        Query.parse("state=" + "a" * 8187)


@field("A3")
@pytest.mark.parametrize(
    ("raw", "described"),
    [
        ("error_description=AADSTS65004%3a+declined.%0d%0aTrace+ID%3a+x", "AADSTS65004: declined.  Trace ID: x"),
        ("error_description=100%&error_description=b", "100%"),
        ("error_description=M%fcller%00", "M\N{REPLACEMENT CHARACTER}ller"),
        ("error_description=%E2%80%AE<b>secret-1", "<b>***"),
        ("error_description=" + "x" * 5000, "x" * 199 + "…"),
        ("code=a", ""),
    ],
)
def test_a_description_is_for_operators(raw: str, described: str) -> None:
    """It is one clean line, cut, without the secrets; nothing in it refuses a callback."""
    assert described == Query.parse(raw).description([Secret("secret-1")])


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
        assert query.description().isprintable()
        assert all(query.value(name) == value for name, value in query.parameters.items())
        assert len(query.denied) <= 60
        assert query.denied.isprintable()
    except BadRequest:
        return


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
