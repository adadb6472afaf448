"""The operating page's runbooks about the end of a stack, word for word, on a second stack beside the shared one."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx
import pytest

from embedded import free_ports
from fault_rows import fault
from readme.shell import Shell, runbook
from stack import Printed, Stack, eventually
from tokensync.domain.connection import Reason, Status
from tokensync_cli.embedded import completion, servers
from tokensync_cli.embedded.deploy import Deployer, parameters
from tokensync_cli.embedded.outputs import Outputs
from tokensync_cli.embedded.ports import ChosenPorts
from tokensync_cli.embedded.state import StateDirectory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stack import Sandbox
    from tokensync.domain.names import ConnectionName

NAME, APP = "kept", "kept-shop"
# Where the page writes the stack's name, and not the program's or the tag's.
IN_PLACE = re.compile(r"(?<=--stack )tokensync|(?<=--stack-name )tokensync|(?<=')tokensync(?=['/-])|tokensync(?=-res)")
DEPLOYMENT = "tokensync deploy\n"


def about_this(script: str) -> str:
    """Return a runbook with this stack's name in it."""
    return IN_PLACE.sub(NAME, script)


@dataclass
class SecondStack:
    """A stack of another name on the shared embedded AWS, with a front door of its own; it outlives its deletion."""

    shell: Shell
    ports: ChosenPorts
    doors: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def runs(self, script: str, **variables: str) -> str:
        """Run a runbook about this stack and return what it printed; its deployment is the embedded stack's own."""
        script = about_this(script)
        printed = self.shell.runs(script.removesuffix(DEPLOYMENT), **variables)
        if script.endswith(DEPLOYMENT):
            self.deploy()
        return printed

    def deploy(self) -> None:
        """Deploy what the shared stack was built from, finish it as `tokensync up` does, and open the front door."""
        endpoint, root = self.shell.stack.outputs.endpoint, self.shell.stack.root
        deployer = Deployer(root, StateDirectory.of(root), endpoint, self.shell.stack.administrator, stack=NAME)
        named = deployer.deploy(parameters(self.ports))
        completion.complete(deployer.aws, NAME)
        self.close()
        door = servers.front_door(deployer.state, self.ports, named["ApiId"])
        self.doors.append(subprocess.Popen(door.command, env=door.environment, cwd=door.directory))
        eventually(self._answers, seconds=30)

    def close(self) -> None:
        """Close the front door."""
        while self.doors:
            door = self.doors.pop()
            door.terminate()
            door.wait(30)

    def stack(self) -> Stack:
        """Return the stack as tests use it, with the outputs that it has now."""
        client = self.shell.stack.client("cloudformation")
        told = client.describe_stacks(StackName=NAME)["Stacks"][0]["Outputs"]
        named = {output["OutputKey"]: output["OutputValue"] for output in told}
        return Stack(
            self.shell.stack.root, Outputs.of_deployment(NAME, self.ports, named, self.shell.stack.administrator)
        )

    def command(self, *words: str) -> Printed:
        """Run the command line against this stack."""
        done = self.shell.run(shlex.join(["tokensync", *words, "--stack", NAME, "--json"]))
        told = json.loads(done.stdout) if done.stdout else json.loads(done.stderr)["error"]
        return Printed(done.returncode, told, done.stderr)

    def _answers(self) -> bool:
        try:
            return not httpx.get(f"{self.ports.front_door_url}/connect/ready", timeout=40).is_server_error
        except httpx.TransportError:
            return False


@pytest.fixture(scope="module")
def second(stack: Stack, tmp_path_factory: pytest.TempPathFactory, process_number: int) -> Iterator[SecondStack]:
    """Return a second stack."""
    shell = Shell.of(stack, tmp_path_factory.mktemp("programs"))
    aws, sandbox = (httpx.URL(url).port for url in (stack.outputs.endpoint, stack.outputs.sandbox_url))
    assert aws is not None
    assert sandbox is not None
    ports = ChosenPorts(aws=aws, front_door=free_ports(process_number, 5)[-1], sandbox=sandbox)
    made = SecondStack(shell, ports)
    made.deploy()
    yield made
    made.close()


@pytest.fixture(scope="module")
def shop(second: SecondStack) -> Sandbox:
    """Return an app whose tokens the schedule leaves alone. It stays: its secret outlives each stack as well."""
    return second.stack().add_app(APP, access_token_seconds=36_000)


def connected(stack: Stack, shop: Sandbox, count: int) -> list[ConnectionName]:
    """Connect as many sellers, and write each one's secret again.

    The embedded AWS gives a created secret's version an id of its own: only one that was written again is known.
    """
    names = [stack.connect(APP, shop, account) for account in shop.sellers(count)]
    assert all(stack.refresh(name)["ok"] for name in names)
    return names


@fault("F16")
def test_a_deleted_stack_comes_back(second: SecondStack, shop: Sandbox) -> None:
    """Its grants are refreshed by new functions, nothing counts as restored, and links that were sent have ended."""
    before = second.stack()
    names = connected(before, shop, 2)
    link = before.invite(APP)
    published = {name: before.document(name) for name in names}

    second.runs(f"sam delete --stack-name {NAME} --no-prompts")
    assert published == {name: before.document(name) for name in names}
    second.runs(runbook("take-up --stack tokensync\n"))

    after = second.stack()
    kept = ("table", "key_arn", "secret_prefix")
    assert [getattr(before.outputs, part) for part in kept] == [getattr(after.outputs, part) for part in kept]
    assert before.outputs.api_id != after.outputs.api_id
    listed = {(row["connection"], row["status"]) for row in second.command("list").told}
    assert listed >= {(str(name), "active") for name in names}
    for name in names:
        assert 0 == second.command("refresh", str(name)).code
        assert published[name]["access_token"] != after.document(name)["access_token"]
        assert published[name]["generation"] + 1 == after.document(name)["generation"]
        assert after.stored(name).table is None
    assert [] == shop.doubles()
    assert httpx.codes.FORBIDDEN == httpx.get(link, timeout=30).status_code
    after.connect(APP, shop, *shop.sellers(1))


@fault("F16")
def test_a_restored_table_is_taken_up_as_one(second: SecondStack, shop: Sandbox) -> None:
    """A connection that was refreshed since is quarantined with its token unspent; another one goes on."""
    before = second.stack()
    older, same = connected(before, shop, 2)
    restore, take_up = runbook("restore-table-to-point-in-time").split("sam delete")
    second.runs(restore)
    assert before.refresh(older)["ok"] is True
    published, shown = before.document(older), shop.entries(account=older.account)

    second.runs(f"sam delete{take_up}", KEY=before.outputs.key_arn)

    after = second.stack()
    assert (f"{NAME}-restored", before.outputs.key_arn) == (after.outputs.table, after.outputs.key_arn)
    code, error, _ = second.command("refresh", str(older))
    assert (4, f"tokensync invite {APP} --for {older}") == (code, error["next"])
    assert (Status.QUARANTINED, Reason.RESTORED_TABLE) == (after.stored(older).status, after.stored(older).reason)
    assert (published, shown) == (after.document(older), shop.entries(account=older.account))
    assert 0 == second.command("refresh", str(same)).code
    assert [] == shop.doubles()
    dynamodb = after.client("dynamodb")
    dynamodb.update_table(TableName=before.outputs.table, DeletionProtectionEnabled=False)
    dynamodb.delete_table(TableName=before.outputs.table)


def test_everything_is_removed(second: SecondStack, shop: Sandbox) -> None:
    """Nothing is left that the page's own list finds, but for a key that waits for its end."""
    stack = second.stack()
    connected(stack, shop, 1)

    second.runs(runbook("schedule-key-deletion"))

    assert ["PendingDeletion"] == second.runs(runbook("KeyState"), KEY=stack.outputs.key_arn).split()
