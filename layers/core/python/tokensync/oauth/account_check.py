"""What has to hold of an app's parameters of accounts before it is registered, see `tokensync.oauth.params`.

The core checks each template and each value again where it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.domain.errors import ParamRefused
from tokensync.oauth.params import APP, CALLBACK, INVITE, check_declared
from tokensync.oauth.provider import GrantType
from tokensync.oauth.templates import check_text, check_url, names_in

if TYPE_CHECKING:
    from tokensync.domain.app import App
    from tokensync.oauth.provider import Provider

# What is known of an account when a consent begins, and when its code is exchanged.
_FIRST, _EXCHANGE = (INVITE, APP), (INVITE, APP, CALLBACK)
_NAMED = ("param_source.", "param_title.", "value.")  # settings that say more of a declared parameter


def check_params(app: App, provider: Provider) -> None:
    """Refuse an app whose URLs could lead anywhere, or need what is known too late. `provider` is the one for the app.

    Raises:
        ParamRefused: the message names the parameter.
    """
    declared = provider.params
    check_declared(declared)
    for key in app.settings:
        prefix, dot, name = key.partition(".")
        if f"{prefix}{dot}" in _NAMED and f"{prefix}{dot}" in provider.settings and name not in declared:
            raise ParamRefused(name, f"{key} says more of a parameter that param.{name} declares first")
    for key in {*provider.endpoints, *app.endpoints}:
        check_url(provider.template(app, key), declared)
    for value in (*provider.authorize.parameters.values(), *provider.token.parameters.values()):
        check_text(value, declared)
    match provider.grant_type:
        case GrantType.AUTHORIZATION_CODE:
            authorize = [provider.template(app, "authorize")] if provider.has_endpoint(app, "authorize") else []
            _check_known([*authorize, *provider.authorize.parameters.values()], _FIRST, provider)
            token = [provider.template(app, "token")] if provider.has_endpoint(app, "token") else []
            _check_known([*token, *provider.token.parameters.values()], _EXCHANGE, provider)
        case GrantType.CLIENT_CREDENTIALS | GrantType.REFRESH_TOKEN:  # an import names them all
            pass


def _check_known(texts: list[str], sources: tuple[str, ...], provider: Provider) -> None:
    for text in texts:
        for name in names_in(text):
            if not any(source.startswith(sources) for source in provider.params[name].sources):
                raise ParamRefused(name, "its value comes later than it is needed")
