"""The composition root: what each function is made of, put together once at its cold start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from tokensync.accounts import AccountReader
from tokensync.aws.alerts import NAMESPACE, SnsAlerts
from tokensync.aws.app_secrets import AppSecrets
from tokensync.aws.apps import AwsApps
from tokensync.aws.clients import Clients, aws_clients
from tokensync.aws.config import CallbackConfig, Config, RotationConfig, callback_config, rotation_config
from tokensync.aws.connections import DynamoConnections
from tokensync.aws.dynamodb import DynamoTable
from tokensync.aws.host import seams
from tokensync.aws.invite_key import InviteKeys
from tokensync.aws.keys import KmsKeys
from tokensync.aws.log import PowertoolsLog
from tokensync.aws.notices import DynamoNotices
from tokensync.aws.pendings import DynamoPendings
from tokensync.aws.queue import SqsWorkQueue
from tokensync.aws.secrets import SecretsManagerTokens
from tokensync.aws.system import SystemClock, SystemRandomness
from tokensync.batch import BatchRunner
from tokensync.caretaker import Caretaker
from tokensync.commands import CallbackCommands, RotationCommands
from tokensync.concluding import Concluder
from tokensync.connecting import Connector
from tokensync.establishing import Establisher
from tokensync.finishing import Finisher
from tokensync.handing_commands import handing
from tokensync.keeping import Keeper
from tokensync.known import KnownApps, KnownNames
from tokensync.noticing import Noticer
from tokensync.operating import Operating
from tokensync.publishing import Publisher
from tokensync.pushing import Pusher
from tokensync.refresh import Refresher
from tokensync.schedule import Cadence
from tokensync.sealing import EnvelopeSealer
from tokensync.session import Budget, Limits
from tokensync.tick import Ticker
from tokensync.unsealing import Unsealer
from tokensync.upkeep import upkeep
from tokensync.verifying import Verifier
from tokensync.web import Web
from tokensync.webhooks import Webhooks
from tokensync.wire import HttpWire

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class FunctionBroken(Exception):
    """An error nobody foresaw. Its type and places are in the log; its text, which may hold anything, is nowhere."""


@dataclass(frozen=True)
class _Shared:
    """What both functions have in common."""

    log: PowertoolsLog
    clock: SystemClock

    def budget(self, context: Any) -> Budget:
        """Return what is left of this invocation's life."""
        return Budget(self.clock, context.get_remaining_time_in_millis() / 1000)

    def guarded(self, handler: Handler) -> Handler:
        """Let no foreign error's text reach Lambda's own log."""

        @wraps(handler)
        def guard(event: dict[str, Any], context: Any) -> dict[str, Any]:
            try:
                return handler(event, context)
            except Exception as error:  # noqa: BLE001 - its text may hold anything, so it goes no further
                self.log.failure("function.broken", error)
                raise FunctionBroken(type(error).__name__) from None

        return guard


@dataclass(frozen=True)
class Callback(_Shared):
    """The callback function."""

    web: Web
    webhooks: Webhooks
    commands: CallbackCommands
    public_url: str

    def base_url(self, event: Mapping[str, Any]) -> str:
        """Return the address that sellers and providers reach: the stack's own, or the request's domain."""
        return self.public_url or f"https://{event['requestContext']['domainName']}"


@dataclass(frozen=True)
class Rotation(_Shared):
    """The rotation function."""

    ticker: Ticker
    batches: BatchRunner
    commands: RotationCommands
    stack: str

    def measured(self, results: Mapping[str, int]) -> None:
        """Write how a batch ended as CloudWatch metrics, one for each result."""
        metrics = EphemeralMetrics(namespace=NAMESPACE, service="rotation")
        metrics.add_dimension(name="stack", value=self.stack)
        for result, count in results.items():
            metrics.add_metric(name=_metric_name(result), unit=MetricUnit.Count, value=count)
        if results:
            metrics.flush_metrics()


def _metric_name(result: str) -> str:
    return "".join(word.capitalize() for word in result.split("_"))


class _Parts:
    """Everything that both functions are made of."""

    def __init__(self, config: Config, clients: Clients) -> None:
        self.clock = SystemClock()
        self.log = PowertoolsLog(service=config.service, level=config.log_level)
        self.alerts = SnsAlerts(
            clients.sns, config.alert_topic_arn, stack=config.stack, service=config.service, log=self.log
        )
        self.queue = SqsWorkQueue(clients.sqs, config.queue_url, self.log)
        self.table = DynamoTable(clients.dynamodb, config.table)
        self.connections = DynamoConnections(self.table)
        self.pendings = DynamoPendings(self.table)
        self.apps = AwsApps(
            AppSecrets(clients.secrets, prefix=config.prefix, stack=config.stack), self.table, self.clock
        )
        self.sealer = EnvelopeSealer(KmsKeys(clients.kms, config.key_arn, self.clock))
        self.limits = Limits()
        policy, self.failpoints = seams()
        self.wire = HttpWire(self.clock, policy=policy)
        self.randomness = SystemRandomness()
        self.keeper = Keeper(
            connections=self.connections, queue=self.queue, alerts=self.alerts, clock=self.clock, log=self.log
        )
        self.publisher = Publisher(
            SecretsManagerTokens(clients.secrets, prefix=config.prefix, stack=config.stack), self.clock
        )
        self.concluder = Concluder(
            connections=self.connections,
            publisher=self.publisher,
            keeper=self.keeper,
            queue=self.queue,
            alerts=self.alerts,
            clock=self.clock,
            randomness=self.randomness,
            failpoints=self.failpoints,
            log=self.log,
            cadence=Cadence(),
        )
        self.accounts = AccountReader(wire=self.wire, clock=self.clock, log=self.log, limits=self.limits)
        self.verifier = Verifier(
            connections=self.connections,
            accounts=self.accounts,
            concluder=self.concluder,
            alerts=self.alerts,
            clock=self.clock,
            randomness=self.randomness,
            log=self.log,
            cadence=Cadence(),
        )
        self.establisher = Establisher(
            connections=self.connections,
            concluder=self.concluder,
            clock=self.clock,
            failpoints=self.failpoints,
            limits=self.limits,
            cadence=Cadence(),
        )
        self.finisher = Finisher(
            connections=self.connections,
            pendings=self.pendings,
            concluder=self.concluder,
            accounts=self.accounts,
            establisher=self.establisher,
            verifier=self.verifier,
            sealer=self.sealer,
            alerts=self.alerts,
            clock=self.clock,
            log=self.log,
            limits=self.limits,
        )


def callback(config: CallbackConfig | None = None, clients: Clients | None = None) -> Callback:
    """Put the callback function together, from its environment unless a test says otherwise."""
    config, clients = config or callback_config(), clients or aws_clients()
    parts = _Parts(config, clients)
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
    parts = _Parts(config, clients)
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
