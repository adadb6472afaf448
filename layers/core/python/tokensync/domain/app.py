"""An app: your registration with a provider. One secret holds it; `app_state` is what the table holds of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tokensync.domain.errors import InvalidApp
from tokensync.domain.names import app_name
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.grant import Grant

APP_VERSION = 1
_OPTIONAL: tuple[tuple[str, Any], ...] = (("scopes", []), ("endpoints", {}), ("settings", {}))
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
ENDPOINT_KEYS = ("authorize", "token", "refresh", "upgrade", "revoke", "verify", "api", "push")
# Secrets that an app may have beside its client secret; absent in the JSON where there is none.
_MORE_SECRETS = ("new_client_secret", "private_key", "api2cart_key")


@dataclass(frozen=True, kw_only=True)
class App:
    """One registration. `endpoints` overrides the provider's own; `settings` are the provider's named options.

    `client_secret` is empty where the client has none: a public client, or one that signs with its `private_key` (PEM)
    instead. `new_client_secret` is set beside the client secret while one replaces the other. `api2cart_key` is the key
    of the operator's account with API2Cart. `params` are the values of one account, for requests about it; they are no
    part of the registration.
    """

    name: str
    provider: str
    client_id: str
    client_secret: Secret
    service_id: str = ""
    region: str = ""
    scopes: tuple[str, ...] = ()
    endpoints: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    new_client_secret: Secret | None = None
    private_key: Secret | None = None
    api2cart_key: Secret | None = None
    params: Mapping[str, str] = field(default_factory=dict)

    def of(self, grant: Grant) -> App:
        """Return the app as it asks for one account: with its parameters, and its own client where it has one."""
        app = self.of_account(grant.params)
        if grant.client_secret is None:
            return app
        return replace(app, client_id=grant.client_id, client_secret=grant.client_secret)

    def of_account(self, params: Mapping[str, str]) -> App:
        """Return the app as it asks for an account with these parameters."""
        return replace(self, params=params) if params else self

    @property
    def push(self) -> str:
        """Return the consumer that is given each new pair; empty where there is none."""
        name = self.settings.get("push", "none")
        return "" if name == "none" else name

    @property
    def gives_away(self) -> bool:
        """Return whether a consumer owns the refreshing of what it was handed: each pair is given once."""
        return self.settings.get("owner") == "consumer"

    @property
    def is_sandboxed(self) -> bool:
        """Return whether its token endpoint is on this machine: a sandbox, whose tokens may live for minutes."""
        try:
            return urlsplit(self.endpoints.get("token", "")).hostname in _LOOPBACK
        except ValueError:  # nothing checks what is written into a secret
            return False

    @property
    def return_url(self) -> str:
        """Return where the result page's button leads: https, or http on this machine; empty where none such is set.

        It becomes a link, and no escaping would stop a `javascript:` one.
        """
        url = self.settings.get("return_url", "")
        try:
            parts = urlsplit(url)
            usable = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        except ValueError:
            return ""
        return url if usable and parts.hostname else ""

    def to_json(self) -> str:
        """Return the value of the app's secret, client secret in clear."""
        return json.dumps(
            {
                "version": APP_VERSION,
                "provider": self.provider,
                "client_id": self.client_id,
                "client_secret": self.client_secret.reveal(),
                "service_id": self.service_id,
                "region": self.region,
                "scopes": list(self.scopes),
                "endpoints": self.endpoints,
                "settings": self.settings,
                **{key: secret.reveal() for key in _MORE_SECRETS if (secret := getattr(self, key)) is not None},
            }
        )

    @classmethod
    def from_json(cls, name: str, text: str) -> App:
        """Read the value of an app's secret.

        Raises:
            InvalidApp: it is not what `to_json` writes; the message names the field and never its value.
        """
        try:
            stored: Any = json.loads(text)
        except (ValueError, RecursionError):
            # from None: JSONDecodeError keeps the whole document, which is a secret.
            raise InvalidApp(f"the secret of app {name} is not JSON") from None
        if not isinstance(stored, dict) or stored.get("version") != APP_VERSION:
            raise InvalidApp(f"the secret of app {name} is not version {APP_VERSION}")
        for key in ("provider", "client_id"):
            if not isinstance(stored.get(key), str) or not stored[key]:
                raise InvalidApp(f"the secret of app {name} lacks {key}")
        client_secret = stored.get("client_secret") or ""  # whether it needs one is its provider's to say
        if not isinstance(client_secret, str):
            raise InvalidApp(f"the secret of app {name} lacks client_secret")
        scopes, endpoints, settings = (stored.get(key) or empty for key, empty in _OPTIONAL)
        if not isinstance(scopes, list) or not isinstance(endpoints, dict) or not isinstance(settings, dict):
            raise InvalidApp(f"the secret of app {name} holds scopes, endpoints or settings of another shape")
        more: dict[str, Any] = {
            key: Secret(stored[key]) for key in _MORE_SECRETS if isinstance(stored.get(key), str) and stored[key]
        }
        return cls(
            name=app_name(name),
            provider=stored["provider"],
            client_id=stored["client_id"],
            client_secret=Secret(client_secret),
            service_id=str(stored.get("service_id") or ""),
            region=str(stored.get("region") or ""),
            scopes=tuple(map(str, scopes)),
            endpoints={key: str(url) for key, url in endpoints.items()},
            settings={key: str(value) for key, value in settings.items()},
            **more,
        )
