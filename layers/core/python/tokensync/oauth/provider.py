"""What a provider's file holds: data, with the RFCs' behaviour as the default of every field.

Beside the token endpoint it describes a call with an access token, which finds and verifies the account, and webhooks.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tokensync.oauth.hints import OAUTH_HINTS
from tokensync.oauth.renewal import Credentials, RenewalShape
from tokensync.oauth.shapes import OAUTH_FAILURES, AuthorizeShape, CallbackShape, ResponseShape, TokenShape, no_account
from tokensync.oauth.templates import filled_text, filled_url, names_in_host

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokensync.domain.app import App
    from tokensync.domain.grant import Grant
    from tokensync.domain.messages import AccountReply, FailureClass, Request
    from tokensync.domain.secret import Secret
    from tokensync.oauth.hints import IdForm
    from tokensync.oauth.naming import Naming, SecondToken
    from tokensync.oauth.params import Param
    from tokensync.oauth.shapes import ErrorReply, RevocationShape


class GrantType(StrEnum):
    """Where an app's tokens come from, RFC 6749 §1.3."""

    AUTHORIZATION_CODE = "authorization_code"
    """From a consent page."""

    CLIENT_CREDENTIALS = "client_credentials"
    """From the app's own credentials: there is no consent, and the account is the app itself."""

    REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the grant's name
    """From refresh tokens that an operator imports: there is no callback."""


class RefreshReuse(StrEnum):
    """What happens to a refresh token that is presented twice."""

    SINGLE_USE = "single_use"
    """It dies when it is first presented. Also where this is not known."""

    GRACE = "grace"
    """It works for the declared `grace_seconds` after that."""

    SAFE = "safe"
    """Tokens do not rotate: a second request does no harm."""


@dataclass(frozen=True, kw_only=True)
class Provider:
    """One authorization server.

    `endpoints` and, where a region differs, `regions` give URLs by key: authorize token refresh upgrade revoke verify
    api.
    `hosts` are the only hosts that an app's own endpoints may name; None allows any, over https. `settings` are the
    options that an app may set, each with its allowed values, the default first; an empty tuple allows any text, and
    a name that ends in a dot allows all names that begin with it; `meanings` says what each does. `contradiction`
    returns what is wrong with an app's settings beside their values, as a sentence without its full stop, empty where
    nothing is: one that would be ignored, or that another one contradicts. `required` names fields that an app must
    have. `facts` names what the provider says of an account, each with its meaning: the published secret has it under
    `account`; `wanted_facts` likewise what API calls need and no response says. `failures` maps error codes, and
    `failure_texts` parts of messages (for errors without a code of their own), to classes; every other error is
    UNKNOWN. `naming` says by paths where an account's name and facts are. `second` is a second token response within
    one. `configured` returns the provider for one app, by that app's settings.

    URLs and parameters of requests may be templates, and `params` declares what they are filled with for each account,
    see `tokensync.oauth.params`; `in_hosts`, of a provider for one app, are those that name a host.

    `hints` and `id_forms` are for operators alone, see `tokensync.oauth.hints`. The keys of `id_forms` are fields of an
    app, and names of what belongs to another product of the vendor and looks alike.
    """

    name: str
    title: str
    docs: str
    endpoints: Mapping[str, str]
    hosts: frozenset[str] | None
    regions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    settings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    params: Mapping[str, Param] = field(default_factory=dict)
    in_hosts: frozenset[str] = frozenset()
    meanings: Mapping[str, str] = field(default_factory=dict)
    contradiction: Callable[[Provider, App], str] = lambda *_: ""
    required: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    wanted_facts: Mapping[str, str] = field(default_factory=dict)
    grant_type: GrantType = GrantType.AUTHORIZATION_CODE
    authorize: AuthorizeShape = field(default_factory=AuthorizeShape)
    callback: CallbackShape = field(default_factory=CallbackShape)
    token: TokenShape = field(default_factory=TokenShape)
    response: ResponseShape = field(default_factory=ResponseShape)
    failures: Mapping[str, FailureClass] = field(default_factory=lambda: OAUTH_FAILURES)
    failure_texts: tuple[tuple[str, FailureClass], ...] = ()
    hints: tuple[tuple[str, str], ...] = OAUTH_HINTS
    id_forms: Mapping[str, IdForm] = field(default_factory=dict)
    refresh_reuse: RefreshReuse = RefreshReuse.SINGLE_USE
    grace_seconds: int = 0
    renewal: RenewalShape = field(default_factory=RenewalShape)
    account_call: AccountCall | None = None
    naming: Naming | None = None
    second: SecondToken | None = None
    revocation: RevocationShape | None = None
    webhook: WebhookShape | None = None
    configured: Callable[[Provider, App], Provider] = lambda provider, _: provider

    def endpoint(self, app: App, key: str) -> str:
        """Return the URL for a key, filled with the parameters of the account that the app asks for.

        Raises:
            KeyError: the provider has no such endpoint.
            ParamRefused: the account's parameters lead to no URL that may be used.
        """
        return filled_url(self.template(app, key), self.params, app.params)

    def filled(self, app: App, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return parameters of a request, filled with those of the account.

        Raises:
            ParamRefused: one has no value that may be used.
        """
        return {
            name: filled_text(value, self.params, app.params) if isinstance(value, str) else value
            for name, value in parameters.items()
        }

    def template(self, app: App, key: str) -> str:
        """Return the URL for a key as it is written: the app's own, else its region's, else the provider's.

        Raises:
            KeyError: the provider has no such endpoint.
        """
        for candidates in (app.endpoints, self.regions.get(app.region, {}), self.endpoints):
            if key in candidates:
                return candidates[key]
        if key in ("refresh", "upgrade"):  # RFC 6749 §6: the token endpoint serves both
            return self.template(app, "token")
        raise KeyError(key)

    def has_endpoint(self, app: App, key: str) -> bool:
        """Return whether there is a URL for a key."""
        try:
            self.template(app, key)
        except KeyError:
            return False
        return True

    def setting(self, app: App, key: str) -> str:
        """Return an app's setting, or its default; empty where it has neither."""
        return app.settings.get(key, next(iter(self.settings.get(key, ())), ""))

    def allowed(self, key: str) -> tuple[str, ...] | None:
        """Return the values that a setting may have, empty if any text will do; None if there is no such setting."""
        if key in self.settings and not key.endswith("."):
            return self.settings[key]
        prefix, dot, name = key.partition(".")
        return self.settings.get(f"{prefix}{dot}") if dot and name else None

    def renews(self, grant: Grant) -> bool:
        """Return whether the next access token comes without a new consent."""
        if self.grant_type is GrantType.CLIENT_CREDENTIALS:
            return True
        if self.renewal.presents_access_token:  # one without an end needs no next one
            ends = grant.to_be_upgraded or grant.access_expires_at is not None
            return bool(grant.access_token) and ends
        return grant.refresh_token is not None

    def proves_secret(self, grant: Grant) -> bool:
        """Return whether a renewal presents the app's own client, so that its success proves it."""
        if grant.has_own_client:
            return False
        if self.renewal.presents_access_token:
            upgrade = self.renewal.upgrade if grant.to_be_upgraded else None
            return (upgrade or self.renewal).credentials is not Credentials.NONE
        return True

    def for_second(self, *, refreshed: bool = False) -> Provider:
        """Return the provider as it is for the second token of a response; itself where it gives none.

        In the response to a refresh that token may be in the first one's place.
        """
        if self.second is None:
            return self
        response = replace(self.response, envelope=f"{self.second.path},." if refreshed else self.second.path)
        return replace(self, response=response, naming=self.second.naming, account_call=None, second=None)

    def for_app(self, app: App) -> Provider:
        """Return the provider for one app.

        Raises:
            InvalidApp: a setting cannot be read; the message names it.
        """
        provider = self.configured(self, app)
        if not provider.params:
            return provider
        templates = [provider.template(app, key) for key in {*provider.endpoints, *app.endpoints}]
        return replace(provider, in_hosts=frozenset(name for one in templates for name in names_in_host(one)))


@dataclass(frozen=True, kw_only=True)
class AccountCall:
    """One call that fetches the account's facts with an access token, and by that verifies the token.

    It is made at connect, at re-authorization and to verify; its failure never fails a connect or a refresh.

    `request` gets the app, the URL of `endpoint`, the grant and the time in Unix seconds. `read` gets the response's
    JSON object (empty where it has none) and its HTTP status; it returns the facts, or the error. `failures` and
    `failure_texts` class errors as those of `Provider` do; REFUSED means that this access token works no more.

    `carries_secret`: the request carries the client secret or is signed with it, so its success proves that secret as
    well. `challenged`: an error in the header WWW-Authenticate, RFC 6750 §3, goes before the body's.

    `account` names the account from the facts, where the token response does not; it also gets the account that the
    authorization was wanted for, empty where any will do. `lookups` lists other names, such as a shop's id, by which
    webhooks name the account.
    """

    request: Callable[[App, str, Grant, int], Request]
    read: Callable[[Mapping[str, Any], int], dict[str, Any] | ErrorReply]
    endpoint: str = "api"
    failures: Mapping[str, FailureClass] = field(default_factory=dict)
    failure_texts: tuple[tuple[str, FailureClass], ...] = ()
    challenged: bool = False
    carries_secret: bool = False
    account: Callable[[Mapping[str, Any], str], AccountReply | None] = no_account
    lookups: Callable[[Mapping[str, Any]], tuple[str, ...]] = lambda _: ()


class WebhookEventKind(StrEnum):
    """What a webhook event means for a connection."""

    DEAUTHORIZED = "deauthorized"
    """The account ended its authorization."""

    EXPIRING = "expiring"
    """The authorization ends soon, and only a new one helps."""

    OTHER = "other"
    """Nothing. It is acknowledged."""


@dataclass(frozen=True, kw_only=True)
class WebhookEvent:
    """One webhook event. Times are Unix seconds, None where it has none.

    `id` is the provider's own, empty where it gives none. The connection is found by `account`, or by `lookup`, one
    of those that `AccountCall.lookups` lists. `detail` is the reason, in words that name nobody.
    """

    kind: WebhookEventKind
    id: str = ""
    at: int | None = None
    account: str = ""
    lookup: str = ""
    expires_at: int | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class WebhookShape:
    """How a provider signs and words its webhook events.

    `signature` returns the signature in the headers (lower-case names), None where none has the right form: this test
    needs no secret. `expected` returns the right signature for one client secret, the headers and the raw body.
    `read` gets the body's JSON object after the signature was checked; it raises ValueError where that is no event.
    """

    signature: Callable[[Mapping[str, str]], str | None]
    expected: Callable[[App, Secret, Mapping[str, str], bytes], str]
    read: Callable[[Mapping[str, Any]], WebhookEvent]
