from __future__ import annotations

import functools
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from fakes.asgi import Recorded, ask
from tokensync_cli.embedded.administrator import Administrator
from tokensync_cli.embedded.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fakes.asgi import Answered

ENDPOINT = "http://127.0.0.1:8402"
OWN = Administrator.made()
ROLE = Administrator("ASIAROLE", "a role's, which the embedded AWS checks itself")
Call = tuple[str, bytes, list[tuple[bytes, bytes]], bytes]


def guard(app: Recorded) -> Guard:
    """A guard of an embedded AWS that takes some keys for its administrator's without a look."""
    return Guard(app, OWN, lambda key: key in ("test", OWN.access_key_id) or (key.isdigit() and len(key) == 12))


class Kept(Exception):
    """A request as it would have been sent."""


@functools.cache
def sdk(service: str, key: Administrator, endpoint: str) -> Any:
    """A client that sends nothing."""

    def keep(request: Any, **_: Any) -> None:
        raise Kept(request)

    session = boto3.Session(key.access_key_id, key.secret_access_key, region_name="us-east-1")
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    client: Any = session.client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]
    client.meta.events.register("before-send", keep)
    return client


def signed(
    service: str = "secretsmanager",
    call: str = "list_secrets",
    key: Administrator = OWN,
    endpoint: str = ENDPOINT,
    **arguments: Any,
) -> Call:
    """What an SDK sends for a call: method, target, headers, body."""
    with pytest.raises(Kept) as kept:
        getattr(sdk(service, key, endpoint), call)(**arguments)
    request = kept.value.args[0]
    headers = [(b"host", request.url.split("/")[2].encode())]
    headers += [
        (name.lower().encode(), value if isinstance(value, bytes) else value.encode())
        for name, value in request.headers.items()
    ]
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body if isinstance(body, bytes | bytearray) else body.read()
    return request.method, request.url.removeprefix(endpoint).encode(), headers, bytes(body)


def signed_at(time: datetime) -> Call:
    """What the administrator sent at a time."""
    request = AWSRequest("POST", f"{ENDPOINT}/", headers={"host": "127.0.0.1:8402"}, data=b"{}")
    request.context["timestamp"] = time.strftime("%Y%m%dT%H%M%SZ")
    signer = SigV4Auth(Credentials(OWN.access_key_id, OWN.secret_access_key), "secretsmanager", "us-east-1")
    signer._modify_request_before_signing(request)
    made = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    signer._inject_signature_to_request(request, made)
    return "POST", b"/", [(name.lower().encode(), value.encode()) for name, value in request.headers.items()], b"{}"


def send(app: Recorded, call: Call, *more: tuple[bytes, bytes], **change: Any) -> Answered:
    """Send a call, with more headers."""
    method, target, headers, body = call
    return ask(guard(app), target, **{"method": method, "headers": [*headers, *more], "body": body, **change})


def replaced(call: Call, name: bytes, value: bytes) -> Call:
    """A call with another value in a header."""
    method, target, headers, body = call
    return method, target, [(header, value if header == name else old) for header, old in headers], body


def refused(app: Recorded, answered: Answered) -> str:
    """Assert that nothing came through and nothing can be read, and return the reason."""
    assert (403, []) == (answered.status, app.came)
    assert not [name for name, _ in answered.headers if name.lower().startswith(b"access-control-")]
    told: str = json.loads(answered.body)["message"]
    return told


CALLS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("secretsmanager", "get_secret_value", {"SecretId": "tokensync/tokens/a/ü"}),
    ("lambda", "invoke", {"FunctionName": "f:1", "Payload": b'{"a": "\\u00e4"}'}),
    ("lambda", "list_functions", {"MaxItems": 3, "Marker": "a b+c/=&"}),
    ("iam", "list_role_policies", {"RoleName": "a b"}),
    ("sqs", "send_message", {"QueueUrl": f"{ENDPOINT}/000000000000/q", "MessageBody": "é"}),
    ("dynamodb", "list_tables", {}),
    ("s3", "put_object", {"Bucket": "bucket", "Key": "a b/./../%2e+ü", "Body": b"x" * 70_000}),
    ("s3", "list_objects_v2", {"Bucket": "bucket", "Prefix": "a/b c", "Delimiter": "/"}),
    ("cloudformation", "describe_stacks", {"StackName": "s"}),
    ("apigatewayv2", "get_routes", {"ApiId": "a b"}),
    ("scheduler", "get_schedule", {"Name": "n", "GroupName": "g"}),
    ("kms", "generate_data_key", {"KeyId": "k", "KeySpec": "AES_256"}),
    ("sts", "get_caller_identity", {}),
)


@pytest.mark.parametrize(("service", "call", "arguments"), CALLS, ids=[f"{s}-{c}" for s, c, _ in CALLS])
def test_what_the_administrator_signs_passes(service: str, call: str, arguments: dict[str, Any]) -> None:
    """Every protocol of AWS's SDK passes, its body whole; the answer loses what would open it to pages."""
    app = Recorded()
    made = signed(service, call, **arguments)
    answered = send(app, made)
    assert (200, [(b"x-own", b"1")], b"secret") == (answered.status, answered.headers, answered.body)
    assert [made[3]] == [body for _, body in app.came]


def test_names_that_sdks_make_pass() -> None:
    """An SDK may put a bucket in front of an endpoint that has a name."""
    for endpoint in ("http://localhost:8402", "http://bucket.localhost:8402"):
        app = Recorded()
        assert 200 == send(app, signed(endpoint=endpoint)).status


def test_a_roles_signature_is_left_to_the_embedded_aws() -> None:
    """It holds the keys of roles and users, and checks them."""
    app = Recorded()
    answered = send(app, signed(key=ROLE, call="get_secret_value", SecretId="a"))
    assert (200, [(b"x-own", b"1")]) == (answered.status, answered.headers)
    assert [b'{"SecretId": "a"}'] == [body for _, body in app.came]


@pytest.mark.parametrize(
    "headers",
    [
        [(b"origin", b"http://localhost:8402")],
        [(b"Origin", b"null")],
        [(b"ORIGIN", b"")],
        [(b"sec-fetch-site", b"cross-site")],
        [(b"Sec-Fetch-Site", b"same-site")],
        [(b"sec-fetch-site", b"same-origin")],
        [(b"sec-fetch-site", b"Cross-Site")],
        [(b"sec-fetch-site", b"")],
        [(b"sec-fetch-site", b"none"), (b"sec-fetch-site", b"cross-site")],
        [(b"sec-fetch-site", b"none, cross-site")],
    ],
)
@pytest.mark.parametrize("target", [None, b"/_aws/execute-api/a1b2c3d4/$default/connect/a", b"/_ministack/ready"])
def test_no_page_gets_in(headers: Sequence[tuple[bytes, bytes]], target: bytes | None) -> None:
    """What a browser says of a page is enough, whatever is asked for and whoever signed it."""
    app = Recorded()
    method, signed_target, own, body = signed()
    answered = send(app, (method, target or signed_target, own, body), *headers)
    assert "not web pages" in refused(app, answered)


def test_an_address_typed_in_is_no_page() -> None:
    """A browser says so; it signs nothing, and gets in where nobody has to."""
    app = Recorded()
    assert 200 == send(app, signed(), (b"sec-fetch-site", b"None")).status


@pytest.mark.parametrize("target", [b"/", b"/_aws/execute-api/a1b2c3d4/$default/connect/a", b"/bucket/key"])
def test_no_preflight_is_answered(target: bytes) -> None:
    """Not even one that does not say where it comes from."""
    app = Recorded()
    refused(app, ask(guard(app), target, method="OPTIONS"))


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        [b""],
        [b"evil.example:8402"],
        [b"localhost.:8402"],
        [b"a@localhost:8402"],
        [b"127.0.0.1:8402", b"127.0.0.1:8402"],
        [b"[::1]:8402"],
        [b"localhost.evil.example"],
        [b"a1b2c3d4.execute-api.localhost:8402"],
        [b"x.lambda-url.us-east-1.localhost:8402"],
        [b"d1.cloudfront.net"],
        [b"bucket.s3.amazonaws.com"],
        [b"bucket.127.0.0.1:8402"],
    ],
)
def test_a_rebound_name_is_refused(hosts: Sequence[bytes]) -> None:
    """Names of other services and of strangers reach nothing, signed or not."""
    method, target, headers, body = signed()
    rest = [(name, value) for name, value in headers if name != b"host"]
    for called in (target, b"/_aws/execute-api/a1b2c3d4/$default/connect/a", b"/_ministack/ready"):
        app = Recorded()
        answered = send(app, (method, called, [*((b"host", host) for host in hosts), *rest], body))
        assert "its own names" in refused(app, answered)
        assert b"evil" not in answered.body


@pytest.mark.parametrize(
    "target",
    [
        b"/_ministack/reset",
        b"/_ministack/config",
        b"/_ministack/ready/",
        b"/_ministack/ready%20",
        b"/_ministack/health",
        b"/_ministack",
        b"/_localstack/health",
        b"/_MiniStack/reset",
        b"//_ministack/reset",
        b"/./_ministack/reset",
        b"/a/../_ministack/reset",
        b"/%5fministack/reset",
        b"/%5Fministack%2Freset",
        b"/%255fministack/reset",
        b"/_aws/execute-api/a1b2c3d4/../../../_ministack/reset",
        b"/_ministack/lambda-code/f",
        b"/_ministack/rds/iam-auth",
        b"/_ministack/eks-auth/x",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_the_embedded_aws_has_no_administration(target: bytes, method: str) -> None:
    """However it is written, and to its administrator too."""
    app = Recorded()
    _, _, headers, body = signed()
    answered = ask(guard(app), target, method=method, headers=headers, body=body)
    assert "administration is closed" in refused(app, answered)


def test_readiness_is_the_one_exception() -> None:
    """`tokensync up` waits for it; nothing can be asked of it otherwise."""
    app = Recorded()
    assert 200 == ask(guard(app), b"/_ministack/ready").status
    app = Recorded()
    refused(app, ask(guard(app), b"/_ministack/ready", method="POST"))


@pytest.mark.parametrize("target", [b"http://evil.example/", b"http://localhost:8402/x", b"*", b"", b"localhost:443"])
def test_a_target_is_a_path(target: bytes) -> None:
    """A target that names a host of its own speaks past Host."""
    app = Recorded()
    assert "for a path" in refused(app, ask(guard(app), target))


@pytest.mark.parametrize(
    "target",
    [b"/", b"/bucket/key", b"/health", b"/_aws/lambda-url/a/", b"/restapis/a/b/_user_request_/c", b"/oauth2/token"],
)
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"authorization", b"")],
        [(b"authorization", b"Bearer x")],
        [(b"authorization", b"AWS test:c2lnbmF0dXJl")],
        [
            (
                b"authorization",
                b"AWS4-ECDSA-P256-SHA256 Credential=a/20260101/s/aws4_request, SignedHeaders=host, Signature=0",
            )
        ],
        [
            (
                b"authorization",
                b"AWS4-HMAC-SHA256 Credential=/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0",
            )
        ],
    ],
)
def test_without_a_signature_nothing_is_done(target: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """The embedded AWS would take it for its administrator's: an image, a form or a link carries no signature."""
    app = Recorded()
    answered = ask(guard(app), target, method="POST", headers=[(b"host", b"localhost:8402"), *headers], body=b"x")
    assert "signed requests only" in refused(app, answered)


def test_a_signature_in_the_query_is_none() -> None:
    """A link that is followed in a browser must do nothing."""
    app = Recorded()
    presigned = boto3.client(
        "s3", endpoint_url=ENDPOINT, aws_access_key_id=OWN.access_key_id,
        aws_secret_access_key=OWN.secret_access_key, region_name="us-east-1",
    ).generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})  # fmt: skip
    assert "Authorization header" in refused(app, ask(guard(app), presigned.removeprefix(ENDPOINT).encode()))


def test_two_signatures_are_none() -> None:
    """Who checks the first one and who goes by the second one need not agree."""
    app = Recorded()
    _, _, headers, _ = signed()
    again = next(header for header in headers if header[0] == b"authorization")
    assert "signed requests only" in refused(app, send(app, signed(), again))


@pytest.mark.parametrize("key", ["test", "000000000000", "123456789012"])
def test_keys_that_everybody_knows_open_nothing(key: str) -> None:
    """The embedded AWS takes them for its administrator's, whatever the signature."""
    app = Recorded()
    answered = send(app, signed(key=Administrator(key, OWN.secret_access_key)))
    assert "everybody knows" in refused(app, answered)


def test_the_access_key_id_alone_opens_nothing() -> None:
    """The signature is computed once more."""
    app = Recorded()
    answered = send(app, signed(key=Administrator(OWN.access_key_id, "another")))
    assert "does not belong" in refused(app, answered)


@pytest.mark.parametrize(
    "changed",
    [
        lambda call: ("GET", *call[1:]),
        lambda call: (call[0], b"/other", *call[2:]),
        lambda call: (call[0], b"/?Action=Other", *call[2:]),
        lambda call: (*call[:3], b'{"SecretId": "other"}'),
        lambda call: replaced(call, b"x-amz-target", b"secretsmanager.DeleteSecret"),
        lambda call: replaced(call, b"host", b"localhost:8402"),
        lambda call: replaced(call, b"x-amz-date", b"20260101T000000Z"),
        lambda call: replaced(call, b"x-amz-date", b"yesterday"),
        lambda call: replaced(call, b"x-amz-target", b"\xff"),
        lambda call: (*call[:2], [*call[2], (b"x-amz-target", b"twice")], call[3]),
    ],
)
def test_a_signature_is_over_one_request(changed: Callable[[Call], Call]) -> None:
    """Another method, path, query, body or signed header makes it another request."""
    app = Recorded()
    assert "does not belong" in refused(app, send(app, changed(signed(call="get_secret_value", SecretId="a"))))


@pytest.mark.parametrize(("minutes", "status"), [(-16, 403), (-14, 200), (14, 200), (16, 403)])
def test_a_signature_lasts_a_quarter_of_an_hour(minutes: int, status: int) -> None:
    """AWS allows as much between two clocks."""
    assert status == send(Recorded(), signed_at(datetime.now(UTC) + timedelta(minutes=minutes))).status


def test_host_has_to_be_signed() -> None:
    """A signature that leaves Host out holds for any server."""
    app = Recorded()
    call = signed()
    _, _, headers, _ = call
    authorization = dict(headers)[b"authorization"].replace(b";host;", b";")
    refused(app, send(app, replaced(call, b"authorization", authorization)))


@pytest.mark.parametrize(
    "target",
    [b"/_aws/execute-api/a1b2c3d4/$default/connect/a?invite=x", b"/_aws/execute-api/a1b2c3d4/$default/callback/a"],
)
def test_an_http_api_is_public(target: bytes) -> None:
    """As on AWS: what the front door passes on has no signature; the answer loses what would open it to pages."""
    app = Recorded()
    answered = ask(guard(app), target, method="POST", body=b"webhook")
    assert (200, [(b"x-own", b"1")]) == (answered.status, answered.headers)
    assert [b"webhook"] == [body for _, body in app.came]


@pytest.mark.parametrize("path", [b"@connections/a", b"%40connections/a", b"%2540connections/a"])
def test_messages_to_websocket_clients_are_signed(path: bytes) -> None:
    """They go through an API's address and are a call to AWS."""
    app = Recorded()
    answered = ask(guard(app), b"/_aws/execute-api/a1b2c3d4/prod/" + path, method="POST")
    assert "signed requests only" in refused(app, answered)


def test_there_are_no_websockets() -> None:
    """An upgrade is refused before it is one."""
    app = Recorded()
    answered = ask(guard(app), b"/_aws/execute-api/a1b2c3d4/$default", type="websocket")
    assert ([{"type": "websocket.close", "code": 1008}], []) == (answered.messages, app.came)


@pytest.mark.parametrize(("service", "call"), [("iam", "list_users"), ("s3", "list_buckets")])
def test_a_refusal_reads_as_one_of_aws(service: str, call: str) -> None:
    """Where the SDK reads XML it gets XML."""
    answered = send(Recorded(), signed(service, call, key=Administrator("test", "test")))
    assert b"<Code>AccessDenied</Code>" in answered.body
    assert (b"content-type", b"text/xml") in answered.headers


def test_a_client_that_goes_away_leaves_nothing() -> None:
    """Half a body is no request."""
    app = Recorded()
    method, target, headers, body = signed()

    def gone(call: Any) -> Any:
        async def receive() -> Any:
            return {"type": "http.disconnect"}

        async def asked(scope: Any, _: Any, send: Any) -> None:
            await call(scope, receive, send)

        return asked

    answered = ask(gone(guard(app)), target, method=method, headers=headers, body=body)
    assert ([], []) == (answered.messages, app.came)


def test_it_needs_nothing_that_the_embedded_awss_environment_lacks() -> None:
    """It runs where neither the core nor the command line's own packages are installed."""
    lacks = ("tokensync", "typer", "rich", "boto3", "httpx")
    blocked = f"import sys; sys.modules.update(dict.fromkeys({lacks!r}))"
    done = subprocess.run(
        [sys.executable, "-c", f"{blocked}; import tokensync_cli.embedded.guard, tokensync_cli.embedded.administrator"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr)
