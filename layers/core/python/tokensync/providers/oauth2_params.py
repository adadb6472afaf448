"""The parameters of accounts that an app of the generic provider declares, see `tokensync.oauth.params`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.oauth.params import APP, INVITE, Param

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.providers.oauth2_settings import Declared

# Each setting with the values that it may have (none: any text) and what it does, as in `oauth2_settings`.
TABLE: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("param.", (), "a pattern: declares what `{NAME}` in URLs and parameters is filled with for each account"),
    ("param_source.", (), "where its value comes from: invite, app, callback.NAME, token.PATH; several by commas"),
    ("param_title.", (), "how the seller's page asks for it, where the invite does not name it"),
    ("value.", (), "its value where that is the same for all accounts"),
)


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
