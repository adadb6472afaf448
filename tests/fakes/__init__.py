"""In-memory twins of the ports in `tokensync.domain.ports`: thread-safe, deterministic, and able to be told to fail."""

from fakes.apps import InMemoryApps
from fakes.authorizations import InMemoryAuthorizations
from fakes.clock import FakeClock
from fakes.connections import InMemoryConnections
from fakes.dead_letters import InMemoryDeadLetters
from fakes.invites import InMemoryInvites
from fakes.origin import InMemoryOrigin
from fakes.randomness import SeededRandomness
from fakes.recorders import RecordingAlerts, RecordingLog, ScriptedFailpoints
from fakes.sealer import FakeKeyService, InMemorySealer
from fakes.table import Table
from fakes.token_secrets import InMemoryTokenSecrets
from fakes.webhook_events import InMemoryWebhookEvents
from fakes.work_queue import InMemoryWorkQueue

__all__ = [
    "FakeClock",
    "FakeKeyService",
    "InMemoryApps",
    "InMemoryAuthorizations",
    "InMemoryConnections",
    "InMemoryDeadLetters",
    "InMemoryInvites",
    "InMemoryOrigin",
    "InMemorySealer",
    "InMemoryTokenSecrets",
    "InMemoryWebhookEvents",
    "InMemoryWorkQueue",
    "RecordingAlerts",
    "RecordingLog",
    "ScriptedFailpoints",
    "SeededRandomness",
    "Table",
]
