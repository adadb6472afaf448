"""The real adapters over MiniStack as one world."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3

from fakes.clock import FakeClock
from fakes.recorders import RecordingLog
from fakes.strict_tokens import obey_client_request_tokens
from tokensync.aws.app_secrets import AppSecrets
from tokensync.aws.apps import AwsApps
from tokensync.aws.authorizations import DynamoAuthorizations
from tokensync.aws.clients import Clients, aws_clients
from tokensync.aws.connections import DynamoConnections
from tokensync.aws.dynamodb import DynamoTable, from_notation, in_notation, key_of
from tokensync.aws.invites import DynamoInvites
from tokensync.aws.kms import KmsKeys
from tokensync.aws.origin import DynamoOrigin
from tokensync.aws.queue import SqsDeadLetters, SqsWorkQueue
from tokensync.aws.token_secrets import SecretsManagerTokens
from tokensync.aws.webhook_events import DynamoWebhookEvents
from tokensync.domain.names import token_secret_name
from tokensync.domain.sealing import EnvelopeSealer
from tokensync.domain.work import Work

if TYPE_CHECKING:
    from contracts.world import Key
    from tokensync.domain.names import ConnectionName

STACK = "tokensync"


@dataclass(frozen=True)
class Resources:
    """What a deployed stack has, made once for all tests."""

    clients: Clients
    raw: Clients
    table: str
    key_arn: str
    queue_url: str
    topic_arn: str


def deploy(endpoint: str) -> Resources:
    """Make the table, the key, the queue and the topic as `template.yaml` does."""
    raw = _clients(endpoint)
    clients = _clients(endpoint)
    obey_client_request_tokens(clients.secrets, raw.secrets)
    raw.dynamodb.create_table(
        TableName="tokensync",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
            {"AttributeName": "due", "AttributeType": "S"},
            {"AttributeName": "next_at", "AttributeType": "N"},
        ],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "due",
                "KeySchema": [
                    {"AttributeName": "due", "KeyType": "HASH"},
                    {"AttributeName": "next_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    return Resources(
        clients=clients,
        raw=raw,
        table="tokensync",
        key_arn=raw.kms.create_key()["KeyMetadata"]["Arn"],
        queue_url=raw.sqs.create_queue(QueueName="refresh")["QueueUrl"],
        topic_arn=raw.sns.create_topic(Name="alerts")["TopicArn"],
    )


class AwsWorld:
    """See `contracts.world.World`."""

    def __init__(self, resources: Resources) -> None:
        self.app = f"app-{uuid.uuid4().hex[:12]}"
        self.resources = resources
        self.clock = FakeClock()
        self._raw = resources.raw
        table = DynamoTable(resources.clients.dynamodb, resources.table)
        self.connections = DynamoConnections(table)
        self.authorizations = DynamoAuthorizations(table)
        self.invites = DynamoInvites(table)
        self.webhook_events = DynamoWebhookEvents(table)
        self.origin = DynamoOrigin(table, self.clock)
        app_secrets = AppSecrets(resources.clients.secrets, prefix=STACK, stack=STACK)
        self.apps = AwsApps(app_secrets, table, self.clock)
        self.secrets = SecretsManagerTokens(resources.clients.secrets, prefix=STACK, stack=STACK)
        self.queue = SqsWorkQueue(resources.clients.sqs, resources.queue_url, RecordingLog())
        # A queue of its own: what another test left there is hidden for a while, and comes back.
        self._dead = self._raw.sqs.create_queue(QueueName=f"dead-{self.app}")["QueueUrl"]
        self.dead_letters = SqsDeadLetters(resources.clients.sqs, self._dead)

    def restored(self) -> DynamoOrigin:
        """Restore a backup into a table of its own."""
        name = f"restored-{uuid.uuid4().hex[:12]}"
        backup = self._raw.dynamodb.create_backup(TableName=self.resources.table, BackupName=name)
        self._raw.dynamodb.restore_table_from_backup(
            TargetTableName=name, BackupArn=backup["BackupDetails"]["BackupArn"]
        )
        return DynamoOrigin(DynamoTable(self.resources.clients.dynamodb, name), self.clock)

    def sealer(self) -> EnvelopeSealer:
        """Return a sealer with an empty cache."""
        return EnvelopeSealer(KmsKeys(self.resources.clients.kms, self.resources.key_arn, self.clock))

    def enable_key(self, *, enabled: bool) -> None:
        """Disable or enable the KMS key."""
        change = self._raw.kms.enable_key if enabled else self._raw.kms.disable_key
        change(KeyId=self.resources.key_arn)

    def plant(self, key: Key, attribute: str, value: int | str) -> None:
        """Set one attribute of an item."""
        self._raw.dynamodb.update_item(
            TableName=self.resources.table,
            Key=key_of(key),
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": attribute},
            ExpressionAttributeValues=in_notation({":value": value}),
        )

    def attribute(self, key: Key, name: str) -> Any:
        """Return one attribute of an item."""
        found = self._raw.dynamodb.get_item(TableName=self.resources.table, Key=key_of(key), ConsistentRead=True)
        return from_notation(found["Item"]).get(name)

    def erase(self, key: Key) -> None:
        """Delete an item."""
        self._raw.dynamodb.delete_item(TableName=self.resources.table, Key=key_of(key))

    def plant_secret(self, name: ConnectionName, document: str, *, tags: dict[str, str]) -> str:
        """Create a secret as somebody else would."""
        return self._raw.secrets.create_secret(
            Name=token_secret_name(STACK, name),
            SecretString=document,
            Tags=[{"Key": tag, "Value": value} for tag, value in tags.items()],
        )["ARN"]

    def schedule_deletion(self, arn: str) -> None:
        """Schedule a secret for deletion."""
        self._raw.secrets.delete_secret(SecretId=arn)

    def destroy(self, arn: str) -> None:
        """Delete a secret for good."""
        self._raw.secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)

    def versions(self, arn: str) -> dict[str, str]:
        """Return the values under AWSCURRENT and AWSPREVIOUS."""
        stages = self._raw.secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]
        return {
            stage: self._raw.secrets.get_secret_value(SecretId=arn, VersionId=version)["SecretString"]
            for version, labels in stages.items()
            for stage in labels
        }

    def tags(self, arn: str) -> dict[str, str]:
        """Return a secret's tags."""
        return {tag["Key"]: tag["Value"] for tag in self._raw.secrets.describe_secret(SecretId=arn)["Tags"]}

    def received(self, count: int) -> list[Work]:
        """Take messages out of the queue."""
        works: list[Work] = []
        while len(works) < count:
            answer = self._raw.sqs.receive_message(QueueUrl=self.resources.queue_url, MaxNumberOfMessages=10)
            messages = answer.get("Messages", [])
            assert messages, f"{len(works)} of {count} messages came"
            for message in messages:
                works.append(Work.from_json(message["Body"]))
                self._raw.sqs.delete_message(QueueUrl=self.resources.queue_url, ReceiptHandle=message["ReceiptHandle"])
        return works

    def broken_queue(self) -> SqsWorkQueue:
        """Return a queue that does not exist."""
        return SqsWorkQueue(self.resources.clients.sqs, f"{self.resources.queue_url}-gone", RecordingLog())

    def bury(self, *bodies: str) -> None:
        """Put messages among the dead letters."""
        for body in bodies:
            self._raw.sqs.send_message(QueueUrl=self._dead, MessageBody=body)

    def buried(self) -> int:
        """Return how many there are, hidden or not."""
        counts = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        attributes = self._raw.sqs.get_queue_attributes(QueueUrl=self._dead, AttributeNames=list(counts))["Attributes"]
        return sum(int(attributes[count]) for count in counts)

    def broken_dead_letters(self) -> SqsDeadLetters:
        """Return a dead-letter queue that does not exist."""
        return SqsDeadLetters(self.resources.clients.sqs, f"{self._dead}-gone")


def _clients(endpoint: str) -> Clients:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    return aws_clients(session, endpoint_url=endpoint)
