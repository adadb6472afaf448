"""The client registrations that the sandbox knows, and how each of them wants the provider to behave."""

import dataclasses
import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from tokensync_cli.sandbox import records

UserType = Literal["seller", "creator", "partner", "user"]
"""A `user` is an account of a provider that has one kind alone."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How the provider treats one app. Defaults are what is documented; times are seconds."""

    access_token_seconds: int | None = 604_800
    """None never expires."""
    refresh_token_seconds: int | None = 31_536_000
    """The grant's duration that the consent page preselects; None has no end."""
    refresh_extends: bool = False
    """A refresh begins the grant's duration anew."""
    code_seconds: int = 1_800
    refresh_reuse: Literal["single_use", "grace", "safe"] = "single_use"
    """What a refresh does to the refresh token presented: it dies, it lives `grace_seconds` on, or it never rotates."""
    grace_seconds: int = 60
    reuse_detection: bool = False
    """A dead code or refresh token presented again revokes all that came from it (RFC 9700 section 4.14)."""
    old_access_token_dies: bool = False
    reauthorization_replaces: bool = False
    """A new authorization ends the account's earlier ones."""
    scopes: tuple[str, ...] = (
        "seller.authorization.info",
        "seller.shop.info",
        "seller.product.basic",
        "seller.order.info",
        "seller.affiliate_collaboration.read",
    )
    """What the app may ask for. With some providers the link says which of them; without, all are asked for."""
    user_types: tuple[UserType, ...] = ("seller",)
    """The kinds of account that the seller's consent page offers."""
    ip_denied: Literal["no", "code", "text"] = "no"
    """The IP allow list refuses the caller: with its own number, or recognisable by its text alone."""
    likely_codes: bool = False
    """Use the error numbers of which only single observations exist."""
    error_data: Literal["cycle", "missing", "null", "object", "array"] = "cycle"
    """The form of `data` in an error; `cycle` takes each in turn."""
    error_status: Literal["cycle", "200", "400", "401"] = "cycle"
    """The HTTP status of a token call's error where observations differ; `cycle` takes each in turn."""
    api_error_status: int = 200
    """The HTTP status of an API call's error, which is not documented."""
    refreshable: bool = True
    """Whether a refresh token comes with the first access token."""
    issuer: str | None = None
    """The issuer in callbacks and ID tokens: None is the true one, an empty text is none, anything else is a lie."""
    undocumented_refresh_token: bool = False
    """A refresh token comes back from a refresh where the provider documents none."""
    token_marker: str = ""
    """Text that every code and token of the app carries, so that a search can find a leak."""


@dataclass(frozen=True, kw_only=True)
class App:
    """One registration with one provider."""

    provider: str
    app_key: str
    app_secret: str = field(repr=False)
    service_id: str = ""
    """What the authorization link names in place of the app key; empty if the provider has none."""
    redirect_uri: str = ""
    name: str = ""
    settings: Settings = field(default_factory=Settings)

    @property
    def title(self) -> str:
        """Return what a seller reads on the consent page."""
        return self.name or self.app_key

    def has_secret(self, secret: str) -> bool:
        """Return whether this is the app's secret; how long that takes says nothing of it."""
        return hmac.compare_digest(secret.encode(), self.app_secret.encode())


class Apps:
    """All registrations, by provider and app key."""

    def __init__(self, apps: Iterable[App] = ()) -> None:
        self._apps = {(app.provider, app.app_key): app for app in apps}

    def __iter__(self) -> Iterator[App]:
        return iter(tuple(self._apps.values()))

    def find(self, provider: str, app_key: str) -> App | None:
        """Return the registration, or None if there is none."""
        return self._apps.get((provider, app_key))

    def by_service(self, provider: str, service_id: str) -> App | None:
        """Return the registration that an authorization link names."""
        return next((app for app in self if (app.provider, app.service_id) == (provider, service_id)), None)

    def upsert(self, change: Mapping[str, Any], defaults: Mapping[str, Any] | None = None) -> App:
        """Register an app or change the fields given; settings are changed one by one.

        `defaults` are the provider's own settings: a new app begins with them.

        Raises:
            BadRecordError: a field does not fit, or another app has the service id.
        """
        before = self.find(str(change.get("provider")), str(change.get("app_key")))
        known = records.to_json(before) if before else {"settings": defaults or {}}
        settings = change.get("settings", {})
        if not isinstance(settings, Mapping):
            raise records.BadRecordError("settings must be a JSON object")
        merged = {**known, **change, "settings": {**known.get("settings", {}), **settings}}
        app = records.read(App, merged)
        _check(app)
        other = self.by_service(app.provider, app.service_id)
        if app.service_id and other and other.app_key != app.app_key:
            raise records.BadRecordError(f"service_id belongs to the app {other.app_key}")
        self._apps[app.provider, app.app_key] = app
        return app


def public(app: App) -> dict[str, Any]:
    """Return a registration as JSON without its secret."""
    shown = records.to_json(app)
    del shown["app_secret"]
    return shown


def origin(url: str) -> str:
    """Return scheme, host and port of a URL: what a Content-Security-Policy names."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _check(app: App) -> None:
    for name in ("app_key", "app_secret"):
        if not getattr(app, name):
            raise records.BadRecordError(f"{name} must not be empty")
    if app.redirect_uri:
        parts = urlsplit(app.redirect_uri)
        # The host goes into a header of the consent page.
        odd = any(c in ";,'\"" or not c.isprintable() or c.isspace() for c in app.redirect_uri)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment or odd:
            raise records.BadRecordError("redirect_uri must be an absolute http or https URL without a fragment")
    for limit in dataclasses.fields(Settings):
        value = getattr(app.settings, limit.name)
        if limit.name.endswith("_seconds") and value is not None and value < 0:
            raise records.BadRecordError(f"settings.{limit.name} must not be negative")
