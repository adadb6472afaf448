"""The template, read once."""

from typing import Any

import pytest

from unit.template import document


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """template.yaml."""
    return document.read()


@pytest.fixture(scope="session")
def resources(template: dict[str, Any]) -> document.Resources:
    """Its resources."""
    found: document.Resources = template["Resources"]
    return found
