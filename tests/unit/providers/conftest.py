"""Every provider in turn."""

from __future__ import annotations

import pytest
from samples import NAMES, SAMPLES, Sample


@pytest.fixture(params=NAMES)
def sample(request: pytest.FixtureRequest) -> Sample:
    """Return each provider's sample in turn."""
    return SAMPLES[request.param]
