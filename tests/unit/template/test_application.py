"""What the Serverless Application Repository is told, and what it has to be told before it deploys."""

import re
import tomllib
from typing import Any

import pytest

from unit.template.document import PATH, of_type

ROOT = PATH.parent


@pytest.fixture
def told(template: dict[str, Any]) -> dict[str, Any]:
    """Return the application's metadata."""
    application: dict[str, Any] = template["Metadata"]["AWS::ServerlessRepo::Application"]
    return application


def test_the_version_is_the_projects(told: dict[str, Any]) -> None:
    """A wheel and an application of one version are of one commit; its licence and its page are this checkout's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert (project["name"], project["version"]) == (told["Name"], told["SemanticVersion"])
    assert (project["license"], project["readme"]) == (told["SpdxLicenseId"], told["ReadmeUrl"])
    assert [told["LicenseUrl"]] == project["license-files"]


def test_it_is_what_the_repository_takes(told: dict[str, Any]) -> None:
    """AWS's patterns and lengths (developer guide of SAM, "Metadata section properties")."""
    assert re.fullmatch(r"[a-zA-Z0-9\-]{1,140}", told["Name"])
    assert re.fullmatch(r"[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?", told["Author"])
    assert 1 <= len(told["Author"]) <= 127
    assert 1 <= len(told["Description"]) <= 256
    assert 1 <= len(told["Labels"]) <= 10
    assert [] == [label for label in told["Labels"] if not re.fullmatch(r"[a-zA-Z0-9+\-_:/@]{1,127}", label)]


def test_two_capabilities_are_enough(template: dict[str, Any]) -> None:
    """Roles have no names of their own, and no application is nested: CAPABILITY_IAM and CAPABILITY_RESOURCE_POLICY."""
    named = [
        name
        for kind, property_name in (
            ("AWS::IAM::Role", "RoleName"),
            ("AWS::IAM::ManagedPolicy", "ManagedPolicyName"),
            ("AWS::IAM::Policy", "PolicyName"),
            ("AWS::IAM::User", "UserName"),
            ("AWS::IAM::Group", "GroupName"),
        )
        for name, resource in of_type(template, kind).items()
        if property_name in resource["Properties"]
    ]

    assert [] == named
    assert {} == of_type(template, "AWS::Serverless::Application")
