"""Time and chance of the machine."""

from __future__ import annotations

from tokensync.aws.system import SystemRandomness


def test_a_fraction_is_anywhere_below_one() -> None:
    """Retries are spread over the whole of their jitter."""
    drawn = [SystemRandomness().fraction() for _ in range(400)]

    assert (0 <= min(drawn) < 0.1, 0.9 < max(drawn) < 1) == (True, True)


def test_a_token_is_128_bits() -> None:
    """As text that a URL takes as it is, and never the same."""
    drawn = [SystemRandomness().token() for _ in range(50)]

    assert (50, {22}) == (len(set(drawn)), {len(token) for token in drawn})
    assert all(token.replace("-", "").replace("_", "").isalnum() for token in drawn)
