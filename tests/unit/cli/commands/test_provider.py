"""`provider list`."""

from __future__ import annotations

import json
from typing import Any

from tokensync.providers import PROVIDERS


def test_the_providers_of_this_version(desk: Any) -> None:
    """All of the registry, without any stack."""
    told = json.loads(desk.start("provider", "list", "--json").stdout)

    assert list(PROVIDERS) == [provider["provider"] for provider in told]
    assert ["service_id"] == told[0]["required"]
    shown = desk.start("provider", "list").stdout
    assert "TikTok Shop" in shown
    assert "--service-id" in shown
