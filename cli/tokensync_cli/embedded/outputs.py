"""What an embedded stack offers to those who use it: addresses and names."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tokensync_cli.embedded.environment_variables import REGION
from tokensync_cli.embedded.ports import ChosenPorts
from tokensync_cli.stack.target import FROM_STACK

FILE = "outputs.json"

# The API's id is the embedded stack's own affair; every other name is that of any stack.
_FROM_STACK = {**FROM_STACK, "ApiId": "api_id"}


@dataclass(frozen=True)
class Outputs:
    """Addresses and names of a running embedded stack. None is what is not built."""

    endpoint: str
    region: str
    stack: str
    connect_url: str
    callback_url: str
    webhook_url: str
    sandbox_url: str
    table: str
    queue_url: str
    secret_prefix: str
    dead_letter_queue_url: str
    key_arn: str
    alert_topic_arn: str
    callback_function: str
    rotation_function: str
    api_id: str
    operator_policy_arn: str
    consumer_policy_arn: str
    invite_key_name: str
    console_url: str | None = None

    @classmethod
    def of_deployment(cls, stack: str, ports: ChosenPorts, outputs: Mapping[str, str]) -> "Outputs":
        """From CloudFormation's outputs and the ports."""
        named = {name: outputs[key] for key, name in _FROM_STACK.items()}
        return cls(endpoint=ports.aws_url, region=REGION, stack=stack, sandbox_url=ports.sandbox_url, **named)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Outputs":
        """From what `as_json` gave."""
        return cls(**value)

    def as_json(self) -> dict[str, Any]:
        """As a JSON object, the form of `tokensync outputs --json`."""
        return asdict(self)
