"""What a batch needs of one app, fetched once: registration, running state, provider and a data key."""

from __future__ import annotations

import threading
from copy import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tokensync.oauth.app_check import check_credentials
from tokensync.providers import provider_named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokensync.domain.app import App, AppState
    from tokensync.domain.grant import Grant
    from tokensync.domain.ports import Ports
    from tokensync.domain.sealing import DataKey
    from tokensync.domain.secret import Secret
    from tokensync.oauth.provider import Provider


@dataclass
class Tally:
    """What a batch tried with one app and how often it was refused; written to the app's record once per batch."""

    tried: int = 0
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, *, refused: bool) -> None:
        """Count one answered attempt."""
        with self.lock:
            self.tried += 1
            self.refused += refused


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

    @property
    def state(self) -> AppState:
        """Return the running state."""
        with self._lock:
            if self._state is None:
                self._state = self._ports.apps.state(self.name)
                if self.trial is not None:
                    self._state = replace(self._state, paused="")
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
        return self.of_second(refreshed=True) if grant.second else self

    def of_second(self, *, refreshed: bool = False) -> Session:
        """Return the session as it is for the second token of a response, see `Provider.for_second`."""
        own, provider = copy(self), self.provider.for_second(refreshed=refreshed)
        own._provider = provider  # noqa: SLF001 - its own copy
        return own

    def pause(self, why: str, *, now: int) -> bool:
        """Pause the app, for the rest of this batch as well; return whether it ran until now.

        An app whose client secret or private key was replaced since it was read is not paused: the next session has
        the new one.
        """
        registered, now_registered = self._registered or self.app, self._ports.apps.get(self.name, fresh=True)
        proofs = [(app.client_secret, app.private_key) for app in (registered, now_registered)]
        if proofs[0] != proofs[1]:
            return False
        with self._lock:
            self._state = None
        return self._ports.apps.pause(self.name, why=why, now=now)


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
