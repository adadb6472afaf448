"""Runs cases side by side on one stack."""

from __future__ import annotations

import itertools
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import boto3

from faults.matrix.judging import Judge, Verdict
from faults.matrix.playing import Play
from faults.matrix.registering import some_account
from faults.matrix.scene import World
from faults.matrix.watching import Reader
from faults.polling import Mail, at_rest
from faults.proxy import FaultProxy
from faults.workers import Workers
from tokensync.aws.kms import KmsKeys
from tokensync.aws.system import SystemClock
from tokensync.domain.sealing import EnvelopeSealer, Unsealer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from faults.matrix.cases import Case
    from stack import Stack

SIDE_BY_SIDE = 8
_NUMBERS = itertools.count(1)
_RUN = secrets.token_hex(3)  # an app for each case, and none twice on one stack


@contextmanager
def world(stack: Stack, *, layer: Path | None = None) -> Iterator[World]:
    """Give what cases need, the stack's own schedule at rest meanwhile, the workers in Python's development mode."""
    with ExitStack() as opened:
        home = Path(opened.enter_context(TemporaryDirectory(prefix="tokensync-faults-")))
        opened.enter_context(at_rest(stack))
        workers = opened.enter_context(Workers(stack, home, layer=layer, development=True))
        proxy = opened.enter_context(FaultProxy(stack.outputs.endpoint))
        reader = opened.enter_context(Reader(stack))
        yield World(stack, workers, Mail(stack), proxy, reader, some_account(stack))


def judge(world: World) -> Judge:
    """Return a judge who opens grants under the rotation function's role."""
    stack = world.stack
    keys = world.workers.credentials(stack.outputs.rotation_function)
    session = boto3.Session(
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=keys["AWS_SESSION_TOKEN"],
        region_name=stack.outputs.region,
    )
    client = session.client("kms", endpoint_url=stack.outputs.endpoint)
    return Judge(Unsealer(EnvelopeSealer(KmsKeys(client, stack.outputs.key_arn, SystemClock()))))


def run(world: World, cases: Sequence[Case], *, side_by_side: int = SIDE_BY_SIDE) -> Iterator[tuple[Case, Verdict]]:
    """Play and judge cases, several at once; yield each as it ends."""
    judging = judge(world)
    _ = (
        world.stack.secrets,
        world.stack.connections,
        world.stack.authorizations,
        world.stack.apps,
    )  # made by one thread
    stopped = threading.Event()

    def one(case: Case, app: str) -> Verdict:
        if stopped.is_set():
            raise InterruptedError
        try:
            return judging.verdict(Play(world, case, app).run())
        except AssertionError as error:
            return Verdict(str(case), broken=[str(error)[:2000]])

    with ThreadPoolExecutor(side_by_side) as pool:
        running = {pool.submit(one, case, f"case-{_RUN}-{next(_NUMBERS)}"): case for case in cases}
        try:
            for done in as_completed(running):
                yield running[done], done.result()
        except BaseException:
            stopped.set()
            world.workers.close()  # the cases under way end with their workers
            raise
        finally:
            pool.shutdown(cancel_futures=True)
