"""What stands under a secret's name where IAM refuses to touch it.

A policy's condition on our tag is false for a secret that is absent as well as for one that is not ours, so AWS answers
AccessDenied to both. DescribeSecret is allowed without that condition, and tells them apart:
https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tokensync.aws.clients import FOREIGN, code_of
from tokensync.domain.names import STACK_TAG

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

DENIED = "AccessDeniedException"


class Presence(Enum):
    """What stands under a name."""

    ABSENT = auto()  # nothing, or what is scheduled for deletion
    OURS = auto()  # it has this stack's tag: IAM refused for another reason
    FOREIGN = auto()  # somebody else made it
    UNKNOWN = auto()  # DescribeSecret was refused as well, or not answered


def presence(client: SecretsManagerClient, name: str, *, stack: str) -> Presence:
    """Return what stands under a secret's name. Never raises: it explains an error that is there already."""
    try:
        described = client.describe_secret(SecretId=name)
    except FOREIGN as error:
        is_absent = isinstance(error, ClientError) and code_of(error) == "ResourceNotFoundException"
        return Presence.ABSENT if is_absent else Presence.UNKNOWN
    # The stubs call the date required; AWS sends it only while a deletion is scheduled.
    if described.get("DeletedDate") is not None:
        return Presence.ABSENT
    return Presence.OURS if {"Key": STACK_TAG, "Value": stack} in described.get("Tags", []) else Presence.FOREIGN
