"""What an app may set of the generic provider, and the shapes of requests, responses and callbacks that follow from it.

The names are those of RFC 6749 §4 to §6, RFC 7591 §2 (client metadata), RFC 7009 and RFC 7523.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tokensync.domain.errors import InvalidApp
from tokensync.domain.messages import FailureClass
from tokensync.oauth.client_assertion import ALGORITHMS, AssertionShape
from tokensync.oauth.paths import found
from tokensync.oauth.provider import GrantType, RefreshReuse
from tokensync.oauth.shapes import OAUTH_FAILURES, ClientAuthentication, Encoding, ErrorReply, Pkce
from tokensync.providers import oauth2_params, oauth2_renewal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.app import App
    from tokensync.oauth.provider import Provider
    from tokensync.oauth.shapes import AuthorizeShape, CallbackShape, ResponseShape, TokenShape

SEPARATORS = {"space": " ", "comma": ",", "plus": "+", "semicolon": ";"}
# Parameters of the RFC that a server may call otherwise, in the link and in token requests.
LINK_NAMES = ("client_id", "response_type", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method")
TOKEN_NAMES = (
    "client_id",
    "client_secret",
    "grant_type",
    "code",
    "redirect_uri",
    "code_verifier",
    "refresh_token",
    "scope",
)
FIELDS = (
    "envelope",
    "access_token",
    "refresh_token",
    "token_type",
    "expires_in",
    "refresh_expires_in",
    "scope",
    "error",
    "error_message",
    "success",
)
CLASSES = ("refused", "configuration", "busy", "ambiguous", "unknown")
NONE = "none"  # the value that leaves a parameter out

# Each setting: the values that it may have, the default first (none listed: any text), and what it does.
_TABLE: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("title", (), "what sellers read as the provider's name"),
    ("issuer", (), "the server's issuer, which `iss` and ID tokens must name (RFC 9207, OpenID Connect)"),
    ("iss", ("optional", "required"), "whether the callback must name its issuer (RFC 9207)"),
    ("grant", tuple(each.value for each in GrantType), "where the app's tokens come from (RFC 6749 section 1.3)"),
    (
        "client_auth",
        (
            ClientAuthentication.BASIC.value,
            ClientAuthentication.POST.value,
            ClientAuthentication.PRIVATE_KEY_JWT.value,
            ClientAuthentication.NONE.value,
        ),
        "how the client authenticates (RFC 7591); none is a public client, which needs PKCE",
    ),
    ("basic_encoding", ("form", "raw"), "how Basic joins id and secret: form-encoded (RFC 6749) or as they are"),
    ("basic_client_id", ("omit", "send"), "whether the client id is a parameter as well, beside Basic"),
    ("assertion_audience", (), "the audience of private_key_jwt, where it is not the token endpoint's URL"),
    ("assertion_algorithm", ("by_key", *ALGORITHMS), "how private_key_jwt signs; by_key is RS256 or ES256"),
    ("assertion_key_id", (), "the `kid` of the private key, as it is registered with the provider"),
    ("pkce", ("S256", NONE), "whether codes are bound by PKCE (RFC 7636)"),
    ("response_type", (), "instead of `code` in the link; none leaves it out"),
    ("redirect_uri", (), "the name by which the provider knows the redirect URI, where that is no URL"),
    ("authorize_fragment", (), "what follows `#` in the link, before the query"),
    ("authorize.", (), "a parameter of the link; `{random}` in its value is new for each link"),
    ("authorize_name.", (), f"another name in the link for one of {', '.join(LINK_NAMES)}"),
    ("callback_code", (), "the callback's parameter that holds the code"),
    ("token_format", tuple(each.value for each in Encoding), "how token requests carry their parameters"),
    ("token_method", ("POST", "GET"), "the method of token requests; GET needs token_format=query"),
    ("token.", (), "a parameter of every token request"),
    ("exchange.", (), "a parameter of the exchange of a code alone; exchange.grant_type replaces the RFC's value"),
    ("refresh.", (), "a parameter of a refresh alone; refresh.grant_type replaces the RFC's value"),
    ("name.", (), f"another name in token requests for one of {', '.join(TOKEN_NAMES)}"),
    ("header.", (), "a header of token requests; `{uuid}` in its value is new for each request"),
    ("response.", (), f"where a token response holds one of {', '.join(FIELDS)}: a path"),
    ("life", (), "seconds that an access token lives, where the response states none"),
    ("errors.", (), f"error words, parted by commas, of one class: {', '.join(CLASSES)}"),
    ("error_texts.", (), "parts of error messages, parted by |, of one class"),
    ("scope_separator", tuple(SEPARATORS), "what parts scopes"),
    ("refresh_reuse", tuple(each.value for each in RefreshReuse), "what becomes of a refresh token presented twice"),
    ("grace_seconds", (), "how long a used refresh token works on, with refresh_reuse=grace"),
    ("account_field", (), "the field of the token response that names the account, as account=token.FIELD"),
    (
        "account",
        (),
        "what names the account: a path, such as callback.realmId; or several, joined by +",
    ),
    ("label", (), "what the account is called: a path"),
    ("fact.", (), "a fact that is kept of the account: a path"),
    ("second_token", (), "the path of a second token response within the first one"),
    ("second_account", (), "what names the account of the second token: a path"),
    ("account_header.", (), "a header of the account call; `{access_token}` and `{client_id}` are filled in"),
    ("account_query.", (), "a parameter of the account call; `{access_token}` and `{client_id}` are filled in"),
    *oauth2_params.TABLE,
    *oauth2_renewal.TABLE,
)
SETTINGS: Mapping[str, tuple[str, ...]] = {name: values for name, values, _ in _TABLE}
MEANINGS: Mapping[str, str] = {name: meaning for name, _, meaning in _TABLE}


class Declared:
    """The settings of one app, each read as what it is.

    Every method raises InvalidApp where a value cannot be read, as it can only be by a hand in the app's secret.
    """

    def __init__(self, provider: Provider, app: App) -> None:
        self._provider = provider
        self._app = app

    def text(self, key: str) -> str:
        """Return a setting, its default where it is not set; empty where it has neither."""
        value = self._provider.setting(self._app, key)
        allowed = self._provider.settings[key]
        if allowed and value not in allowed:
            raise InvalidApp(f"app {self._app.name}: the setting {key} is one of {', '.join(allowed)}")
        return value

    def seconds(self, key: str) -> int:
        """Return a number of seconds, 0 where it is not set."""
        text = self.text(key)
        if not text:
            return 0
        if not is_seconds(text):
            raise InvalidApp(f"app {self._app.name}: the setting {key} is a number of seconds")
        return int(text)

    def under(self, prefix: str) -> dict[str, str]:
        """Return the settings whose names begin so, without that beginning."""
        return {key.removeprefix(prefix): value for key, value in self._app.settings.items() if key.startswith(prefix)}


def is_seconds(text: str) -> bool:
    """Return whether a text is a number of seconds, from one second to three years."""
    return text.isascii() and text.isdigit() and 0 < len(text) <= 8 and int(text) > 0  # noqa: PLR2004


def authorize_shape(shape: AuthorizeShape, told: Declared) -> AuthorizeShape:
    """Return the authorization request as an app has it."""
    names = told.under("authorize_name.")
    response_type = told.text("response_type") or shape.response_type
    return replace(
        shape,
        client_id=names.pop("client_id", shape.client_id),
        response_type=None if response_type == NONE else response_type,
        redirect_uri=names.get("redirect_uri") != NONE,
        scope_separator=SEPARATORS[told.text("scope_separator")],
        pkce=Pkce.S256 if told.text("pkce") == "S256" else None,
        parameters=told.under("authorize."),
        names=names,
        registered_redirect=told.text("redirect_uri"),
        fragment=told.text("authorize_fragment"),
    )


def callback_shape(shape: CallbackShape, told: Declared) -> CallbackShape:
    """Return the authorization response as an app has it."""
    code = told.text("callback_code")
    return replace(
        shape,
        code=(code,) if code else shape.code,
        state=told.under("authorize_name.").get("state", shape.state),
        issuer=told.text("issuer"),
        issuer_announced=told.text("iss") == "required",
    )


def token_shape(shape: TokenShape, told: Declared) -> TokenShape:
    """Return the token request as an app has it."""
    names = told.under("name.")
    exchange, refresh = told.under("exchange."), told.under("refresh.")
    algorithm = told.text("assertion_algorithm")
    return replace(
        shape,
        method=told.text("token_method"),
        encoding=Encoding(told.text("token_format")),
        authentication=ClientAuthentication(told.text("client_auth")),
        client_id=names.pop("client_id", shape.client_id),
        client_secret=names.pop("client_secret", shape.client_secret),
        code=names.pop("code", shape.code),
        refresh_token=names.pop("refresh_token", shape.refresh_token),
        authorization_code=_grant_type(exchange, shape.authorization_code),
        refresh_grant=_grant_type(refresh, shape.refresh_grant),
        redirect_uri=names.get("redirect_uri") != NONE,
        code_parameters=exchange,
        refresh_parameters=refresh,
        parameters=told.under("token."),
        headers={name.lower(): value for name, value in told.under("header.").items()},
        names=names,
        raw_basic=told.text("basic_encoding") == "raw",
        sends_client_id=told.text("basic_client_id") == "send",
        assertion=AssertionShape(
            audience=told.text("assertion_audience"),
            algorithm="" if algorithm == "by_key" else algorithm,
            key_id=told.text("assertion_key_id"),
        ),
    )


def _grant_type(parameters: dict[str, str], default: str | None) -> str | None:
    """Take the grant type out of an app's parameters; None where it sends none."""
    value = parameters.pop("grant_type", default)
    return None if value == NONE else value


def response_shape(shape: ResponseShape, told: Declared) -> ResponseShape:
    """Return the token response as an app has it."""
    paths: dict[str, Any] = told.under("response.")
    error = partial(
        _error,
        code=paths.pop("error", ""),
        message=paths.pop("error_message", ""),
        success=frozenset(words(paths.pop("success", ""))),
        default=shape.error,
    )
    unknown = next((name for name in paths if name not in FIELDS), None)
    if unknown is not None:
        raise InvalidApp(f"there is no response.{unknown}: a path is that of {', '.join(FIELDS)}")
    return replace(
        shape,
        **paths,
        error=error,
        scope_separator=SEPARATORS[told.text("scope_separator")],
        default_expires_in=told.seconds("life") or shape.default_expires_in,
    )


def _error(
    reply: Mapping[str, Any], status: int, *, code: str, message: str, success: frozenset[str], default: Any
) -> ErrorReply | None:
    """Return the error where the app's settings say that it is, else where RFC 6749 §5.2 does."""
    value = found(reply, code) if code else None
    word = str(value).lower() if isinstance(value, bool) else str(value)
    if value not in (None, "") and word not in success and not isinstance(value, dict | list):
        return ErrorReply(code=word, message=_text(found(reply, message)) if message else "")
    error: ErrorReply | None = default(reply, status)
    if error is not None and message and not error.message:
        error = replace(error, message=_text(found(reply, message)))
    return error


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def words(text: str, separator: str = ",") -> list[str]:
    """Return the words of a list in a setting."""
    return [word.strip() for word in text.split(separator) if word.strip()]


def failures(told: Declared) -> dict[str, FailureClass]:
    """Return the class of each error word, the app's own before the RFC's."""
    own = {word: _class(name) for name, value in told.under("errors.").items() for word in words(value)}
    return {**OAUTH_FAILURES, **own}


def failure_texts(told: Declared) -> tuple[tuple[str, FailureClass], ...]:
    """Return the class of each part of a message."""
    return tuple(
        (part.lower(), _class(name)) for name, value in told.under("error_texts.").items() for part in words(value, "|")
    )


def _class(name: str) -> FailureClass:
    if name not in CLASSES:
        raise InvalidApp(f"an error's class is one of {', '.join(CLASSES)}; {name!r} is none")
    return FailureClass(name)
