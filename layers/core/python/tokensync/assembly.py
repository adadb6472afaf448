"""Ties the rooms together over `Ports`: the same for the deployed functions and for the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.authorize.establish import Establisher
from tokensync.authorize.exchange import CodeExchange
from tokensync.authorize.finish import Finisher
from tokensync.authorize.redelivery import Redelivery
from tokensync.domain.sealing import Unsealer
from tokensync.entry.app_cache import KnownApps, KnownNames
from tokensync.entry.callback_commands import CallbackCommands, RotationCommands
from tokensync.entry.handing_commands import Handing
from tokensync.entry.queue import BatchRunner
from tokensync.entry.recovery_commands import Recovery
from tokensync.entry.seller_pages import SellerPages
from tokensync.entry.tick import Ticker
from tokensync.entry.upkeep_commands import Upkeep
from tokensync.entry.webhooks import Noticer, Webhooks
from tokensync.operate.accept import Accepter
from tokensync.operate.dead_letters import Redriver
from tokensync.operate.imports import Importer
from tokensync.operate.on_demand import OnDemand
from tokensync.operate.push import Handover
from tokensync.operate.recover import Recoverer
from tokensync.operate.remove import Remover
from tokensync.operate.revoke import Revoker
from tokensync.operate.rotate_secret import SecretTrial
from tokensync.operate.verify import Prover
from tokensync.refresh.account import AccountReader, Verifier
from tokensync.refresh.attempt import Attempts
from tokensync.refresh.commit import Committer
from tokensync.refresh.conclude import Concluder
from tokensync.refresh.due import DueWork
from tokensync.refresh.gate import Gate
from tokensync.refresh.held import HeldRules
from tokensync.refresh.kept_answers import KeptAnswers
from tokensync.refresh.publish import Publisher
from tokensync.refresh.push import Pusher
from tokensync.refresh.restored_table import RestoredCheck, RestoredTable
from tokensync.refresh.resume import Resumer
from tokensync.refresh.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from tokensync.authorize.links import Signer
    from tokensync.domain.ports import DeadLetters, Ports, WebhookEvents


class _Shared:
    """What both functions are made of."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.kept_answers = KeptAnswers(ports)
        self.publisher = Publisher(ports.secrets, ports.clock)
        self.committer = Committer(ports, self.publisher, self.kept_answers)
        self.restored = RestoredTable(ports)
        self.concluder = Concluder(ports, self.committer, self.kept_answers)
        self.accounts = AccountReader(ports)
        self.verifier = Verifier(ports, self.accounts, self.concluder, self.committer)
        self.establisher = Establisher(ports, committer=self.committer, restored=self.restored)
        self.redelivery = Redelivery(ports, restored=self.restored)
        self.finisher = Finisher(
            ports,
            concluder=self.concluder,
            accounts=self.accounts,
            establisher=self.establisher,
            verifier=self.verifier,
            restored=self.restored,
            redelivery=self.redelivery,
        )


class RotationParts(_Shared):
    """The rotation function. `claim` is the tick's claim in seconds, `prefix` the first part of secrets' names."""

    def __init__(self, ports: Ports, *, claim: int, prefix: str, dead_letters: DeadLetters) -> None:
        super().__init__(ports)
        self.pusher = Pusher(ports, self.committer)
        self.worker = self._worker()
        self.ticker = Ticker(ports, claim=claim)
        self.batches = BatchRunner(ports, worker=self.worker, finisher=self.finisher)
        self.on_demand = OnDemand(ports, worker=self.worker)
        self.upkeep = self._upkeep(prefix)
        self.handing = Handing(
            handover=Handover(ports, on_demand=self.on_demand, pusher=self.pusher),
            trial=SecretTrial(ports, on_demand=self.on_demand, accounts=self.accounts),
            prefix=prefix,
        )
        redriver = Redriver(
            ports, dead_letters=dead_letters, kept_answers=self.kept_answers, redelivery=self.redelivery
        )
        self.recovery = Recovery(Recoverer(ports, on_demand=self.on_demand, redriver=redriver))
        more = {**self.upkeep.commands(), **self.handing.commands(), **self.recovery.commands()}
        self.commands = RotationCommands(on_demand=self.on_demand, ticker=self.ticker, prefix=prefix, more=more)

    def _worker(self) -> Worker:
        ports, kept, concluder, committer = self.ports, self.kept_answers, self.concluder, self.committer
        unsealer = Unsealer(ports.sealer)
        resumer = Resumer(ports, unsealer, concluder)
        restored = RestoredCheck(ports, resumer, self.publisher, committer, kept)
        gate = Gate(ports, unsealer, self.verifier, concluder, committer)
        held = HeldRules(ports, unsealer, committer)
        due = DueWork(ports, unsealer, gate, held, self.verifier, self.pusher, restored, committer)
        attempts = Attempts(ports, concluder, kept)
        return Worker(ports, kept, self.restored, restored, resumer, due, gate, attempts, concluder, committer)

    def _upkeep(self, prefix: str) -> Upkeep:
        ports, on_demand, committer = self.ports, self.on_demand, self.committer
        prover = Prover(ports, on_demand=on_demand, verifier=self.verifier)
        return Upkeep(
            importer=Importer(
                ports, on_demand=on_demand, establisher=self.establisher, prover=prover, verifier=self.verifier
            ),
            prover=prover,
            revoker=Revoker(ports, on_demand=on_demand, concluder=self.concluder, committer=committer),
            remover=Remover(ports, on_demand=on_demand, committer=committer),
            accepter=Accepter(ports, on_demand=on_demand, committer=committer),
            prefix=prefix,
        )


class CallbackParts(_Shared):
    """The callback function. An empty `base_url` means the request's own domain."""

    def __init__(
        self, ports: Ports, webhook_events: WebhookEvents, signer: Callable[[], Signer], base_url: str
    ) -> None:
        super().__init__(ports)
        self.code_exchange = CodeExchange(ports, finisher=self.finisher, restored=self.restored)
        known = KnownNames(ports.apps, ports.clock)
        registered = KnownApps(ports.apps, known, ports.clock)
        self.seller_pages = SellerPages(
            ports, code_exchange=self.code_exchange, signer=signer, known=known, registered=registered
        )
        noticer = Noticer(ports, webhook_events=webhook_events, signer=signer)
        self.webhooks = Webhooks(ports, noticer=noticer, known=known, registered=registered)
        self.commands = CallbackCommands(ports, code_exchange=self.code_exchange, signer=signer, base_url=base_url)
