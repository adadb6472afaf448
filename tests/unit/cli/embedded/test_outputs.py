import json

from tokensync_cli.embedded import outputs
from tokensync_cli.embedded.administrator import Administrator
from tokensync_cli.embedded.outputs import Outputs
from tokensync_cli.embedded.ports import ChosenPorts

PROMISED = {
    "endpoint", "region", "stack", "connect_url", "callback_url", "webhook_url", "sandbox_url", "console_url", "table",
    "queue_url", "secret_prefix", "access_key_id", "secret_access_key",
}  # fmt: skip


KEY = Administrator("TOKENSYNCID", "its secret")


def made() -> Outputs:
    """Outputs of a deployment whose every value is its own name."""
    named = {key: key for key in outputs._FROM_STACK}
    return Outputs.of_deployment("tokensync", ChosenPorts(aws=1, front_door=2, sandbox=3), named, KEY)


def test_outputs_hold_what_is_promised() -> None:
    """The keys of `tokensync outputs --json`; what is not built is null."""
    told = made().as_json()
    assert told.keys() >= PROMISED
    assert (told["webhook_url"], told["console_url"]) == ("WebhookUrl", None)
    assert (told["endpoint"], told["sandbox_url"]) == ("http://127.0.0.1:1", "http://localhost:3")
    assert (told["table"], told["callback_url"]) == ("TableName", "CallbackUrl")


def test_outputs_survive_the_file() -> None:
    """Written and read again they are the same; the key stands in a file of its own, and in no repr."""
    written = json.dumps(made().as_file())
    assert made() == Outputs.of_file(json.loads(written), KEY)
    assert "its secret" not in written
    assert "its secret" not in repr(made())
