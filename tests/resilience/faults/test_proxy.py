"""The fault proxy is faithful where nothing is scripted, and AWS's own clients read its faults as AWS's."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from faults.proxy import FaultProxy
from faults.script import Effect, Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "arn:aws:secretsmanager:us-east-1:000000000000:secret:name"


class Aws(ThreadingHTTPServer):
    """Answers everything with success and remembers what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.requests: list[tuple[dict[str, str], bytes]] = []


class _Answer(BaseHTTPRequestHandler):
    server: Aws
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.requests.append((dict(self.headers.items()), body))
        told = json.dumps({"ARN": SECRET, "Name": "name", "VersionId": "v"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(told), told))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's signature
        pass


@pytest.fixture
def aws() -> Iterator[Aws]:
    """Something that answers as AWS does."""
    server = Aws()
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def proxy(aws: Aws) -> Iterator[FaultProxy]:
    """A proxy in front of it."""
    with FaultProxy(f"http://127.0.0.1:{aws.server_port}") as proxy:
        yield proxy


def client(endpoint: str, service: str = "secretsmanager", attempts: int = 1) -> Any:
    config = Config(read_timeout=1, retries={"mode": "standard", "total_max_attempts": attempts})
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
    return session.client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]


def put(secrets: Any) -> str:
    version: str = secrets.put_secret_value(SecretId=SECRET, SecretString="value")["VersionId"]
    return version


def test_it_is_faithful(aws: Aws, proxy: FaultProxy) -> None:
    """Without a fault, headers and bodies pass as they came, the signed Host among them, and each is recorded."""
    endpoint = proxy.open()
    secrets = client(endpoint)
    assert ["v", "v"] == [put(secrets), put(secrets)]

    headers, body = aws.requests[0]
    assert endpoint == f"http://{headers['Host']}"
    assert {"SecretId": SECRET, "SecretString": "value"}.items() <= json.loads(body).items()
    assert headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=test/")
    assert {("secretsmanager", "PutSecretValue", "forwarded"): 2} == proxy.counts()


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("secretsmanager", lambda aws: aws.describe_secret(SecretId=SECRET), "ThrottlingException"),
        ("dynamodb", lambda aws: aws.list_tables(), "ProvisionedThroughputExceededException"),
        ("kms", lambda aws: aws.list_keys(), "ThrottlingException"),
        ("sqs", lambda aws: aws.list_queues(), "RequestThrottled"),
        ("sns", lambda aws: aws.list_topics(), "Throttling"),
        ("sts", lambda aws: aws.get_caller_identity(), "Throttling"),
    ],
)
def test_each_service_throttles_in_its_own_words(
    aws: Aws, proxy: FaultProxy, service: str, call: Any, code: str
) -> None:
    """A throttled request never reaches AWS, and the service's own client reads the documented error."""
    proxy.add(Fault(service, effect=Effect.THROTTLE))
    with pytest.raises(ClientError) as raised:
        call(client(proxy.open(), service))

    assert code == raised.value.response["Error"]["Code"]
    assert [] == aws.requests


@pytest.mark.parametrize(
    ("effect", "code", "reached"),
    [
        (Effect.BEFORE, "InternalServerError", 0),
        (Effect.AFTER_ERROR, "InternalServerError", 1),
        (Effect.QUOTA, "LimitExceededException", 0),
    ],
)
def test_errors_before_and_after(aws: Aws, proxy: FaultProxy, effect: Effect, code: str, reached: int) -> None:
    """An error comes instead of the deed or after it."""
    proxy.add(Fault("secretsmanager", "PutSecretValue", effect, times=1))
    secrets = client(proxy.open())
    with pytest.raises(ClientError) as raised:
        put(secrets)

    assert (code, reached) == (raised.value.response["Error"]["Code"], len(aws.requests))
    assert "v" == put(secrets)


@pytest.mark.parametrize(
    ("effect", "error", "reached"),
    [
        (Effect.DOWN, ConnectionClosedError, 0),
        (Effect.AFTER_RESET, ConnectionClosedError, 1),
        (Effect.HANG, ReadTimeoutError, 0),
        (Effect.HANG_AFTER, ReadTimeoutError, 1),
    ],
)
def test_answers_that_never_come(
    aws: Aws, proxy: FaultProxy, effect: Effect, error: type[Exception], reached: int
) -> None:
    """The connection is reset, or the client's own timeout ends the wait; AWS did it or did not."""
    proxy.add(Fault(effect=effect, times=1))
    secrets = client(proxy.open())
    with pytest.raises(error):
        put(secrets)

    assert reached == len(aws.requests)
    assert "v" == put(secrets)
    assert [None, 200] == [seen.status for seen in sorted(proxy.seen(), key=lambda seen: seen.at)]


def test_a_client_repeats_through_it(aws: Aws, proxy: FaultProxy) -> None:
    """Two resets, and the third try of one call passes."""
    proxy.add(Fault("secretsmanager", effect=Effect.DOWN, times=2))
    assert "v" == put(client(proxy.open(), attempts=3))

    assert (1, ["down", "down", "forwarded"]) == (len(aws.requests), [seen.outcome for seen in proxy.seen()])


def test_slow_answers_come(proxy: FaultProxy) -> None:
    """A slow answer is late and whole."""
    proxy.add(Fault(effect=Effect.SLOW, delay=0.2))
    begun = time.monotonic()

    assert "v" == put(client(proxy.open()))
    assert time.monotonic() - begun >= 0.2


def test_what_a_fault_is_limited_to(proxy: FaultProxy) -> None:
    """A worker, an action, a text in the body, requests to skip, a span, a probability: all must agree."""
    one, two = client(proxy.open("one")), client(proxy.open("two"))
    for fault in (
        Fault(effect=Effect.BEFORE, worker="two"),
        Fault(action="GetSecretValue", effect=Effect.BEFORE),
        Fault(effect=Effect.BEFORE, body="another value"),
        Fault(effect=Effect.BEFORE, seconds=0),
        Fault(effect=Effect.BEFORE, probability=0),
        Fault(effect=Effect.QUOTA, skip=1, times=1),
    ):
        proxy.add(fault)

    assert "v" == put(one)
    with pytest.raises(ClientError, match="LimitExceeded"):
        put(one)
    with pytest.raises(ClientError, match="InternalServerError"):
        put(two)
    proxy.clear()
    assert "v" == put(two)
