"""Where the settings of the generic provider say that tokens are, and which other settings lead there.

What a response says is published, shown and written down under what the settings call it. So no setting may call a
refresh token something else: it would leave the sealed grant for whoever may write the app's secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.oauth.account_paths import NoPath, Paths

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ACCESS, _REFRESH = "access_token", "refresh_token"
_TOKENS = frozenset({_ACCESS, _REFRESH, "id_token"})
# What of a response is published, shown or written down beside the access token.
_TEXTS = ("token_type", "expires_in", "refresh_expires_in", "scope", "error", "error_message")
_NAMES = ("account", "label", "second_account")  # paths of an account, see `tokensync.oauth.account_paths`
_PARAM_SOURCE = "param_source."
_OF_RESPONSE = "token."


def token_path_problems(settings: Mapping[str, str]) -> Iterator[str]:
    """Yield which settings lead to a token that is not their own, each as a sentence without its full stop."""
    tokens = {path for name in (_ACCESS, _REFRESH) for path in _whole(settings, settings.get(f"response.{name}", name))}
    if _REFRESH in settings.get(f"response.{_ACCESS}", "").split("."):
        yield f"response.{_ACCESS} leads to the refresh token, which is never published"
    for name in _TEXTS:
        path = settings.get(f"response.{name}", "")
        if path and (_TOKENS & set(path.split(".")) or _leads(_whole(settings, path), tokens)):
            yield f"response.{name} leads to a token, and nothing else may hold one"
    for key, path in _of_account(settings):
        if _leads({_plain(path)}, tokens):
            yield f"{key} leads to a token, and no name, fact or parameter may hold one"


def problems_since(before: Mapping[str, str], settings: Mapping[str, str]) -> Iterator[str]:
    """Yield which settings lead to the refresh token of a grant that was given when they were `before`.

    What a provider calls its refresh token does not change with what somebody writes into the app's secret.
    """
    refresh = before.get(f"response.{_REFRESH}", _REFRESH)
    holders = (before.get("response.envelope"), before.get("second_token"), settings.get("response.envelope"))
    joined = {**settings, f"response.{_REFRESH}": refresh, "response.envelope": ",".join(filter(None, holders))}
    access = joined.get(f"response.{_ACCESS}", _ACCESS)
    if _leads(_whole(joined, access), _whole(joined, refresh)):
        yield f"response.{_ACCESS} leads to the refresh token, which is never published"
    yield from token_path_problems(joined)


def _whole(settings: Mapping[str, str], path: str) -> set[str]:
    """Return the paths that one within a response may be: from its top, and from each object that holds tokens."""
    holders = [*settings.get("response.envelope", "").split(","), settings.get("second_token", "")]
    return {_plain(".".join((*filter(None, [holder.strip(" .")]), path))) for holder in ("", *holders)}


def _plain(path: str) -> str:
    """Return a path in its one spelling: a place in a list without leading zeros."""
    return ".".join(str(int(step)) if step.isascii() and step.isdigit() else step for step in path.split("."))


def _leads(paths: set[str], tokens: set[str]) -> bool:
    """Return whether a path leads to a token, to what holds one under a name of its own, or into one."""
    return any(
        path == token
        or path.startswith(f"{token}.")
        or (token.startswith(f"{path}.") and token.rpartition(".")[2] not in _TOKENS)  # those are taken out by name
        for path in paths
        for token in tokens
    )


def _of_account(settings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the settings that name, describe or place an account by the token response, each with a path into it."""
    if "account_field" in settings:
        yield "account_field", settings["account_field"]
    for key, value in settings.items():
        if key.startswith(_PARAM_SOURCE):
            yield from (
                (key, one.removeprefix(_OF_RESPONSE)) for one in value.split(",") if one.startswith(_OF_RESPONSE)
            )
        elif key in _NAMES or key.startswith("fact."):
            try:
                paths = list(Paths.parse(value))
            except NoPath:  # told where paths are read
                continue
            yield from ((key, str(path)) for path in paths if path.source == "token")
