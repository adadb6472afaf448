"""AWS's rules for ClientRequestToken, for a Secrets Manager client that speaks to MiniStack.

MiniStack overwrites a version when its token comes again, moves AWSCURRENT back to it, and ignores the token of
CreateSecret. On AWS the same token with the same data does nothing, with other data it is refused, and the token is the
version's id. https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def obey_client_request_tokens(client: SecretsManagerClient, raw: SecretsManagerClient) -> None:
    """Make `client` follow AWS's rules; `raw` is a second client of the same MiniStack, used to look and to mend."""
    rules = _Rules(raw)
    events = client.meta.events
    # The stubs forget that an answer of before-call stands for the service's own, as botocore's Stubber does it too.
    events.register("before-call.secrets-manager.PutSecretValue", rules.before_put)  # type: ignore[arg-type]
    events.register("before-call.secrets-manager.CreateSecret", rules.before_create)
    events.register("after-call.secrets-manager.CreateSecret", rules.after_create)


class _Rules:
    def __init__(self, raw: SecretsManagerClient) -> None:
        self._raw = raw
        self._creating = threading.local()

    def before_put(self, params: dict[str, Any], **_: object) -> tuple[AWSResponse, dict[str, Any]] | None:
        """Answer in MiniStack's place where the token was used before."""
        request = json.loads(params["body"])
        stored = self._stored(request["SecretId"], request["ClientRequestToken"])
        if stored is None:
            return None
        if stored["SecretString"] != request["SecretString"]:
            error = {"Code": "ResourceExistsException", "Message": "the token was used for other data"}
            return _answer(400, {"Error": error})
        found = {"ARN": stored["ARN"], "Name": stored["Name"], "VersionId": stored["VersionId"]}
        return _answer(200, {**found, "VersionStages": stored.get("VersionStages", [])})

    def before_create(self, params: dict[str, Any], **_: object) -> None:
        """Remember what is created: its answer does not repeat it."""
        self._creating.request = json.loads(params["body"])

    def after_create(self, parsed: dict[str, Any], **_: object) -> None:
        """Give the first version the id that its token asks for, and leave no other."""
        request = self._creating.request
        if "ARN" not in parsed or "ClientRequestToken" not in request:
            return
        self._raw.put_secret_value(
            SecretId=parsed["ARN"],
            ClientRequestToken=request["ClientRequestToken"],
            SecretString=request["SecretString"],
        )
        self._raw.update_secret_version_stage(
            SecretId=parsed["ARN"], VersionStage="AWSPREVIOUS", RemoveFromVersionId=parsed["VersionId"]
        )
        parsed["VersionId"] = request["ClientRequestToken"]

    def _stored(self, secret_id: str, token: str) -> dict[str, Any] | None:
        missing = (
            self._raw.exceptions.ResourceNotFoundException,  # no such secret or version
            self._raw.exceptions.InvalidRequestException,  # scheduled for deletion: MiniStack itself refuses the put
        )
        try:
            return dict(self._raw.get_secret_value(SecretId=secret_id, VersionId=token))
        except missing:
            return None


def _answer(status: int, parsed: dict[str, Any]) -> tuple[AWSResponse, dict[str, Any]]:
    return AWSResponse("http://localhost", status, HTTPHeaders(), None), {
        **parsed,
        "ResponseMetadata": {"HTTPStatusCode": status, "RetryAttempts": 0, "HTTPHeaders": {}, "RequestId": "strict"},
    }
