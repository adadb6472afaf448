"""What a grant is bound to that comes from the endpoints which an app names now."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from tokensync.domain.bound import Bound
from tokensync.domain.errors import EndpointRefused, ParamRefused
from tokensync.domain.origins import Origin
from tokensync.oauth.templates import base_of, names_in_host

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokensync.domain.app import App
    from tokensync.oauth.provider import Provider

_TOKEN_KEYS = ("token", "refresh", "upgrade", "revoke")
_API_KEYS = ("verify", "api")
# Where a refresh token is in a response of the generic provider's.
_READING = ("response.refresh_token", "response.envelope", "second_token")


def bound_now(provider: Provider, app: App) -> Bound:
    """Return what a grant is bound to that comes from the endpoints which an app has now, for one account."""
    return Bound(
        provider=provider.name,
        rule=_rule(provider, app),
        token=_origins(provider, app, _TOKEN_KEYS),
        api=_origins(provider, app, _API_KEYS),
        reading=tuple(sorted((key, app.settings[key]) for key in _READING if key in app.settings)),
    )


def _origins(provider: Provider, app: App, keys: Iterable[str]) -> tuple[str, ...]:
    """Return the origins of endpoints, without those that are not known yet for this account."""
    found: dict[str, None] = {}
    for key in keys:
        if provider.has_endpoint(app, key):
            try:
                found[str(Origin.of(provider.endpoint(app, key)))] = None
            except (ParamRefused, EndpointRefused):
                continue
    return tuple(found)


def _rule(provider: Provider, app: App) -> str:
    """Return a hash of what the origins of an app's endpoints are made of, an account's values apart."""
    bases = {key: provider.template(app, key) for key in (*_TOKEN_KEYS, *_API_KEYS) if provider.has_endpoint(app, key)}
    names = {name for template in bases.values() for name in names_in_host(template)}
    declared = {
        name: [param.pattern, list(param.sources), param.value]
        for name, param in provider.params.items()
        if name in names
    }
    made_of = [{key: base_of(template) for key, template in bases.items()}, declared]
    return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:32]
