"""One run of the command line: its ways to the outside world, and what the options chose."""

import sys
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import typer

from tokensync.domain.command_line import CommandLine, typed
from tokensync.domain.visible import Line, visible
from tokensync_cli.embedded.ports import Ports
from tokensync_cli.output.console import Output, Say
from tokensync_cli.output.failures import CommandFailed, UsageFailed
from tokensync_cli.stack.project import VARIABLE, Project
from tokensync_cli.stack.target import Choice, StackOutputs, Target

if TYPE_CHECKING:
    from tokensync_cli.stack.kept import KeptStores
    from tokensync_cli.stack.samconfig import Told


class Embedded(Protocol):
    """The embedded stack of the project that is meant."""

    def up(self, *, fresh: bool, ports: Ports, progress: Say) -> StackOutputs:
        """Bring it up."""

    def down(self, progress: Say) -> bool:
        """Stop it; return whether it ran."""

    def outputs(self) -> StackOutputs | None:
        """Return its outputs, None while it is not up."""

    def project(self) -> Project:
        """Return that project."""


class Deployment(Protocol):
    """One deployment to AWS. See `tokensync_cli.stack.deployment`."""

    def check(self) -> str:
        """Return who deploys, and where to."""

    def build(self) -> None:
        """Build what is deployed."""

    def deploy(self, *, ask: bool) -> None:
        """Deploy it."""


def deployment_of(project: Project, told: "Told") -> Deployment:
    """Return a deployment by SAM CLI; boto3 is loaded when it is needed, so that `--help` is quick."""
    from tokensync_cli.stack import deployment  # noqa: PLC0415 - see above

    return deployment.Deployment(project, told)


class Opener(Protocol):
    """Opens stacks."""

    def embedded(self, outputs: StackOutputs) -> Target:
        """Return the embedded stack."""

    def deployed(self, choice: Choice) -> Target:
        """Return a stack on AWS."""

    def kept(self, choice: Choice) -> "KeptStores":
        """Return what finds and takes up what a deleted stack kept."""


class AwsOpener:
    """Opens stacks with boto3, which is loaded when it is needed, so that `--help` is quick."""

    def embedded(self, outputs: StackOutputs) -> Target:
        """Return the embedded stack."""
        from tokensync_cli.stack import opener  # noqa: PLC0415 - see the class

        return opener.open_embedded(outputs)

    def deployed(self, choice: Choice) -> Target:
        """Return a stack on AWS."""
        from tokensync_cli.stack import opener  # noqa: PLC0415 - see the class

        return opener.open_deployed(choice)

    def kept(self, choice: Choice) -> "KeptStores":
        """Return what finds and takes up what a deleted stack kept."""
        from tokensync_cli.stack import opener  # noqa: PLC0415 - see the class

        return opener.open_kept(choice)


@dataclass
class Run:
    """One run. Commands get it as their first parameter; tests bring doubles."""

    embedded: Embedded
    opener: Opener = field(default_factory=AwsOpener)
    deployments: Callable[[Project, "Told"], Deployment] = deployment_of
    browse: Callable[[str], bool] = webbrowser.open
    is_interactive: Callable[[], bool] = lambda: sys.stdin.isatty()  # noqa: PLW0108 - sys.stdin as it is then
    choice: Choice = field(default_factory=Choice)
    out: Output = field(default_factory=Output)
    opened: Target | None = None

    def target(self) -> Target:
        """Return the stack that is meant, and say on stderr which one it is.

        Raises:
            CommandFailed: none is named and the embedded one is not up, or the named one cannot be reached.
        """
        if self.opened is None:
            self.opened = self._open()
            self.out.note(self.opened.described)
        return self.opened

    @property
    def policy(self) -> str:
        """The ARN of the open stack's operator policy, empty while none is open."""
        return "" if self.opened is None else self.opened.outputs.operator_policy_arn

    def outputs_of_embedded(self) -> StackOutputs:
        """Return the outputs of the embedded stack.

        Raises:
            CommandFailed: it is not up.
        """
        outputs = self.embedded.outputs()
        if outputs is None:
            raise CommandFailed(
                "No stack to speak to: no --stack is named, and no embedded stack is up here. Commands for the "
                f"embedded stack run in the project's directory, or with {VARIABLE}=PATH.",
                next_command=typed("tokensync up"),
                kind="NoStack",
            )
        return outputs

    def _open(self) -> Target:
        if self.choice.stack:
            return self.opener.deployed(self.choice)
        if self.choice.profile or self.choice.region:
            raise UsageFailed(
                "--profile and --region go with --stack.", next_command=Line("the same command with --stack")
            )
        return self.opener.embedded(self.outputs_of_embedded())

    def confirm(self, question: str, *, yes: bool, otherwise: CommandLine) -> None:
        """Ask before something that cannot be taken back, or that is easily meant otherwise.

        Raises:
            UsageFailed: there is no terminal to ask on, and `yes` is not set; `otherwise` is the next command.
            CommandFailed: the answer is no.
        """
        if yes:
            return
        if not self.is_interactive():
            raise UsageFailed(f"{question} Nobody is here to ask.", next_command=otherwise)
        if not typer.confirm(visible(question), err=True):
            raise CommandFailed("Nothing was done.", next_command=otherwise, kind="Declined")

    def read_text(self, prompt: str, *, hidden: bool, at_most: int) -> str:
        """Return one text from the terminal, or all of stdin, without the white space around it.

        Raises:
            UsageFailed: it is empty or longer than `at_most` characters, or is no text.
        """
        if self.is_interactive():
            text = str(typer.prompt(prompt, hide_input=hidden, err=True))
        else:
            try:
                text = sys.stdin.read(at_most + 2)
            except UnicodeDecodeError:
                raise UsageFailed(
                    "stdin holds no text.", next_command=Line("the same command with text on stdin")
                ) from None
        text = text.strip()
        if not text or len(text) > at_most:
            raise UsageFailed(
                f"{prompt}: expected 1 to {at_most} characters, got {'none' if not text else 'more'}.",
                next_command=Line("the same command with that text on stdin"),
            )
        return text
