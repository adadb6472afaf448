"""IAM users of the embedded stack, each with the policy that a test gives it, and the command line in their hands."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from typer.testing import CliRunner

from stack import Printed
from tokensync_cli.commands.run import Run
from tokensync_cli.main import app
from tokensync_cli.stack.project import EmbeddedProject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stack import Stack

# What else a developer's environment may hold; botocore would go by it.
_OTHERS = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "TOKENSYNC_STACK")


@dataclass(frozen=True)
class User:
    """One user and an access key. The stack is reached as operators reach one on AWS: by name, with this key alone."""

    stack: Stack
    name: str
    access_key: str
    secret_key: str

    @classmethod
    def made(cls, stack: Stack) -> User:
        """Make a user that may do nothing yet."""
        iam = stack.client("iam")
        name = f"user-{uuid.uuid4().hex[:8]}"
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return cls(stack, name, key["AccessKeyId"], key["SecretAccessKey"])

    def attach(self, policy: str) -> User:
        """Attach a managed policy, by its ARN."""
        self.stack.client("iam").attach_user_policy(UserName=self.name, PolicyArn=policy)
        return self

    def may(self, document: Mapping[str, Any]) -> User:
        """Give exactly this policy document, in the place of what was given before."""
        iam = self.stack.client("iam")
        iam.put_user_policy(UserName=self.name, PolicyName="given", PolicyDocument=json.dumps(document))
        return self

    def client(self, service: str) -> Any:
        """Return an AWS client with this user's key."""
        session = boto3.Session(
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.stack.outputs.region,
        )
        return session.client(service, endpoint_url=self.stack.outputs.endpoint)  # type: ignore[call-overload]  # by name

    def command(
        self, *words: str, stdin: str = "", browse: Callable[[str], bool] = lambda _url: False, of: str = ""
    ) -> Printed:
        """Run the command line with --json against the stack, or one of another name, in this process."""
        outputs = self.stack.outputs
        environment = {
            **dict.fromkeys(_OTHERS),
            "AWS_ENDPOINT_URL": outputs.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": outputs.region,
        }
        run = Run(embedded=EmbeddedProject(find=lambda: None), browse=browse, is_interactive=lambda: False)
        done = CliRunner().invoke(
            app, [*words, "--stack", of or outputs.stack, "--json"], input=stdin, env=environment, obj=run
        )
        told = json.loads(done.stdout) if done.stdout else json.loads(done.stderr.splitlines()[-1])["error"]
        return Printed(done.exit_code, told, done.stderr)


def policy_of(stack: Stack, arn: str) -> dict[str, Any]:
    """Return a managed policy's document."""
    iam = stack.client("iam")
    version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document: dict[str, Any] = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    return document
