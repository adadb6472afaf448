"""What an embedded stack offers to those who use it: addresses and names."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tokensync_cli.embedded.administrator import Administrator
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
    access_key_id: str
    secret_access_key: str = field(repr=False)
    console_url: str | None = None

    @classmethod
    def of_deployment(
        cls, stack: str, ports: ChosenPorts, outputs: Mapping[str, str], administrator: Administrator
    ) -> "Outputs":
        """From CloudFormation's outputs, the ports and the key."""
        named = {name: outputs[key] for key, name in _FROM_STACK.items()} | asdict(administrator)
        return cls(endpoint=ports.aws_url, region=REGION, stack=stack, sandbox_url=ports.sandbox_url, **named)

    @classmethod
    def of_file(cls, value: Mapping[str, Any], administrator: Administrator) -> "Outputs":
        """From what `as_file` gave, and the key, which has a file of its own."""
        return cls(**value, **asdict(administrator))

    def as_file(self) -> dict[str, Any]:
        """As a JSON object without the key."""
        return {name: value for name, value in asdict(self).items() if name not in Administrator.__dataclass_fields__}

    def as_json(self) -> dict[str, Any]:
        """As a JSON object, the form of `tokensync outputs --json`."""
        return asdict(self)
