"""The parameters of accounts that an app of the generic provider declares, see `tokensync.oauth.params`.

Also what its settings name where it is not filled in, not used, or taken already: a word in braces is filled in some
settings and sent as it is written by all others, a parameter of accounts that no request has is asked of sellers for
nothing, and a parameter of a callback has one meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tokensync.oauth.account_paths import Paths, kept
from tokensync.oauth.params import APP, INVITE, RESERVED, Param
from tokensync.oauth.templates import names_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tokensync.domain.app import App
    from tokensync.providers.oauth2_settings import Declared

# Each setting with the values that it may have (none: any text) and what it does, as in `oauth2_settings`.
TABLE: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("param.", (), "a pattern: declares what `{NAME}` in URLs and parameters is filled with for each account"),
    ("param_source.", (), "where its value comes from: invite, app, callback.NAME, token.PATH; several by commas"),
    ("param_title.", (), "how the seller's page asks for it, where the invite does not name it"),
    ("value.", (), "its value where that is the same for all accounts"),
)
_OF_ACCOUNT_CALL = frozenset({"access_token", "client_id"})
_NONE: frozenset[str] = frozenset()
# Settings that are sent or shown, each with the words that are filled in it.
_FILLED: Mapping[str, frozenset[str]] = {
    "authorize.": frozenset({"random"}),
    "header.": frozenset({"uuid"}),
    "account_header.": _OF_ACCOUNT_CALL,
    "account_query.": _OF_ACCOUNT_CALL,
    **dict.fromkeys(("token.", "exchange.", "refresh.", "upgrade.", "value."), _NONE),
    **dict.fromkeys(("redirect_uri", "authorize_fragment", "assertion_audience", "assertion_key_id"), _NONE),
    "return_url": _NONE,
}
_WITH_PARAMS = ("authorize.", "token.", "exchange.", "refresh.", "upgrade.", "header.")
_GRANT_TYPES = ("exchange.grant_type", "refresh.grant_type", "upgrade.grant_type")
_PATHS = ("account", "label", "second_account", "fact.")
# RFC 6749 §4.1.2.1 and RFC 9207: what an authorization response says beside code and state.
_OF_CALLBACK = frozenset({"error", "error_description", "iss"})


def declared_params(told: Declared) -> Mapping[str, Param]:
    """Return the parameters of accounts that an app declares."""
    sources, titles, values = told.under("param_source."), told.under("param_title."), told.under("value.")
    return {
        name: Param(
            pattern=pattern,
            sources=tuple(sources.get(name, APP if name in values else INVITE).split(",")),
            value=values.get(name, ""),
            title=titles.get(name, ""),
        )
        for name, pattern in told.under("param.").items()
    }


class Told(Protocol):
    """An app's settings, whose values are allowed ones and whose paths are paths."""

    app: App
    settings: Mapping[str, str]

    def value(self, key: str) -> str:
        """Return a setting, or its default."""
        ...

    def under(self, prefix: str) -> dict[str, str]:
        """Return the settings whose names begin so, without that beginning."""
        ...


def place_problems(told: Told) -> Iterator[str]:
    """Yield what an app's settings name where it is not filled in, not used, or taken already."""
    yield from _callback(told)
    yield from _braces(told)
    yield from _params(told)


def _callback(told: Told) -> Iterator[str]:
    state, code = told.settings.get("authorize_name.state", "state"), told.value("callback_code") or "code"
    taken = "means something else in a callback"
    if "callback_code" in told.settings and code in {*_OF_CALLBACK, "state", state}:
        yield f"callback_code would find no code: {code} {taken}"
    elif state in {*_OF_CALLBACK, code}:
        yield f"authorize_name.state would bring no state back: {state} {taken}"
    for name, sources in told.under("param_source.").items():
        for source in sources.split(","):
            kind, _, path = source.partition(".")
            steps = path.split(".")
            is_secret = any(not kept({step: ""}) for step in steps)
            if kind in ("callback", "token") and (is_secret or (kind == "callback" and steps[0] in (code, state))):
                yield f"param_source.{name} has {source}, which leads to a secret, and no parameter may hold one"


def _braces(told: Told) -> Iterator[str]:
    declared = told.under("param.")
    for key, value in told.settings.items():
        kind = _kind(key)
        if kind not in _FILLED:
            continue
        for word in names_in(value):
            if word in RESERVED:
                if word not in _FILLED[kind]:
                    places = " and ".join(f"{one}NAME" for one, words in _FILLED.items() if word in words)
                    yield f"{key} would send {{{word}}} as it is written: it is filled in {places} alone"
            elif word in declared and not _takes_params(key):
                places = ", ".join(f"{one}NAME" for one in _WITH_PARAMS)
                yield f"{key} would send {{{word}}} as it is written: a parameter is filled in URLs and {places}"


def _params(told: Told) -> Iterator[str]:
    """Refuse parameters that nobody needs; what a callback or a response names is published, and has to agree."""
    texts = [*told.app.endpoints.values(), *(value for key, value in told.settings.items() if _takes_params(key))]
    used = {name for text in texts for name in names_in(text)}
    paths = [path for key, value in told.settings.items() if _is_path(key) for path in Paths.parse(value)]
    used |= {path.steps[0] for path in paths if path.source == "param"}
    sources = told.under("param_source.")
    for name in told.under("param."):
        if name not in used and set(sources.get(name, INVITE).split(",")) <= {INVITE, APP}:
            yield (
                f"param.{name} does nothing: no URL and no parameter has {{{name}}}, and no path is param.{name}; "
                f"fact.{name}=param.{name} keeps it as a fact"
            )


def _kind(key: str) -> str:
    prefix, dot, _ = key.partition(".")
    return f"{prefix}{dot}"


def _takes_params(key: str) -> bool:
    # A grant type is the protocol's own parameter, and goes as it is written.
    return _kind(key) in _WITH_PARAMS and key not in _GRANT_TYPES


def _is_path(key: str) -> bool:
    return _kind(key) in _PATHS
