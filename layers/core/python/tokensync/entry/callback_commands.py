"""What the command line asks of the two functions by invoking them: its credentials are checked by IAM."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tokensync.authorize.links import Invite
from tokensync.domain.authorization import LIFETIME, AuthorizationState
from tokensync.domain.connection import Reason, Status
from tokensync.domain.errors import (
    AlreadyConsumed,
    AlreadyStands,
    AppPaused,
    BadMetadata,
    BadRequest,
    BeginFirst,
    InvalidApp,
    InvalidName,
    InviteRefused,
    NewerSchema,
    NotOffered,
    QueueUnavailable,
    SealingUnavailable,
    StoreUnavailable,
    TokensyncError,
    UnknownApp,
    UnknownConnection,
)
from tokensync.domain.names import ConnectionName, app_name
from tokensync.oauth.discovery import discover
from tokensync.operate.summary import condition, summary
from tokensync.refresh.result import Result, WorkResult
from tokensync.refresh.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokensync.authorize.exchange import CodeExchange
    from tokensync.authorize.links import Signer
    from tokensync.domain.authorization import Authorization
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget
    from tokensync.entry.tick import Ticker
    from tokensync.operate.on_demand import OnDemand

    Command = Callable[[Mapping[str, Any], Budget], dict[str, Any]]

# The command line's exit codes.
FAILED, USAGE, NOT_FOUND, NEEDS_SELLER, LATER = 1, 2, 3, 4, 5

# By type, most special first: the exit code and the next command.
_ERRORS: tuple[tuple[type[TokensyncError], int, str], ...] = (
    (UnknownConnection, NOT_FOUND, "tokensync list"),
    (UnknownApp, NOT_FOUND, "tokensync app list"),
    (InvalidName, USAGE, "tokensync --help"),
    (AppPaused, FAILED, "tokensync app show APP"),
    (AlreadyStands, FAILED, "the same command with --replace"),
    (AlreadyConsumed, NEEDS_SELLER, "tokensync invite APP"),
    (BeginFirst, USAGE, "tokensync paste APP --begin"),
    (BadRequest, USAGE, "tokensync paste --help"),
    (InviteRefused, USAGE, "tokensync invite APP"),
    (BadMetadata, FAILED, "tokensync app add NAME --provider oauth2 --endpoint token=URL"),
    (InvalidApp, FAILED, "tokensync app show APP"),
    (NewerSchema, FAILED, "sam deploy"),
    (QueueUnavailable, LATER, "the same command again in a minute"),
    (StoreUnavailable, LATER, "the same command again in a minute"),
    (SealingUnavailable, LATER, "the same command again in a minute"),
    (TokensyncError, FAILED, "tokensync list"),
)

_AFTER_REFRESH: Mapping[Result, tuple[int, str, str]] = {
    Result.POSTPONED: (LATER, "the provider gave no token now; it is tried again by itself", "tokensync show {name}"),
    Result.LEASED_ELSEWHERE: (LATER, "another worker is at this connection", "tokensync refresh {name}"),
    Result.TAKEN_OVER: (LATER, "the seller authorized again meanwhile", "tokensync show {name}"),
    Result.NO_TIME: (LATER, "the function had too little time left", "tokensync refresh {name}"),
    Result.KEPT: (LATER, "the answer is kept; the table did not take it", "tokensync show {name}"),
    Result.PAUSED: (FAILED, "the app is paused", "tokensync app show {app}"),
    # What a connection's own condition tells in better words.
    Result.HELD: (LATER, "held", "tokensync refresh {name} --force"),
    Result.REAUTHORIZE: (NEEDS_SELLER, "the seller has to authorize again", "tokensync invite {app} --for {name}"),
    Result.DISCONNECTED: (NEEDS_SELLER, "disconnected", "tokensync invite {app} --for {name}"),
    Result.OWNED_BY_CONSUMER: (FAILED, "a consumer refreshes it", "tokensync invite {app} --for {name}"),
    Result.ORPHANED: (FAILED, "its secret cannot be written", "tokensync publish {name}"),
}
_BY_CONDITION = frozenset(
    {Result.HELD, Result.REAUTHORIZE, Result.DISCONNECTED, Result.OWNED_BY_CONSUMER, Result.ORPHANED}
)
# Held, and no time makes it better.
_SET_APART = frozenset({"other_account", "quarantined"})

# By the code of a request that brought nothing for now.
_TRANSIENT: Mapping[str, str] = {
    "not_sent": "the provider cannot be reached: its name, the connection or TLS failed",
    "no_answer": "the provider gave no whole answer in time",
    **dict.fromkeys(("http_429", "http_503", "temporarily_unavailable"), "the provider is busy"),
}


@dataclass(frozen=True)
class RotationCommands:
    """What the rotation function does on demand."""

    on_demand: OnDemand
    ticker: Ticker
    prefix: str
    more: Mapping[str, Command] = field(default_factory=dict)

    def answer(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        """Carry out one command. Never raises for what an operator can mend."""
        return _answered(event, {"refresh": self._refresh, "tick": self._tick, **self.more}, budget)

    def _refresh(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        name = ConnectionName.parse(str(event["connection"]))
        generation = event.get("generation")
        outcome = self.on_demand.refresh(
            name,
            budget,
            generation=generation if isinstance(generation, int) else None,
            force=event.get("force") is True,
        )
        return told_outcome(name, outcome, prefix=self.prefix)

    def _tick(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        del event
        ticked = self.ticker.tick(budget)
        return {"ok": True, "due": ticked.due, "queued": ticked.queued}


def _worded(outcome: WorkResult, otherwise: Mapping[Result, tuple[int, str, str]]) -> tuple[int, str, str] | None:
    """Word an outcome by its connection's condition, where that tells more than the command's own words."""
    record = outcome.record
    if outcome.withheld and (not otherwise or Result.NO_TIME in otherwise):
        # What a command asked for is done when it comes again; a refresh is tried again by itself.
        words = otherwise.get(outcome.result) or otherwise.get(Result.NO_TIME) or _AFTER_REFRESH[outcome.result]
        return LATER, "AWS or the app's own secret withheld what it needs now", words[2]
    told = None if record is None else condition(record)
    if record is None or told is None:
        return None
    if outcome.result is Result.HELD and (record.status is Status.QUARANTINED or told.word in _SET_APART):
        needs_seller = told.word == Reason.RESTORED_TABLE
        return NEEDS_SELLER if needs_seller else FAILED, told.why, told.following
    if outcome.result is Result.POSTPONED and record.unpublished:
        return LATER, told.why, "tokensync show {name}"
    if outcome.result in _BY_CONDITION and outcome.result not in otherwise:
        code, _, after_refresh = _AFTER_REFRESH[outcome.result]
        # Who asked for a refresh is told how to insist; elsewhere nothing is to be done but to wait.
        return code, told.why, after_refresh if told.word == "ambiguous" else told.following
    return None


def told_outcome(
    name: ConnectionName,
    outcome: WorkResult,
    *,
    prefix: str,
    otherwise: Mapping[Result, tuple[int, str, str]] | None = None,
) -> dict[str, Any]:
    """Return what is answered of a connection's outcome; `otherwise` words some results in a command's own way."""
    record = None if outcome.record is None else summary(outcome.record, prefix=prefix)
    answer = {"result": outcome.result.value, "connection": record}
    otherwise = otherwise or {}
    failures = {**_AFTER_REFRESH, **otherwise}
    if outcome.result not in failures:
        return {"ok": True, **answer}
    code, message, following = _worded(outcome, otherwise) or failures[outcome.result]
    error = outcome.record.last_error if outcome.record is not None else None
    told_by = " ".join(filter(None, (error.failure, error.code, error.message))) if error is not None else ""
    if outcome.withheld or told_by:
        message = f"{message} ({outcome.withheld or told_by})"
    return {
        **refused(outcome.result.value, f"{name}: {message}", following.format(name=name, app=name.app), code),
        **answer,
    }


@dataclass(frozen=True)
class CallbackCommands:
    """What the callback function does on demand."""

    ports: Ports
    code_exchange: CodeExchange
    signer: Callable[[], Signer]
    base_url: str

    def answer(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        """Carry out one command. Never raises for what an operator can mend."""
        known = {"paste": self._paste, "begin": self._begin, "mint": self._mint, "discover": self._discover}
        return _answered(event, known, budget)

    def _paste(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        name = app_name(str(event["app"]))
        session = Session(name, self.ports, fresh=True)
        redirect_uri = str(event.get("redirect_uri") or f"{self.base_url}/callback/{name}")
        authorization = self.code_exchange.pasted(
            str(event["text"]), session, self.signer(), budget, redirect_uri=redirect_uri
        )
        return _told_authorization(name, authorization)

    def _begin(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        """Begin an authorization that the operator finishes by pasting the redirect URL."""
        del budget
        name = app_name(str(event["app"]))
        session = Session(name, self.ports, fresh=True)
        signer, now = self.signer(), self.ports.clock.now()
        invite = Invite(id="", app=name, expires_at=now + LIFETIME, label=str(event.get("label") or ""))
        redirect_uri = str(event.get("redirect_uri") or f"{self.base_url}/callback/{name}")
        begun = self.code_exchange.begin(
            invite, session, signer, cookie=signer.operator(name), redirect_uri=redirect_uri
        )
        return {"ok": True, "url": begun.url, "expires_at": begun.expires_at}

    def _discover(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        del budget
        found = discover(str(event["issuer"]), self.ports.wire)
        return {"ok": True, "endpoints": dict(found.endpoints), "settings": dict(found.settings)}

    def _mint(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        name = app_name(str(event["app"]))
        session = Session(name, self.ports, fresh=True)
        authorization = self.code_exchange.minted(session, self.signer(), budget, label=str(event.get("label") or ""))
        paused = authorization.outcome is AuthorizationState.FAILED and bool(self.ports.apps.state(name).paused)
        return _told_minted(name, authorization, paused=paused)


def _told_minted(name: str, authorization: Authorization, *, paused: bool) -> dict[str, Any]:
    """Return how the minting of a first token ended: no seller can mend what went wrong, and asking again is free.

    `paused` tells that the app is paused now, which it was not before: its provider refuses its own credentials.
    """
    if authorization.outcome is not AuthorizationState.FAILED:
        return _told_authorization(name, authorization)
    detail = f" ({authorization.detail})" if authorization.detail else ""
    if paused:
        message = f"the provider refuses the app's credentials{detail}, and {name} is paused now"
        answer = refused("app_paused", message, f"tokensync app rotate-secret {name}", FAILED)
    elif authorization.detail in _TRANSIENT:
        message = f"{_TRANSIENT[authorization.detail]}{detail}; nothing was changed"
        answer = refused(authorization.outcome.value, message, f"tokensync connect {name}", LATER)
    else:
        message = f"the provider gave no token{detail}"
        answer = refused(authorization.outcome.value, message, f"tokensync app show {name}", FAILED)
    return {**answer, "outcome": authorization.outcome.value, "connection": authorization.connection or None}


def _told_authorization(name: str, authorization: Authorization) -> dict[str, Any]:
    """Return how an authorization ended."""
    told = {"outcome": authorization.outcome.value, "connection": authorization.connection or None}
    if authorization.outcome is AuthorizationState.CONNECTED:
        return {"ok": True, **told}
    if authorization.outcome is AuthorizationState.WORKING:
        message = "the tokens are stored; whose account they are is asked again by itself"
        return {**refused(authorization.outcome.value, message, f"tokensync list --app {name}", LATER), **told}
    message = {
        AuthorizationState.CANCELLED: "the seller declined",
        AuthorizationState.QUARANTINED: "the seller authorized another account than the invite was for",
    }.get(authorization.outcome, "the provider gave no token")
    detail = f" ({authorization.detail})" if authorization.detail else ""
    return {**refused(authorization.outcome.value, message + detail, f"tokensync invite {name}", NEEDS_SELLER), **told}


def _answered(
    event: Mapping[str, Any],
    commands: Mapping[str, Command],
    budget: Budget,
) -> dict[str, Any]:
    command = commands.get(str(event.get("tokensync")))
    if command is None:
        return refused("unknown_command", "this version of the stack does not know that command", "sam deploy", FAILED)
    try:
        return command(event, budget)
    except NotOffered as error:
        return refused("NotOffered", str(error), error.next_command, FAILED)
    except TokensyncError as error:
        code, following = next((code, after) for kind, code, after in _ERRORS if isinstance(error, kind))
        return refused(type(error).__name__, str(error), following, code)


def refused(kind: str, message: str, following: str, code: int) -> dict[str, Any]:
    """Return the answer that says no: a word for why, a sentence, the next command, and the exit code."""
    return {"ok": False, "error": {"class": kind, "message": message, "next": following}, "exit": code}
