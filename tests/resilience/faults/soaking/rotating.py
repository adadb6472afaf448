"""An OAuth 2.0 authorization server that rotates refresh tokens, and the random faults on the way to it.

It is as strict as they come: a token or code that was taken once and comes again ends the whole family (RFC 9700
§4.14.2), and a new consent ends what an older one gave.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from email.utils import formatdate
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from faults.chance import Chance, Fault
from faults.soaking.ledger import Account, Ledger, Token
from tokensync.domain.connection import Exemption
from tokensync.domain.errors import NoAnswer, NotSent
from tokensync.domain.messages import ProviderResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from faults.soaking.timeline import Process, Timeline
    from tokensync.domain.connection import Attempt
    from tokensync.domain.messages import Request
    from tokensync.domain.names import ConnectionName

GRACE = 3600
_UNUSED = (Fault.NOT_SENT, Fault.BUSY)
_BEFORE = (*_UNUSED, Fault.DROPPED, Fault.BROKEN, Fault.KILLED, Fault.STALLED)
_AFTER = (Fault.DROPPED_AFTER, Fault.BROKEN_AFTER, Fault.KILLED_AFTER)
_LAST = (Exemption.GRACE, Exemption.LAST_ATTEMPT, Exemption.OPERATOR)
_ALL = (*_BEFORE, *_AFTER)


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """One presentation on its way.

    `owed` tells that an answer which was lost within a grace is asked for again, and `once` that whatever is given now
    can be had once.
    """

    process: Process
    token: Token
    is_code: bool
    mark: Attempt | None
    owed: bool
    once: bool

    @property
    def where(self) -> str:
        """Return the name of the step."""
        return "provider.exchange" if self.is_code else "provider.refresh"


class RotatingServer:
    """See `tokensync.domain.ports.Wire`. `marks` gives the mark under which the running process presents a token."""

    def __init__(self, timeline: Timeline, chance: Chance, marks: Callable[[Process], Attempt | None]) -> None:
        self.timeline = timeline
        self.chance = chance
        self.ledger = Ledger()
        self.accounts: dict[ConnectionName, Account] = {}
        self.access: dict[str, tuple[Account, int]] = {}
        self._marks = marks
        self._tokens: dict[str, Token] = {}
        self._numbers = count(1)

    def enrol(self, name: ConnectionName, *, reuse: str, life: int) -> tuple[str, str]:
        """Make an account that authorized long ago; return its refresh token and its access token."""
        account = self.accounts[name] = Account(name, reuse, life)
        return self._issue(account)

    def consent(self, account: Account) -> str:
        """Let the account consent; return the code."""
        token = Token(f"C{next(self._numbers)}", account)
        self._tokens[token.text] = token
        return token.text

    def grants(self, refresh_token: str) -> Token | None:
        """Return what is known of a refresh token."""
        return self._tokens.get(refresh_token)

    def send(self, request: Request, *, seconds: float) -> ProviderResponse:
        """Answer one request to the token endpoint, or let it fail."""
        process = self.timeline.current
        if process is None:
            raise RuntimeError("only a process sends")
        shown = self._shown(request, process)
        fault = self.chance.step(shown.where, self._possible(shown))
        if fault is Fault.NOT_SENT:
            raise NotSent(shown.where)
        uniform = self.chance.random.uniform
        self.timeline.sleep(uniform(0.02, 0.4))
        if fault is Fault.DROPPED:
            self.timeline.sleep(uniform(0.1, seconds))
            raise NoAnswer(shown.where)
        self._enter(shown)
        answer = self._untaken(shown, fault) or self._committed(shown, fault)
        self.timeline.sleep(uniform(0.01, 0.1))
        return answer

    def _shown(self, request: Request, process: Process) -> _Shown:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        is_code = "code" in form
        token = self._tokens[form["code"] if is_code else form["refresh_token"]]
        owed = token.account.owed and not is_code
        mark = None if is_code else self._marks(process)
        # Within its grace a token is shown once more, and the answer to that is as single as any.
        again = token.account.reuse == "grace" and mark is not None and mark.exemption in _LAST
        once = is_code or owed or again or token.account.reuse == "single_use"
        return _Shown(process=process, token=token, is_code=is_code, mark=mark, owed=owed, once=once)

    def _enter(self, shown: _Shown) -> None:
        """Enter a presentation that arrived into the ledger."""
        if not shown.is_code:
            token, mark, now = shown.token, shown.mark, self.timeline.time
            self.ledger.present(token, mark, now, grace=GRACE)
            token.account.story.append((now, f"presented {token.text} as {mark and mark.exemption}"))

    def _untaken(self, shown: _Shown, fault: Fault | None) -> ProviderResponse | None:
        """Return the answer to a presentation that nothing came of, or None."""
        if fault is Fault.BUSY:
            shown.token.untaken = True
            return self._busy()
        if fault is Fault.BROKEN:
            return self._answer({"error": "server_error"}, status=500)
        return None

    def _committed(self, shown: _Shown, fault: Fault | None) -> ProviderResponse:
        """Commit a presentation; its answer may be lost then."""
        account, process = shown.token.account, shown.process
        answer, gave = self._taken(shown.token, is_code=shown.is_code)
        if gave:
            process.answered = account
            account.owed = account.reuse == "grace" and not shown.is_code
            process.unstored = account if shown.once else None
        if gave and shown.once and fault in _AFTER:
            self._unanswered(shown, fault)
        if fault is Fault.DROPPED_AFTER:
            raise NoAnswer(shown.where)
        if fault is Fault.KILLED_AFTER:
            self.chance.kill_after()
        return self._answer({"error": "server_error"}, status=500) if fault is Fault.BROKEN_AFTER else answer

    def _possible(self, shown: _Shown) -> tuple[Fault, ...]:
        """Return what may go wrong with a presentation."""
        if not self.chance.spares or not shown.once:
            return _ALL
        return _UNUSED if shown.owed else _BEFORE

    def _unanswered(self, shown: _Shown, fault: Fault | None) -> None:
        """Enter that the only answer that there was to be had never came."""
        shown.process.unstored = None
        if not shown.token.account.owed:  # what is owed is lost when the grace ends
            self.ledger.lose(shown.token.account, f"{shown.where} {fault}", self.timeline.time)

    def _taken(self, token: Token, *, is_code: bool) -> tuple[ProviderResponse, bool]:
        """Commit a presentation; tell whether anything was given."""
        account = token.account
        if token.revoked or (token.taken_at is not None and (is_code or not self._may_again(token))):
            if token.taken_at is not None and account.living is not None and not token.revoked:
                account.living.revoked = True
                account.story.append((self.timeline.time, f"{token.text} came again: the family ended"))
            self.ledger.refused += 1
            if account.owed:
                self.ledger.lose(account, "asked for again too late", self.timeline.time)
            account.story.append((self.timeline.time, f"refused {token.text}"))
            return self._answer({"error": "invalid_grant"}, status=400), False
        if token.taken_at is None:
            token.taken_at = self.timeline.time
        if is_code:
            old, account.living = account.living, None
            if old is not None:
                old.revoked = True
            account.returning = account.returning or account.lost_at is not None
            account.lost_at, account.exchanged_at, account.owed = None, self.timeline.time, False
        if account.reuse == "safe" and not is_code:
            refresh, access = "", self._access(account)
        else:
            if token.successor is not None:
                token.successor.revoked = True
            refresh, access = self._issue(account)
            token.successor = self._tokens[refresh]
        account.story.append((self.timeline.time, f"took {token.text}, gave {access} {refresh}"))
        body = {"access_token": access, "token_type": "Bearer", "expires_in": account.life}
        if refresh:
            body["refresh_token"] = refresh
        return self._answer({**body, "account": account.name.account}), True

    def _may_again(self, token: Token) -> bool:
        """Return whether a token that was taken in works on."""
        if token.account.reuse == "safe":
            return True
        if token.account.reuse != "grace" or token.taken_at is None:
            return False
        used = token.successor is not None and token.successor.taken_at is not None
        return self.timeline.time <= token.taken_at + GRACE and not used

    def _issue(self, account: Account) -> tuple[str, str]:
        refresh = Token(f"R{next(self._numbers)}", account)
        self._tokens[refresh.text] = account.living = refresh
        return refresh.text, self._access(account)

    def _access(self, account: Account) -> str:
        self.ledger.issued += 1
        account.newest = f"A{next(self._numbers)}"
        account.newest_at = self.timeline.time
        self.access[account.newest] = (account, int(self.timeline.time) + account.life)
        return account.newest

    def _busy(self) -> ProviderResponse:
        random = self.chance.random
        seconds = random.choice((0, 5, 30, 120))
        if random.random() < 0.5 or not seconds:
            return self._answer({}, status=429, **({"retry_after": str(seconds)} if seconds else {}))
        return self._answer({}, status=503, retry_after=formatdate(self.timeline.time + seconds, usegmt=True))

    def _answer(self, body: dict[str, Any], *, status: int = 200, **headers: str) -> ProviderResponse:
        return ProviderResponse(
            status=status,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            body=json.dumps(body).encode(),
            received_at=self.timeline.now(),
        )
