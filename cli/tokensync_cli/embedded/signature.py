"""Whether a request is signed with a secret access key: AWS's Signature Version 4, computed once more by botocore.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tokensync_cli import loopback
from tokensync_cli.loopback import Scope

_FORM = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<access_key_id>[\w.-]+)/\d{8}/(?P<region>[\w-]+)/(?P<service>[\w.-]+)"
    r"/aws4_request, *SignedHeaders=(?P<headers>[\w;.-]+), *Signature=(?P<signature>[0-9a-f]{64})",
    re.ASCII,
)
_TIME = "%Y%m%dT%H%M%SZ"
# What AWS allows at most between the two clocks.
_APART = timedelta(minutes=15)


@dataclass(frozen=True)
class Signature:
    """What an `Authorization` header says: whose signature it is, over what, and the signature."""

    access_key_id: str
    region: str
    service: str
    headers: str
    signature: str


def signed(scope: Scope) -> Signature | None:
    """The signature of a request, None where it has none, more than one, or one of another kind."""
    found = loopback.values(scope, b"authorization")
    match = _FORM.fullmatch(found[0].decode("latin-1")) if len(found) == 1 else None
    return Signature(**match.groupdict()) if match else None


def signs(secret_access_key: str, signature: Signature, scope: Scope, body: bytes) -> bool:
    """Whether `signature` was made with this key, over this request, within the last 15 minutes."""
    # Not above: loading it takes an eighth of a second, and nobody signs while the embedded AWS starts.
    from botocore.auth import S3SigV4Auth, SigV4Auth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import Credentials  # noqa: PLC0415

    names = signature.headers.split(";")
    try:
        headers = {name: ",".join(_texts(scope, name)) for name in names}
        (time,) = _texts(scope, "x-amz-date")
        target = f"{scope['raw_path'].decode('ascii')}?{scope['query_string'].decode('ascii')}"
        if "host" not in names or _age(time) > _APART:
            return False
    except ValueError:
        return False
    request = AWSRequest(method=scope["method"], url=f"http://{headers['host']}{target}", headers=headers, data=body)
    request.context["timestamp"] = time
    # S3 signs a path as it is sent, every other service a normalized one.
    kind = S3SigV4Auth if signature.service == "s3" else SigV4Auth
    credentials = Credentials(signature.access_key_id, secret_access_key)
    signer = kind(credentials, signature.service, signature.region)
    made: str = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return hmac.compare_digest(made, signature.signature)


def _texts(scope: Scope, header: str) -> list[str]:
    return [value.decode("utf-8") for value in loopback.values(scope, header.encode("ascii"))]


def _age(time: str) -> timedelta:
    return abs(datetime.now(UTC) - datetime.strptime(time, _TIME).replace(tzinfo=UTC))
