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
SUBNETS = {
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
        *SUBNETS,
    },
    "RotationRole": {
        ("logs:CreateLogStream", "RotationLogs.Arn"),
        ("logs:PutLogEvents", "RotationLogs.Arn"),
        # Lambda's poller takes the messages.
        ("sqs:ReceiveMessage", "RefreshQueue.Arn"),
        ("sqs:DeleteMessage", "RefreshQueue.Arn"),
        ("sqs:GetQueueAttributes", "RefreshQueue.Arn"),
        *_TAGS,
        *SUBNETS,
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

# Conditions that narrow a grant: (action, resource) → condition. The tag is what makes a secret ours. A secret that is
# being created has no tag yet; one that has another stack's is not claimed.
_STACK = {"Ref": "AWS::StackName"}
_OUR_TAG_ASKED = {
    "StringEquals": {"aws:RequestTag/tokensync:stack": _STACK},
    "StringEqualsIfExists": {"aws:ResourceTag/tokensync:stack": _STACK},
    "ForAllValues:StringEquals": {"aws:TagKeys": ["tokensync:stack", "tokensync:connection"]},
}
_OUR_TAG_THERE = {"StringEquals": {"aws:ResourceTag/tokensync:stack": _STACK}}
CONDITIONS: dict[tuple[str, str], dict[str, object]] = {
    ("secretsmanager:CreateSecret", _TOKENS): _OUR_TAG_ASKED,
    ("secretsmanager:TagResource", _TOKENS): _OUR_TAG_ASKED,
    ("secretsmanager:PutSecretValue", _TOKENS): _OUR_TAG_THERE,
    ("secretsmanager:DeleteSecret", _TOKENS): _OUR_TAG_THERE,
    ("secretsmanager:RestoreSecret", _TOKENS): _OUR_TAG_THERE,
}

# What people and workloads may do: (action, resource) → condition. Taking one of an operator's away breaks a command.
_NONE: dict[str, object] = {}
_READ_RECORDS: dict[str, object] = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["apps", "app#*"]}}
_KEEP_APPS: dict[str, object] = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["apps"]}}
READ_CURRENT: dict[str, object] = {
    **_OUR_TAG_THERE,
    "ForAnyValue:StringEqualsIfExists": {"secretsmanager:VersionStage": "AWSCURRENT"},
}
OPERATOR: dict[tuple[str, str], dict[str, object]] = {
    ("cloudformation:DescribeStacks", "stack/${AWS::StackName}/*"): _NONE,
    # Not the functions: by their alias an event is a command, whatever it claims.
    ("lambda:InvokeFunction", "CallbackCommands"): _NONE,
    ("lambda:InvokeFunction", "RotationCommands"): _NONE,
    ("dynamodb:GetItem", _TABLE): _READ_RECORDS,
    ("dynamodb:Query", _TABLE): _READ_RECORDS,
    ("dynamodb:PutItem", _TABLE): _KEEP_APPS,
    ("dynamodb:UpdateItem", _TABLE): _KEEP_APPS,
    ("dynamodb:DeleteItem", _TABLE): _KEEP_APPS,
    ("secretsmanager:GetSecretValue", "InviteKey.Id"): _NONE,
    ("secretsmanager:PutSecretValue", "InviteKey.Id"): _NONE,
    ("secretsmanager:CreateSecret", _APPS): dict(_OUR_TAG_ASKED),
    ("secretsmanager:DeleteSecret", _APPS): dict(_OUR_TAG_THERE),
    ("secretsmanager:GetSecretValue", _APPS): dict(_OUR_TAG_THERE),
    ("secretsmanager:PutSecretValue", _APPS): dict(_OUR_TAG_THERE),
    ("secretsmanager:RestoreSecret", _APPS): dict(_OUR_TAG_THERE),
    ("secretsmanager:DescribeSecret", _APPS): _NONE,
    ("secretsmanager:GetSecretValue", _TOKENS): READ_CURRENT,
    ("secretsmanager:DescribeSecret", _TOKENS): _NONE,
    ("sqs:GetQueueAttributes", "DeadLetterQueue.Arn"): _NONE,
}
OPERATOR_ON_BEHALF: dict[tuple[str, str], dict[str, object]] = {
    ("secretsmanager:TagResource", _APPS): dict(_OUR_TAG_ASKED),
}
CONSUMER: dict[tuple[str, str], dict[str, object]] = {
    ("secretsmanager:GetSecretValue", _TOKENS): READ_CURRENT,
    ("secretsmanager:DescribeSecret", _TOKENS): _NONE,
}

# Condition keys that the embedded AWS does not know, so that a condition on them is never put to the test there.
UNCHECKED = {
    "aws:SourceArn": "the scheduler's role is not checked; alarms publish as the administrator",
    "aws:SourceAccount": "likewise",
    "aws:SecureTransport": "everything there is plain HTTP: the statements stand on AWS alone",
    "dynamodb:LeadingKeys": "not resolved: a condition for all values holds",
    "kms:EncryptionContext:app": "not resolved: the statements stand on AWS alone",
    "kms:EncryptionContextKeys": "likewise",
    "secretsmanager:VersionStage": "not resolved: a condition that asks if it exists holds",
}
