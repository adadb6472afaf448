import copy
from typing import Any

import pytest

from unit.template.document import PATH, Resources, of_type, read, text

KEPT = PATH.parent / "cli" / "tokensync_cli" / "stack" / "kept.yaml"


@pytest.mark.parametrize("name", ["Table", "GrantKey"])
def test_grants_outlive_the_stack(resources: Resources, name: str) -> None:
    """Table and key stay when the stack is deleted or would replace them, unless its first deployment failed."""
    assert resources[name]["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resources[name]["UpdateReplacePolicy"] == "Retain"


def test_what_is_taken_up_is_the_templates(resources: Resources) -> None:
    """The import has the two resources alone, word for word, but for what names a parameter or another resource."""
    kept = read(KEPT)

    assert {"AWSTemplateFormatVersion", "Description", "Resources"} == kept.keys()
    assert ["Table", "GrantKey"] == list(kept["Resources"])
    table, key = copy.deepcopy(resources["Table"]), copy.deepcopy(resources["GrantKey"])
    properties = table["Properties"].items()
    table["Properties"] = {
        name: value for name, value in properties if not isinstance(value, dict) or "Fn::If" not in value
    }
    policy = key["Properties"]["KeyPolicy"]
    policy["Statement"] = [one for one in policy["Statement"] if one.get("Sid") == "AdministerWithoutUsing"]
    assert {"Table": table, "GrantKey": key} == kept["Resources"]


def test_the_table_is_protected(resources: Resources) -> None:
    """Deletion protection, point-in-time recovery, expiry by `ttl`, on-demand billing, no fixed name, AWS's own key."""
    table = resources["Table"]["Properties"]
    assert table["DeletionProtectionEnabled"] is True
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table.keys().isdisjoint({"TableName", "SSESpecification"})


def test_the_tables_keys(resources: Resources) -> None:
    """Key attributes pk and sk, and one sparse index `due` by next_at that holds keys only."""
    table = resources["Table"]["Properties"]
    assert table["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]
    assert table["GlobalSecondaryIndexes"] == [
        {
            "IndexName": "due",
            "KeySchema": [
                {"AttributeName": "due", "KeyType": "HASH"},
                {"AttributeName": "next_at", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ]
    assert {entry["AttributeName"]: entry["AttributeType"] for entry in table["AttributeDefinitions"]} == {
        "pk": "S",
        "sk": "S",
        "due": "S",
        "next_at": "N",
    }


def test_the_key_turns_by_itself(resources: Resources) -> None:
    """AWS rotates the key's material, and a deletion can be taken back for 30 days."""
    key = resources["GrantKey"]["Properties"]
    assert (key["EnableKeyRotation"], key["PendingWindowInDays"]) == (True, 30)


def test_the_invite_key_is_made_by_the_stack(resources: Resources) -> None:
    """Nobody chooses or sees the key that signs invites."""
    invite_key = resources["InviteKey"]["Properties"]
    assert invite_key["GenerateSecretString"]["PasswordLength"] >= 32
    assert "SecretString" not in invite_key


def test_every_queue_is_encrypted_by_sqs(template: dict[str, Any]) -> None:
    """SSE-SQS, which costs nothing and needs no permission."""
    queues = of_type(template, "AWS::SQS::Queue")
    assert [name for name, queue in queues.items() if queue["Properties"]["SqsManagedSseEnabled"] is not True] == []


def test_every_queue_has_a_dead_letter_queue_with_an_alarm(template: dict[str, Any]) -> None:
    """A message that nobody can work on ends where an alarm watches."""
    queues = of_type(template, "AWS::SQS::Queue")
    redriven = {
        name: text(queue["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]).removesuffix(".Arn")
        for name, queue in queues.items()
        if "RedrivePolicy" in queue["Properties"]
    }
    watched = {
        text(alarm["Properties"]["Dimensions"][0]["Value"]).removesuffix(".QueueName")
        for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()
        if alarm["Properties"].get("MetricName") == "ApproximateNumberOfMessagesVisible"
    }
    assert queues.keys() - redriven.keys() == set(redriven.values()) == watched


def test_a_message_is_tried_five_times(resources: Resources) -> None:
    """Five receipts make a dead letter, and a message may wait for two weeks."""
    queue = resources["RefreshQueue"]["Properties"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 5
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_the_alert_topic_is_unencrypted(resources: Resources) -> None:
    """Alarms cannot publish to a topic under the AWS-managed key."""
    assert "KmsMasterKeyId" not in resources["AlertTopic"].get("Properties", {})


def test_what_is_not_retained_says_so(template: dict[str, Any]) -> None:
    """Every store of data states what becomes of it."""
    stores = ("AWS::DynamoDB::Table", "AWS::KMS::Key", "AWS::SQS::Queue", "AWS::SecretsManager::Secret")
    silent = [
        name
        for kind in stores
        for name, resource in of_type(template, kind).items()
        if not {"DeletionPolicy", "UpdateReplacePolicy"} <= resource.keys()
    ]
    assert silent == []
