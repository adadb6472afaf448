"""The composition root: what each function is made of, put together once at its cold start."""

from __future__ import annotations

from tokensync.aws.clients import Clients, aws_clients
from tokensync.aws.config import CallbackConfig, RotationConfig, callback_config, rotation_config
from tokensync.aws.functions import Callback, Rotation
from tokensync.aws.invite_key import InviteKeys
from tokensync.aws.notices import DynamoNotices
from tokensync.aws.parts import Parts
from tokensync.batch import BatchRunner
from tokensync.caretaker import Caretaker
from tokensync.commands import CallbackCommands, RotationCommands
from tokensync.connecting import Connector
from tokensync.handing_commands import handing
from tokensync.known import KnownApps, KnownNames
from tokensync.noticing import Noticer
from tokensync.operating import Operating
from tokensync.pushing import Pusher
from tokensync.refresh import Refresher
from tokensync.tick import Ticker
from tokensync.unsealing import Unsealer
from tokensync.upkeep import upkeep
from tokensync.web import Web
from tokensync.webhooks import Webhooks


def callback(config: CallbackConfig | None = None, clients: Clients | None = None) -> Callback:
    """Put the callback function together, from its environment unless a test says otherwise."""
    config, clients = config or callback_config(), clients or aws_clients()
    parts = Parts(config, clients)
    connector = Connector(
        pendings=parts.pendings,
        finisher=parts.finisher,
        queue=parts.queue,
        alerts=parts.alerts,
        wire=parts.wire,
        clock=parts.clock,
        randomness=parts.randomness,
        failpoints=parts.failpoints,
        log=parts.log,
        limits=parts.limits,
    )
    keys = InviteKeys(clients.secrets, config.invite_key, parts.clock)
    known = KnownNames(parts.apps, parts.clock)
    registered = KnownApps(parts.apps, known, parts.clock)
    web = Web(
        connector=connector,
        apps=parts.apps,
        sealer=parts.sealer,
        clock=parts.clock,
        log=parts.log,
        signer=keys.signer,
        known=known,
        registered=registered,
    )
    noticer = Noticer(
        connections=parts.connections,
        notices=DynamoNotices(parts.table),
        queue=parts.queue,
        alerts=parts.alerts,
        clock=parts.clock,
        randomness=parts.randomness,
        signer=keys.signer,
    )
    webhooks = Webhooks(noticer=noticer, known=known, registered=registered, log=parts.log)
    commands = CallbackCommands(
        connector=connector,
        wire=parts.wire,
        apps=parts.apps,
        sealer=parts.sealer,
        signer=keys.signer,
        clock=parts.clock,
        base_url=config.public_url,
    )
    return Callback(parts.log, parts.clock, web, webhooks, commands, config.public_url)


def rotation(config: RotationConfig | None = None, clients: Clients | None = None) -> Rotation:
    """Put the rotation function together, from its environment unless a test says otherwise."""
    config, clients = config or rotation_config(), clients or aws_clients()
    parts = Parts(config, clients)
    pusher = Pusher(
        connections=parts.connections,
        sealer=parts.sealer,
        concluder=parts.concluder,
        queue=parts.queue,
        alerts=parts.alerts,
        wire=parts.wire,
        clock=parts.clock,
        randomness=parts.randomness,
        failpoints=parts.failpoints,
        log=parts.log,
        limits=parts.limits,
    )
    unsealer = Unsealer(parts.sealer)
    refresher = Refresher(
        connections=parts.connections,
        unsealer=unsealer,
        concluder=parts.concluder,
        keeper=parts.keeper,
        queue=parts.queue,
        wire=parts.wire,
        clock=parts.clock,
        randomness=parts.randomness,
        failpoints=parts.failpoints,
        limits=parts.limits,
    )
    caretaker = Caretaker(
        connections=parts.connections,
        unsealer=unsealer,
        publisher=parts.publisher,
        concluder=parts.concluder,
        keeper=parts.keeper,
        refresher=refresher,
        verifier=parts.verifier,
        pusher=pusher,
        alerts=parts.alerts,
        clock=parts.clock,
        failpoints=parts.failpoints,
        limits=parts.limits,
    )
    ticker = Ticker(
        connections=parts.connections, queue=parts.queue, clock=parts.clock, log=parts.log, claim=config.claim_seconds
    )
    batches = BatchRunner(
        caretaker=caretaker,
        finisher=parts.finisher,
        apps=parts.apps,
        sealer=parts.sealer,
        alerts=parts.alerts,
        clock=parts.clock,
        log=parts.log,
        limits=parts.limits,
    )
    operating = Operating(
        caretaker=caretaker,
        connections=parts.connections,
        apps=parts.apps,
        sealer=parts.sealer,
        alerts=parts.alerts,
        clock=parts.clock,
        log=parts.log,
    )
    kept = upkeep(
        operating=operating,
        verifier=parts.verifier,
        concluder=parts.concluder,
        establisher=parts.establisher,
        wire=parts.wire,
        failpoints=parts.failpoints,
        limits=parts.limits,
        prefix=config.prefix,
    )
    handed = handing(operating=operating, pusher=pusher, accounts=parts.accounts, prefix=config.prefix)
    more = {**kept.commands(), **handed.commands()}
    commands = RotationCommands(operating=operating, ticker=ticker, prefix=config.prefix, more=more)
    return Rotation(parts.log, parts.clock, ticker, batches, commands, config.stack)
