"""What a batch needs of one app, fetched once: registration, running state, provider and a data key."""

from __future__ import annotations

import threading
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.domain.app_state import Outcomes, is_beside, voice
from tokensync.domain.bound import Credential
from tokensync.domain.destinations import check_provider, kept_back
from tokensync.domain.errors import EndpointRefused
from tokensync.domain.messages import Request
from tokensync.oauth.app_check import check_credentials
from tokensync.oauth.endpoints import bound_now
from tokensync.providers import provider_named
from tokensync.providers.oauth2_tokens import problems_since

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokensync.domain.app import App
    from tokensync.domain.app_state import AppState
    from tokensync.domain.bound import Bound
    from tokensync.domain.grant import Grant
    from tokensync.domain.messages import ClearedRequest, Failure
    from tokensync.domain.ports import Ports
    from tokensync.domain.sealing import DataKey
    from tokensync.domain.secret import Secret
    from tokensync.oauth.consumer import Consumer
    from tokensync.oauth.provider import Provider


# Seconds after which a success says nothing of how the provider answers now: no batch lives longer than a minute.
FRESH = 120


class Tally:
    """What a batch learns of one app from its different connections; written to the app's record once per batch."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._succeeded: dict[str, int] = {}
        self._refused: set[str] = set()
        self._misconfigured: dict[str, str] = {}

    def success(self, account: str, *, at: int, of_client: bool = True) -> None:
        """Note that the provider took a connection's token, by a response that came at `at`; see `voice`."""
        with self._lock:
            self._succeeded[voice(account, of_client=of_client)] = at

    def refusal(self, account: str) -> None:
        """Note that the provider refused a connection's token."""
        with self._lock:
            self._refused.add(voice(account))

    def fault(self, account: str, why: str) -> None:
        """Note that the provider answered that the app is at fault. Without an account it said so to a code."""
        with self._lock:
            self._misconfigured[voice(account)] = why

    @property
    def why(self) -> str:
        """Return what the provider said of the app last."""
        with self._lock:
            return next(reversed(self._misconfigured.values()), "")

    def succeeded_beside(self, account: str, *, of_client: bool = False) -> bool:
        """Return whether another connection succeeded in this batch, see `is_beside`."""
        with self._lock:
            return any(is_beside(by, account, of_client=of_client) for by in self._succeeded)

    def refused_beside(self, account: str) -> bool:
        """Return whether another connection was refused in this batch."""
        with self._lock:
            return bool(self._refused - {voice(account)})

    def taken(self, *, now: int) -> Outcomes:
        """Return what was learned, and begin anew. A success beside a refusal counts as its follower, in any order."""
        with self._lock:
            fresh = {by: at for by, at in self._succeeded.items() if at >= now - FRESH}
            outcomes = Outcomes(
                succeeded=dict.fromkeys(fresh, now) if self._refused else fresh,
                refused=frozenset(self._refused),
                misconfigured=frozenset(self._misconfigured),
            )
            self._succeeded, self._refused, self._misconfigured = {}, set(), {}
        return outcomes


@dataclass(frozen=True)
class Trial:
    """A new client secret that is not proven yet. A failure under it is about the secret and nothing else."""

    client_secret: Secret


class Session:
    """One app within one batch. Everything is fetched at first use and kept; safe to share between threads.

    `fresh` reads the registration past any copy. With a `trial` the app presents that secret instead of its own,
    whether or not it is paused.

    What is fetched may raise StoreUnavailable, UnknownApp or InvalidApp, as `Apps` does; `key` SealingUnavailable.
    """

    def __init__(
        self,
        name: str,
        ports: Ports,
        *,
        providers: Callable[[str], Provider] = provider_named,
        fresh: bool = False,
        trial: Trial | None = None,
    ) -> None:
        self.name = name
        self.trial = trial
        self.tally = Tally()
        # Set once AWS throttles or fails under a batch: nothing new is presented after that.
        self.closed = False
        self._ports = ports
        self._providers = providers
        self._fresh = fresh
        self._lock = threading.RLock()
        self._app: App | None = None
        self._registered: App | None = None
        self._provider: Provider | None = None
        self._state: AppState | None = None
        self._key: DataKey | None = None
        self._whole: Session | None = None

    @property
    def app(self) -> App:
        """Return the registration."""
        with self._lock:
            if self._app is None:
                self._app = self._registered = self._ports.apps.get(
                    self.name, fresh=self._fresh or self.trial is not None
                )
                if self.trial is not None:
                    self._app = replace(self._app, client_secret=self.trial.client_secret)
            return self._app

    @property
    def client_secrets(self) -> tuple[Secret, ...]:
        """Return every client secret that a request may have carried, this session's own first."""
        own = self.app.client_secret
        registered = self._registered or self.app
        others = (registered.client_secret, registered.new_client_secret)
        return tuple(secret for secret in (own, *others) if secret)

    @property
    def registered_provider(self) -> Provider:
        """Return the app's provider as the registry has it: no app has configured it."""
        return self._providers(self.app.provider)

    @property
    def provider(self) -> Provider:
        """Return the app's provider as the app has configured it, one to which the app can authenticate."""
        with self._lock:
            if self._provider is None:
                provider = self.registered_provider.for_app(self.app)
                check_credentials(self.app, provider)
                self._provider = provider
            return self._provider

    def bound(self, grant: Grant) -> Bound:
        """Return what a grant is bound to; one whose origins nobody noted, to those that its app names now."""
        if grant.bound is not None and grant.bound.is_known:
            return grant.bound
        now = bound_now(self.provider, self.app.of(grant))
        return now if grant.bound is None else replace(now, provider=grant.bound.provider)

    def rebound(self, grant: Grant, new: Grant) -> Grant:
        """Return a new grant, bound to where the one before it may be sent by now."""
        now = bound_now(self.provider, self.app.of(new))
        return replace(new, bound=self._ports.destinations.kept(grant.bound, now))

    def check_provider(self, grant: Grant) -> None:
        """Refuse a grant that another provider gave than the app's, or whose refresh token settings would publish.

        Raises:
            EndpointRefused: it did, or they would.
        """
        check_provider(self.provider, self.bound(grant))
        self.check_reading(grant)

    def check_reading(self, grant: Grant) -> None:
        """Refuse settings by which a response to a grant's refresh token would be published with the next one.

        Raises:
            EndpointRefused: they say so since the account authorized.
        """
        bound = self.bound(grant)
        if bound.reading:
            for problem in problems_since(dict(bound.reading), self.app.settings):
                raise EndpointRefused(f"by the settings that it came by, {problem}")

    def cleared(self, request: Request, grant: Grant, credential: Credential) -> ClearedRequest:
        """Return a request that may be sent with what the grant holds.

        Raises:
            EndpointRefused: it would go where the grant did not come from.
        """
        self.check_provider(grant)
        return self._ports.destinations.cleared(request, self.provider, self.bound(grant), credential)

    def cleared_for(self, consumer: Consumer, request: Request, grant: Grant) -> ClearedRequest | Failure:
        """Return a request that may be sent to a consumer with what the grant holds, or why it may not."""
        try:
            self.check_provider(grant)
            return self._ports.destinations.cleared_for(consumer, request)
        except EndpointRefused as error:
            return kept_back(error)

    def check_endpoint(self, key: str, params: Mapping[str, str]) -> None:
        """Refuse an endpoint of the app to which nothing new may be sent, for an account with these parameters.

        Raises:
            EndpointRefused, ParamRefused: it may not.
        """
        app = self.app.of_account(params)
        request = Request(method="GET", url=self.provider.endpoint(app, key))
        self._ports.destinations.cleared(request, self.provider, bound_now(self.provider, app), Credential.TOKEN)

    @property
    def state(self) -> AppState:
        """Return the running state."""
        with self._lock:
            if self._state is None:
                self._state = self._ports.apps.state(self.name)
                if self.trial is not None:
                    self._state = replace(self._state, paused="", paused_kind=None)
            return self._state

    @property
    def key(self) -> DataKey:
        """Return the data key under which everything of this batch is sealed."""
        with self._lock:
            if self._key is None:
                self._key = self._ports.sealer.new_key(self.name)
            return self._key

    def of(self, grant: Grant) -> Session:
        """Return the session as it is for one grant: the second token of a response is read in a way of its own."""
        return self.of_second(refreshed=True) if grant.second else self.whole

    @property
    def whole(self) -> Session:
        """Return the session that this one was made of for a second token: the app's, for any of its grants."""
        return self._whole or self

    def of_second(self, *, refreshed: bool = False) -> Session:
        """Return the session as it is for the second token of a response, see `Provider.for_second`."""
        own, provider = copy(self.whole), self.whole.provider.for_second(refreshed=refreshed)
        own._provider, own._whole = provider, self.whole  # noqa: SLF001 - its own copy
        return own

    def claim_probe(self, *, now: int) -> bool:
        """Claim the next probe of the paused app for a connection of this batch; return whether it is ours.

        If it is not, the state is read once more: another worker has claimed it, or the app runs again.
        """
        with self._lock:
            self._state = self._ports.apps.claim_probe(self.name, seen=self.state, now=now)
            return self._state is not None

    def succeeded_beside(self, account: str, *, since: int, of_client: bool = False) -> bool:
        """Return whether another connection than this account's has succeeded since then, in this batch or before."""
        if self.tally.succeeded_beside(account, of_client=of_client):
            return True
        return self.state.succeeded_beside(account, since=since, of_client=of_client)

    def is_troubled(self, account: str) -> bool:
        """Return whether the app is paused, or another connection was refused since its last success."""
        state = self.state
        return bool(state.paused or state.refused - {voice(account)}) or self.tally.refused_beside(account)

    def secret_was_replaced(self) -> bool:
        """Return whether the app has another secret or key by now: what was said to the old one counts no more."""
        registered, now_registered = self._registered or self.app, self._ports.apps.get(self.name, fresh=True)
        before, after = ((app.client_secret, app.private_key) for app in (registered, now_registered))
        return before != after


class Sessions:
    """The sessions of one batch, by app."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._lock = threading.Lock()
        self._made: dict[str, Session] = {}

    def of(self, app: str) -> Session:
        """Return the session of an app."""
        with self._lock:
            if app not in self._made:
                self._made[app] = Session(app, self._ports)
            return self._made[app]

    def close(self) -> None:
        """Let nothing new be presented in this batch."""
        with self._lock:
            for session in self._made.values():
                session.closed = True

    def all(self) -> Mapping[str, Session]:
        """Return every session of the batch."""
        return self._made
