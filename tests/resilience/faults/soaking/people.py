"""The people around the stack: an operator who does what alerts say, and sellers who come back when they are asked."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

from faults.chance import Fault
from tokensync.authorize.links import Invite
from tokensync.domain.connection import Status
from tokensync.domain.names import ConnectionName
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from faults.soaking.fleet import Fleet
    from faults.soaking.ledger import Account
    from tokensync.domain.command_line import Next
    from tokensync.domain.runtime import Budget
    from tokensync.domain.visible import Line
    from tokensync.entry.pages import Page

BASE_URL = "https://connect.example"
MINUTE, HOUR, DAY = 60, 3600, 86_400
CALLBACK_LIFE = 28.0
OPERATOR_LIFE = 60.0
RETURNS_EVERY = 42 * DAY  # how often an account authorizes again although nobody asked it to
_DONE = frozenset({Result.REFRESHED, Result.PUBLISHED, Result.REAUTHORIZE})
_TWICE = 0.05  # of all callbacks are sent twice at once by their browser


class People:
    """See `tokensync.domain.runtime.Alerts`: they hear every alert that is told."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.told: Counter[str] = Counter()
        self.visits = 0
        self.forced = 0
        self.redriven = 0
        self._under_way: set[ConnectionName] = set()
        fleet.timeline.after(HOUR, self._hourly)
        fleet.timeline.after(DAY, self._daily)

    def tell(self, kind: str, subject: str, *, detail: Line, next_command: Next, link: str = "") -> None:
        """Hear an alert."""
        del detail, next_command, link
        self.fleet.chance.step("alerts.tell", (Fault.KILLED, Fault.STALLED))
        self.told[kind] += 1
        if kind == "connection.held":
            self._force_soon(ConnectionName.parse(subject), self._uniform(1 * MINUTE, 5 * MINUTE))
        if kind == "connection.reauthorize":
            self._visit_in(self._account(subject), self._uniform(HOUR, DAY))

    def know(self, account: Account) -> None:
        """Let an account authorize again some day, of its own will."""
        self.fleet.timeline.after(self.fleet.random.uniform(HOUR, RETURNS_EVERY), lambda: self._by_itself(account))

    def _by_itself(self, account: Account) -> None:
        self._visit_in(account, 0)
        self.fleet.timeline.after(RETURNS_EVERY, lambda: self._by_itself(account))

    def _hourly(self) -> None:
        """Put back the dead letters: one may carry a provider's answer."""
        self.redriven += self.fleet.queue.redrive()
        self.fleet.timeline.after(HOUR, self._hourly)

    def _daily(self) -> None:
        """Look at the list: an alert may have died with its process."""
        for name, account in self.fleet.server.accounts.items():
            record = self.fleet.connections.stored(name)
            if record.status is Status.REAUTHORIZE:
                self._visit_in(account, self._uniform(0, DAY))
            elif record.status is Status.HELD and record.due.renew_at is None:
                self._force_soon(name, self._uniform(0, HOUR))
        self.fleet.timeline.after(DAY, self._daily)

    def _force_soon(self, name: ConnectionName, seconds: float) -> None:
        results: list[Result] = []

        def refresh(budget: Budget) -> None:
            self.forced += 1
            results.append(self.fleet.on_demand.refresh(name, budget, force=True).result)

        def ended(_lived: bool) -> None:  # noqa: FBT001 - told by the timeline
            if not results or results[-1] not in _DONE:
                self.fleet.timeline.after(2 * MINUTE, command)  # until it does

        def command() -> None:
            record = self.fleet.connections.stored(name)
            # Parked, it is decided about without anybody.
            if record.status is Status.HELD and record.parked_at is None:
                self.fleet.invoke("refresh --force", OPERATOR_LIFE, refresh, ended)

        self.fleet.timeline.after(seconds, command)

    def _visit_in(self, account: Account, seconds: float) -> None:
        if account.name not in self._under_way:
            self._under_way.add(account.name)
            self.fleet.timeline.after(seconds, lambda: self._visit(account))

    def _visit(self, account: Account) -> None:
        """Open an invite's link; whatever comes of it, look again a while later whether it did."""
        fleet, began = self.fleet, self.fleet.timeline.now()
        self.visits += 1
        invite = Invite(
            id=f"invite-{self.visits}", app=account.name.app, expires_at=began + DAY, for_account=account.name.account
        )
        query = f"invite={fleet.signer.invite(invite)}"
        pages: list[Page] = []

        def connect(_budget: Budget) -> None:
            pages.append(fleet.seller_pages.connect(account.name.app, query, (), base_url=BASE_URL))

        def sent(_lived: bool) -> None:  # noqa: FBT001 - told by the timeline
            if pages and "location" in pages[0].headers:
                page = pages[0]
                fleet.timeline.after(self._uniform(20, 200), lambda: self._consent(account, page))

        fleet.invoke("connect", CALLBACK_LIFE, connect, sent)
        fleet.timeline.after(self._uniform(10 * MINUTE, 20 * MINUTE), lambda: self._look(account, began))

    def _consent(self, account: Account, page: Page) -> None:
        """Consent, and come back with the code; some browsers come twice."""
        state = parse_qs(urlsplit(page.headers["location"]).query)["state"][0]
        code = self.fleet.server.consent(account)
        cookies = (page.cookies[0].partition(";")[0],)

        def callback(budget: Budget) -> None:
            query = f"code={code}&state={quote(state)}"
            self.fleet.seller_pages.callback(account.name.app, query, cookies, budget, base_url=BASE_URL)

        for _ in range(2 if self.fleet.random.random() < _TWICE else 1):
            self.fleet.invoke("callback", CALLBACK_LIFE, callback)

    def _look(self, account: Account, began: int) -> None:
        """Begin again where the connection does not stand by this visit; an answer in store may still be finished."""
        record = self.fleet.connections.stored(account.name)
        if (record.authorized.authorized_at or 0) >= began:
            self._under_way.discard(account.name)
        else:
            self.fleet.timeline.after(self._uniform(MINUTE, HOUR), lambda: self._visit(account))

    def _account(self, subject: str) -> Account:
        return self.fleet.server.accounts[ConnectionName.parse(subject)]

    def _uniform(self, low: float, high: float) -> float:
        return self.fleet.random.uniform(low, high)
