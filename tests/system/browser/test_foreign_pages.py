"""A stranger's page in the developer's browser meets the embedded stack: it reads nothing and does nothing."""

from __future__ import annotations

import base64
import io
import json
import threading
import zipfile
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from stack import Stack

EVIL = "evil.example"
FUNCTION, USER = "evil", "evil"
JSON = "application/x-amz-json-1.1"
FORM = "application/x-www-form-urlencoded"
SECONDS = 20_000
# Asks for everything one after the other, in each way that a page has, and returns what it could read.
ATTACK = """async attempts => {
  const read = [];
  for (const {url, options} of attempts) {
    for (const mode of ["cors", "no-cors"]) {
      for (const sent of [options, {method: options.method, body: options.body}]) {
        try {
          const answer = await fetch(url, {...sent, mode, signal: AbortSignal.timeout(5000)});
          read.push([url, answer.type, answer.status, await answer.text()]);
        } catch (error) { }
      }
    }
    if (options.method == "GET") {
      const image = new Image();
      const over = new Promise(done => { image.onload = image.onerror = done; });
      image.src = url;
      await over;
    } else {
      const frame = document.createElement("iframe"), form = document.createElement("form");
      frame.name = "frame" + read.length;
      Object.assign(form, {target: frame.name, action: url, method: "POST", enctype: "text/plain"});
      if (options.body && options.body.includes("Action=")) {
        form.enctype = "application/x-www-form-urlencoded";
        for (const [name, value] of new URLSearchParams(options.body)) {
          const input = document.createElement("input");
          Object.assign(input, {name, value});
          form.append(input);
        }
      }
      document.body.append(frame, form);
      const over = new Promise(done => { frame.onload = done; setTimeout(done, 3000); });
      form.submit();
      await over;
    }
  }
  return read;
}"""
SOCKET = """async url => new Promise(done => {
  const socket = new WebSocket(url);
  socket.onopen = () => done("open");
  socket.onerror = () => done("refused");
})"""


@pytest.fixture(scope="module")
def resolves() -> str:
    """Let a stranger's name lead to this machine."""
    return f"MAP {EVIL} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"


class Anything(BaseHTTPRequestHandler):
    """Answers everything with an empty page."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>A stranger's page</title>")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def strangers_port() -> Iterator[int]:
    """Serve a stranger's pages from this machine, as a development server does."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Anything)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """Return a tab of a new browser."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()


@dataclass(frozen=True)
class Embedded:
    """The embedded AWS as a stranger would like to use it, and what shows whether he did."""

    stack: Stack
    witness: Path
    secret: str

    def attempts(self, base: str) -> list[dict[str, Any]]:
        """Every call that counts, to this address: with the stack's own key, as if it were known, and with `test`."""
        outputs = self.stack.outputs
        own = Credentials(outputs.access_key_id, outputs.secret_access_key)
        keys = (own, Credentials("test", "test"), Credentials("000000000000", "test"))
        return [
            {"url": f"{base}{path}", "options": _signed(key, service, f"{method} {base}{path}", kind, body)}
            for key in keys
            for service, method, path, kind, body in self._calls()
        ]

    def _calls(self) -> list[tuple[str, str, str, str, str]]:
        lambdas = "/2015-03-31/functions"
        role = self.stack.client("lambda").get_function_configuration(FunctionName=f"{FUNCTION}-witness")["Role"]
        made = {
            "FunctionName": FUNCTION,
            "Runtime": "python3.11",
            "Handler": "app.handler",
            "Role": role,
            "Code": {"ZipFile": base64.b64encode(zipped()).decode()},
        }
        return [
            ("secretsmanager", "POST", "/?secretsmanager.ListSecrets", f"{JSON}|secretsmanager.ListSecrets", "{}"),
            (
                "secretsmanager", "POST", "/", f"{JSON}|secretsmanager.GetSecretValue",
                json.dumps({"SecretId": self.secret}),
            ),
            ("lambda", "POST", lambdas, "application/json", json.dumps(made)),
            ("lambda", "POST", f"{lambdas}/{FUNCTION}-witness/invocations", "application/json", self.event),
            ("iam", "POST", "/", FORM, f"Action=CreateUser&Version=2010-05-08&UserName={USER}"),
            ("iam", "GET", f"/?Action=CreateUser&Version=2010-05-08&UserName={USER}", "", ""),
            ("s3", "GET", "/", "", ""),
            ("s3", "POST", "/_ministack/config", "application/json", '{"stepfunctions._SFN_WAIT_SCALE": 0}'),
            ("s3", "POST", "/_ministack/reset", "", ""),
            ("s3", "GET", "/_ministack/lambda-code/evil-witness", "", ""),
        ]  # fmt: skip

    @property
    def event(self) -> str:
        """What the witness is invoked with."""
        return json.dumps({"path": str(self.witness)})

    def untouched(self) -> None:
        """Assert that all is as it was."""
        iam, functions = self.stack.client("iam"), self.stack.client("lambda")
        assert USER not in {user["UserName"] for user in iam.list_users()["Users"]}
        assert FUNCTION not in {one["FunctionName"] for one in functions.list_functions()["Functions"]}
        assert not self.witness.exists()
        assert self.stack.secrets.get_secret_value(SecretId=self.secret)["SecretString"] == "a canary"


def zipped() -> bytes:
    """The code of a function that leaves a file behind."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    open(event['path'], 'w').write('ran')\n")
    return code.getvalue()


def _signed(key: Credentials, service: str, line: str, kind: str, body: str) -> dict[str, Any]:
    """What `fetch` is given for a signed call; a browser sets Host by itself."""
    method, _, url = line.partition(" ")
    kind, _, target = kind.partition("|")
    headers = {"content-type": kind} if kind else {}
    headers |= {"x-amz-target": target} if target else {}
    request = AWSRequest(method, url, headers=headers, data=body)
    SigV4Auth(key, service, "us-east-1").add_auth(request)
    return {"method": method, "headers": dict(request.headers.items())} | ({"body": body} if method != "GET" else {})


@pytest.fixture
def embedded(stack: Stack, tmp_path: Path) -> Iterator[Embedded]:
    """Return the embedded AWS with a function and a secret that nobody touches but us."""
    functions, name = stack.client("lambda"), f"{FUNCTION}-witness"
    role = functions.get_function_configuration(FunctionName=stack.outputs.rotation_function)["Role"]
    functions.create_function(
        FunctionName=name, Runtime="python3.11", Handler="app.handler", Role=role, Code={"ZipFile": zipped()}
    )
    secret = stack.secrets.create_secret(Name="evil-canary", SecretString="a canary")["ARN"]
    yield Embedded(stack, tmp_path / "ran", secret)
    functions.delete_function(FunctionName=name)
    stack.secrets.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)


def rebound(page: Page, address: str) -> Page:
    """Return a page of the origin that a stranger's page has when his name leads to this machine by now."""
    page.goto(f"{address}/page")
    return page


@pytest.mark.parametrize("name", ["127.0.0.1", EVIL])
@pytest.mark.parametrize("target", ["127.0.0.1", "localhost"])
def test_a_page_cannot_use_the_embedded_aws(
    embedded: Embedded, page: Page, strangers_port: int, name: str, target: str
) -> None:
    """A page from another port, or of another name, reads nothing and does nothing, even if it knew the key."""
    port = urlsplit(embedded.stack.outputs.endpoint).port
    page.goto(f"http://{name}:{strangers_port}/")

    read = page.evaluate(ATTACK, embedded.attempts(f"http://{target}:{port}"))

    assert [] == [answer for answer in read if answer[1] != "opaque" or answer[3]]
    assert "refused" == page.evaluate(SOCKET, f"ws://{target}:{port}/_aws/execute-api/a1b2c3d4/prod")
    embedded.untouched()


def test_a_rebound_name_cannot_use_the_embedded_aws(embedded: Embedded, page: Page) -> None:
    """A page whose name leads to this machine is of one origin with it, and is told that its name is none of ours."""
    address = f"http://{EVIL}:{urlsplit(embedded.stack.outputs.endpoint).port}"

    read = rebound(page, address).evaluate(ATTACK, embedded.attempts(address))

    assert read
    assert {403} == {status for _, _, status, _ in read}
    assert [] == [text for *_, text in read if "canary" in text or EVIL in text]
    embedded.untouched()


def test_the_key_opens_what_pages_do_not_get(embedded: Embedded) -> None:
    """The same calls, made by a program with the key, are done: what the tests above look for would be there."""
    base = embedded.stack.outputs.endpoint
    own = [one for one in embedded.attempts(base) if embedded.stack.outputs.access_key_id in str(one)]
    answers = {
        one["url"]: httpx.request(one["options"]["method"], one["url"], headers=one["options"]["headers"],
                                  content=one["options"].get("body"))
        for one in own
    }  # fmt: skip
    iam, functions = embedded.stack.client("iam"), embedded.stack.client("lambda")
    functions.delete_function(FunctionName=FUNCTION)
    iam.delete_user(UserName=USER)
    assert embedded.witness.exists()
    assert "evil-canary" in answers[f"{base}/?secretsmanager.ListSecrets"].text
    assert {403} == {answer.status_code for url, answer in answers.items() if "/_ministack/" in url}


def others(stack: Stack) -> dict[str, list[tuple[str, str, str]]]:
    """Return what a stranger would ask the other servers for, by address: method, path, body."""
    outputs = stack.outputs
    return {
        outputs.connect_url.removesuffix("/connect"): [
            ("GET", "/connect/tiktok-shop", ""),
            ("GET", "/callback/tiktok-shop?code=a&state=b", ""),
            ("POST", "/webhooks/tiktok-shop", "{}"),
        ],
        str(outputs.sandbox_url): [
            ("GET", "/", ""),
            ("GET", "/.well-known/oauth-authorization-server", ""),
            ("POST", "/oauth2/token", "grant_type=refresh_token"),
            ("GET", "/_sandbox/ledger", ""),
            ("GET", "/_sandbox/apps", ""),
            ("POST", "/_sandbox/clock", '{"offset": 20000}'),
        ],
    }


def clock_of(stack: Stack) -> float:
    """Return by how much the sandbox's clock was moved."""
    offset: float = httpx.get(f"{stack.outputs.sandbox_url}/_sandbox/health").json()["offset"]
    return offset


@pytest.mark.parametrize("name", ["127.0.0.1", EVIL])
@pytest.mark.parametrize("target", ["127.0.0.1", "localhost"])
def test_a_page_reads_nothing_of_the_other_servers(
    stack: Stack, page: Page, strangers_port: int, name: str, target: str
) -> None:
    """Front door and sandbox answer no page of another origin, and the control plane does nothing for one."""
    page.goto(f"http://{name}:{strangers_port}/")
    for address, asked in others(stack).items():
        base = f"http://{target}:{urlsplit(address).port}"
        read = page.evaluate(ATTACK, [_asked(base, *one) for one in asked])
        assert [] == [answer for answer in read if answer[1] != "opaque" or answer[3]]
        assert "refused" == page.evaluate(SOCKET, f"ws://{target}:{urlsplit(address).port}/connect/tiktok-shop")
    assert 0 == clock_of(stack)


def test_a_rebound_name_is_none_of_ours(stack: Stack, page: Page) -> None:
    """Front door, sandbox and control plane answer under their own names alone."""
    for address, asked in others(stack).items():
        base = f"http://{EVIL}:{urlsplit(address).port}"
        read = rebound(page, base).evaluate(ATTACK, [_asked(base, *one) for one in asked])
        assert {403} == {status for _, _, status, _ in read}
        assert [] == [text for *_, text in read if "ledger" in text or EVIL in text]
    assert 0 == clock_of(stack)


def test_no_server_answers_a_preflight(stack: Stack) -> None:
    """Asked as Chromium asks, for any path: no success, and no header that lets a page go on."""
    asks = {
        "Origin": "http://127.0.0.1:9",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,x-amz-target",
        "Access-Control-Request-Private-Network": "true",
    }
    paths = {
        stack.outputs.endpoint: [("", "/"), ("", "/2015-03-31/functions"), ("", "/_ministack/reset")],
        **others(stack),
    }
    for address, asked in paths.items():
        for _, path, *_ in asked:
            for answer in (
                httpx.options(f"{address}{path}", headers=asks),
                httpx.options(f"{address}{path}"),
                httpx.get(f"{address}{path}", headers={"Origin": "http://127.0.0.1:9"}),
            ):
                assert [] == [header for header in answer.headers if header.startswith("access-control-")]
                assert answer.request.method == "GET" or answer.is_client_error


def _asked(base: str, method: str, path: str, body: str) -> dict[str, Any]:
    return {"url": f"{base}{path}", "options": {"method": method} | ({"body": body} if method != "GET" else {})}
