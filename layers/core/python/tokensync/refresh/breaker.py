"""What an app's outcomes say together: a provider that refuses everybody, or refuses the app, is no seller's fault.

An app is paused by what its provider says to several connections while none succeeds. It is probed with one connection
at growing intervals then, and the first success lets it run again. An operator's pause is never probed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.domain.app_state import PROBE_FIRST, Outcomes, PauseKind, voice
from tokensync.domain.command_line import typed
from tokensync.domain.connection import Exemption, LastError
from tokensync.domain.errors import TokensyncError
from tokensync.domain.visible import Line
from tokensync.oauth.hints import followed, hint_for
from tokensync.refresh import schedule

if TYPE_CHECKING:
    from tokensync.domain.app_state import AppState
    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.messages import Failure
    from tokensync.domain.ports import Ports
    from tokensync.refresh.session import Session

ENOUGH_REFUSED = 2
ENOUGH_MISCONFIGURED = 3
# Seconds for which those who failed before leave the probe to those who did not: these say more.
_PRECEDENCE = 120
# A token that would end before the next probe is presented out of turn, one in so many seconds at most.
_OUT_OF_TURN = 300
_NO_ACCOUNT = ""  # whoever authorizes with a code has no name yet


def note_outcomes(session: Session, ports: Ports) -> None:
    """Write what a session learned to its app's record, once; pause the app where that is enough, and alert its owner.

    What cannot be written is only a hint that is lost: it never marks a seller.
    """
    now, why = ports.clock.now(), session.tally.why
    outcomes = session.tally.taken(now=now)
    if outcomes:
        _note(session, ports, outcomes, why=why, now=now)


def credentials_refused(session: Session, ports: Ports, failure: Failure) -> None:
    """Note that a code could not be exchanged as the provider refuses the app: a voice among others, and no verdict.

    The app's owner is alerted once for each cause.
    """
    why = in_words(failure)
    outcomes = Outcomes(misconfigured=frozenset({voice(_NO_ACCOUNT)}))
    _note(session, ports, outcomes, why=why, now=ports.clock.now())
    try:
        is_news = not session.secret_was_replaced() and ports.apps.note_credentials_refused(
            session.name, cause=failure.code
        )
    except TokensyncError as error:
        ports.log.warning("outcomes.not_noted", app=session.name, error=str(error))
        return
    if is_news:
        said = f"{why} {failure.trace_id}".strip()
        ports.alerts.tell(
            "app.credentials_refused",
            session.name,
            detail=Line(
                "the provider refused the app's own credentials when a code was exchanged ({said}); the app is not "
                "paused{hint}",
                said=said,
                hint=followed(hint_for(session.provider, LastError.of(failure, at=ports.clock.now()))),
            ),
            next_command=typed("tokensync app show {app}", app=session.name),
        )


def in_words(failure: Failure) -> str:
    """Return the provider's word and sentence."""
    return f"{failure.code} {failure.message}".strip()


def _note(session: Session, ports: Ports, outcomes: Outcomes, *, why: str, now: int) -> None:
    name = session.name
    try:
        if outcomes.misconfigured and session.secret_was_replaced():
            outcomes = Outcomes(succeeded=outcomes.succeeded, refused=outcomes.refused)
        if not outcomes:
            return
        state, runs_again = ports.apps.note(name, outcomes, seen=session.state, now=now)
        if runs_again:
            ports.alerts.tell(
                "app.resumed",
                name,
                detail=Line(
                    "it recovered: a probe succeeded, and it runs again by itself; each connection that waited is "
                    "asked once"
                ),
                next_command=typed("tokensync list --app {app}", app=name),
            )
        if not state.paused:
            probe_every = ports.cadence.for_app(session.app).probe
            _judge(state, outcomes, ports, why=why, now=now, probe_every=probe_every)
    except TokensyncError as error:
        ports.log.warning("outcomes.not_noted", app=name, error=str(error))


def _judge(state: AppState, outcomes: Outcomes, ports: Ports, *, why: str, now: int, probe_every: int) -> None:
    """Pause an app whose outcomes are enough for it, and alert its owner once."""
    name = state.name
    if outcomes.refused and len(state.refused) >= ENOUGH_REFUSED:
        why = f"the provider refused {len(state.refused)} connections one after the other, and none succeeded"
        if outcomes.is_mass_refusal:
            why = f"the provider refused {len(outcomes.refused)} connections at once, and most of those it was asked"
        if ports.apps.pause(name, kind=PauseKind.REFUSED, why=why, now=now, probe_every=probe_every):
            ports.alerts.tell(
                "app.breaker_tripped",
                name,
                detail=Line(
                    "{why}; no seller was asked to come back. One connection probes it at growing intervals, and "
                    "it runs again by itself",
                    why=why,
                ),
                next_command=typed("tokensync app show {app}", app=name),
            )
        return
    if not outcomes.misconfigured or not _is_quorum(state, ports):
        return
    if ports.apps.pause(name, kind=PauseKind.CONFIGURATION, why=why, now=now, probe_every=probe_every):
        ports.alerts.tell(
            "app.paused",
            name,
            detail=Line(
                "the provider refuses the app's own credentials ({why}); no connection was changed. One "
                "connection probes it at growing intervals, and it runs again by itself",
                why=why,
            ),
            next_command=typed("tokensync app show {app}", app=name),
        )


def _is_quorum(state: AppState, ports: Ports) -> bool:
    """Return whether it is the app that is at fault: three say so since the last success, or there is nobody else."""
    if len(state.misconfigured) >= ENOUGH_MISCONFIGURED:
        return True
    connections = state.misconfigured - {voice(_NO_ACCOUNT)}
    return bool(connections) and ports.connections.fewer_than(state.name, 1, since=state.client_well_at)


def stops(state: AppState, grant: Grant) -> bool:
    """Return whether an app's pause is one for this connection: refused credentials are none of an own client's."""
    return bool(state.paused) and not (state.is_misconfigured and grant.has_own_client)


def may_probe(record: Connection, state: AppState, now: int) -> bool:
    """Return whether a connection may present its token to see whether a paused app's provider answers again."""
    # A token that may be spent is refused whatever is wrong with the app.
    if not state.probes_itself or record.exemption is Exemption.LAST_ATTEMPT:
        return False
    return now >= _chance(record, state) or (_ends_before(record, state, now) and now >= _out_of_turn(state))


def rests_until(record: Connection, state: AppState, now: int) -> int:
    """Return when a connection of a paused app comes again: at its next chance to probe, and spread by its name.

    The one that probed last comes in time for the next probe, the others no sooner than in ten minutes.
    """
    if not state.probes_itself:
        return now + schedule.PAUSED_RECHECK
    is_prober = state.probed_at is None or (record.attempt is not None and record.attempt.at >= state.probed_at)
    spread = int(schedule.jitter(record.name) * min(state.probe_every, PROBE_FIRST))
    until = max(_chance(record, state), now + 1 if is_prober else _recheck(state, now)) + spread
    if _ends_before(record, state, now):
        until = min(until, max(_out_of_turn(state), now + 1))
    return until


def _failed_itself(record: Connection) -> bool:
    """Return whether the connection was refused, or its app said to be at fault, since its last success."""
    return record.parked_at is not None or record.faulted_at is not None


def _chance(record: Connection, state: AppState) -> int:
    """Return from when on a connection may probe: one that failed itself leaves others the precedence."""
    wait = min(state.probe_every, _PRECEDENCE)
    return (state.probe_at or 0) + (wait if _failed_itself(record) else 0)


def _ends_before(record: Connection, state: AppState, now: int) -> bool:
    """Return whether the access token of a connection that did not fail itself would end before its next chance."""
    ends = record.access_expires_at
    if _failed_itself(record) or ends is None or ends <= now:
        return False
    return ends <= max(_chance(record, state), _recheck(state, now)) + _OUT_OF_TURN


def _out_of_turn(state: AppState) -> int:
    return (state.probed_at or state.paused_at or 0) + min(_OUT_OF_TURN, 5 * state.probe_every)


def _recheck(state: AppState, now: int) -> int:
    return now + min(schedule.PAUSED_RECHECK, 10 * state.probe_every)
