"""Every provider in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from documented import SAMPLES

from tokensync.providers import PROVIDERS

if TYPE_CHECKING:
    from samples import Sample


@pytest.fixture(params=sorted(PROVIDERS))
def sample(request: pytest.FixtureRequest) -> Sample:
    """Return each provider's sample in turn."""
    return SAMPLES[request.param]
