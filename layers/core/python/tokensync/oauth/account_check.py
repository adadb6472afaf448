"""What has to hold of an app's parameters of accounts, see `tokensync.oauth.params`, before anybody is connected.

The core checks each template and each value again where it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.domain.errors import InvalidApp, ParamRefused
from tokensync.oauth.params import APP, CALLBACK, INVITE, RESERVED, check_declared
from tokensync.oauth.provider import GrantType
from tokensync.oauth.templates import check_text, check_url, names_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokensync.domain.app import App
    from tokensync.oauth.provider import Provider

# What is known of an account when a consent begins, and when its code is exchanged.
_FIRST, _EXCHANGE = (INVITE, APP), (INVITE, APP, CALLBACK)
_DECLARES, _SAYS_MORE = "param.", ("param_source.", "param_title.", "value.")  # settings, each before a name


def params_problem(app: App, provider: Provider) -> str:
    """Return what is wrong with the URLs and parameters of an app, as a sentence without its full stop; else empty.

    `provider` is the one of the registry, which no app has configured.
    """
    for key in app.settings:
        prefix, dot, name = key.partition(".")
        says_more = f"{prefix}{dot}" in _SAYS_MORE and f"{prefix}{dot}" in provider.settings
        if says_more and f"{_DECLARES}{name}" not in app.settings:
            return f"{key} does nothing without {_DECLARES}{name}=PATTERN"
    try:
        configured = provider.for_app(app)
        check_declared(configured.params)
        _check_urls(app, configured)
    except ParamRefused as error:
        return str(error)
    except InvalidApp:
        return ""  # a setting that cannot be read; whoever speaks to the provider says so
    return ""


def _check_urls(app: App, provider: Provider) -> None:
    for key in sorted({*provider.endpoints, *app.endpoints}):
        check_url(provider.template(app, key), provider.params)
    token, link = provider.token, provider.authorize.parameters.values()
    every = [*token.parameters.values(), *token.headers.values(), *token.code_parameters.values()]
    upgrade = provider.renewal.upgrade.parameters.values() if provider.renewal.upgrade else ()
    for value in (*link, *every, *token.refresh_parameters.values(), *upgrade):
        check_text(str(value), provider.params)
    if provider.grant_type is not GrantType.AUTHORIZATION_CODE:
        return  # an import names them all
    for key, values, sources in (("authorize", link, _FIRST), ("token", every, _EXCHANGE)):
        urls = [provider.template(app, key)] if provider.has_endpoint(app, key) else []
        _check_known([*urls, *map(str, values)], sources, provider)


def _check_known(texts: Iterable[str], sources: tuple[str, ...], provider: Provider) -> None:
    for text in texts:
        for name in names_in(text):
            if name in RESERVED:
                continue
            if not any(source.startswith(sources) for source in provider.params[name].sources):
                raise ParamRefused(name, "its value comes later than it is needed")
