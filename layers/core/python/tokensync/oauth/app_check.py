"""Holds a registration against its provider: what cannot work, and what would be ignored, is refused by its name.

`check_credentials` is asked by whatever speaks to the provider. `check_settings` is asked where an app is registered
and before an account is connected through it: a setting that nobody reads stops no connection that exists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.domain.errors import InvalidApp
from tokensync.oauth.account_check import params_problem
from tokensync.oauth.client_assertion import key_problem
from tokensync.oauth.provider import GrantType
from tokensync.oauth.shapes import ClientAuthentication

if TYPE_CHECKING:
    from tokensync.domain.app import App
    from tokensync.oauth.provider import Provider

EVERY_APP: dict[str, str] = {
    "return_url": "where the button on the result page leads: an https URL",
}
_LONGEST_VALUE = 512  # characters


def check_credentials(app: App, provider: Provider) -> None:
    """Refuse an app that has nothing to authenticate with, in the way that its provider wants it.

    Raises:
        InvalidApp: the message names the field that is missing or unusable.
    """
    way = provider.token.authentication
    if way.needs_secret and not app.client_secret:
        raise InvalidApp(f"the secret of app {app.name} lacks client_secret")
    if way is ClientAuthentication.PRIVATE_KEY_JWT:
        if app.private_key is None:
            raise InvalidApp(f"the secret of app {app.name} lacks private_key")
        problem = key_problem(app.private_key, provider.token.assertion.algorithm)
        if problem:
            raise InvalidApp(f"the private_key of app {app.name} {problem}")


def check_settings(app: App, provider: Provider) -> None:
    """Refuse an app with a setting that its provider does not have, or that another one makes pointless.

    `provider` is the one of the registry, which no app has configured.

    Raises:
        InvalidApp: the message names the setting, and the one that does what it was meant to do.
    """
    problem = settings_problem(app, provider)
    if problem:
        raise InvalidApp(f"app {app.name}: {problem}")


def settings_problem(app: App, provider: Provider) -> str:
    """Return the first thing that is wrong with an app's settings, as a sentence without its full stop; else empty."""
    for key, value in app.settings.items():
        if key in EVERY_APP:
            continue
        allowed = provider.allowed(key)
        if allowed is None:
            known = ", ".join(
                (*(f"{name}NAME" if name.endswith(".") else name for name in provider.settings), *EVERY_APP)
            )
            return f"{provider.title} has no setting {key!r}; it has {known}"
        if allowed and value not in allowed:
            return f"the setting {key} is one of {', '.join(allowed)}"
        if not 0 < len(value) <= _LONGEST_VALUE or not value.isprintable():
            return f"the setting {key} is 1 to {_LONGEST_VALUE} printable characters"
    return provider.contradiction(provider, app) or params_problem(app, provider)


def endpoint_problem(provider: Provider, key: str) -> str:
    """Return why nothing calls an app's own endpoint, as a sentence without its full stop; empty where something does.

    `provider` is the one for the app. This is asked where an app is registered: an endpoint that nothing calls harms no
    connection. That of a consumer is not the provider's, and is not judged.
    """
    grant, call = provider.grant_type, provider.account_call
    why = ""
    match key:
        case "authorize" if grant is not GrantType.AUTHORIZATION_CODE:
            why = f"nobody is asked for consent with grant={grant}"
        case "refresh" if grant is GrantType.CLIENT_CREDENTIALS:
            why = f"with grant={grant} every token comes from --endpoint token"
        case "upgrade" if provider.renewal.upgrade is None:
            has_setting = "upgrade." in provider.settings
            why = "it needs --set upgrade.grant_type=TYPE" if has_setting else f"{provider.title} has no such exchange"
        case "revoke" if provider.revocation is None:
            why = f"{provider.title} has no revocation"
        case "verify" | "api" if grant is GrantType.CLIENT_CREDENTIALS:
            why = f"with grant={grant} the account is the app itself, and no call asks for it"
        case "verify" | "api" if call is not None and call.endpoint != key:
            why = f"--endpoint {call.endpoint} is the account call"
        case "verify" | "api" if call is None:
            is_generic = provider.hosts is None
            why = "--endpoint verify is the account call" if is_generic else f"{provider.title} has no account call"
    return why
