"""What the use cases need of the registered apps: one of the ports, see `tokensync.domain.ports`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tokensync.domain.app_state import PROBE_FIRST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tokensync.domain.app import App
    from tokensync.domain.app_state import AppState, Outcomes, PauseKind


class Apps(Protocol):
    """The registered apps. Each method may raise StoreUnavailable, and UnknownApp if the app is not registered."""

    def names(self) -> Iterable[str]:
        """Return the names of all registered apps."""

    def get(self, name: str, *, fresh: bool = False) -> App:
        """Return an app with its client secret; `fresh` asks for it as it is now, past any copy.

        Raises:
            InvalidApp: its secret cannot be used as it is.
        """

    def state(self, name: str) -> AppState:
        """Return the running state."""

    def pause(self, name: str, *, kind: PauseKind, why: str, now: int, probe_every: int = PROBE_FIRST) -> bool:
        """Pause an app; return whether it ran until now, so that its owner is alerted once.

        Where it is probed, that is first done `probe_every` seconds from now, and then in twice as much each time.
        An operator's pause takes the place of one by the app's own answers, which would end by itself.
        """

    def resume(self, name: str, *, now: int) -> bool:
        """Let an app run again, without what was said of it before; return whether it was paused."""

    def note(self, name: str, outcomes: Outcomes, *, seen: AppState, now: int) -> tuple[AppState, bool]:
        """Note what a batch learned, see `AppState.after`; return the state, and whether this let the app run again.

        It is one update on condition of what it depends on, and is repeated where the state is no more as `seen`.
        """

    def note_credentials_refused(self, name: str, *, cause: str) -> bool:
        """Note why a code could not be exchanged; return whether that is news since the last success."""

    def note_consent_refused(self, name: str, *, cause: str) -> bool:
        """Note why a consent came to nothing; return whether that is news since a consent did, or since an update.

        An empty cause says that a consent came to something.
        """

    def claim_probe(self, name: str, *, seen: AppState, now: int) -> AppState | None:
        """Claim the next probe of a paused app, if nobody claimed one since `seen`; return the state, or None."""
