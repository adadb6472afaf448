"""Opens the stack that the options name, with boto3 and the operator's own credentials."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

from tokensync.aws.app_secrets import AppSecrets
from tokensync.aws.apps import AwsApps
from tokensync.aws.authorizations import DynamoAuthorizations
from tokensync.aws.connections import DynamoConnections
from tokensync.aws.dynamodb import DynamoTable
from tokensync.aws.invite_key import InviteKeys
from tokensync.aws.invites import DynamoInvites
from tokensync.aws.kms import KmsKeys
from tokensync.aws.system import SystemClock
from tokensync.domain.sealing import EnvelopeSealer
from tokensync.domain.visible import Line
from tokensync.entry.exit_codes import NOT_FOUND
from tokensync_cli.output.failures import CommandFailed
from tokensync_cli.stack.kept import KeptStores
from tokensync_cli.stack.operator_calls import LambdaFunctions, SecretValues, SqsQueues
from tokensync_cli.stack.sandbox_control import SandboxControl
from tokensync_cli.stack.target import Choice, StackOutputs, Target

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_CALLS = Config(connect_timeout=5, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 3})
# A function may run for five minutes, and an invocation that is not answered is not simply made again.
_INVOCATIONS = Config(connect_timeout=5, read_timeout=310, retries={"total_max_attempts": 1})
# Without the user's proxy: it has no business between here and loopback.
_DIRECT = Config(proxies={})


def open_embedded(outputs: StackOutputs) -> Target:
    """Return the embedded stack, reached as its administrator whatever AWS settings the user has."""
    settings: dict[str, Any] = {
        # Name in files, environment variable, default, conversion: the user's profile and files are not read.
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    session = boto3.Session(
        aws_access_key_id=outputs.access_key_id,
        aws_secret_access_key=outputs.secret_access_key,
        region_name=outputs.region,
        botocore_session=botocore.session.Session(session_vars=settings),
    )
    sandbox = None if outputs.sandbox_url is None else SandboxControl(outputs.sandbox_url)
    return _target(session, outputs, f"embedded stack at {outputs.endpoint}", sandbox=sandbox)


def open_deployed(choice: Choice) -> Target:
    """Return a stack on AWS.

    Raises:
        CommandFailed: there is no such stack, or no Region is set.
        botocore's errors: no credentials, no permission, no network.
    """
    session = _session(choice)
    stack = str(choice.stack)
    client: CloudFormationClient = session.client("cloudformation", config=_CALLS)
    found = _described(client, stack, session.region_name)
    outputs = {str(output.get("OutputKey")): str(output.get("OutputValue")) for output in found.get("Outputs", ())}
    account = str(found.get("StackId", "")).split(":")[4:5]
    described = f"stack {stack} in {session.region_name}, account {account[0] if account else 'unknown'}"
    name = str(found.get("StackName", stack))
    return _target(session, StackOutputs.of_deployment(name, session.region_name, outputs), described)


def open_kept(choice: Choice) -> KeptStores:
    """Return what takes up the table and the key that a deleted stack kept.

    Raises:
        CommandFailed: no Region is set.
    """
    session = _session(choice)
    return KeptStores(
        stack=str(choice.stack),
        region=session.region_name,
        cloudformation=session.client("cloudformation", config=_CALLS),
        dynamodb=session.client("dynamodb", config=_CALLS),
        kms=session.client("kms", config=_CALLS),
    )


def _session(choice: Choice) -> boto3.Session:
    # botocore reads AWS_DEFAULT_REGION alone; the AWS CLI and Lambda go by AWS_REGION first.
    region = choice.region or os.environ.get("AWS_REGION") or None
    session = boto3.Session(profile_name=choice.profile, region_name=region)
    if session.region_name is None:
        raise CommandFailed(
            "No AWS Region is set.",
            next_command=Line("the same command with --region, or set AWS_REGION"),
            kind="NoRegion",
        )
    return session


def _described(client: "CloudFormationClient", stack: str, region: str) -> Mapping[str, Any]:
    try:
        return cast("Mapping[str, Any]", client.describe_stacks(StackName=stack)["Stacks"][0])
    except ClientError as error:
        code = error.response["Error"].get("Code")
        if code in ("AccessDenied", "AccessDeniedException"):
            # The operator policy allows it for its own stack alone: another name looks like one without permission.
            raise CommandFailed(
                f"There is no stack {stack} in {region} that your credentials may see (cloudformation:DescribeStacks). "
                "The stack's output OperatorPolicyArn names the policy that allows it.",
                next_command=Line(
                    "aws sts get-caller-identity, and the same command with the right --stack and --region"
                ),
                kind="AccessDenied",
            ) from None
        if code != "ValidationError":
            raise
        raise CommandFailed(
            f"There is no stack {stack} in {region}.",
            next_command=Line("the same command with the right --stack, --region and --profile"),
            exit_code=NOT_FOUND,
            kind="UnknownStack",
        ) from None


def _target(
    session: boto3.Session, outputs: StackOutputs, described: str, *, sandbox: SandboxControl | None = None
) -> Target:
    def client(service: str, config: Config = _CALLS) -> Any:
        config = config.merge(_DIRECT) if sandbox is not None else config
        return session.client(service, endpoint_url=outputs.endpoint, config=config)  # type: ignore[call-overload]  # by name

    clock = SystemClock()
    table = DynamoTable(client("dynamodb"), outputs.table)
    secrets = client("secretsmanager")
    invite_keys = InviteKeys(secrets, outputs.invite_key_name, clock)
    return Target(
        described=described,
        outputs=outputs,
        apps=AwsApps(AppSecrets(secrets, prefix=outputs.secret_prefix, stack=outputs.stack), table, clock),
        connections=DynamoConnections(table),
        authorizations=DynamoAuthorizations(table),
        invites=DynamoInvites(table),
        functions=LambdaFunctions(client("lambda", _INVOCATIONS)),
        secrets=SecretValues(secrets, stack=outputs.stack),
        queues=SqsQueues(client("sqs")),
        sealer=EnvelopeSealer(KmsKeys(client("kms"), outputs.key_arn, clock)),
        signer=invite_keys.signer,
        end_invites=invite_keys.end_all,
        clock=clock,
        sandbox=sandbox,
    )
