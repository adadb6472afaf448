"""Build and deploy the stack with SAM, as for AWS itself, only to the embedded AWS."""

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from tokensync.domain.command_line import typed
from tokensync_cli.embedded import environments
from tokensync_cli.embedded.administrator import Administrator
from tokensync_cli.embedded.aws import EmbeddedAws
from tokensync_cli.embedded.environment_variables import REGION, of_sam
from tokensync_cli.embedded.errors import EmbeddedStackError
from tokensync_cli.embedded.ports import ChosenPorts
from tokensync_cli.embedded.state import StateDirectory

STACK = "tokensync"

_BUCKET = "tokensync-deployment"
_LIMIT_SECONDS = 300
# Lines of a failed log that name the cause, the most precise first.
_CAUSES = (
    (r"No space left on device", "the disk is full"),
    (r"(Could not connect to the endpoint|Connection refused)", "the embedded AWS ended"),
    (r"(Failed to fetch|dns error|error sending request)", "the package index is out of reach"),
    (r"No such file or directory.*uv|uv: (command )?not found", "uv is missing"),
    (r"make: (command )?not found|Cannot find.*make", "make is missing"),
)


@dataclass(frozen=True)
class Deployer:
    """Deploys the project at `root` to the embedded AWS at `endpoint`, under the name `stack`."""

    root: Path
    state: StateDirectory
    endpoint: str
    administrator: Administrator
    stack: str = STACK

    @property
    def aws(self) -> EmbeddedAws:
        """Clients of that AWS."""
        return EmbeddedAws(self.endpoint, self.administrator)

    @property
    def log(self) -> Path:
        """What SAM printed."""
        return self.state.logs / "deployment.log"

    def build(self) -> None:
        """`sam build`, with the layer for the interpreter that runs the embedded AWS.

        Raises:
            EmbeddedStackError: the build failed.
        """
        self.log.unlink(missing_ok=True)
        self._sam("build", ["--template-file", str(self.root / "template.yaml"), "--build-dir", str(self.state.build)])

    def deploy(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """`sam deploy` of what was built; returns the stack's outputs.

        Raises:
            EmbeddedStackError: the deployment failed.
        """
        self._make_bucket()
        self._sam(
            "deploy",
            [
                "--template-file", str(self.state.build / "template.yaml"),
                "--stack-name", self.stack,
                "--region", REGION,
                "--s3-bucket", _BUCKET,
                "--capabilities", "CAPABILITY_IAM",
                "--no-confirm-changeset",
                "--no-fail-on-empty-changeset",
                "--no-progressbar",
                "--parameter-overrides", *(f"{name}={value}" for name, value in parameters.items()),
            ],
        )  # fmt: skip
        stack = self.aws.cloudformation.describe_stacks(StackName=self.stack)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def _make_bucket(self) -> None:
        """The deployment's own bucket: SAM's managed one is a stack more to deploy, and is gone after a restart."""
        buckets = self.aws.buckets
        with suppress(buckets.exceptions.BucketAlreadyOwnedByYou, buckets.exceptions.BucketAlreadyExists):
            buckets.create_bucket(Bucket=_BUCKET)

    def _sam(self, command: str, arguments: Sequence[str]) -> None:
        """Run one SAM command, its output in the log, and nothing of it left behind when we are interrupted."""
        program = environments.sam(self.root).path / "bin" / "sam"
        environment = {
            **of_sam(self.endpoint, self.administrator),
            "TOKENSYNC_LAYER": "host",
            "TOKENSYNC_PYTHON": str(environments.embedded_aws(self.root).python),
            "UV": str(environments.uv(self.root)),
        }
        with self.log.open("ab") as output:
            output.write(f"$ sam {command}\n".encode())
            output.flush()
            # Not from the project's directory: samconfig.toml there speaks of the user's own deployment.
            process = subprocess.Popen(
                [str(program), command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=self.state.home,
                start_new_session=True,
            )
            try:
                failed = process.wait(timeout=_LIMIT_SECONDS) != 0
            except subprocess.TimeoutExpired:
                failed = True
            finally:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if failed:
            cause = (command == "deploy" and self._failed_resource()) or likely_cause(self.log)
            raise EmbeddedStackError(
                f"sam {command} failed: {cause}.", next_command=typed("tokensync up"), log=self.log
            )

    def _failed_resource(self) -> str | None:
        """The first resource that the last deployment could not make, and why, if that is how it failed."""
        client = self.aws.cloudformation
        try:
            events = client.describe_stack_events(StackName=self.stack)["StackEvents"]
        except (BotoCoreError, ClientError):
            return None
        found = None
        for event in events:  # the newest first
            status = event.get("ResourceStatus", "")
            if (
                event["LogicalResourceId"] == self.stack
                and status.endswith("_IN_PROGRESS")
                and "ROLLBACK" not in status
            ):
                break
            if status.endswith("_FAILED"):
                found = f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', status).rstrip('.')}"
        return found


def parameters(ports: ChosenPorts) -> dict[str, str]:
    """The template's parameters for the embedded stack. What came from its sandbox may follow that to another port."""
    sandbox = urlsplit(ports.sandbox_url).netloc
    return {"PublicUrl": ports.front_door_url, "Pace": "embedded", "TrustedHosts": sandbox}


def likely_cause(log: Path) -> str:
    """The cause that a failed log names, in a few words."""
    text = log.read_text(encoding="utf-8", errors="replace")
    for pattern, cause in _CAUSES:
        if re.search(pattern, text):
            return cause
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("Error: ").rstrip(".") for line in lines if line.startswith("Error: ")]
    return (errors or lines or ["it said nothing"])[-1]
