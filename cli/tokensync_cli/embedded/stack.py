"""Bring the embedded stack up, take it down, return its outputs.

`up` is idempotent and does only what is missing. One command at a time changes things; whatever stops an `up` in
the middle, nothing that it started stays behind.
"""

import time
from collections.abc import Callable
from pathlib import Path

from tokensync.domain.command_line import typed
from tokensync.domain.visible import Line
from tokensync_cli.embedded import administrator, completion, environments, inputs, servers
from tokensync_cli.embedded import outputs as stack_outputs
from tokensync_cli.embedded import ports as stack_ports
from tokensync_cli.embedded.administrator import Administrator
from tokensync_cli.embedded.deploy import STACK, Deployer, parameters
from tokensync_cli.embedded.errors import EmbeddedStackError
from tokensync_cli.embedded.exclusive import exclusive
from tokensync_cli.embedded.outputs import Outputs
from tokensync_cli.embedded.ports import ChosenPorts, Ports
from tokensync_cli.embedded.processes import Processes
from tokensync_cli.embedded.state import StateDirectory

Progress = Callable[[str], None]

# The inputs of the last deployment that was completed, and that the embedded AWS has in its state.
_DEPLOYED = "deployed.json"

# Functions in flight store what the sandbox answered before it stopped.
_LAST_WRITES_SECONDS = 1.0
_STOP_SECONDS = {servers.FRONT_DOOR: 5.0, servers.SANDBOX: 10.0, servers.AWS: 30.0}


def up(
    root: Path, *, home: Path | None = None, fresh: bool = False, ports: Ports | None = None, progress: Progress
) -> Outputs:
    """Bring the embedded stack of the project at `root` up and return its outputs once everything answers.

    Args:
        root: the project's directory, where `template.yaml` lies.
        home: where the stack keeps its `.tokensync/`; None is in `root`.
        fresh: forget everything that an earlier stack held.
        ports: ports to use instead of the earlier or free ones.
        progress: called with a few words on what is being done.

    Raises:
        EmbeddedStackError: with the likely cause, the log and the next command.
    """
    if not (root / "template.yaml").is_file():
        raise EmbeddedStackError(
            f"No template.yaml in {root}.", next_command=Line("tokensync up, in the project's directory")
        )
    stack = _Stack(root, home or root, progress)
    stack.state.create()
    with exclusive(stack.state.lock):
        if fresh:
            stack.stop()
            stack.state.forget()
            stack.state.create()
        return stack.up(ports)


def down(home: Path, *, progress: Progress) -> bool:
    """Stop every process of the embedded stack and keep its state. True if there was anything to stop."""
    stack = _Stack(home, home, progress)
    if not stack.state.path.is_dir():
        return False
    with exclusive(stack.state.lock):
        return stack.stop()


def outputs(home: Path) -> Outputs | None:
    """The outputs of the running embedded stack, or None while it is not up."""
    state = StateDirectory.of(home)
    processes = Processes(records=state.processes, logs=state.logs)
    found, key = state.read(stack_outputs.FILE), administrator.remembered(state)
    if found is None or key is None or not all(processes.is_running(name) for name in _STOP_SECONDS):
        return None
    return Outputs.of_file(found, key)


class _Stack:
    """The embedded stack of one project: made from what lies in `root`, kept in `home`."""

    def __init__(self, root: Path, home: Path, progress: Progress) -> None:
        self.root = root
        self.progress = progress
        self.state = StateDirectory.of(home)
        self.processes = Processes(records=self.state.processes, logs=self.state.logs)

    def up(self, wanted: Ports | None) -> Outputs:
        """Do what is missing."""
        self._settle_an_unclean_end()
        ports = stack_ports.choose(self.state, wanted)
        if ports != stack_ports.remembered(self.state):
            self.stop()
            stack_ports.remember(self.state, ports)
        key = self._administrator()
        ran_before = self._runs_wholly()
        try:
            return self._do_what_is_missing(ports, key)
        except BaseException:
            if not ran_before:
                self.stop()
            raise

    def stop(self) -> bool:
        """Stop what runs, in an order in which no answer of the sandbox's is lost; True if anything ran."""
        running = [name for name in _STOP_SECONDS if self.processes.is_running(name)]
        if not running:
            return False
        self.progress("Stopping")
        for name in running:
            if name == servers.AWS and servers.SANDBOX in running:
                time.sleep(_LAST_WRITES_SECONDS)
            self.processes.ask_to_stop(name)
            self.processes.wait_until_stopped(name, _STOP_SECONDS[name])
        return True

    def _administrator(self) -> Administrator:
        """The key of the stack whose state is kept; what runs from before there was one does not know it."""
        key = administrator.remembered(self.state)
        if key is None:
            self.stop()
            key = Administrator.made()
            administrator.remember(self.state, key)
        return key

    def _do_what_is_missing(self, ports: ChosenPorts, key: Administrator) -> Outputs:
        """Install, start, deploy, each only if needed; then wait until a request reaches the callback function."""
        aws_environment, sam_environment = environments.embedded_aws(self.root), environments.sam(self.root)
        self._install(aws_environment)
        self._start_what_keeps_state(ports, key)
        found = self._deployed(ports, key)
        if found is None:
            self._install(sam_environment)
            found = self._deploy(ports, key)
        if not self.processes.is_running(servers.FRONT_DOOR):
            stack_ports.require_free(servers.FRONT_DOOR, ports.front_door)
            self.processes.start(servers.front_door(self.state, ports, found.api_id))
        self.progress("Waiting until everything answers")
        servers.wait_until_ready(self.processes, servers.FRONT_DOOR, ports.front_door_url)
        servers.require_the_callback_function(self.processes, ports)
        return found

    def _install(self, environment: environments.Environment) -> None:
        """Make one environment right."""
        if not environment.is_right:
            self.progress(f"Installing {environment.path.name}")
            environments.synchronize(environment, self.root, self.state.logs / "installation.log")

    def _start_what_keeps_state(self, ports: ChosenPorts, key: Administrator) -> None:
        """Start the embedded AWS and the sandbox."""
        missing = [
            (launch, port)
            for launch, port in (
                (servers.embedded_aws(self.root, self.state, ports, key), ports.aws),
                (servers.sandbox(self.state, ports), ports.sandbox),
            )
            if not self.processes.is_running(launch.name)
        ]
        if not missing:
            return
        self.progress("Starting")
        for launch, port in missing:
            stack_ports.require_free(launch.name, port)
        for launch, _ in missing:
            if launch.name == servers.AWS:
                self.state.empty_scratch()
            self.processes.start(launch)
        try:
            servers.wait_until_ready(self.processes, servers.AWS, f"{ports.aws_url}/_ministack/ready")
            servers.wait_until_ready(self.processes, servers.SANDBOX, f"{ports.sandbox_url}/_sandbox/health")
        except EmbeddedStackError:
            # What ended before it was ready had no time to change anything: that is no unclean end.
            for launch, _ in missing:
                self.processes.forget_if_dead(launch.name)
            raise

    def _deployed(self, ports: ChosenPorts, key: Administrator) -> Outputs | None:
        """The outputs of the last deployment if nothing has changed since, else None."""
        record, found = self.state.read(_DEPLOYED), self.state.read(stack_outputs.FILE)
        if record is None or found is None or record.get("inputs") != self._inputs(ports):
            return None
        return Outputs.of_file(found, key)

    def _deploy(self, ports: ChosenPorts, key: Administrator) -> Outputs:
        """Build, deploy, complete; then remember from what it was made."""
        deployer = Deployer(self.root, self.state, ports.aws_url, key)
        made_from = self._inputs(ports)
        self.progress("Building")
        deployer.build()
        if self.state.read(_DEPLOYED) is not None:
            # Neither the old inputs nor the new ones, should this be the last that happens.
            self.state.write(_DEPLOYED, {"inputs": None})
        self.progress("Deploying")
        named = deployer.deploy(parameters(ports))
        completion.complete(deployer.aws, STACK)
        made = Outputs.of_deployment(STACK, ports, named, key)
        before = self.state.read(stack_outputs.FILE)
        if before is not None and before.get("api_id") != made.api_id:
            self._stop_front_door()
        self.state.write(stack_outputs.FILE, made.as_file())
        self.state.write(_DEPLOYED, {"inputs": made_from})
        return made

    def _inputs(self, ports: ChosenPorts) -> str:
        return inputs.fingerprint(self.root, parameters(ports))

    def _stop_front_door(self) -> None:
        """Stop the front door: it leads to an API that is gone."""
        self.processes.ask_to_stop(servers.FRONT_DOOR)
        self.processes.wait_until_stopped(servers.FRONT_DOOR, _STOP_SECONDS[servers.FRONT_DOOR])

    def _runs_wholly(self) -> bool:
        return all(self.processes.is_running(name) for name in _STOP_SECONDS)

    def _settle_an_unclean_end(self) -> None:
        """Refuse to go on from states that do not belong together.

        The embedded AWS and the sandbox write their states at a clean stop. If one of them was killed, its state is
        older than what the other one has seen: every token would look spent.
        """
        if self.state.read(_DEPLOYED) is None and not self._runs_wholly():
            # No deployment was ever completed: whatever an interrupted first start left is worth nothing.
            self.stop()
            self.state.forget()
            self.state.create()
        elif any(self.processes.died(name) for name in (servers.AWS, servers.SANDBOX)):
            self.stop()
            raise EmbeddedStackError(
                "The embedded stack was not stopped cleanly, so what it held is out of step and cannot be used. "
                "Start anew; its sandbox connections are lost.",
                next_command=typed("tokensync up --fresh"),
                log=self.processes.log(servers.AWS),
            )
