"""The stack that a command speaks to: what it is made of, and what the operator's own credentials reach of it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from tokensync.authorize.links import Signer
from tokensync.domain.app import App
from tokensync.domain.apps import Apps
from tokensync.domain.command_line import typed
from tokensync.domain.ports import Authorizations, Connections, Invites
from tokensync.domain.runtime import Clock
from tokensync_cli.output.failures import CommandFailed

if TYPE_CHECKING:
    from tokensync.domain.sealing import Sealer

# CloudFormation output → name in `StackOutputs`.
FROM_STACK = {
    "ConnectUrl": "connect_url",
    "CallbackUrl": "callback_url",
    "WebhookUrl": "webhook_url",
    "TableName": "table",
    "QueueUrl": "queue_url",
    "DeadLetterQueueUrl": "dead_letter_queue_url",
    "SecretPrefix": "secret_prefix",
    "KeyArn": "key_arn",
    "CallbackFunctionName": "callback_function",
    "RotationFunctionName": "rotation_function",
    "InviteKeyName": "invite_key_name",
    "AlertTopicArn": "alert_topic_arn",
    "OperatorPolicyArn": "operator_policy_arn",
    "ConsumerPolicyArn": "consumer_policy_arn",
}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which stack the options name. Without a stack it is the embedded one."""

    stack: str | None = None
    profile: str | None = None
    region: str | None = None


@dataclass(frozen=True, kw_only=True)
class StackOutputs:
    """Addresses and names of a stack. `endpoint`, key and `sandbox_url` exist on the embedded stack alone."""

    stack: str
    region: str
    connect_url: str
    callback_url: str
    webhook_url: str
    table: str
    queue_url: str
    dead_letter_queue_url: str
    secret_prefix: str
    key_arn: str
    callback_function: str
    rotation_function: str
    invite_key_name: str
    alert_topic_arn: str
    operator_policy_arn: str
    consumer_policy_arn: str
    endpoint: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    sandbox_url: str | None = None
    console_url: str | None = None

    @classmethod
    def of_deployment(cls, stack: str, region: str, outputs: Mapping[str, str]) -> "StackOutputs":
        """From CloudFormation's outputs.

        Raises:
            CommandFailed: this is no stack of tokensync, or one of another version.
        """
        missing = [key for key in FROM_STACK if key not in outputs]
        if missing:
            raise CommandFailed(
                f"The stack {stack} in {region} is not a tokensync stack of this version: it has no output "
                f"{', '.join(missing)}.",
                next_command=typed("tokensync deploy"),
                kind="UnknownStack",
            )
        return cls(stack=stack, region=region, **{name: outputs[key] for key, name in FROM_STACK.items()})

    @classmethod
    def of_embedded(cls, outputs: Mapping[str, Any]) -> "StackOutputs":
        """From what the embedded stack says; names that this command line has no use for are passed over."""
        known: dict[str, Any] = {name: outputs.get(name) for name in cls.__dataclass_fields__}
        return cls(**known)

    def as_json(self) -> dict[str, Any]:
        """As the JSON object of `tokensync outputs --json`."""
        return asdict(self)

    @property
    def base_url(self) -> str:
        """The address that sellers and providers reach."""
        return self.connect_url.removesuffix("/connect")

    def redirect_url(self, app: str) -> str:
        """The URL that is to be registered with an app's provider."""
        return f"{self.callback_url}/{app}"


class Registry(Apps, Protocol):
    """The registered apps, and what an operator does to them. See `tokensync.aws.apps`."""

    def register(self, app: App) -> None:
        """Register a new app.

        Raises:
            InvalidApp: one of that name is registered already.
        """

    def update(self, app: App) -> None:
        """Replace an app's registration.

        Raises:
            UnknownApp: not registered.
        """

    def remove(self, name: str) -> None:
        """Remove an app's registration.

        Raises:
            UnknownApp: not registered.
        """

    def resume(self, name: str, *, now: int) -> bool:
        """Let an app run again; return whether it was paused.

        Raises:
            UnknownApp: not registered.
        """


class Functions(Protocol):
    """The two functions, invoked directly. See `tokensync_cli.stack.operator_calls`, also for the next two."""

    def invoke(self, function: str, payload: Mapping[str, Any]) -> bytes:
        """Invoke a function by name, wait, and return its answer.

        Raises:
            CommandFailed: it could not be invoked, or it broke.
        """


class Secrets(Protocol):
    """The secrets that workloads read."""

    def read(self, name: str) -> str | None:
        """Return a secret's current value, None if there is none."""


class Queues(Protocol):
    """The queues."""

    def waiting(self, url: str) -> tuple[int, str]:
        """Return about how many messages wait in a queue, and the queue's ARN."""


class Sandbox(Protocol):
    """The sandbox of the embedded stack. See `tokensync_cli.stack.sandbox_control`."""

    @property
    def url(self) -> str:
        """Its address."""

    def providers(self) -> list[str]:
        """Return the names of the providers that it can be.

        Raises:
            CommandFailed: it does not answer.
        """

    def register(self, registration: Mapping[str, Any]) -> None:
        """Register an app with it, or change the one of that key.

        Raises:
            CommandFailed: it does not answer, or refuses.
        """


@dataclass(frozen=True, kw_only=True)
class Target:
    """One stack. `described` says which, for people; `sandbox` is there on the embedded stack alone."""

    described: str
    outputs: StackOutputs
    apps: Registry
    connections: Connections
    authorizations: Authorizations
    invites: Invites
    functions: Functions
    secrets: Secrets
    queues: Queues
    sealer: "Sealer"
    signer: Callable[[], Signer]
    end_invites: Callable[[], None]
    clock: Clock
    sandbox: Sandbox | None = None

    @property
    def is_embedded(self) -> bool:
        """Whether it is the embedded stack."""
        return self.sandbox is not None
