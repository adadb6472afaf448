"""What must be true of the stage: at any time, and when everything has come to rest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from model import people
from model.stage import ALL, REST
from tokensync.domain.connection import Connection, Phase, Reason, Status
from tokensync.domain.messages import FailureClass
from tokensync.domain.work import Work
from tokensync.oauth.provider import RefreshReuse

if TYPE_CHECKING:
    from model.server import Lineage
    from model.stage import Stage
    from tokensync.domain.names import ConnectionName


# What may be left of a connection whose access token has ended when everything is well again.
_SILENT = (FailureClass.AMBIGUOUS, FailureClass.UNKNOWN)


def check(stage: Stage) -> None:
    """Assert what holds at any time, whatever has gone wrong."""
    witness = stage.witness
    assert witness.broken == [], "; ".join(witness.broken)
    assert "work.broken" not in stage.world.log.events()
    missing = [body for body in stage.delivered if body not in witness.ever_kept | witness.forgiven]
    assert missing == [], "raw first: an answer reached us, and no store was given it"
    for server in stage.servers.values():
        for shown, times in server.ledger.items():
            exempt = sum(exemption is not None for exemption in witness.marks[shown])
            if server.reuse is not RefreshReuse.SAFE:
                once = 1 + server.left[shown] + stage.untold[shown]
                assert times <= once + exempt, f"I2: {shown} was shown {times} times, {exempt} by exemption"
    for name in ALL:
        record = stage.record(name)
        if record is not None:
            _check_status(stage, record)
            _check_comparison(stage, record)


def _check_comparison(stage: Stage, record: Connection) -> None:
    """Assert that a secret that is not the grant is going to be compared with it, by the schedule or by a message."""
    name = record.name
    if record.phase is not Phase.IDLE or record.lease_until is not None or record.publishing_is_due():
        return
    if record.due.compare_at is not None or record.status not in (Status.ACTIVE, Status.HELD):
        return
    works = [*stage.world.queue.works, *(work for work, _ in stage.redelivered)]
    works += [Work.from_json(body) for body in stage.world.dead_letters.bodies]
    if any(work.connection == name and (work.compare or work.answer) for work in works):
        return
    if name not in stage.edited | stage.rolled_back:
        told = stage.world.secrets.document(name)
        assert told is not None, "I3: no secret, and nothing will publish it"
        assert told["generation"] == record.generation, "I3: another generation, and nothing will compare it"


def _check_status(stage: Stage, record: Connection) -> None:
    """Assert that there is a cause for what a connection is."""
    name = record.name
    if record.status is Status.REAUTHORIZE and record.reason == Reason.ENDED:
        assert name in stage.troubled, "ended although nothing went wrong"
        ends = record.access_expires_at
        assert stage.skewed or ends is None or ends <= stage.world.clock.now(), "ended before its access token did"
    elif record.status is Status.REAUTHORIZE:
        token, server = stage.token(name), stage.server(name)
        assert not token or token in server.refused, "I6: sent back to consent without a refusal of it"
        is_alone = bool(token) and len(stage.witness.marks[token]) < 2 and token not in server.beside
        assert not is_alone or record.authorized.unproved, "one refusal, and nobody beside it, sent a seller back"
    elif record.status is Status.HELD:
        assert name in stage.troubled, f"held ({record.reason}) although nothing went wrong"
    elif record.status is Status.DISCONNECTED:
        assert name in stage.ended, f"disconnected ({record.reason}) by nobody's word"
    elif record.status is Status.ORPHANED:
        # After a restore a secret that we deleted ourselves is known for that no more.
        touched = stage.edited | stage.ended | stage.rolled_back
        assert name in touched, "orphaned although nobody touched its secret"
    elif record.status is Status.QUARANTINED:
        strays = any(consent.stray for consent in stage.authorized[name])
        assert strays or name in stage.rolled_back, "quarantined although its record was never restored"
    elif record.attempt is None and record.phase is Phase.IDLE:
        stage.troubled.discard(name)


def check_at_rest(stage: Stage) -> None:
    """Assert what holds when everything was well for two lives of a token; nothing is left for `recover` to find."""
    check(stage)
    for name in ALL:
        record = stage.record(name)
        if record is None:
            durable = [one for one in stage.authorized[name] if stage.is_durable(name, one.brought)]
            assert durable == [], "I1: the answer to a code is lost"
        else:
            _check_one(stage, record)
    _check_for_secrets(stage)
    assert stage.world.dead_letters.bodies == [], "liveness: a dead letter that `recover` leaves"
    stage.witness.woken.clear()
    found = [one for one in people.recover(stage) if one["result"] in ("brought_back", "queued") or one["later"]]
    assert found == [], f"liveness: nobody but `recover` finds what is kept: {found}"
    stage.tick()
    check(stage)


def _check_one(stage: Stage, record: Connection) -> None:
    now, name = stage.world.clock.now(), record.name
    assert record.phase is Phase.IDLE, "liveness: an attempt stays unfinished"
    assert record.lease_until is None or record.lease_until < now
    if record.status is not Status.ACTIVE or record.removed_at is not None:
        assert (record.due.next_at, record.due.refresh_at) == (None, None), (
            f"liveness: {record.status}, and queued for ever"
        )
    if record.removed_at is not None:
        assert stage.world.secrets.document(name) is None
        return
    if not stage.token(name):
        _check_end_of_token(stage, name)
        return
    lineage = stage.server(name).lineages[stage.token(name)]
    _check_answers(stage, record, lineage)
    _check_authorization(stage, name, lineage)
    _check_secret(stage, record)
    assert record.status is not Status.ORPHANED, "liveness: its secret was asked for, and does not come back"
    if record.status is Status.ACTIVE:
        assert stage.server(name).takes(stage.token(name)) or not lineage.alive
        assert record.due.next_at is not None
        assert record.due.refresh_at is not None, "liveness: queued for ever, and nothing is due"
        assert record.due.next_at > now - 2 * REST, "liveness: due, and not done"
    elif record.status is Status.REAUTHORIZE and record.reason == Reason.ENDED:
        why = record.last_error.failure if record.last_error is not None else "nothing"
        assert why in _SILENT, f"I6: its access token has ended because of {why}, and nothing is tried by itself"
    assert record.status is not Status.HELD, f"liveness: held ({record.reason}) beyond the end of its access token"


def _check_end_of_token(stage: Stage, name: ConnectionName) -> None:
    """Assert that a grant without a refresh token lost it by a word of the server, an operator or the account."""
    server = stage.server(name)
    lineages = {id(one.lineage) for one in stage.authorized[name] if one.silent}
    refused = any(token in server.refused for token, one in server.lineages.items() if id(one) in lineages)
    assert refused or name in stage.ended | stage.rolled_back, "I1: a living refresh token was thrown away"


def _check_answers(stage: Stage, record: Connection, lineage: Lineage) -> None:
    """Assert that the newest refresh token of the standing authorization is the grant's, where a store has it."""
    name, newest = record.name, lineage.current
    if not lineage.alive or newest == stage.token(name) or not stage.is_durable(name, newest):
        return
    if record.status is Status.DISCONNECTED:
        return  # what was on its way when it ended is history
    if record.status is Status.QUARANTINED:
        # What it brought may have been published after the backup, or a hand have hidden that it was not.
        body = json.loads(stage.server(name).bodies[newest])
        if body["access_token"] in stage.witness.told or name in stage.edited:
            return
    raise AssertionError(f"I1: a stored answer is lost ({record.status})")


def _check_authorization(stage: Stage, name: ConnectionName, lineage: Lineage) -> None:
    """Assert that the newest authorization stands of which a store has the tokens."""
    durable = [one for one in stage.authorized[name] if stage.is_durable(name, one.brought)]
    wanted = [one for one in durable if not one.stray]
    if not wanted or stage.skewed:
        return
    latest = max(one.at for one in wanted)
    # Of two within one second either may be the newer; another account's invite is followed only where it may be.
    stands = [one for one in durable if one.at == latest or (one.stray and one.at >= latest)]
    assert any(one.lineage is lineage for one in stands), "I1: the newest authorization is lost"


def _check_secret(stage: Stage, record: Connection) -> None:
    """Assert that the secret is the grant; that of a quarantined one stays as it was, and no older than it was read."""
    name, told = record.name, stage.world.secrets.document(record.name)
    if name in stage.edited and record.status not in (Status.ACTIVE, Status.HELD):
        return  # nothing mends what is dead anyway
    if record.status is Status.QUARANTINED or (record.status is Status.DISCONNECTED and name in stage.witness.apart):
        # It may have been deleted after the backup, by an operator.
        assert told is None or told["generation"] >= stage.read.get(name, 0), "I3: an older generation"
        return
    stage.edited.discard(name)
    assert told is not None, "I3: no secret"
    grant = stage.world.grant(name)
    expected = (grant.access_token.reveal(), record.generation, record.status.value)
    assert expected == (told["access_token"], told["generation"], told["status"]), "I3: the secret is not the grant"
    assert record.generation >= stage.read.get(name, 0), "I3: an older generation"
    stage.read[name] = record.generation
    if record.status is Status.ACTIVE:
        assert told["expires_at"] > stage.world.clock.now(), "I4: the published token has ended"


def _check_for_secrets(stage: Stage) -> None:
    world = stage.world
    rows = [row.record for row in world.table.rows.values()]
    told = repr((world.alerts.told, world.log.lines, rows, [work.to_json() for work in world.queue.works]))
    assert "canary" not in told, "I5: a secret outside ciphertext"
