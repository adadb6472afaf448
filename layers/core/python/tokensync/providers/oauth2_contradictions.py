"""What an app of the generic provider may not set: what would be ignored, and what contradicts another setting.

Each refusal names the setting, and the one that does what it was meant to do.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tokensync.oauth.account_paths import NoPath
from tokensync.oauth.provider import GrantType, RefreshReuse
from tokensync.oauth.shapes import CallbackShape, ClientAuthentication, Encoding
from tokensync.providers.oauth2_naming import naming_of, second_of
from tokensync.providers.oauth2_params import place_problems
from tokensync.providers.oauth2_renewal import renewal_problems
from tokensync.providers.oauth2_settings import CLASSES, FIELDS, LINK_NAMES, NONE, TOKEN_NAMES, is_seconds, words
from tokensync.providers.oauth2_tokens import token_path_problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tokensync.domain.app import App
    from tokensync.oauth.provider import Provider

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,60}")  # RFC 9110 §5.6.2
_PARAMETER = re.compile(r"[\x21-\x7e]{1,100}")
# RFC 9110 §6 to §9, §11.6.2, RFC 6265: what says who asks, where the request ends and how it travels is ours.
_OUR_HEADERS = frozenset(
    {
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# What serves consent alone, and so does nothing for an app whose tokens are minted or imported. `issuer`, `iss` and
# `pkce` are none of these: they say what the server is, and discovery finds them for every app.
_OF_CONSENT = ("callback_code", "redirect_uri", "response_type", "authorize_fragment")
_OF_CONSENT_NAMES = ("authorize.", "authorize_name.", "exchange.")
_OF_REFRESH = ("refresh_reuse", "grace_seconds", "refresh.")
_OF_ACCOUNT = (
    "account_field", "account", "label", "fact.", "second_token", "second_account", "account_header.", "account_query.",
)  # fmt: skip
_LINK_ANSWERS = {
    "client_id": "it is the app's client id",
    "redirect_uri": "the setting redirect_uri does that",
    "response_type": "the setting response_type does that",
    "scope": "--scope does that",
    "state": "each link has one of its own",
    "code_challenge": "each link has one of its own",
    "code_challenge_method": "the setting pkce does that",
    "client_secret": "no link may hold it",
}
_TOKEN_ANSWERS = {
    "client_id": "it is the app's client id; beside Basic, basic_client_id=send sends it",
    "client_secret": "it is the app's client secret",
    "grant_type": "exchange.grant_type and refresh.grant_type do that",
    "code": "it is the callback's",
    "code_verifier": "each link has one of its own",
    "redirect_uri": "the setting redirect_uri does that",
    "refresh_token": "it is the connection's",
    "client_assertion": "client_auth=private_key_jwt does that",
    "client_assertion_type": "client_auth=private_key_jwt does that",
}

_UPGRADE_ANSWERS = {
    **_TOKEN_ANSWERS,
    "refresh_token": "it is the connection's access token",
    "grant_type": "upgrade.grant_type does that",
}


def contradiction(provider: Provider, app: App) -> str:
    """Return the first thing that is wrong with an app's settings, as a sentence without its full stop; else empty."""
    told = _Told(provider, app)
    return next((problem for check in _CHECKS for problem in check(told)), "")


class _Told:
    """An app's settings, whose values are allowed ones."""

    def __init__(self, provider: Provider, app: App) -> None:
        self.app = app
        self.settings: Mapping[str, str] = app.settings
        self._provider = provider

    def value(self, key: str) -> str:
        return self._provider.setting(self.app, key)

    def under(self, prefix: str) -> dict[str, str]:
        return {key.removeprefix(prefix): value for key, value in self.settings.items() if key.startswith(prefix)}

    def first(self, *keys: str) -> str:
        """Return the first of the app's own settings that is one of these, or begins with one that ends in a dot."""
        return next(
            (key for key in self.settings for one in keys if key == one or (one[-1] == "." and key.startswith(one))), ""
        )


def _authentication(told: _Told) -> Iterator[str]:
    way = ClientAuthentication(told.value("client_auth"))
    basic, signed = way is ClientAuthentication.BASIC, way is ClientAuthentication.PRIVATE_KEY_JWT
    for key in ("basic_encoding", "basic_client_id"):
        if key in told.settings and not basic:
            yield f"{key} does nothing without client_auth={ClientAuthentication.BASIC}"
    for key in ("assertion_audience", "assertion_algorithm", "assertion_key_id"):
        if key in told.settings and not signed:
            yield f"{key} does nothing without client_auth={ClientAuthentication.PRIVATE_KEY_JWT}"
    if way is ClientAuthentication.NONE:
        if told.value("grant") == GrantType.CLIENT_CREDENTIALS:
            yield "client_auth=none proves no client, and grant=client_credentials has no other proof"
        elif told.value("grant") == GrantType.AUTHORIZATION_CODE and told.value("pkce") == NONE:
            yield "client_auth=none needs pkce=S256: nothing else says whose code this is"


def _grant(told: _Told) -> Iterator[str]:
    grant = GrantType(told.value("grant"))
    if grant is GrantType.AUTHORIZATION_CODE:
        return
    key = told.first(*_OF_CONSENT, *_OF_CONSENT_NAMES)
    if key:
        yield f"{key} does nothing with grant={grant}, where nobody is asked for consent"
    if grant is GrantType.CLIENT_CREDENTIALS:
        key = told.first(*_OF_REFRESH, *_OF_ACCOUNT)
        if key:
            yield f"{key} does nothing with grant={grant}, where the app acts for itself and mints"


def _naming(told: _Told) -> Iterator[str]:
    shape = replace(CallbackShape(), code=(told.value("callback_code") or "code",))
    state = told.settings.get("authorize_name.state", shape.state)
    try:
        naming = naming_of(told.settings, replace(shape, state=state), lambda _: {})
        second_of(told.settings, replace(shape, state=state), lambda _: {})
    except NoPath as error:
        yield str(error)
        return
    calls = naming is not None and any(path.source == "account" for path in naming.paths())
    if calls and "verify" not in told.app.endpoints:
        yield "a path into account needs --endpoint verify=URL, the account call"


def _reuse(told: _Told) -> Iterator[str]:
    reuse, seconds = told.value("refresh_reuse"), told.settings.get("grace_seconds")
    if seconds is not None and reuse != RefreshReuse.GRACE:
        yield f"grace_seconds does nothing without refresh_reuse={RefreshReuse.GRACE}"
    elif reuse == RefreshReuse.GRACE and seconds is None:
        yield f"refresh_reuse={RefreshReuse.GRACE} needs grace_seconds"
    for key in ("grace_seconds", "life", "renew_after", "renew_before_end"):
        if key in told.settings and not is_seconds(told.settings[key]):
            yield f"the setting {key} is a number of seconds"


def _format(told: _Told) -> Iterator[str]:
    if told.value("token_method") == "GET" and told.value("token_format") != Encoding.QUERY:
        yield f"token_method=GET needs token_format={Encoding.QUERY}: a GET has no body"
    if "#" in told.value("authorize_fragment") or "?" in told.value("authorize_fragment"):
        yield "authorize_fragment is what follows the #, without a query"


def _names(told: _Told) -> Iterator[str]:
    for prefix, known in (("authorize_name.", LINK_NAMES), ("name.", TOKEN_NAMES)):
        names = told.under(prefix)
        for name, value in names.items():
            if name not in known:
                yield f"{prefix}{name} renames nothing: it takes {', '.join(known)}"
            elif value == NONE and name != "redirect_uri":
                yield f"{prefix}{name}={NONE} is no name: redirect_uri alone may be left out"
            elif not _PARAMETER.fullmatch(value):
                yield f"{prefix}{name} is a parameter's name"
        whole = [names.get(name, name) for name in known if names.get(name) != NONE]
        if prefix == "name." and told.value("client_auth") == ClientAuthentication.PRIVATE_KEY_JWT:
            whole += ["client_assertion", "client_assertion_type"]
        if len(set(whole)) < len(whole):
            yield f"{prefix}… gives two parameters one name"
    if "redirect_uri" in told.settings and {
        told.settings.get("authorize_name.redirect_uri"),
        told.settings.get("name.redirect_uri"),
    } == {NONE}:
        yield "redirect_uri does nothing where neither link nor exchange has one"


def _unsent(told: _Told) -> Iterator[str]:
    for key, is_sent, instead in _renamed(told):
        if key in told.settings and not is_sent:
            where = "link has" if key.startswith("authorize_name.") else "token requests have"
            yield f"{key} does nothing: this app's {where} no {key.partition('.')[2]}{instead}"


def _renamed(told: _Told) -> Iterator[tuple[str, bool, str]]:
    """Yield settings that rename, whether what they rename is sent, and what would send it."""
    way, grant = ClientAuthentication(told.value("client_auth")), GrantType(told.value("grant"))
    asks, mints = grant is GrantType.AUTHORIZATION_CODE, grant is GrantType.CLIENT_CREDENTIALS
    binds, scoped = told.value("pkce") != NONE, bool(told.app.scopes)
    yield "name.client_secret", way is ClientAuthentication.POST, ""
    yield "name.client_id", way is not ClientAuthentication.BASIC or told.value("basic_client_id") == "send", ""
    yield "name.scope", mints and scoped, "; --scope sends one" if mints else ""
    yield "name.refresh_token", not mints, ""
    yield "name.code", asks, ""
    yield "name.redirect_uri", asks, ""
    yield "name.code_verifier", asks and binds, "; pkce=S256 sends one" if asks else ""
    typed = [f"{kind}.grant_type" for kind, is_made in (("exchange", asks), ("refresh", not mints)) if is_made]
    has_type = mints or "upgrade.grant_type" in told.settings or any(told.settings.get(key) != NONE for key in typed)
    yield "name.grant_type", has_type, f", as {' and '.join(typed)} are {NONE}"
    yield "authorize_name.scope", scoped, "; --scope sends one"
    yield "authorize_name.response_type", told.settings.get("response_type") != NONE, f", as response_type is {NONE}"
    for name in ("code_challenge", "code_challenge_method"):
        yield f"authorize_name.{name}", binds, "; pkce=S256 sends one"


def _parameters(told: _Told) -> Iterator[str]:
    """Refuse parameters that the protocol sets by itself, under the names that they have with this server."""
    link = {told.settings.get(f"authorize_name.{name}", name): name for name in (*LINK_NAMES, "client_secret")}
    token = {told.settings.get(f"name.{name}", name): name for name in _TOKEN_ANSWERS}
    for name in told.under("authorize."):
        if name in link:
            yield f"authorize.{name} would be ignored: {_LINK_ANSWERS[link[name]]}"
    for prefix in ("token.", "exchange.", "refresh."):
        for name in told.under(prefix):
            own = token.get(name)
            if own is not None and not (own == name == "grant_type" and prefix != "token."):
                yield f"{prefix}{name} would be ignored: {_TOKEN_ANSWERS[own]}"
            elif prefix != "token." and f"token.{name}" in told.settings:
                yield f"token.{name} would be ignored where {prefix}{name} is sent"
    for name in told.under("upgrade."):
        if token.get(name) in ("refresh_token", "client_secret") or (token.get(name) == "grant_type" != name):
            yield f"upgrade.{name} would replace what the exchange itself sends: {_UPGRADE_ANSWERS[token[name]]}"
    scope = told.settings.get("name.scope", "scope")
    if f"token.{scope}" in told.settings and told.value("grant") == GrantType.CLIENT_CREDENTIALS and told.app.scopes:
        yield f"token.{scope} would be ignored: --scope does that"


def _headers(told: _Told) -> Iterator[str]:
    for prefix in ("header.", "account_header."):
        headers = told.under(prefix)
        for name, value in headers.items():
            ours = _OUR_HEADERS - ({"authorization"} if prefix == "account_header." else set())
            if not _HEADER.fullmatch(name):
                yield f"{prefix}{name} is no header's name"
            elif name.lower() in ours:
                yield f"{prefix}{name} is not the app's to set: the request itself decides it"
            elif not value.isascii():
                yield f"{prefix}{name} is ASCII"
        if len({name.lower() for name in headers}) < len(headers):
            yield f"{prefix}… gives one header two values"
    key = told.first("account_header.", "account_query.")
    if key and "verify" not in told.app.endpoints:
        yield f"{key} does nothing without --endpoint verify=URL, the account call"


def _response(told: _Told) -> Iterator[str]:
    for name in told.under("response."):
        if name not in FIELDS:
            yield f"response.{name} is read nowhere: a path is that of {', '.join(FIELDS)}"
    if "response.success" in told.settings and "response.error" not in told.settings:
        yield "response.success needs response.error: the path whose word it is"
    for prefix, separator in (("errors.", ","), ("error_texts.", "|")):
        seen: dict[str, str] = {}
        for name, value in told.under(prefix).items():
            if name not in CLASSES:
                yield f"{prefix}{name} is no class: it is one of {', '.join(CLASSES)}"
            for word in words(value, separator):
                if seen.setdefault(word, name) != name:
                    yield f"{prefix}{name} and {prefix}{seen[word]} both have {word!r}"


_CHECKS: tuple[Callable[[_Told], Iterator[str]], ...] = (
    _authentication,
    _grant,
    _naming,
    _reuse,
    _format,
    _names,
    _unsent,
    _parameters,
    _headers,
    _response,
    place_problems,
    renewal_problems,
    lambda told: token_path_problems(told.settings),
)
