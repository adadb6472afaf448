"""What a provider's file signs its requests with: functions that get the parameters of a request, and the moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokensync.domain.app import App
    from tokensync.domain.runtime import Moment


@dataclass(frozen=True, kw_only=True)
class Signed:
    """The parameters of a signed request: those of its URL, and those that travel as others do."""

    query: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)


# Both get the app, the URL without a query, all parameters and the moment. What is returned is what is sent.
SignsLink: TypeAlias = "Callable[[App, str, Mapping[str, Any], Moment], Mapping[str, Any]]"
SignsRequest: TypeAlias = "Callable[[App, str, Mapping[str, Any], Moment], Signed]"
