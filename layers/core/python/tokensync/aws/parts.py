"""Everything that both functions are made of, put together once at their cold start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.accounts import AccountReader
from tokensync.aws.alerts import SnsAlerts
from tokensync.aws.app_secrets import AppSecrets
from tokensync.aws.apps import AwsApps
from tokensync.aws.connections import DynamoConnections
from tokensync.aws.dynamodb import DynamoTable
from tokensync.aws.host import seams
from tokensync.aws.keys import KmsKeys
from tokensync.aws.log import PowertoolsLog
from tokensync.aws.pendings import DynamoPendings
from tokensync.aws.queue import SqsWorkQueue
from tokensync.aws.secrets import SecretsManagerTokens
from tokensync.aws.system import SystemClock, SystemRandomness
from tokensync.concluding import Concluder
from tokensync.establishing import Establisher
from tokensync.finishing import Finisher
from tokensync.keeping import Keeper
from tokensync.publishing import Publisher
from tokensync.schedule import Cadence
from tokensync.sealing import EnvelopeSealer
from tokensync.session import Limits
from tokensync.verifying import Verifier
from tokensync.wire import HttpWire

if TYPE_CHECKING:
    from tokensync.aws.clients import Clients
    from tokensync.aws.config import Config


class Parts:
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
            publisher=self.publisher,
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
