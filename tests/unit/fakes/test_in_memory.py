"""The in-memory ports keep the contracts."""

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
    """The connections' records in memory."""


class TestAuthorizations(AuthorizationsContract):
    """The pending authorizations in memory."""


class TestInvites(InvitesContract):
    """The invites' uses in memory."""


class TestWebhookEvents(WebhookEventsContract):
    """The notices that had their effect, in memory."""


class TestOrigin(OriginContract):
    """The table's origin in memory."""


class TestApps(AppsContract):
    """The apps in memory."""


class TestSealer(SealerContract):
    """Sealing under a key in memory."""


class TestTokenSecrets(TokenSecretsContract):
    """Secrets in memory."""


class TestWorkQueue(WorkQueueContract):
    """The queue in memory."""


class TestDeadLetters(DeadLettersContract):
    """The dead letters in memory."""
