"""An operator's desk without AWS: the real commands, the real use cases, in-memory ports, and a browser that obeys."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from typer.testing import CliRunner

from fakes.world import World
from tokensync.authorize.links import Signer
from tokensync.domain.command_line import typed
from tokensync.domain.secret import Secret
from tokensync_cli.commands.run import Run
from tokensync_cli.main import app
from tokensync_cli.output.failures import CommandFailed
from tokensync_cli.stack.target import Choice, StackOutputs, Target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from typer.testing import Result

    from tokensync_cli.embedded.ports import Ports
    from tokensync_cli.output.console import Say
    from tokensync_cli.stack.kept import KeptStores
    from tokensync_cli.stack.project import Project
    from tokensync_cli.stack.samconfig import Told


def outputs(base_url: str = "https://connect.example", **change: Any) -> StackOutputs:
    """Return the outputs of a stack of this name."""
    told: dict[str, Any] = {
        "stack": "tokensync",
        "region": "eu-central-1",
        "connect_url": f"{base_url}/connect",
        "callback_url": f"{base_url}/callback",
        "webhook_url": f"{base_url}/webhooks",
        "table": "table",
        "queue_url": "https://sqs.example/queue",
        "dead_letter_queue_url": "https://sqs.example/dead",
        "secret_prefix": "tokensync",
        "key_arn": "arn:aws:kms:eu-central-1:000000000000:key/1",
        "callback_function": "callback",
        "rotation_function": "rotation",
        "invite_key_name": "tokensync/invite-key",
        "alert_topic_arn": "arn:aws:sns:eu-central-1:000000000000:alerts",
        "operator_policy_arn": "arn:aws:iam::000000000000:policy/operator",
        "consumer_policy_arn": "arn:aws:iam::000000000000:policy/consumer",
    }
    return StackOutputs(**{**told, **change})


class Functions:
    """The two functions as they answer to direct invocation. `script` holds answers or errors that come first."""

    def __init__(self, world: World) -> None:
        self.asked: list[dict[str, Any]] = []
        self.script: list[bytes | BaseException] = []
        self._world = world
        self._answers: dict[str, Any] = {
            "rotation": world.commands,
            "callback": world.callback_commands,
        }

    def invoke(self, function: str, payload: Mapping[str, Any]) -> bytes:
        """Answer one invocation."""
        self.asked.append(dict(payload))
        if self.script:
            scripted = self.script.pop(0)
            if isinstance(scripted, BaseException):
                raise scripted
            return scripted
        answer: bytes = json.dumps(self._answers[function].answer(payload, self._world.budget())).encode()
        return answer


class Secrets:
    """The published secrets, and others that a test puts there."""

    def __init__(self, world: World) -> None:
        self.others: dict[str, str] = {}
        self._world = world

    def read(self, name: str) -> str | None:
        """Return a secret's current value."""
        stored = self._world.secrets._by_name.get(name)
        if stored is None or stored.deleted or stored.current is None:
            return self.others.get(name)
        return stored.versions[stored.current]


class Queues:
    """Queues with a number of messages each."""

    def __init__(self) -> None:
        self.messages: dict[str, int] = {}

    def waiting(self, url: str) -> tuple[int, str]:
        """Return how many wait, and the ARN."""
        return self.messages.get(url, 0), "arn:aws:sqs:eu-central-1:000000000000:dead"


class Sandbox:
    """A sandbox that remembers what is registered with it."""

    url = "http://localhost:4001"

    def __init__(self) -> None:
        self.known = ["tiktok_shop"]
        self.registered: list[dict[str, Any]] = []

    def providers(self) -> list[str]:
        """Return whom it can be."""
        return self.known

    def register(self, registration: Mapping[str, Any]) -> None:
        """Remember an app."""
        self.registered.append(dict(registration))


class Embedded:
    """An embedded stack that starts at once. `looks` ends it when its outputs have been asked for that often."""

    def __init__(self) -> None:
        self.is_up = False
        self.ups: list[tuple[bool, Ports]] = []
        self.fails: Exception | None = None
        self.looks: BaseException | None = None
        self.here: Project | None = None

    def project(self) -> Project:
        """Return the project of this directory."""
        if self.here is None:
            raise CommandFailed("There is no tokensync project here.", next_command="cd")
        return self.here

    def up(self, *, fresh: bool, ports: Ports, progress: Say) -> StackOutputs:
        """Start."""
        progress("Starting")
        if self.fails is not None:
            raise self.fails
        self.ups.append((fresh, ports))
        self.is_up = True
        return self._outputs()

    def down(self, progress: Say) -> bool:
        """Stop."""
        progress("Stopping")
        ran, self.is_up = self.is_up, False
        return ran

    def outputs(self) -> StackOutputs | None:
        """Say them while it is up; raise `looks` if there is one."""
        if self.looks is not None:
            raise self.looks
        return self._outputs() if self.is_up else None

    @staticmethod
    def _outputs() -> StackOutputs:
        return outputs(
            "http://localhost:8400",
            endpoint="http://127.0.0.1:8402",
            access_key_id="TOKENSYNCID",
            secret_access_key="it's $HOME",
            sandbox_url=Sandbox.url,
        )


@dataclass
class Deployments:
    """Deployments to AWS. `steps` is what was done, with what it was told and what the directory held by then."""

    steps: list[str] = field(default_factory=list)
    told: Told | None = None
    fails: dict[str, Exception] = field(default_factory=dict)
    home: Path | None = None

    def of(self, project: Project, told: Told) -> Deployments:
        """Begin one."""
        self.told, self.home = told, project.home
        return self

    def check(self) -> str:
        """Say who and where."""
        self._step("check")
        return "stack prod in account 000000000000"

    def build(self) -> None:
        """Build."""
        self._step("build")

    def deploy(self, *, ask: bool) -> None:
        """Deploy."""
        self._step("deploy, asking" if ask else "deploy")

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if name in self.fails:
            raise self.fails[name]


@dataclass
class Desk:
    """What an operator has before them. `deployed` is on AWS under the name `prod`."""

    world: World = field(default_factory=World)
    embedded_stack: Embedded = field(default_factory=Embedded)
    sandbox: Sandbox = field(default_factory=Sandbox)
    queues: Queues = field(default_factory=Queues)
    deployments: Deployments = field(default_factory=Deployments)
    stores: KeptStores | None = None
    opened: list[str] = field(default_factory=list)
    chosen: list[Choice] = field(default_factory=list)
    is_interactive: bool = False
    at_the_browser: Callable[[str], object] = str  # what the person there does with a link

    def __post_init__(self) -> None:
        self.functions = Functions(self.world)
        self.secrets = Secrets(self.world)

    def embedded(self, found: StackOutputs) -> Target:
        """Open the embedded stack."""
        self.world.is_embedded = True
        return self._target(found, "embedded stack at http://127.0.0.1:8402", sandbox=self.sandbox)

    def deployed(self, choice: Choice) -> Target:
        """Open a stack on AWS."""
        self.chosen.append(choice)
        if choice.stack != "prod":
            raise CommandFailed(f"There is no stack {choice.stack}.", next_command=typed("--stack"), exit_code=3)
        return self._target(outputs(), "stack prod in eu-central-1, account 000000000000")

    def kept(self, choice: Choice) -> KeptStores:
        """Return what a test says that a deleted stack kept."""
        self.chosen.append(choice)
        assert self.stores is not None
        return self.stores

    def _target(self, found: StackOutputs, described: str, *, sandbox: Sandbox | None = None) -> Target:
        return Target(
            described=described,
            outputs=found,
            apps=self.world.apps,
            connections=self.world.connections,
            authorizations=self.world.authorizations,
            invites=self.world.invites,
            functions=self.functions,
            secrets=self.secrets,
            queues=self.queues,
            sealer=self.world.sealer,
            signer=lambda: self.world.signer,
            end_invites=self.end_invites,
            clock=self.world.clock,
            sandbox=sandbox,
        )

    def end_invites(self) -> None:
        """Replace the key that signs invites."""
        self.world.signer = Signer([Secret("n" * 64)])

    def browse(self, url: str) -> bool:
        """Take note of what a browser is asked to open, and let the seller see it."""
        self.opened.append(url)
        self.at_the_browser(url)
        return True

    def start(self, *arguments: str, stdin: str | bytes | None = None, **environment: str) -> Result:
        """Run the command line with these arguments alone: no stack is named."""
        run = Run(
            embedded=self.embedded_stack,
            opener=self,
            deployments=self.deployments.of,
            browse=self.browse,
            is_interactive=lambda: self.is_interactive,
        )
        return CliRunner().invoke(app, list(arguments), input=stdin, env=dict(environment), obj=run)

    def run(self, *arguments: str, stdin: str | bytes | None = None) -> Result:
        """Run a command against the stack on AWS."""
        return self.start(*arguments, "--stack", "prod", stdin=stdin)

    def json(self, *arguments: str, stdin: str | bytes | None = None) -> Any:
        """Run a command against the stack on AWS, which must succeed, and return its JSON."""
        result = self.run(*arguments, "--json", stdin=stdin)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def error(self, *arguments: str, stdin: str | bytes | None = None) -> tuple[int, dict[str, str]]:
        """Run a command against the stack on AWS, which must fail, and return its exit code and JSON error."""
        result = self.run(*arguments, "--json", stdin=stdin)
        assert "" == result.stdout
        error: dict[str, str] = json.loads(result.stderr.splitlines()[-1])["error"]
        assert {"class", "message", "next"} == set(error) - {"due_at"}
        return result.exit_code, error

    def authorize(self, url: str, *, code: str = "code-1") -> None:
        """Be the seller who opens an invite and consents."""
        parts = urlsplit(url)
        name = parts.path.rpartition("/")[2]
        away = self.world.seller_pages.connect(name, parts.query, (), base_url=self.world.base_url)
        cookie = away.cookies[0].partition(";")[0]
        state = parse_qs(urlsplit(away.headers["location"]).query)["state"][0]
        self.world.seller_pages.callback(
            name, f"code={code}&state={quote(state)}", (cookie,), self.world.budget(), base_url=self.world.base_url
        )


@pytest.fixture
def desk() -> Desk:
    """A desk in front of a stack with one app and no connection."""
    return Desk()
