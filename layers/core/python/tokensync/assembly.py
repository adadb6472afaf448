"""Ties the rooms together over `Ports`: the same for the deployed functions and for the tests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tokensync.authorize.account import GrantReader
from tokensync.authorize.begin import Consent
from tokensync.authorize.connect import Connector
from tokensync.authorize.endings import Endings
from tokensync.authorize.establish import Establisher
from tokensync.authorize.exchange import CodeExchange
from tokensync.authorize.finish import Finisher
from tokensync.authorize.merge import Merger
from tokensync.authorize.redelivery import Redelivery
from tokensync.domain.sealing import Unsealer
from tokensync.entry.app_cache import KnownApps, KnownNames
from tokensync.entry.callback_commands import CallbackCommands
from tokensync.entry.queue import BatchRunner
from tokensync.entry.rotation_commands import RotationCommands
from tokensync.entry.seller_pages import SellerPages
from tokensync.entry.tick import Ticker
from tokensync.entry.webhooks import Webhooks
from tokensync.operate.accept import Accepter
from tokensync.operate.dead_letters import Redriver
from tokensync.operate.export import Exports
from tokensync.operate.import_facts import BroughtFacts
from tokensync.operate.imports import Importer
from tokensync.operate.on_demand import OnDemand
from tokensync.operate.publish import Republisher
from tokensync.operate.push import Handover
from tokensync.operate.recover import Recoverer
from tokensync.operate.remove import Remover
from tokensync.operate.reread import Rereader
from tokensync.operate.revoke import Revoker
from tokensync.operate.rotate_secret import SecretTrial
from tokensync.operate.verify import Verification
from tokensync.refresh.account import AccountReader, Verifier
from tokensync.refresh.attempt import Attempts
from tokensync.refresh.commit import Committer
from tokensync.refresh.conclude import Concluder
from tokensync.refresh.due import DueWork
from tokensync.refresh.end import End
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
        self.restored_table = RestoredTable(ports)
        self.end = End(ports, self.committer)
        self.concluder = Concluder(ports, self.committer, self.kept_answers, self.end)
        self.accounts = AccountReader(ports)
        self.verifier = Verifier(ports, self.accounts, self.concluder, self.committer, self.end)
        self.establisher = Establisher(ports, self.committer, self.kept_answers, self.restored_table)
        self.redelivery = Redelivery(ports, self.restored_table)
        self.connector = Connector(ports, self.concluder, self.verifier, self.establisher)
        self.finisher = Finisher(
            ports,
            GrantReader(ports, self.accounts),
            self.connector,
            Endings(ports, self.concluder),
            self.restored_table,
            self.redelivery,
        )


class RotationParts(_Shared):
    """The rotation function. `claim` is the tick's claim in seconds, `prefix` the first part of secrets' names."""

    def __init__(self, ports: Ports, *, claim: int, prefix: str, dead_letters: DeadLetters) -> None:
        super().__init__(ports)
        self.pusher = Pusher(ports, self.committer)
        self.worker = self._worker()
        # Only this function opens stored grants, so only here can a new one be merged into them.
        merger = Merger(ports, self.establisher, self.worker)
        self.merger, self.finisher = merger, replace(self.finisher, connector=replace(self.connector, merger=merger))
        self.ticker = Ticker(ports, claim=claim)
        self.batches = BatchRunner(ports, worker=self.worker, finisher=self.finisher)
        self.on_demand = OnDemand(ports, worker=self.worker)
        self.commands = self._commands(prefix, dead_letters)

    def _worker(self) -> Worker:
        ports, kept, concluder, committer = self.ports, self.kept_answers, self.concluder, self.committer
        unsealer = Unsealer(ports.sealer)
        resumer = Resumer(ports, unsealer, concluder)
        restored_check = RestoredCheck(ports, resumer, self.publisher, committer, kept)
        gate = Gate(ports, unsealer, self.verifier, concluder, committer, self.end)
        held = HeldRules(ports, unsealer, committer)
        due = DueWork(ports, unsealer, gate, held, self.verifier, self.pusher, self.end, restored_check, committer)
        return Worker(
            ports=ports,
            kept_answers=kept,
            restored_table=self.restored_table,
            restored_check=restored_check,
            resumer=resumer,
            due=due,
            gate=gate,
            attempts=Attempts(ports, concluder, kept),
            concluder=concluder,
            committer=committer,
        )

    def _commands(self, prefix: str, dead_letters: DeadLetters) -> RotationCommands:
        ports, on_demand, accounts, committer = self.ports, self.on_demand, self.accounts, self.committer
        verification = Verification(ports, on_demand, self.verifier)
        redriver = Redriver(ports, dead_letters, self.kept_answers, self.redelivery)
        recoverer = Recoverer(ports, on_demand, self.worker, redriver)
        return RotationCommands(
            on_demand=on_demand,
            ticker=self.ticker,
            importer=Importer(
                ports,
                on_demand,
                self.establisher,
                self.merger,
                verification,
                self.verifier,
                accounts,
                self.restored_table,
                BroughtFacts(ports, on_demand, committer),
            ),
            verification=verification,
            revoker=Revoker(ports, on_demand, self.concluder, committer),
            remover=Remover(ports, on_demand, committer),
            republisher=Republisher(ports, on_demand, committer),
            accepter=Accepter(ports, on_demand, committer),
            handover=Handover(ports, on_demand, self.pusher),
            exports=Exports(ports, on_demand),
            trial=SecretTrial(ports, on_demand, accounts),
            recoverer=recoverer,
            rereader=Rereader(ports, Unsealer(ports.sealer), recoverer, self.finisher),
            prefix=prefix,
        )


class CallbackParts(_Shared):
    """The callback function. An empty `base_url` means the request's own domain."""

    def __init__(
        self, ports: Ports, webhook_events: WebhookEvents, signer: Callable[[], Signer], base_url: str
    ) -> None:
        super().__init__(ports)
        self.consent = Consent(ports, self.restored_table)
        self.code_exchange = CodeExchange(ports, self.consent, self.finisher, self.restored_table)
        known = KnownNames(ports.apps, ports.clock)
        registered = KnownApps(ports.apps, known, ports.clock)
        self.seller_pages = SellerPages(ports, self.consent, self.code_exchange, signer, known, registered)
        self.webhooks = Webhooks(ports, webhook_events, signer, known, registered)
        self.commands = CallbackCommands(ports, self.consent, self.code_exchange, signer, base_url)
