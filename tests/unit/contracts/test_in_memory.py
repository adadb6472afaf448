"""The in-memory ports keep the contracts."""

from __future__ import annotations

from ports.contracts.apps import AppsContract
from ports.contracts.connections import ConnectionsContract
from ports.contracts.dead_letters import DeadLettersContract
from ports.contracts.notices import NoticesContract
from ports.contracts.origin import OriginContract
from ports.contracts.pendings import PendingsContract
from ports.contracts.sealing import SealerContract
from ports.contracts.token_secrets import TokenSecretsContract
from ports.contracts.work_queue import WorkQueueContract


class TestConnections(ConnectionsContract):
    """The connections' records in memory."""


class TestPendings(PendingsContract):
    """The pending authorizations in memory."""


class TestNotices(NoticesContract):
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
