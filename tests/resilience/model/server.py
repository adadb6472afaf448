"""An authorization server of one reuse class: it keeps the ledger that every promise is counted from."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from tokensync.domain.errors import NoAnswer, NotSent, TokensyncError
from tokensync.domain.messages import ProviderResponse
from tokensync.oauth.provider import RefreshReuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakes import FakeClock
    from tokensync.domain.messages import Request

LIFE = 3600  # seconds of an access token
GRACE = 300  # seconds for which a rotated refresh token still works, where that is declared
# What may become of a request: "…, late" is after the provider committed.
MOODS = (
    "request lost",
    "answer lost, late",
    "not sent",
    "throttled",
    "down",
    "broken",
    "broken, late",
    "gateway, late",
    "packed",
    "refuses",
    "refuses the client",
    "unexplained",
    "html, late",
    "cut, late",
    "no access token",
    "no refresh token",
)
_NEVER_THERE: dict[str, type[TokensyncError]] = {"not sent": NotSent, "request lost": NoAnswer}
_EARLY: dict[str, tuple[int, dict[str, Any]]] = {
    "throttled": (429, {}),
    "down": (503, {"error": "temporarily_unavailable"}),
    "broken": (500, {}),
    "refuses": (400, {"error": "invalid_grant"}),
    "refuses the client": (401, {"error": "invalid_client"}),
    "unexplained": (400, {"error": "account_state_unclear"}),
}


@dataclass
class Lineage:
    """One authorization of an account: the refresh token that stands, and the one before it in its grace."""

    account: str
    first: str = ""
    current: str = ""
    earlier: str = ""
    rotated_at: float = 0
    alive: bool = True


@dataclass
class Server:
    """Takes codes and refresh tokens. `moods` holds what becomes of the next requests; without any it is honest.

    `ledger` counts every credential shown, `left` how often a refresh token was left standing, `refused` names those
    refused by word, and `beside` those of them since whose refusal another account's token was taken. `silent` are the
    codes that bring no refresh token, `bodies` gives the raw answer that brought a refresh token or answered such a
    code, `delivered` all raw answers that left.
    """

    name: str
    reuse: RefreshReuse
    clock: FakeClock
    moods: list[str] = field(default_factory=list)
    ledger: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    refused: set[str] = field(default_factory=set)
    beside: set[str] = field(default_factory=set)
    lineages: dict[str, Lineage] = field(default_factory=dict)
    codes: dict[str, Lineage] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    bodies: dict[str, bytes] = field(default_factory=dict)
    delivered: list[bytes] = field(default_factory=list)
    issued: int = 0
    told: int = 0
    shown: Callable[[str], None] = lambda _token: None

    def authorize(self, account: str, *, once_more: Lineage | None = None) -> str:
        """Let an account consent; return the code. `once_more` brings no refresh token: that lineage has one."""
        self.issued += 1
        code = f"code-{self.name}-{self.issued}"
        self.codes[code] = once_more or Lineage(account)
        if once_more is not None:
            self.silent.add(code)
        return code

    def mint(self, account: str) -> tuple[str, str]:
        """Return a pair of a new authorization that another system obtained."""
        lineage = Lineage(account)
        self._rotate(lineage)
        return f"canary-at-{self.name}-{self.issued}", lineage.current

    def withdraw(self, account: str, *, but: str = "") -> None:
        """End every authorization of an account but the one that a token belongs to."""
        for lineage in [*self.lineages.values(), *self.codes.values()]:
            if lineage.account == account and lineage is not self.lineages.get(but):
                lineage.alive = False

    def takes(self, token: str) -> bool:
        """Return whether this refresh token would be answered with a new access token."""
        lineage = self.lineages.get(token)
        return lineage is not None and lineage.alive and lineage.current == token

    def __call__(self, request: Request) -> ProviderResponse:
        """Answer one request."""
        path = urlsplit(request.url).path
        fields = {name: values[0] for name, values in parse_qs((request.body or b"").decode()).items()}
        if path == "/revoke":
            lineage = self.lineages.get(fields["token"])
            if lineage is not None:
                lineage.alive = False
            return self._told({})
        if path == "/userinfo":
            return self._told({"sub": "whoever", "name": "Acme"})
        return self._token(fields.get("code") or fields["refresh_token"])

    def _token(self, shown: str) -> ProviderResponse:
        mood = self.moods.pop(0) if self.moods else "honest"
        if shown in self.codes and mood.startswith("no "):
            mood = "honest"  # half an answer to a code makes no connection that is refreshed
        if mood in _NEVER_THERE:
            raise _NEVER_THERE[mood]("lost")
        self.ledger[shown] += 1
        self.shown(shown)
        if mood in _EARLY:
            status, error = _EARLY[mood]
            if mood == "refuses":
                self.refused.add(shown)
            return self._left(self._told(error, status=status))
        body = self._committed(shown, rotates=mood != "no refresh token")
        if "error" in body:
            return self._left(self._told(body, status=400))
        self.beside |= {token for token in self.refused if self._account(token) != body["account"]}
        if mood == "answer lost, late":
            raise NoAnswer("lost")
        return self._left(self._worded(shown, body, mood))

    def _worded(self, shown: str, body: dict[str, Any], mood: str) -> ProviderResponse:
        """Return the answer to what is committed, in this mood."""
        if mood == "broken, late":
            return self._told({}, status=500)
        if mood == "gateway, late":
            return self._told({"message": "Service Unavailable"}, status=503)
        if mood == "html, late":
            return self._told(b"<html>")
        if mood == "cut, late":
            return self._told(b'{"access_token": "canary')
        if mood == "no access token":
            body["access_token"] = "with\nnewline"
        if mood == "no refresh token":
            self.left[shown] += 1
            del body["refresh_token"]
        answer = self._told(body)
        if mood == "packed":
            answer = replace(answer, body=gzip.compress(answer.body))
        if shown in self.silent or "refresh_token" in body:
            self.bodies[body.get("refresh_token", shown)] = answer.body
        return answer

    def _committed(self, shown: str, *, rotates: bool) -> dict[str, Any]:
        """Spend what was shown; return the pair, or the refusal."""
        lineage = self.codes.pop(shown, None) or self.lineages.get(shown)
        grace = self.reuse is RefreshReuse.GRACE
        if (
            lineage is None
            or not lineage.alive
            or not (
                shown in ("", lineage.current)
                or shown.startswith("code")
                or (grace and shown == lineage.earlier and self.clock.monotonic() <= lineage.rotated_at + GRACE)
            )
        ):
            self.refused.add(shown)
            return {"error": "invalid_grant"}
        if shown in self.silent:
            self.issued += 1
            access = f"canary-at-{self.name}-{self.issued}"
            return {"access_token": access, "expires_in": LIFE, "account": lineage.account}
        if shown == lineage.earlier:
            lineage.earlier = ""  # its grace is used up
            self._rotate(lineage)
        elif not lineage.current or (rotates and self.reuse is not RefreshReuse.SAFE):
            lineage.earlier, lineage.rotated_at = lineage.current, self.clock.monotonic()
            self._rotate(lineage)
        else:
            self.issued += 1
        return {
            "access_token": f"canary-at-{self.name}-{self.issued}",
            "token_type": "Bearer",
            "expires_in": LIFE,
            "refresh_token": lineage.current,
            "account": lineage.account,
        }

    def _account(self, token: str) -> str:
        lineage = self.lineages.get(token)
        return "" if lineage is None else lineage.account

    def _rotate(self, lineage: Lineage) -> None:
        self.issued += 1
        lineage.current = f"canary-rt-{self.name}-{self.issued}"
        lineage.first = lineage.first or lineage.current
        self.lineages[lineage.current] = lineage

    def _left(self, answer: ProviderResponse) -> ProviderResponse:
        self.delivered.append(answer.body)
        return answer

    def _told(self, body: dict[str, Any] | bytes, *, status: int = 200) -> ProviderResponse:
        self.told += 1  # no two answers are the same bytes
        raw = (
            body + str(self.told).encode() if isinstance(body, bytes) else json.dumps({**body, "n": self.told}).encode()
        )
        return ProviderResponse(status=status, headers={}, body=raw, received_at=self.clock.now())
