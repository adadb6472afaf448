"""The settings of the generic provider that say by paths whose tokens a response holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensync.domain.errors import InvalidApp
from tokensync.oauth.naming import Naming, SecondToken
from tokensync.oauth.paths import NoPath, Paths

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokensync.domain.app import App
    from tokensync.oauth.provider import Provider

    Claims = Callable[[object], Mapping[str, Any]]

_FACT = "fact."


def naming_of(provider: Provider, app: App, claims: Claims) -> Naming | None:
    """Return where an app's settings say that an account's name and facts are; None where they say nothing.

    Raises:
        InvalidApp: a setting is no path, or two of them say the same.
    """
    field = provider.setting(app, "account_field")
    account = _paths(app, "account", provider.setting(app, "account"))
    if field and account is not None:
        raise InvalidApp(f"app {app.name} has the settings account and account_field: one names the account")
    if field:
        account = _paths(app, "account_field", f'token["{field}"]')
    facts = {
        key.removeprefix(_FACT): _paths(app, key, text) for key, text in app.settings.items() if key.startswith(_FACT)
    }
    label = _paths(app, "label", provider.setting(app, "label"))
    for paths in (account, label, *facts.values()):
        _check_callback(provider, app, paths)
    if account is None and label is None and not facts:
        return None
    given = {name: paths for name, paths in facts.items() if paths is not None}
    return Naming(account=account, label=label, facts=given, claims=claims)


def second_of(provider: Provider, app: App, claims: Claims) -> SecondToken | None:
    """Return the second token of an app's responses; None where its settings name none.

    Raises:
        InvalidApp: its account has no name of its own.
    """
    path = provider.setting(app, "second_token")
    account = _paths(app, "second_account", provider.setting(app, "second_account"))
    if not path and account is None:
        return None
    if not path or account is None:
        raise InvalidApp(f"app {app.name} needs second_token and second_account together")
    if account.text in (provider.setting(app, "account"), f"token.{provider.setting(app, 'account_field')}"):
        raise InvalidApp(f"app {app.name} names both accounts of a response by {account.text}")
    if any(part.source == "account" for part in account):
        raise InvalidApp(f"app {app.name}: there is no account call for a second token: {account.text}")
    if not all(part and part.isprintable() for part in path.split(".")):
        raise InvalidApp(f"app {app.name}: second_token is the way to an object, such as authed_user")
    _check_callback(provider, app, account)
    return SecondToken(path=path, naming=Naming(account=account, claims=claims))


def _paths(app: App, key: str, text: str) -> Paths | None:
    if not text:
        return None
    try:
        return Paths.parse(text)
    except NoPath as error:
        raise InvalidApp(f"app {app.name}, setting {key}: {error}") from None


def _check_callback(provider: Provider, app: App, paths: Paths | None) -> None:
    """Refuse the code, by whatever name it comes: no name or fact may hold it."""
    code = next(
        (path for path in paths or () if path.source == "callback" and path.steps[0] in provider.callback.code), None
    )
    if code is not None:
        raise InvalidApp(f"app {app.name}: {code.text} is the code")
