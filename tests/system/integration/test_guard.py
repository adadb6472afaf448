"""The embedded AWS behind its guard, spoken to by programs of this machine that have no key of it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import socket
import stat
import subprocess
import zipfile
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from stack import Stack

# What an SDK calls a key that opens nothing.
REFUSALS = "AccessDenied|UnrecognizedClientException|InvalidClientTokenId|InvalidToken|SignatureDoesNotMatch"


def sent(stack: Stack, *lines: str) -> bytes:
    """Send bytes as they are, and return the first line of what comes back."""
    url = urlsplit(stack.outputs.endpoint)
    with socket.create_connection((str(url.hostname), url.port or 0), 30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return connection.recv(65536).partition(b"\r\n")[0]


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        (["GET / HTTP/1.0"], b"403"),
        (["GET / HTTP/1.1"], b"40"),
        (["GET / HTTP/1.1", "Host: {host}", "Host: {host}"], b"40"),
        (["GET / HTTP/1.1", "Host: localhost", "Host: evil.example"], b"40"),
        (["GET http://{host}/_ministack/reset HTTP/1.1", "Host: {host}"], b"403"),
        (["POST /_ministack/reset HTTP/1.1", "Host: {host}", "Content-Length: 0"], b"403"),
        (["POST //_ministack/reset HTTP/1.1", "Host: {host}", "Content-Length: 0"], b"403"),
        (["POST /%5fministack/reset HTTP/1.1", "Host: {host}", "Content-Length: 0"], b"403"),
        (["GET / HTTP/1.1", "Host: evil.example", "X-Forwarded-Host: {host}"], b"403"),
        (["GET / HTTP/1.1", "Host: {host}"], b"403"),
        (["GET /health HTTP/1.1", "Host: {host}"], b"403"),
        (["GET /_ministack/ready HTTP/1.1", "Host: {host}"], b"200"),
    ],
    ids=lambda value: str(value)[:80],
)
def test_what_is_written_by_hand_meets_the_guard(stack: Stack, lines: list[str], answer: bytes) -> None:
    """HTTP/1.0 without Host, two of them, absolute targets, other spellings: refused by server or guard."""
    host = urlsplit(stack.outputs.endpoint).netloc
    first = sent(stack, *(line.format(host=host) for line in lines))
    assert first.split(b" ")[1].startswith(answer)


def test_http_2_meets_the_guard(stack: Stack) -> None:
    """The server offers it; its `:authority` is what Host is."""
    url = urlsplit(stack.outputs.endpoint)
    settings = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__", "", "")
    for path, host, reason in (
        ("/_ministack/health", url.netloc, b"administration is closed"),
        ("/", "evil.example", b"its own names"),
        ("/", url.netloc, b"signed requests only"),
    ):
        received = b""
        with socket.create_connection((str(url.hostname), url.port or 0), 30) as connection:
            connection.sendall("\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *settings]).encode())
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
            while reason not in received and (part := connection.recv(65536)):
                received += part
        assert b" 101 " in received
        assert reason in received


def test_no_key_can_be_guessed(stack: Stack) -> None:
    """Neither the keys that everybody knows nor a function's, as the embedded AWS makes it from names."""
    known = [("test", "test", None), ("000000000000", "test", None), (stack.outputs.access_key_id, "test", None)]
    for function in (stack.outputs.rotation_function, stack.outputs.callback_function):
        stack.invoke(function, {"tokensync": "nothing"})
        configured = stack.client("lambda").get_function_configuration(FunctionName=function)
        digest = hashlib.sha256(f"{configured['FunctionArn']}:{configured['Role']}".encode()).hexdigest()
        secret, token = (hashlib.sha256(f"{word}:{digest}".encode()).hexdigest() for word in ("secret", "token"))
        known.append((f"ASIA{digest[:16].upper()}", secret, token))
    for access_key_id, secret, session in known:
        stranger: Any = boto3.client(
            "sts",
            endpoint_url=stack.outputs.endpoint,
            region_name=stack.outputs.region,
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret,
            aws_session_token=session,
        )
        with pytest.raises(ClientError, match=REFUSALS):
            stranger.get_caller_identity()  # which needs no permission, only a key


def test_the_key_is_kept_and_given_by_env_alone(stack: Stack) -> None:
    """It lies where its owner alone can read it, in no log and no command line, and `env` gives it to a shell."""
    kept = stack.root / ".tokensync" / "administrator.json"
    assert 0o600 == stat.S_IMODE(kept.stat().st_mode)
    secret = stack.outputs.secret_access_key
    assert secret == json.loads(kept.read_text())["secret_access_key"]
    for log in (stack.root / ".tokensync" / "logs").iterdir():
        assert secret not in log.read_text(errors="replace")
    listed = subprocess.run(["/bin/ps", "-axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    assert secret not in listed
    lists = "import boto3; print(len(boto3.client('secretsmanager').list_secrets()['SecretList']) > 0)"
    script = f'eval "$(.venv/bin/tokensync env)" && .venv/bin/python -c "{lists}"'
    environment = {"PATH": os.environ["PATH"], "HOME": str(stack.root), "AWS_PROFILE": "nobody"}
    done = subprocess.run(
        ["/bin/sh", "-c", script], cwd=stack.root, env=environment, capture_output=True, text=True, check=False
    )
    assert "True\n" == done.stdout, done.stderr


def test_functions_see_nothing_of_the_command_line(stack: Stack) -> None:
    """The guard's modules are found by the embedded AWS's process alone, so that layers stay honest."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr(
            "app.py",
            "import importlib.util\n"
            "def handler(event, context):\n"
            "    return {name: importlib.util.find_spec(name) is not None for name in event['names']}\n",
        )
    functions = stack.client("lambda")
    role = functions.get_function_configuration(FunctionName=stack.outputs.rotation_function)["Role"]
    made = {"FunctionName": "guard-sees", "Runtime": "python3.11", "Handler": "app.handler", "Role": role}
    functions.create_function(**made, Code={"ZipFile": code.getvalue()})
    try:
        seen = stack.invoke("guard-sees", {"names": ["tokensync_cli", "guarded", "json"]})
    finally:
        functions.delete_function(FunctionName="guard-sees")
    assert {"tokensync_cli": False, "guarded": False, "json": True} == seen
