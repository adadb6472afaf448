"""The settings of the generic provider that say by paths whose tokens a response holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensync.oauth.account_paths import NoPath, Paths
from tokensync.oauth.naming import Naming, SecondToken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokensync.oauth.shapes import CallbackShape

    Claims = Callable[[object], Mapping[str, Any]]

_FACT = "fact."


def naming_of(settings: Mapping[str, str], callback: CallbackShape, claims: Claims) -> Naming | None:
    """Return where an app's settings say that an account's name and facts are; None where they say nothing.

    Raises:
        NoPath: a setting is no path, or two of them say the same.
    """
    field, account = settings.get("account_field"), _paths(settings, "account", callback)
    if field and account is not None:
        raise NoPath("account and account_field both name the account")
    if field:
        account = _paths({"account_field": f'token["{field}"]'}, "account_field", callback)
    label = _paths(settings, "label", callback)
    facts = {key.removeprefix(_FACT): _paths(settings, key, callback) for key in settings if key.startswith(_FACT)}
    given = {name: paths for name, paths in facts.items() if paths is not None}
    if account is None and label is None and not given:
        return None
    return Naming(account=account, label=label, facts=given, claims=claims)


def second_of(settings: Mapping[str, str], callback: CallbackShape, claims: Claims) -> SecondToken | None:
    """Return the second token of an app's responses; None where its settings name none.

    Raises:
        NoPath: its account has no name of its own.
    """
    path, account = settings.get("second_token", ""), _paths(settings, "second_account", callback)
    if not path and account is None:
        return None
    if not path or account is None:
        raise NoPath("second_token and second_account belong together")
    if account.text in (settings.get("account", "").strip(), f"token.{settings.get('account_field', '')}"):
        raise NoPath(f"account and second_account name both accounts of a response by {account.text}")
    if any(part.source == "account" for part in account):
        raise NoPath(f"second_account is {account.text}, and no account call is made for a second token")
    if "," in path or not all(part and part.isprintable() for part in path.split(".")):
        raise NoPath("second_token is the path of an object in the token response, such as authed_user")
    return SecondToken(path=path, naming=Naming(account=account, claims=claims))


def _paths(settings: Mapping[str, str], key: str, callback: CallbackShape) -> Paths | None:
    text = settings.get(key)
    if not text:
        return None
    try:
        paths = Paths.parse(text)
    except NoPath as error:
        raise NoPath(f"{key}: {error}") from None
    secrets = (*callback.code, callback.state)
    secret = next((path for path in paths if path.source == "callback" and path.steps[0] in secrets), None)
    if secret is not None:
        raise NoPath(f"{key}: {secret.text} leads to a secret, and no name or fact may hold one")
    return paths
