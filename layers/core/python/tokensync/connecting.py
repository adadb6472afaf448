"""The seller's way in: from an invite to the provider's consent page, and back with a code."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.answers import Failure
from tokensync.callback_query import Query, checked_code
from tokensync.errors import BadRequest, InvalidApp, InviteRefused, SealingUnavailable, StoreUnavailable
from tokensync.finishing import pending_binding
from tokensync.pending import LIFETIME, Outcome, Pending, PendingKey, hashed
from tokensync.presenting import present
from tokensync.secret import Secret
from tokensync.signing import browser_of, verifier_of
from tokensync.token_request import authorize_url, code_request
from tokensync.work import Work

if TYPE_CHECKING:
    from tokensync.finishing import Finisher
    from tokensync.ports import Alerts, Clock, Failpoints, Log, Pendings, Randomness, WorkQueue
    from tokensync.session import Budget, Limits, Session
    from tokensync.signing import Invite, Signer
    from tokensync.wire import Wire

_PAUSE = 0.2  # seconds between tries to make an answer durable
# A pasted code has no browser: its operator is known by AWS credentials instead.
OPERATOR = Secret("operator")


@dataclass(frozen=True)
class Begun:
    """Where the seller's browser goes, and the cookie that binds the authorization to it."""

    url: str
    cookie: Secret
    expires_at: int


@dataclass(frozen=True, kw_only=True)
class Connector:
    """Begins authorizations and exchanges their codes. Thread-safe: it holds ports and no state."""

    pendings: Pendings
    finisher: Finisher
    queue: WorkQueue
    alerts: Alerts
    wire: Wire
    clock: Clock
    randomness: Randomness
    failpoints: Failpoints
    log: Log
    limits: Limits

    def begin(
        self, invite: Invite, session: Session, signer: Signer, *, cookie: Secret | None, redirect_uri: str
    ) -> Begun:
        """Store a pending authorization and return the provider's consent page for it.

        Raises:
            InviteRefused: a connection stands through this invite already.
            InvalidApp: the app is paused, or its provider has no consent page.
            UnknownApp, StoreUnavailable: as the ports.
        """
        if self.pendings.invite_is_used(invite.app, invite.id):
            raise InviteRefused("this invite was used", signed=True)
        provider, app = session.provider, session.app
        if session.state.paused:
            raise InvalidApp(f"app {app.name} is paused")
        if "authorize" not in provider.endpoints:
            raise InvalidApp(f"{provider.title} has no consent page: its connections are imported")
        cookie = cookie or Secret(self.randomness.token())
        now = self.clock.now()
        pending = Pending(
            key=PendingKey(app.name, browser_of(cookie), hashed(self.randomness.token())),
            provider=provider.name,
            token_endpoint=provider.endpoint(app, "token"),
            redirect_uri=redirect_uri,
            invite_id=invite.id,
            invite_expires_at=invite.expires_at,
            created_at=now,
            expires_at=now + LIFETIME,
            label=invite.label,
            for_account=invite.for_account,
        )
        self.pendings.put(pending)
        self.log.info("authorization.begun", app=app.name)
        url = authorize_url(
            provider,
            app,
            state=signer.state(pending.key, expires_at=pending.expires_at),
            redirect_uri=redirect_uri,
            verifier=verifier_of(pending.key, cookie),
        )
        return Begun(url=url, cookie=cookie, expires_at=pending.expires_at)

    def authorized(
        self, raw_query: str, session: Session, signer: Signer, budget: Budget, *, cookie: Secret | None
    ) -> Pending:
        """Take a callback: consume its authorization, exchange the code, finish. Return how it ended.

        Raises:
            BadRequest: not a callback of ours for this app and this browser; nothing was consumed.
            AlreadyConsumed: another request had this authorization or this code.
            SealingUnavailable, StoreUnavailable, InvalidApp: nothing was consumed; the same link works later.
        """
        query = Query.parse(raw_query)
        state = signer.read_state(query.state, app=session.name, now=self.clock.now())
        if cookie is None or browser_of(cookie) != state.key.browser:
            raise BadRequest("this authorization was begun in another browser", signed=True)
        code = query.code(session.provider, session.app)
        return self._exchange(state.key, code, query.denied, session, budget=budget, cookie=cookie)

    def pasted(self, text: str, session: Session, signer: Signer, budget: Budget, *, redirect_uri: str) -> Pending:
        """Take a redirect URL or a bare code that an operator pasted.

        Raises:
            As `authorized`. The state of a pasted URL is checked; its browser cannot be.
        """
        text = text.strip()
        if "?" not in text:
            code = checked_code(text)
            key = self._begin_pasted(session, redirect_uri=redirect_uri)
            return self._exchange(key, code, "", session, budget=budget, cookie=OPERATOR)
        query = Query.of_url(text)
        key = (
            signer.read_state(query.state, app=session.name, now=self.clock.now()).key
            if query.state
            else self._begin_pasted(session, redirect_uri=redirect_uri)
        )
        pkce = session.provider.authorize.pkce is not None
        if pkce and key.browser != browser_of(OPERATOR):
            raise BadRequest("this authorization was begun in a browser, and only that browser can finish it")
        code_given = query.code(session.provider, session.app)
        return self._exchange(key, code_given, query.denied, session, budget=budget, cookie=OPERATOR)

    def outcome(self, app: str, cookie: Secret) -> Pending | None:
        """Return this browser's latest authorization with an app, or None."""
        found = self.pendings.of_browser(app, browser_of(cookie))
        return found[-1] if found else None

    def _begin_pasted(self, session: Session, *, redirect_uri: str) -> PendingKey:
        now = self.clock.now()
        pending = Pending(
            key=PendingKey(session.name, browser_of(OPERATOR), hashed(self.randomness.token())),
            provider=session.provider.name,
            token_endpoint=session.provider.endpoint(session.app, "token"),
            redirect_uri=redirect_uri,
            invite_id="",
            created_at=now,
            expires_at=now + LIFETIME,
        )
        self.pendings.put(pending)
        return pending.key

    def _exchange(
        self,
        key: PendingKey,
        code: Secret | None,
        denied: str,
        session: Session,
        *,
        budget: Budget,
        cookie: Secret,
    ) -> Pending:
        """LEASE and SENT in one write, then RECEIVED. A code is presented once, whatever comes back."""
        now = self.clock.now()
        if code is None:
            pending = self.pendings.consume(key, now=now, lease_until=None, code="")
            self.log.info("authorization.cancelled", app=key.app, error=denied)
            return self.pendings.write(
                pending, replace(pending, outcome=Outcome.CANCELLED, detail=denied), next_at=None
            )
        if budget.left() < self.limits.provider + self.limits.storing:
            raise SealingUnavailable("not enough time is left to exchange the code")
        provider, app = session.provider, session.app
        _ = session.key  # in hand now: sealing the answer needs no call later
        lease_until = now + math.ceil(budget.left()) + self.limits.lease_margin
        # Bound to app and code: the same code under another state is the same code.
        mark = hashed(f"{key.app}.{code.reveal()}")
        pending = self.pendings.consume(key, now=now, lease_until=lease_until, code=mark)
        self.failpoints.reached("exchange.sent")
        if pending.token_endpoint != provider.endpoint(app, "token"):
            # The app was changed on the way: its code belongs to the old endpoint and goes to no other.
            return self._failed(pending, "app_changed")
        request = code_request(
            provider, app, code, redirect_uri=pending.redirect_uri, verifier=verifier_of(key, cookie)
        )
        answer = present(
            request, wire=self.wire, clock=self.clock, seconds=self.limits.provider, failpoints=self.failpoints
        )
        if isinstance(answer, Failure):
            return self._failed(pending, answer.code)
        sealed = session.key.seal(answer.to_bytes(), binding=pending_binding(key))
        received = replace(pending, sealed_answer=sealed, received_at=self.clock.now())
        received = self._received(pending, received, budget)
        self.failpoints.reached("exchange.received")
        return self.finisher.finish(received, answer, session, budget, code=code)

    def _received(self, pending: Pending, received: Pending, budget: Budget) -> Pending:
        """Make an answer durable: on its authorization, else in a sealed message, until the function's life ends.

        Raises:
            StoreUnavailable: the authorization did not take it; a message has it, or an alert says that it is lost.
        """
        key = pending.key
        while True:
            try:
                return self.pendings.write(pending, received, next_at=(pending.lease_until or 0) + 1)
            except StoreUnavailable:
                if not self.queue.send([Work(pending=key, answer=received.sealed_answer, fence=pending.fence)]):
                    raise
                if budget.left() < 1:
                    self.alerts.tell(
                        "answer.lost",
                        key.app,
                        detail="the answer to a code could be stored nowhere before the function's life ended",
                        next_command=f"tokensync invite {key.app}",
                    )
                    raise
                self.clock.sleep(_PAUSE)

    def _failed(self, pending: Pending, code: str) -> Pending:
        self.log.warning("authorization.failed", app=pending.key.app, code=code)
        return self.pendings.write(pending, replace(pending, outcome=Outcome.FAILED, detail=code), next_at=None)
