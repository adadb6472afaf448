"""The real adapters keep the contracts."""

from __future__ import annotations

from contracts.apps import AppsContract
from contracts.authorizations import AuthorizationsContract
from contracts.connections import ConnectionsContract
from contracts.dead_letters import DeadLettersContract
from contracts.invites import InvitesContract
from contracts.origin import OriginContract
from contracts.sealing import SealerContract
from contracts.token_secrets import TokenSecretsContract
from contracts.webhook_events import WebhookEventsContract
from contracts.work_queue import WorkQueueContract


class TestConnections(ConnectionsContract):
    """The connections' records in DynamoDB."""


class TestAuthorizations(AuthorizationsContract):
    """The pending authorizations in DynamoDB."""


class TestInvites(InvitesContract):
    """The invites' uses in DynamoDB."""


class TestWebhookEvents(WebhookEventsContract):
    """The notices that had their effect, in DynamoDB."""


class TestOrigin(OriginContract):
    """The table's origin in DynamoDB."""


class TestApps(AppsContract):
    """The apps in Secrets Manager and DynamoDB."""


class TestSealer(SealerContract):
    """Sealing under a KMS key."""


class TestTokenSecrets(TokenSecretsContract):
    """Secrets in Secrets Manager."""


class TestWorkQueue(WorkQueueContract):
    """The queue in SQS."""


class TestDeadLetters(DeadLettersContract):
    """The dead letters in SQS."""
