"""Deploys the stack to AWS with the locked SAM CLI, as `sam build` and `sam deploy` would by hand."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from tokensync.domain.command_line import typed
from tokensync.domain.visible import Line
from tokensync_cli.embedded import environments
from tokensync_cli.embedded.deploy import likely_cause
from tokensync_cli.embedded.environment_variables import OF_ANOTHER_PYTHON
from tokensync_cli.output.failures import CommandFailed
from tokensync_cli.stack import samconfig
from tokensync_cli.stack.project import Project

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient

_CALLS = Config(connect_timeout=5, read_timeout=15, retries={"mode": "standard", "total_max_attempts": 3})
_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws")
# The template's description begins with it.
_OURS = "tokensync "
_FIT_FOR_DELETION = frozenset({"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"})
_CHANGE_SET = re.compile(r"samcli-deploy(\d+)")
_SECONDS_TO_END = 10


@dataclass(frozen=True)
class Deployment:
    """One deployment of a project: to the account, the Region and the stack that were told."""

    project: Project
    told: samconfig.Told

    @property
    def _session(self) -> boto3.Session:
        return boto3.Session(profile_name=self.told.profile or None, region_name=self.told.region)

    @property
    def _cloudformation(self) -> "CloudFormationClient":
        return self._session.client("cloudformation", config=_CALLS)

    def check(self) -> str:
        """Return who deploys, and where to; nothing was built or written yet.

        Raises:
            CommandFailed: a stack of that name is the embedded one, or none of tokensync's.
            botocore's errors: no credentials, no permission, no network.
        """
        identity = self._session.client("sts", config=_CALLS).get_caller_identity()
        place = f"account {identity['Account']}, Region {self.told.region}"
        endpoint = self._cloudformation.meta.endpoint_url
        if not str(urlsplit(endpoint).hostname).endswith(_AWS):
            place = f"{place}, at {endpoint} instead of AWS: AWS_ENDPOINT_URL or your AWS profile says so"
        refuse_what_is_not_ours(self._stack(), self.told.stack_name, endpoint)
        return f"stack {self.told.stack_name} in {place}; you are {identity['Arn']}"

    def build(self) -> None:
        """`sam build`: the layer for the functions' processor, from the locked wheels.

        Raises:
            EmbeddedStackError: the locked SAM CLI could not be installed.
            CommandFailed: the build failed.
        """
        self._work.mkdir(exist_ok=True)
        environments.synchronize(environments.sam(self.project.root), self.project.root, self._log)
        where = ("--template-file", str(self.project.root / "template.yaml"), "--build-dir", str(self._built.parent))
        with self._log.open("wb") as output:
            done = subprocess.run(
                self._sam("build", *where),
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                cwd=self.project.home,
            )
        if done.returncode:
            raise CommandFailed(
                f"sam build failed: {likely_cause(self._log)}. Its log: {self._log}",
                next_command=typed("tokensync deploy"),
            )

    def deploy(self, *, ask: bool) -> None:
        """`sam deploy`, which shows the change set, asks if it is to, and follows CloudFormation's events on stderr.

        Raises:
            CommandFailed: it failed, was declined, or was interrupted.
        """
        began = int(time.time())
        arguments = [
            *("--template-file", str(self._built), "--stack-name", self.told.stack_name),
            *("--capabilities", "CAPABILITY_IAM", "--no-fail-on-empty-changeset"),
            "--confirm-changeset" if ask else "--no-confirm-changeset",
            *(() if sys.stderr.isatty() else ("--no-progressbar",)),
            *("--parameter-overrides", *samconfig.overrides(self.told.parameters)),
        ]
        if self._attended(self._sam("deploy", *arguments), stdin=None if ask else subprocess.DEVNULL):
            raise CommandFailed(
                "The deployment failed; sam says why above.",
                next_command=typed(
                    "aws cloudformation describe-stack-events --stack-name {stack}", stack=self.told.stack_name
                ),
                kind="DeploymentFailed",
            )
        if ask and self._was_declined(began):
            raise CommandFailed("Nothing was deployed.", next_command=typed("tokensync deploy"), kind="Declined")

    @property
    def _work(self) -> Path:
        return self.project.home / ".aws-sam"

    @property
    def _built(self) -> Path:
        return self._work / "build" / "template.yaml"

    @property
    def _log(self) -> Path:
        return self._work / "tokensync-build.log"

    def _sam(self, command: str, *arguments: str) -> list[str]:
        """Return the command line of one of SAM CLI's commands, with all that the user's `samconfig.toml` adds."""
        profile = ["--profile", self.told.profile] if self.told.profile else []
        return [
            str(environments.sam(self.project.root).path / "bin" / "sam"),
            *(command, "--config-file", str(self.project.home / samconfig.FILE), "--region", self.told.region),
            *profile,
            *arguments,
        ]

    def _environment(self) -> dict[str, str]:
        """Return the user's environment, which holds the credentials, and what the layer's build goes by."""
        kept = {name: value for name, value in os.environ.items() if name not in OF_ANOTHER_PYTHON}
        return {
            **kept,
            "TOKENSYNC_LAYER": "cloud",
            "TOKENSYNC_ARCHITECTURE": self.told.parameters["Architecture"],
            "UV": str(environments.uv(self.project.root)),
            "SAM_CLI_TELEMETRY": "0",
        }

    def _attended(self, command: Sequence[str], *, stdin: int | None) -> int:
        """Run a command before the user's eyes and return its exit code; an interrupt is its own as well."""
        process = subprocess.Popen(
            command, stdin=stdin, stdout=sys.stderr.fileno(), env=self._environment(), cwd=self.project.home
        )
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()
            try:
                process.wait(timeout=_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()
            raise CommandFailed(
                "Interrupted. What CloudFormation has begun it brings to an end by itself.",
                next_command=typed(
                    "aws cloudformation describe-stacks --stack-name {stack}", stack=self.told.stack_name
                ),
                kind="Interrupted",
            ) from None

    def _stack(self) -> Mapping[str, Any] | None:
        """Return the stack of that name, None if there is none."""
        try:
            found: Any = self._cloudformation.describe_stacks(StackName=self.told.stack_name)["Stacks"]
        except ClientError as error:
            if error.response["Error"].get("Code") == "ValidationError":
                return None
            raise
        return found[0] if found else None

    def _was_declined(self, began: int) -> bool:
        """Return whether a change set of this run waits: CloudFormation drops them once one is carried out.

        Told by their names, in which SAM CLI writes the time by this machine's own clock.
        """
        waiting = self._cloudformation.list_change_sets(StackName=self.told.stack_name)["Summaries"]
        named = [one["ChangeSetName"] for one in waiting if one["ExecutionStatus"] == "AVAILABLE"]
        return any(int(number[1]) >= began for name in named if (number := _CHANGE_SET.fullmatch(name)))


def refuse_what_is_not_ours(stack: Mapping[str, Any] | None, name: str, endpoint: str) -> None:
    """Refuse to deploy over a stack, as CloudFormation describes it, that this would harm; None is no stack.

    Raises:
        CommandFailed: it is the embedded one, none of tokensync's, or one that can only be deleted.
    """
    if stack is None or stack["StackStatus"] == "REVIEW_IN_PROGRESS":
        return
    if stack["StackStatus"] in _FIT_FOR_DELETION:
        raise CommandFailed(
            f"The stack {name} is {stack['StackStatus']} after a failure, and can only be deleted.",
            next_command=typed("aws cloudformation delete-stack --stack-name {stack}", stack=name),
            kind="FailedStack",
        )
    if {"ParameterKey": "Pace", "ParameterValue": "embedded"} in stack.get("Parameters", ()):
        raise CommandFailed(
            f"The stack {name} at {endpoint} is the embedded one, which `tokensync up` deploys.",
            next_command=Line("unset AWS_ENDPOINT_URL, or the same command with another --stack"),
            kind="EmbeddedStack",
        )
    if not stack.get("Description", "").startswith(_OURS):
        raise CommandFailed(
            f"There is a stack {name} already, and it is none of tokensync's: it would be replaced.",
            next_command=Line("the same command with another --stack"),
            kind="ForeignStack",
        )
