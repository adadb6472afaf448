from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokensync.aws.clients import Clients

SHORTEST_LIFE = 28  # seconds: the callback function's


def test_a_call_ends_within_a_functions_life(clients: Clients) -> None:
    """All tries of one call, with their timeouts and the longest waits between them, end before the function does."""
    for client in (clients.dynamodb, clients.kms, clients.secrets, clients.sns, clients.sqs):
        config: Any = client.meta.config  # the stubs know none of its options
        assert config.retries["mode"] == "standard"
        tries = config.retries["total_max_attempts"]
        # Standard mode waits at most 1, 2, 4, … seconds.
        waits = sum(2**number for number in range(tries - 1))
        assert tries * (config.connect_timeout + config.read_timeout) + waits < SHORTEST_LIFE
