"""Who may do what: each role's pairs of action and resource, exactly.

`OWN` is what the code of a function calls; taking one away breaks a test over the deployed embedded stack.
`ON_BEHALF` is what AWS itself asks for on a function's behalf. The embedded AWS checks none of it, so it stands here
by name.
"""

_TABLE = "Table.Arn"
_APPS = "secret:${AWS::StackName}/apps/*"
_TOKENS = "secret:${AWS::StackName}/tokens/*"

OWN: dict[str, set[tuple[str, str]]] = {
    "CallbackRole": {
        ("dynamodb:DeleteItem", _TABLE),
        ("dynamodb:DescribeTable", _TABLE),
        ("dynamodb:GetItem", _TABLE),
        ("dynamodb:PutItem", _TABLE),
        ("dynamodb:Query", _TABLE),
        ("dynamodb:UpdateItem", _TABLE),
        ("secretsmanager:GetSecretValue", "InviteKey.Id"),
        ("secretsmanager:GetSecretValue", _APPS),
        ("secretsmanager:CreateSecret", _TOKENS),
        ("secretsmanager:PutSecretValue", _TOKENS),
        ("secretsmanager:RestoreSecret", _TOKENS),
        ("secretsmanager:DescribeSecret", _TOKENS),
        ("sqs:SendMessage", "RefreshQueue.Arn"),
        ("sns:Publish", "AlertTopic"),
    },
    "RotationRole": {
        ("dynamodb:DescribeTable", _TABLE),
        ("dynamodb:GetItem", _TABLE),
        ("dynamodb:PutItem", _TABLE),
        ("dynamodb:Query", _TABLE),
        ("dynamodb:UpdateItem", _TABLE),
        ("dynamodb:Query", "${Table.Arn}/index/due"),
        ("secretsmanager:GetSecretValue", _APPS),
        ("secretsmanager:CreateSecret", _TOKENS),
        ("secretsmanager:PutSecretValue", _TOKENS),
        ("secretsmanager:DeleteSecret", _TOKENS),
        ("secretsmanager:RestoreSecret", _TOKENS),
        ("secretsmanager:DescribeSecret", _TOKENS),
        ("sqs:SendMessage", "RefreshQueue.Arn"),
        ("sqs:ReceiveMessage", "DeadLetterQueue.Arn"),
        ("sqs:DeleteMessage", "DeadLetterQueue.Arn"),
        ("sns:Publish", "AlertTopic"),
    },
    "ClockRole": set(),
}

# Lambda attaches a function to subnets with the function's role.
_SUBNETS = {
    ("ec2:AssignPrivateIpAddresses", "*"),
    ("ec2:CreateNetworkInterface", "*"),
    ("ec2:DeleteNetworkInterface", "*"),
    ("ec2:DescribeNetworkInterfaces", "*"),
    ("ec2:DescribeSubnets", "*"),
    ("ec2:UnassignPrivateIpAddresses", "*"),
}
# Secrets Manager asks for it when a secret is created with tags.
_TAGS = {("secretsmanager:TagResource", _TOKENS)}

ON_BEHALF: dict[str, set[tuple[str, str]]] = {
    "CallbackRole": {
        ("logs:CreateLogStream", "CallbackLogs.Arn"),
        ("logs:PutLogEvents", "CallbackLogs.Arn"),
        *_TAGS,
        *_SUBNETS,
    },
    "RotationRole": {
        ("logs:CreateLogStream", "RotationLogs.Arn"),
        ("logs:PutLogEvents", "RotationLogs.Arn"),
        # Lambda's poller takes the messages.
        ("sqs:ReceiveMessage", "RefreshQueue.Arn"),
        ("sqs:DeleteMessage", "RefreshQueue.Arn"),
        ("sqs:GetQueueAttributes", "RefreshQueue.Arn"),
        *_TAGS,
        *_SUBNETS,
    },
    # The scheduler takes this role to run the function.
    "ClockRole": {("lambda:InvokeFunction", "RotationFunction.Arn")},
}

# The grant key's policy, whole: principal → actions. No role and no managed policy holds a kms action.
KEY: dict[str, set[str]] = {
    "CallbackRole.Arn": {"kms:GenerateDataKey"},
    "RotationRole.Arn": {"kms:GenerateDataKey", "kms:Decrypt"},
    "RevealPrincipalArn": {"kms:Decrypt"},
    "arn:${AWS::Partition}:iam::${AWS::AccountId}:root": {
        "kms:CancelKeyDeletion",
        "kms:CreateAlias",
        "kms:DeleteAlias",
        "kms:DescribeKey",
        "kms:DisableKey",
        "kms:DisableKeyRotation",
        "kms:EnableKey",
        "kms:EnableKeyRotation",
        "kms:GetKeyPolicy",
        "kms:GetKeyRotationStatus",
        "kms:ListGrants",
        "kms:ListKeyPolicies",
        "kms:ListKeyRotations",
        "kms:ListResourceTags",
        "kms:PutKeyPolicy",
        "kms:RevokeGrant",
        "kms:RotateKeyOnDemand",
        "kms:ScheduleKeyDeletion",
        "kms:TagResource",
        "kms:UntagResource",
        "kms:UpdateAlias",
        "kms:UpdateKeyDescription",
    },
}

# Conditions that narrow a grant: (action, resource) → condition. The tag is what makes a secret ours.
_OUR_TAG_ASKED = {"StringEquals": {"aws:RequestTag/tokensync:stack": {"Ref": "AWS::StackName"}}}
_OUR_TAG_THERE = {"StringEquals": {"aws:ResourceTag/tokensync:stack": {"Ref": "AWS::StackName"}}}
CONDITIONS: dict[tuple[str, str], dict[str, object]] = {
    ("secretsmanager:CreateSecret", _TOKENS): _OUR_TAG_ASKED,
    ("secretsmanager:TagResource", _TOKENS): _OUR_TAG_ASKED,
    ("secretsmanager:PutSecretValue", _TOKENS): _OUR_TAG_THERE,
    ("secretsmanager:DeleteSecret", _TOKENS): _OUR_TAG_THERE,
    ("secretsmanager:RestoreSecret", _TOKENS): _OUR_TAG_THERE,
}
