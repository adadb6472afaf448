"""What people do: accounts that authorize and leave, operators who ask and mend, and hands that edit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

from model.server import LIFE
from model.stage import ALL, NAMES, RECEIVES, REST, Consent, Stage
from tokensync.authorize.links import Invite
from tokensync.domain.app_state import PauseKind
from tokensync.domain.connection import Phase, Status
from tokensync.domain.secret import Secret
from tokensync.oauth.provider import WebhookEvent, WebhookEventKind
from tokensync.operate.import_fields import ImportFields
from tokensync.refresh.result import Result

if TYPE_CHECKING:
    from tokensync.domain.names import ConnectionName

# After these an operator who accepted is told that it stays as it was.
_NOT_ACCEPTED = (Result.POSTPONED, Result.HELD, Result.REAUTHORIZE, Result.NO_TIME, Result.PAUSED)
_BACK = "https://connect.example/cb"


def opened() -> Stage:
    """Return a stage whose accounts have authorized, with a first backup."""
    stage = Stage()
    for name in NAMES:
        authorize(stage, name, by_import=False, withdraws=False)
    stage.back_up()
    return stage


def consent_once_more(stage: Stage, name: ConnectionName) -> None:
    """Let the account consent again to what stands: the server gives no second refresh token."""
    record, server = stage.record(name), stage.server(name)
    lineage = None if record is None or record.sealed_grant is None else server.lineages.get(stage.token(name))
    consents = stage.authorized[name]
    if lineage is None or not lineage.alive or not consents or consents[-1].lineage is not lineage:
        authorize(stage, name, by_import=False, withdraws=False)
        return
    world = stage.world
    code = server.authorize(name.account, once_more=lineage)
    consents.append(Consent(world.clock.now(), lineage, silent=code))
    world.code_exchange.take_paste(code, world.session(name.app), world.signer, world.budget(), redirect_uri=_BACK)
    stage.tick()  # the rotation function is asked at once


def authorize(stage: Stage, name: ConnectionName, *, by_import: bool, withdraws: bool, stray: bool = False) -> None:
    """Let the account authorize once more; `withdraws` ends what it had authorized before.

    `stray` lets it follow an invite that was meant for another account.
    """
    server, world = stage.server(name), stage.world
    session = world.session(name.app)
    now = world.clock.now()
    if by_import:
        access, refresh = server.mint(name.account)
        stage.authorized[name].append(Consent(now, server.lineages[refresh]))
        if withdraws:
            server.withdraw(name.account, but=refresh)
        brought = ImportFields(refresh_token=Secret(refresh), access_token=Secret(access), expires_at=now + LIFE)
        world.commands.importer.import_tokens(name, brought, world.budget(), replace=True)
        return
    state = _begun(stage, name) if stray else ""
    if withdraws:
        server.withdraw(name.account)
    code = server.authorize(name.account)
    stage.authorized[name].append(Consent(now, server.codes[code], stray=stray))
    text = f"{_BACK}?code={code}&state={quote(state)}" if stray else code
    world.code_exchange.take_paste(text, session, world.signer, world.budget(), redirect_uri=_BACK)


def _begun(stage: Stage, name: ConnectionName) -> str:
    """Open an invite for another account, and return its state."""
    world, session = stage.world, stage.world.session(name.app)
    ends = world.clock.now() + LIFE
    invite = Invite(id=f"stray-{ends}", app=name.app, expires_at=ends, for_account="somebody-else")
    cookie = world.signer.operator(name.app)
    begun = world.consent.begin(invite, session, world.signer, cookie=cookie, redirect_uri=_BACK)
    return parse_qs(urlsplit(begun.url).query)["state"][0]


def deauthorize(stage: Stage, name: ConnectionName) -> None:
    """Let the account end its authorization, and the provider say so."""
    stage.ended.add(name)
    stage.server(name).withdraw(name.account)
    now = stage.world.clock.now()
    webhook_event = WebhookEvent(kind=WebhookEventKind.DEAUTHORIZED, at=now, account=name.account)
    stage.world.webhooks.take(name.app, webhook_event, f"{name}-{now}", base_url="")


def command(stage: Stage, name: ConnectionName, command: str) -> None:
    """Let an operator ask for something."""
    world, budget = stage.world, stage.world.budget()
    match command:
        case "refresh" | "refresh --force":
            world.on_demand.refresh(name, budget, force=command.endswith("--force"))
        case "verify":
            world.commands.verification.verify(name, budget)
        case "publish":
            world.commands.republisher.publish(name, budget)
        case "revoke" | "revoke --local":
            stage.ended.add(name)
            world.commands.revoker.revoke(name, budget, local=command.endswith("--local"))
        case "remove":
            stage.ended.add(name)
            world.commands.remover.remove(name, budget, days=7)
        case "accept" | "accept --force":
            _accept(stage, name, force=command.endswith("--force"))
        case "recover" | "recover --reread":
            recover(stage, reread=command.endswith("--reread"))
        case "pause":
            world.apps.pause(name.app, kind=PauseKind.OPERATOR, why="an operator's wish", now=world.clock.now())
        case "resume":
            world.apps.resume(name.app, now=world.clock.now())


def _accept(stage: Stage, name: ConnectionName, *, force: bool) -> None:
    stage.witness.woken.add(name)
    before = stage.record(name)
    result = stage.world.commands.accepter.accept(name, stage.world.budget(), force=force)
    after = stage.record(name)
    if before is None or after is None or before.status is not Status.QUARANTINED:
        return
    is_same = after.authorized.authorized_by == before.authorized.authorized_by and not after.unpublished
    if is_same and result.result in _NOT_ACCEPTED and after.status is not Status.QUARANTINED:
        stage.witness.broken.append(f"{name}: not accepted ({result.result}), and {after.status} all the same")


def recover(stage: Stage, *, reread: bool = False) -> list[dict[str, Any]]:
    """Let an operator recover, or read kept answers again, to the end; return what was found."""
    found, cursor = [], ""
    for _ in range(RECEIVES):
        asked = {"tokensync": "recover", "cursor": cursor, "reread": reread}
        answer = stage.world.commands.answer(asked, stage.world.budget())
        if not answer["ok"]:
            break
        found += answer["found"]
        if not answer["more"]:
            break
        cursor = answer["cursor"]
    return found


def edit(stage: Stage, name: ConnectionName, edit: str) -> None:
    """Let somebody change a secret by hand."""
    record = stage.record(name)
    published = None if record is None else record.published
    if published is None or published.removed or stage.world.secrets.document(name) is None:
        return
    stage.edited.add(name)
    stage.tampered.add(name)
    if edit == "schedule deletion":
        stage.world.secrets.schedule_deletion(published.arn)
    elif edit == "destroy":
        stage.world.secrets.destroy(published.arn)
    else:
        stored = stage.world.secrets.secret(name)
        stored.put('{"by": "hand"}', f"by-hand-{len(stored.versions)}")


def calm(stage: Stage) -> None:
    """Let everything be well again, the operators do what they are told, and time pass."""
    world = stage.world
    stage.forget()
    stage.set_clock_right()
    for name in NAMES:
        if world.apps.state(name.app).paused_kind is PauseKind.OPERATOR:  # every other pause ends by itself
            command(stage, name, "resume")
    for passed in range(4 * LIFE // REST):
        stage.tick()
        if passed == 2 * LIFE // REST:
            if world.dead_letters.bodies:
                recover(stage)
            for name in ALL:
                _compare(stage, name)
                _mend(stage, name)
        world.clock.advance(REST)
    stage.tick()


def _compare(stage: Stage, name: ConnectionName) -> None:
    """Do what `recover`, which operators are told of, does after a restore for whom nothing is due."""
    record = stage.record(name)
    if record is not None and name in stage.rolled_back and record.due.next_at is None and record.phase is Phase.IDLE:
        stage.work(name, compare=True)


def _mend(stage: Stage, name: ConnectionName) -> None:
    record = stage.record(name)
    if record is None or record.removed_at is not None:
        return
    if record.is_half_removed:
        command(stage, name, "remove")
    elif name in stage.tampered or record.status is Status.ORPHANED:
        command(stage, name, "publish")
    stage.tampered.discard(name)
