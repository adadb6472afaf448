"""The composition root: it puts AWS and this machine behind the ports, once at each function's cold start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.assembly import CallbackParts, RotationParts
from tokensync.aws.alerts import SnsAlerts
from tokensync.aws.app_secrets import AppSecrets
from tokensync.aws.apps import AwsApps
from tokensync.aws.authorizations import DynamoAuthorizations
from tokensync.aws.clients import Clients, aws_clients
from tokensync.aws.config import CallbackConfig, RotationConfig, callback_config, rotation_config
from tokensync.aws.connections import DynamoConnections
from tokensync.aws.dynamodb import DynamoTable
from tokensync.aws.handlers import Callback, Rotation
from tokensync.aws.host import host_runtime
from tokensync.aws.invite_key import InviteKeys
from tokensync.aws.invites import DynamoInvites
from tokensync.aws.kms import KmsKeys
from tokensync.aws.log import PowertoolsLog
from tokensync.aws.origin import DynamoOrigin
from tokensync.aws.queue import SqsDeadLetters, SqsWorkQueue
from tokensync.aws.system import SystemRandomness
from tokensync.aws.token_secrets import SecretsManagerTokens
from tokensync.aws.webhook_events import DynamoWebhookEvents
from tokensync.domain.destinations import Destinations
from tokensync.domain.ports import Ports
from tokensync.domain.sealing import EnvelopeSealer
from tokensync.oauth.http import HttpWire

if TYPE_CHECKING:
    from tokensync.aws.config import Config


def callback(config: CallbackConfig | None = None, clients: Clients | None = None) -> Callback:
    """Assemble the callback function, from its environment unless a test brings other parts."""
    config, clients = config or callback_config(), clients or aws_clients()
    log = PowertoolsLog(service=config.service, level=config.log_level)
    table = DynamoTable(clients.dynamodb, config.table)
    ports = _ports(config, clients, table, log)
    keys = InviteKeys(clients.secrets, config.invite_key, ports.clock)
    parts = CallbackParts(ports, DynamoWebhookEvents(table), keys.signer, config.public_url)
    return Callback(
        log=log,
        clock=ports.clock,
        seller_pages=parts.seller_pages,
        webhooks=parts.webhooks,
        commands=parts.commands,
        public_url=config.public_url,
    )


def rotation(config: RotationConfig | None = None, clients: Clients | None = None) -> Rotation:
    """Assemble the rotation function, from its environment unless a test brings other parts."""
    config, clients = config or rotation_config(), clients or aws_clients()
    log = PowertoolsLog(service=config.service, level=config.log_level)
    ports = _ports(config, clients, DynamoTable(clients.dynamodb, config.table), log)
    dead_letters = SqsDeadLetters(clients.sqs, config.dead_letter_queue_url)
    parts = RotationParts(ports, claim=config.claim_seconds, prefix=config.prefix, dead_letters=dead_letters)
    return Rotation(
        log=log,
        clock=ports.clock,
        ticker=parts.ticker,
        batches=parts.batches,
        commands=parts.commands,
        stack=config.stack,
    )


def _ports(config: Config, clients: Clients, table: DynamoTable, log: PowertoolsLog) -> Ports:
    """Return AWS and this machine as the use cases see them."""
    policy, failpoints, clock = host_runtime()
    return Ports(
        connections=DynamoConnections(table),
        authorizations=DynamoAuthorizations(table),
        invites=DynamoInvites(table),
        origin=DynamoOrigin(table, clock),
        apps=AwsApps(AppSecrets(clients.secrets, prefix=config.prefix, stack=config.stack), table, clock),
        sealer=EnvelopeSealer(KmsKeys(clients.kms, config.key_arn, clock)),
        secrets=SecretsManagerTokens(clients.secrets, prefix=config.prefix, stack=config.stack),
        queue=SqsWorkQueue(clients.sqs, config.queue_url, log),
        wire=HttpWire(clock, policy=policy),
        clock=clock,
        randomness=SystemRandomness(),
        failpoints=failpoints,
        destinations=Destinations(policy.allows_plain, config.trusted_hosts),
        alerts=SnsAlerts(clients.sns, config.alert_topic_arn, stack=config.stack, service=config.service, log=log),
        log=log,
    )
