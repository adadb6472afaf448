"""What a provider file states: data, with the RFCs' behaviour as the default of every field."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from tokensync.providers.shapes import OAUTH_FAILURES, AnswerShape, AuthorizeShape, CallbackShape, TokenShape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokensync.answers import FailureClass
    from tokensync.app import App
    from tokensync.grant import Grant
    from tokensync.providers.calls import AccountCall
    from tokensync.providers.notices import WebhookShape
    from tokensync.providers.shapes import RevocationShape


class GrantType(StrEnum):
    """Where an app's tokens come from, RFC 6749 §1.3."""

    AUTHORIZATION_CODE = "authorization_code"
    """From a consent page."""

    CLIENT_CREDENTIALS = "client_credentials"
    """From the app's own credentials: nobody is asked, and the account is the app itself."""

    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the grant's name
    """From refresh tokens that are given by hand: connections are imported, and there is no callback."""


class RefreshReuse(StrEnum):
    """What happens to a refresh token that is presented twice."""

    SINGLE_USE = "single_use"
    """It died when it was first presented; also where nobody knows."""

    GRACE = "grace"
    """The old one works on for the declared `grace_seconds`."""

    SAFE = "safe"
    """Tokens do not rotate: asking again does no harm."""


def as_it_is(provider: Provider, app: App) -> Provider:
    """Return the provider: it is the same for every app."""
    del app
    return provider


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One authorization server.

    `endpoints` and, where a region differs, `regions` give URLs by key: authorize token refresh revoke verify api.
    `hosts` are the only hosts that an app's own endpoints may name; None allows any, over https. `settings` are the
    options that an app may set, each with its allowed values, the default first; an empty tuple allows any text. A
    setting that ends in a dot stands for all that begin so. `required` names fields of an app that must be given.
    `failures` maps error codes, `failure_texts` parts of messages (for errors that have no code of their own), to
    classes; all else is UNKNOWN. `configured` returns what the provider is for one app, by that app's settings.
    """

    name: str
    title: str
    docs: str
    endpoints: Mapping[str, str]
    hosts: frozenset[str] | None
    regions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    grant_type: GrantType = GrantType.AUTHORIZATION_CODE
    authorize: AuthorizeShape = field(default_factory=AuthorizeShape)
    callback: CallbackShape = field(default_factory=CallbackShape)
    token: TokenShape = field(default_factory=TokenShape)
    answer: AnswerShape = field(default_factory=AnswerShape)
    failures: Mapping[str, FailureClass] = field(default_factory=lambda: OAUTH_FAILURES)
    failure_texts: tuple[tuple[str, FailureClass], ...] = ()
    refresh_reuse: RefreshReuse = RefreshReuse.SINGLE_USE
    grace_seconds: int = 0
    account_call: AccountCall | None = None
    revocation: RevocationShape | None = None
    webhook: WebhookShape | None = None
    configured: Callable[[Provider, App], Provider] = as_it_is

    def endpoint(self, app: App, key: str) -> str:
        """Return the URL for a key: the app's own, its region's, or the provider's.

        Raises:
            KeyError: the provider has no such endpoint.
        """
        for candidates in (app.endpoints, self.regions.get(app.region, {}), self.endpoints):
            if key in candidates:
                return candidates[key]
        if key == "refresh":  # RFC 6749 §6: the token endpoint serves both
            return self.endpoint(app, "token")
        raise KeyError(key)

    def has_endpoint(self, app: App, key: str) -> bool:
        """Return whether there is a URL for a key."""
        try:
            self.endpoint(app, key)
        except KeyError:
            return False
        return True

    def setting(self, app: App, key: str) -> str:
        """Return an app's setting, or its default; empty where it has neither."""
        return app.settings.get(key, next(iter(self.settings.get(key, ())), ""))

    def renews(self, grant: Grant) -> bool:
        """Return whether the next access token can be had without the account."""
        return grant.refresh_token is not None or self.grant_type is GrantType.CLIENT_CREDENTIALS

    def for_app(self, app: App) -> Provider:
        """Return what the provider is for one app."""
        return self.configured(self, app)
