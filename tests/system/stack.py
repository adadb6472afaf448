"""The deployed embedded stack as tests use it: addresses, AWS clients, the sandbox, sellers and their browsers."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import parse_qs, urlsplit

import boto3
import httpx

from tokensync.authorize.links import Invite, Signer
from tokensync.aws.app_secrets import AppSecrets
from tokensync.aws.apps import AwsApps
from tokensync.aws.authorizations import DynamoAuthorizations
from tokensync.aws.connections import DynamoConnections
from tokensync.aws.dynamodb import DynamoTable
from tokensync.aws.system import SystemClock
from tokensync.domain.app import App
from tokensync.domain.names import ConnectionName, token_secret_name
from tokensync.domain.secret import Secret
from tokensync.entry.command_answers import OPERATORS_ALIAS
from tokensync_cli.embedded.administrator import Administrator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tokensync.domain.connection import Connection
    from tokensync_cli.embedded.outputs import Outputs

T = TypeVar("T")
WAIT = 150.0  # seconds: two of the schedule's minutes and the embedded AWS's own ten
PAST_ANY_LEASE = 150  # seconds: a function's life, the lease's margin, and the claim of a tick


def eventually(look: Callable[[], T], *, seconds: float = WAIT, pause: float = 0.25) -> T:
    """Return the first true value of `look`, asked again after each pause."""
    end = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} seconds")
        time.sleep(pause)
    return found


class Printed(NamedTuple):
    """What a command ended with: its exit code, the JSON that it printed, or its error's, and what people read."""

    code: int
    told: Any
    stderr: str


@dataclass(frozen=True)
class Sandbox:
    """The sandbox's control plane, and one app registered there."""

    url: str
    app_key: str
    app_secret: str
    service_id: str

    def call(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """Call the control plane."""
        answer = httpx.request(method, f"{self.url}/_sandbox/{path}", json=body or None, timeout=30)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def sellers(self, count: int) -> list[str]:
        """Add sellers and return their account ids."""
        added = self.call("POST", "accounts", provider="tiktok_shop", region="GB", count=count)["accounts"]
        return [account["account"] for account in added]

    def entries(self, **wanted: object) -> list[dict[str, Any]]:
        """Return this app's ledger entries."""
        query = "&".join(f"{key}={value}" for key, value in {"app": self.app_key, **wanted}.items())
        entries: list[dict[str, Any]] = self.call("GET", f"ledger?{query}")["entries"]
        return entries

    def doubles(self) -> list[dict[str, Any]]:
        """Return what was presented to this app more than once."""
        doubles = self.call("GET", "ledger")["doubles"]
        return [double for double in doubles if double["app"] == self.app_key]

    def fault(self, endpoint: str, fault: str, **more: Any) -> None:
        """Script a fault for this app."""
        self.call("POST", "faults", provider="tiktok_shop", endpoint=endpoint, fault=fault, app=self.app_key, **more)


@dataclass
class Browser:
    """A seller's browser. It carries our cookie by hand: Python's jars never send a __Host- cookie over http."""

    stack: Stack
    app: str
    sandbox: Sandbox
    cookie: str = ""
    state: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, url: str) -> httpx.Response:
        """Open a page without following it."""
        sent = {**self.headers, **({"cookie": self.cookie} if self.cookie else {})}
        answer = httpx.get(url, headers=sent, timeout=60)
        if "set-cookie" in answer.headers:
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer

    def connect(self, url: str) -> httpx.Response:
        """Open an invite's link."""
        answer = self.get(url)
        if "location" in answer.headers:
            self.state = parse_qs(urlsplit(answer.headers["location"]).query)["state"][0]
        return answer

    def consent(self, account: str) -> str:
        """Approve as one seller, and return where the provider sends the browser."""
        location: str = self.sandbox.call(
            "POST",
            "authorize",
            provider="tiktok_shop",
            app=self.sandbox.app_key,
            account=account,
            state=self.state,
        )["location"]
        return location

    def result(self) -> httpx.Response:
        """Look at the result page."""
        return self.get(f"{self.stack.outputs.connect_url}/{self.app}/result")


@dataclass(frozen=True)
class Stack:
    """One running embedded stack, in the project directory `root`."""

    root: Path
    outputs: Outputs

    @cached_property
    def session(self) -> boto3.Session:
        """The administrator's session."""
        return boto3.Session(
            aws_access_key_id=self.outputs.access_key_id,
            aws_secret_access_key=self.outputs.secret_access_key,
            region_name=self.outputs.region,
        )

    @property
    def administrator(self) -> Administrator:
        """The administrator's key."""
        return Administrator(self.outputs.access_key_id, self.outputs.secret_access_key)

    def client(self, service: str) -> Any:
        """Return an AWS client."""
        return self.session.client(service, endpoint_url=self.outputs.endpoint)  # type: ignore[call-overload]

    @cached_property
    def secrets(self) -> Any:
        """Secrets Manager."""
        return self.client("secretsmanager")

    @cached_property
    def table(self) -> DynamoTable:
        """The table."""
        return DynamoTable(self.client("dynamodb"), self.outputs.table)

    @cached_property
    def connections(self) -> DynamoConnections:
        """The connections' records."""
        return DynamoConnections(self.table)

    @cached_property
    def authorizations(self) -> DynamoAuthorizations:
        """The pending authorizations."""
        return DynamoAuthorizations(self.table)

    @cached_property
    def apps(self) -> AwsApps:
        """The apps."""
        registrations = AppSecrets(self.secrets, prefix=self.outputs.secret_prefix, stack=self.outputs.stack)
        return AwsApps(registrations, self.table, SystemClock())

    def add_app(self, name: str, **settings: object) -> Sandbox:
        """Register an app at the sandbox and here. Every secret that it hands out holds the canary `settings` name."""
        url = self.outputs.sandbox_url
        sandbox = Sandbox(
            url, f"key-{secrets.token_hex(4)}", f"CANARY-{secrets.token_hex(8)}", f"service-{secrets.token_hex(4)}"
        )
        sandbox.call(
            "POST",
            "apps",
            provider="tiktok_shop",
            app_key=sandbox.app_key,
            app_secret=sandbox.app_secret,
            service_id=sandbox.service_id,
            redirect_uri=f"{self.outputs.callback_url}/{name}",
            settings=settings,
        )
        self.apps.register(
            App(
                name=name,
                provider="tiktok_shop",
                client_id=sandbox.app_key,
                client_secret=Secret(sandbox.app_secret),
                service_id=sandbox.service_id,
                endpoints={
                    "authorize": f"{url}/tiktok_shop/open/authorize",
                    "token": f"{url}/tiktok_shop/api/v2/token/get",
                    "refresh": f"{url}/tiktok_shop/api/v2/token/refresh",
                    "api": f"{url}/tiktok_shop",
                },
            )
        )
        return sandbox

    def invite(self, app: str, *, expires_in: int = 3600, for_account: str = "", label: str = "") -> str:
        """Return an invite's link."""
        key = self.secrets.get_secret_value(SecretId=self.outputs.invite_key_name)["SecretString"]
        invite = Invite(
            id=secrets.token_hex(8),
            app=app,
            expires_at=int(time.time()) + expires_in,
            label=label,
            for_account=for_account,
        )
        return f"{self.outputs.connect_url}/{app}?invite={Signer([Secret(key)]).invite(invite)}"

    def connect(self, app: str, sandbox: Sandbox, account: str, *, for_account: str = "") -> ConnectionName:
        """Connect one seller through the real pages."""
        browser = Browser(self, app, sandbox)
        assert browser.connect(self.invite(app, for_account=for_account)).status_code == httpx.codes.FOUND
        assert browser.get(browser.consent(account)).status_code == httpx.codes.SEE_OTHER
        assert "Your account is connected" in browser.result().text
        return ConnectionName(app, account)

    def stored(self, name: ConnectionName) -> Connection:
        """Return a connection's record."""
        record = self.connections.get(name)
        assert record is not None
        return record

    def document(self, name: ConnectionName) -> dict[str, Any]:
        """Return what a workload reads."""
        secret = self.secrets.get_secret_value(SecretId=token_secret_name(self.outputs.secret_prefix, name))
        document: dict[str, Any] = json.loads(secret["SecretString"])
        return document

    def invoke(self, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """Invoke a function and return its answer; a function that broke answers with `errorMessage`."""
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        told: dict[str, Any] = json.loads(answer["Payload"].read())
        return told

    def ask(self, command: str, name: ConnectionName | None = None, **more: object) -> dict[str, Any]:
        """Ask the rotation function as the command line does."""
        about = {} if name is None else {"connection": str(name)}
        return self.command_to(self.outputs.rotation_function, {"tokensync": command, **about, **more})

    def command_to(self, function: str, command: dict[str, Any]) -> dict[str, Any]:
        """Send a command to a function by the alias that operators invoke."""
        return self.invoke(f"{function}:{OPERATORS_ALIAS}", command)

    def refresh(self, name: ConnectionName, **more: object) -> dict[str, Any]:
        """Refresh on demand."""
        return self.ask("refresh", name, **more)

    def tick(self) -> dict[str, Any]:
        """Let the rotation function look for what is due."""
        return self.ask("tick")

    @contextmanager
    def clock_ahead(self, seconds: int) -> Iterator[None]:
        """Set the functions' clock ahead meanwhile: what is due by then is due now, and leases are over."""
        clock = self.root / ".tokensync" / "host" / "clock"
        clock.write_text(str(seconds))
        try:
            yield
        finally:
            clock.unlink()

    def soon(self, look: Callable[[], T], *, ahead: int = PAST_ANY_LEASE) -> T:
        """Return the first true value of `look`, with no wait for a lease to end or for the schedule's next minute."""
        with self.clock_ahead(ahead):
            return eventually(lambda: self.tick() and look(), pause=1.0)

    def start_anew(self, *functions: str) -> None:
        """Let functions start cold: a warm one keeps what it read for half a minute, or a minute."""
        client = self.client("lambda")
        for function in functions:
            variables = client.get_function_configuration(FunctionName=function)["Environment"]["Variables"]
            anew = {"Variables": {**variables, "STARTED_ANEW": uuid.uuid4().hex}}
            client.update_function_configuration(FunctionName=function, Environment=anew)

    def command(self, *words: str, stdin: str = "") -> Printed:
        """Run the command line in the project's directory with --json."""
        program = str(self.root / ".venv" / "bin" / "tokensync")
        done = subprocess.run(
            [program, *words, "--json"], input=stdin, capture_output=True, text=True, check=False, cwd=self.root
        )
        told = json.loads(done.stdout) if done.stdout else json.loads(done.stderr)["error"]
        return Printed(done.returncode, told, done.stderr)

    def failpoint(self, name: str, action: str = "kill 1") -> None:
        """Place a failpoint for the next function that reaches it; each `wait` there until it is taken away."""
        directory = self.root / ".tokensync" / "host" / "failpoints"
        directory.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(action)

    def no_failpoint(self, name: str) -> None:
        """Take a failpoint away: what waits there goes on."""
        (self.root / ".tokensync" / "host" / "failpoints" / name).unlink()
