"""What becomes of a provider's notice whose signature held: an account that left, an authorization that ends soon."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from tokensync.authorize.links import Invite, invite_url
from tokensync.domain.errors import InvalidName, StoreUnavailable, UnknownConnection
from tokensync.domain.names import ConnectionName
from tokensync.domain.work import Work
from tokensync.oauth.provider import NoticeKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.authorize.links import Signer
    from tokensync.domain.ports import Connections, Notices, WorkQueue
    from tokensync.domain.runtime import Alerts, Clock, Randomness
    from tokensync.oauth.provider import Notice

_INVITE_LIFE = 7 * 86_400


class Taken(StrEnum):
    """How a notice was taken."""

    MARKED = "marked"
    TOLD = "told"
    REPEATED = "repeated"
    OUTDATED = "outdated"
    """The account authorized again since, or is disconnected already."""
    UNKNOWN_CONNECTION = "unknown_connection"
    NOT_OURS = "not_ours"
    """A kind of notice that asks nothing of us."""


@dataclass(frozen=True, kw_only=True)
class Noticer:
    """Takes notices. Thread-safe: it holds ports and no state. `signer` is fetched when it is first needed."""

    connections: Connections
    notices: Notices
    queue: WorkQueue
    alerts: Alerts
    clock: Clock
    randomness: Randomness
    signer: Callable[[], Signer]

    def take(self, app: str, notice: Notice, notice_id: str, *, base_url: str) -> Taken:
        """Give a notice its effect, once for each `notice_id` in at least 7 days.

        The effect comes before the note of it, and may come twice: a crash in between must not lose the notice.

        Raises:
            StoreUnavailable, NewerSchema: nothing is lost if the provider repeats the notice.
        """
        if notice.kind is NoticeKind.OTHER:
            return Taken.NOT_OURS
        if self.notices.seen(app, notice_id):
            return Taken.REPEATED
        name = self._named(app, notice)
        if name is None:
            return Taken.UNKNOWN_CONNECTION
        try:
            if notice.kind is NoticeKind.DEAUTHORIZED:
                taken = self._deauthorized(name, notice)
            else:
                taken = self._expiring(name, notice, base_url)
        except UnknownConnection:
            return Taken.UNKNOWN_CONNECTION
        self.notices.note(app, notice_id, now=self.clock.now())
        return taken

    def _named(self, app: str, notice: Notice) -> ConnectionName | None:
        if notice.account:
            try:
                return ConnectionName(app, notice.account)
            except InvalidName:
                return None
        return self.connections.find(app, notice.lookup) if notice.lookup else None

    def _deauthorized(self, name: ConnectionName, notice: Notice) -> Taken:
        """Mark the connection and queue it: whoever holds its lease next concludes."""
        now = self.clock.now()
        # A time ahead of ours would outlive a new authorization; a notice without one speaks of now.
        at = now if notice.at is None else min(notice.at, now)
        if not self.connections.note_deauthorized(name, at=at, now=now):
            return Taken.OUTDATED
        if self.queue.send([Work(connection=name, compare=True)]):
            raise StoreUnavailable("the queue did not accept the connection")
        return Taken.MARKED

    def _expiring(self, name: ConnectionName, notice: Notice, base_url: str) -> Taken:
        """Send the operators a fresh invite for the account: nothing but a new authorization helps."""
        record = self.connections.get(name)
        if record is None:
            raise UnknownConnection(f"there is no connection {name}")
        if notice.at is not None and record.authorized_at is not None and record.authorized_at >= notice.at:
            return Taken.OUTDATED
        ends = "soon" if notice.expires_at is None else f"on {datetime.fromtimestamp(notice.expires_at, UTC):%Y-%m-%d}"
        invite = Invite(
            id=self.randomness.token(),
            app=name.app,
            expires_at=self.clock.now() + _INVITE_LIFE,
            label=record.label,
            for_account=name.account,
        )
        self.alerts.tell(
            "authorization.expiring",
            str(name),
            detail=f"the provider says that the seller's authorization ends {ends}; a refresh does not extend it. "
            "Send the seller the link below, which is valid for 7 days, or make another",
            next_command=f"tokensync invite {name.app} --for {name}",
            link=invite_url(base_url, self.signer(), invite),
        )
        return Taken.TOLD
