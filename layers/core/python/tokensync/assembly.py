"""Ties the rooms together over `Ports`: the same for the deployed functions and for the tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.authorize.begin import Consent
from tokensync.authorize.establish import Establisher
from tokensync.authorize.exchange import CodeExchange
from tokensync.authorize.finish import Finisher
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
from tokensync.operate.imports import Importer
from tokensync.operate.on_demand import OnDemand
from tokensync.operate.publish import Republisher
from tokensync.operate.push import Handover
from tokensync.operate.recover import Recoverer
from tokensync.operate.remove import Remover
from tokensync.operate.revoke import Revoker
from tokensync.operate.rotate_secret import SecretTrial
from tokensync.operate.verify import Verification
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
        self.committer = Committer(ports, publisher=self.publisher, kept_answers=self.kept_answers)
        self.restored = RestoredTable(ports)
        self.concluder = Concluder(ports, committer=self.committer, kept_answers=self.kept_answers)
        self.accounts = AccountReader(ports)
        self.verifier = Verifier(ports, accounts=self.accounts, concluder=self.concluder, committer=self.committer)
        self.establisher = Establisher(
            ports, committer=self.committer, kept_answers=self.kept_answers, restored=self.restored
        )
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
        self.pusher = Pusher(ports, committer=self.committer)
        self.worker = self._worker()
        self.ticker = Ticker(ports, claim=claim)
        self.batches = BatchRunner(ports, worker=self.worker, finisher=self.finisher)
        self.on_demand = OnDemand(ports, worker=self.worker)
        self.commands = self._commands(prefix, dead_letters)

    def _worker(self) -> Worker:
        ports, committer, concluder = self.ports, self.committer, self.concluder
        unsealer = Unsealer(ports.sealer)
        resumer = Resumer(ports, unsealer=unsealer, concluder=concluder)
        gate = Gate(ports, unsealer=unsealer, verifier=self.verifier, concluder=concluder, committer=committer)
        restored = RestoredCheck(
            ports,
            resumer=resumer,
            publisher=self.publisher,
            committer=committer,
            kept_answers=self.kept_answers,
        )
        due = DueWork(
            ports,
            unsealer=unsealer,
            gate=gate,
            held=HeldRules(ports, unsealer=unsealer, committer=committer),
            verifier=self.verifier,
            pusher=self.pusher,
            restored=restored,
            committer=committer,
        )
        return Worker(
            ports,
            kept_answers=self.kept_answers,
            table=self.restored,
            restored=restored,
            resumer=resumer,
            due=due,
            gate=gate,
            attempts=Attempts(ports, concluder=concluder, kept_answers=self.kept_answers),
            concluder=concluder,
            committer=committer,
        )

    def _commands(self, prefix: str, dead_letters: DeadLetters) -> RotationCommands:
        ports, on_demand, committer = self.ports, self.on_demand, self.committer
        verification = Verification(ports, on_demand=on_demand, verifier=self.verifier)
        redriver = Redriver(
            ports, dead_letters=dead_letters, kept_answers=self.kept_answers, redelivery=self.redelivery
        )
        return RotationCommands(
            on_demand=on_demand,
            ticker=self.ticker,
            importer=Importer(
                ports,
                on_demand=on_demand,
                establisher=self.establisher,
                verification=verification,
                verifier=self.verifier,
                accounts=self.accounts,
                restored=self.restored,
            ),
            verification=verification,
            revoker=Revoker(ports, on_demand=on_demand, concluder=self.concluder, committer=committer),
            remover=Remover(ports, on_demand=on_demand, committer=committer),
            republisher=Republisher(ports, on_demand=on_demand, committer=committer),
            accepter=Accepter(ports, on_demand=on_demand, committer=committer),
            handover=Handover(ports, on_demand=on_demand, pusher=self.pusher),
            trial=SecretTrial(ports, on_demand=on_demand, accounts=self.accounts),
            recoverer=Recoverer(ports, on_demand=on_demand, worker=self.worker, redriver=redriver),
            prefix=prefix,
        )


class CallbackParts(_Shared):
    """The callback function. An empty `base_url` means the request's own domain."""

    def __init__(
        self, ports: Ports, webhook_events: WebhookEvents, signer: Callable[[], Signer], base_url: str
    ) -> None:
        super().__init__(ports)
        self.consent = consent = Consent(ports, restored=self.restored)
        self.code_exchange = exchange = CodeExchange(
            ports, consent=consent, finisher=self.finisher, restored=self.restored
        )
        known = KnownNames(ports.apps, ports.clock)
        registered = KnownApps(ports.apps, known, ports.clock)
        self.seller_pages = SellerPages(
            ports, consent=consent, code_exchange=exchange, signer=signer, known=known, registered=registered
        )
        self.webhooks = Webhooks(
            ports, webhook_events=webhook_events, signer=signer, known=known, registered=registered
        )
        self.commands = CallbackCommands(
            ports, consent=consent, code_exchange=exchange, signer=signer, base_url=base_url
        )
