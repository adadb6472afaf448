"""In-memory twins of the ports in `tokensync.domain.ports`: thread-safe, deterministic, and able to be told to fail."""

from ports.apps import InMemoryApps
from ports.clock import FakeClock
from ports.connections import InMemoryConnections
from ports.dead_letters import InMemoryDeadLetters
from ports.notices import InMemoryNotices
from ports.origin import InMemoryOrigin
from ports.pendings import InMemoryPendings
from ports.randomness import SeededRandomness
from ports.recorders import RecordingAlerts, RecordingLog, ScriptedFailpoints
from ports.sealer import FakeKeyService, InMemorySealer
from ports.table import Table
from ports.token_secrets import InMemoryTokenSecrets
from ports.work_queue import InMemoryWorkQueue

__all__ = [
    "FakeClock",
    "FakeKeyService",
    "InMemoryApps",
    "InMemoryConnections",
    "InMemoryDeadLetters",
    "InMemoryNotices",
    "InMemoryOrigin",
    "InMemoryPendings",
    "InMemorySealer",
    "InMemoryTokenSecrets",
    "InMemoryWorkQueue",
    "RecordingAlerts",
    "RecordingLog",
    "ScriptedFailpoints",
    "SeededRandomness",
    "Table",
]
