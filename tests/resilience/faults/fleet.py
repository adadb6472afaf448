"""A fleet of connections as an administrator seeds it: sandbox, table and secrets at once, without consent pages.

fleet = seeded(stack, "throttled", count=100)           # oauth2, single use, every one due now
fleet.names, fleet.presentations(), fleet.doubles(), fleet.places()
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import httpx

from tokensync.aws.dynamodb import DUE
from tokensync.aws.items import connection_attributes, connection_key, partition
from tokensync.aws.kms import KmsKeys
from tokensync.aws.system import SystemClock
from tokensync.aws.token_secrets import SecretsManagerTokens
from tokensync.domain.app import App
from tokensync.domain.connection import AuthorizedBy, Connection, DueTimes
from tokensync.domain.grant import Grant
from tokensync.domain.names import ConnectionName
from tokensync.domain.sealing import EnvelopeSealer, Unsealer, grant_binding
from tokensync.domain.secret import Secret
from tokensync.oauth.endpoints import bound_now
from tokensync.providers import provider_named
from tokensync.refresh import schedule
from tokensync.refresh.publish import Publisher
from tokensync_cli.sandbox.mint import digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stack import Stack

_AT_ONCE = 8
# The providers whose refresh needs no more than a client id and secret, with the path of their sandbox's endpoint.
_REFRESH = {
    "oauth2": "oauth2/token",
    "tiktok_login": "tiktok_login/v2/oauth/token/",
    "tiktok_shop": "tiktok_shop/api/v2/token/refresh",
}


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """The connections of one app, and what the sandbox saw of them."""

    stack: Stack
    app: App
    names: tuple[ConnectionName, ...]
    sealer: EnvelopeSealer = field(repr=False)
    http: httpx.Client = field(repr=False)

    def sandbox(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """Call the sandbox's control plane."""
        answer = self.http.request(method, f"/_sandbox/{path}", json=body or None)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def fault(self, name: ConnectionName, fault: str, **more: Any) -> None:
        """Script a fault for the next refresh of one connection."""
        told = {"provider": self.app.provider, "endpoint": "refresh", "app": self.app.client_id}
        self.sandbox("POST", "faults", **told, account=name.account, fault=fault, **more)

    def presentations(self) -> list[dict[str, Any]]:
        """Return the ledger's entries of refresh tokens, the first first."""
        ledger = self.sandbox("GET", f"ledger?app={self.app.client_id}&kind=refresh_token")
        return list(ledger["entries"])

    def doubles(self) -> list[dict[str, Any]]:
        """Return what was presented more than once."""
        doubles = self.sandbox("GET", "ledger")["doubles"]
        return [double for double in doubles if double["app"] == self.app.client_id]

    def records(self) -> dict[ConnectionName, Connection]:
        """Return every record."""
        return {record.name: record for record in self.stack.connections.list(self.app.name)}

    def grant(self, record: Connection) -> Grant:
        """Return the grant that a record holds."""
        return Unsealer(self.sealer).grant(record)

    def issued(self) -> dict[ConnectionName, Mapping[str, str]]:
        """Return the digests of the newest pair that the provider gave for each connection by a refresh."""
        entries = [entry for entry in self.presentations() if entry["issued"]]
        return {ConnectionName(self.app.name, entry["account"]): entry["issued"] for entry in entries}

    def places(self) -> dict[ConnectionName, str]:
        """Return where the newest pair of each connection that was given one stands: `grant`, `answer` or `nowhere`.

        `answer` is one that stands sealed on the record, or beside it.
        """
        records, kept = self.records(), self.kept()
        return {name: self._place(records[name], kept, issued) for name, issued in self.issued().items()}

    def _place(self, record: Connection, kept: Mapping[str, list[bytes]], issued: Mapping[str, str]) -> str:
        token = self.grant(record).refresh_token
        if token is not None and digest(token.reveal()) == issued["refresh_token"]:
            return "grant"
        sealed = [*kept.get(record.name.account, []), *([record.sealed_answer] if record.sealed_answer else [])]
        return "answer" if any(self.holds(record, answer, issued) for answer in sealed) else "nowhere"

    def holds(self, record: Connection, sealed: bytes, issued: Mapping[str, str]) -> bool:
        """Return whether a sealed answer is the one with which a pair was issued."""
        body = Unsealer(self.sealer).answer(sealed, record).body.decode("utf-8", "replace")
        return any(digest(word) == issued["refresh_token"] for word in body.split('"'))

    def kept(self) -> dict[str, list[bytes]]:
        """Return the sealed answers that were set aside, by account."""
        kept: dict[str, list[bytes]] = {}
        for item in self.stack.table.in_order(partition(self.app.name), "aside#"):
            account = item["sk"].split("#")[1]
            kept.setdefault(account, []).append(item["sealed"])
        return kept

    def published(self) -> dict[ConnectionName, str]:
        """Return the digest of the access token that workloads read, for each connection."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            documents = list(pool.map(self.stack.document, self.names))
        return {name: digest(read["access_token"]) for name, read in zip(self.names, documents, strict=True)}

    def make_due(self, *, now: int) -> None:
        """Make every connection's refresh due."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda record: self._due(record, now), self.records().values()))

    def _due(self, record: Connection, now: int) -> None:
        self.stack.connections.request_refresh(record.name, generation=record.generation, now=now)

    def statuses(self) -> Counter[str]:
        """Return how many connections have which status."""
        return Counter(str(record.status) for record in self.records().values())


def seeded(
    stack: Stack,
    name: str,
    *,
    count: int,
    provider: str = "oauth2",
    access_token_seconds: int = 3600,
    due: bool = True,
    own_keys: bool = False,
    token_endpoint: str = "",
    settings: Mapping[str, str] | None = None,
    **sandbox_settings: object,
) -> Fleet:
    """Register an app and seed so many connections, each with a pair of the sandbox's.

    `due` makes their refresh due now. With `own_keys` each grant is sealed under a data key of its own, as grants are
    that different workers wrote: a worker asks KMS for each. `settings` are the app's, `sandbox_settings` how the
    sandbox treats it.
    """
    # No connection outlives its request, so that there is nothing to close.
    limits = httpx.Limits(max_keepalive_connections=0)
    http = httpx.Client(base_url=stack.outputs.sandbox_url, timeout=60, limits=limits)
    app = App(
        name=f"{name}-{secrets.token_hex(3)}",
        provider=provider,
        client_id=f"key-{secrets.token_hex(4)}",
        client_secret=Secret(f"secret-{secrets.token_hex(8)}"),
        service_id=f"service-{secrets.token_hex(4)}" if provider == "tiktok_shop" else "",
        endpoints=_endpoints(stack, provider, token_endpoint),
        settings=dict(settings or {}),
    )
    fleet = Fleet(
        stack=stack,
        app=app,
        names=(),
        sealer=EnvelopeSealer(KmsKeys(stack.client("kms"), stack.outputs.key_arn, SystemClock())),
        http=http,
    )
    fleet.sandbox(
        "POST",
        "apps",
        provider=provider,
        app_key=app.client_id,
        app_secret=app.client_secret.reveal(),
        service_id=app.service_id,
        settings={"access_token_seconds": access_token_seconds, "scopes": ["offline_access"], **sandbox_settings},
    )
    stack.apps.register(app)
    return replace(fleet, names=tuple(_connections(fleet, count, access_token_seconds, due=due, own_keys=own_keys)))


def _endpoints(stack: Stack, provider: str, token_endpoint: str) -> dict[str, str]:
    url = stack.outputs.sandbox_url
    endpoints = {"token": token_endpoint or f"{url}/{_REFRESH[provider]}", "authorize": f"{url}/{provider}/authorize"}
    return {**endpoints, "refresh": endpoints["token"]} if provider == "tiktok_shop" else endpoints


def _connections(fleet: Fleet, count: int, life: int, *, due: bool, own_keys: bool) -> Iterator[ConnectionName]:
    stack, app = fleet.stack, fleet.app
    accounts = fleet.sandbox("POST", "accounts", provider=app.provider, count=count, **_account(app.provider))
    publisher = Publisher(
        SecretsManagerTokens(stack.secrets, prefix=stack.outputs.secret_prefix, stack=stack.outputs.stack),
        SystemClock(),
    )
    shared = fleet.sealer.new_key(app.name)

    def seed(account: str) -> ConnectionName:
        name = ConnectionName(app.name, account)
        pair = fleet.sandbox("POST", "credentials", provider=app.provider, app=app.client_id, account=account)
        now = int(time.time())
        key = fleet.sealer.new_key(app.name) if own_keys else shared
        grant = Grant(
            account_id=account,
            label="",
            access_token=Secret(pair["access_token"]),
            refresh_token=Secret(pair["refresh_token"]),
            token_type="Bearer",
            scopes=("offline_access",),
            obtained_at=now,
            access_expires_at=now + life,
            bound=bound_now(provider_named(app.provider).for_app(app), app),
        )
        record = Connection(
            name=name,
            provider=app.provider,
            fence=1,
            generation=1,
            allocated=1,
            sealed_grant=key.seal(grant.to_bytes(), binding=grant_binding(name)),
            obtained_at=now,
            access_expires_at=now + life,
            authorized=AuthorizedBy(authorized_at=now, authorized_by="seeded"),
            due=DueTimes(renew_at=now if due else now + life // 2),
        )
        stands = schedule.scheduled(replace(record, published=publisher.publish(record, grant)))
        stack.table.put(connection_key(name), {**connection_attributes(stands), DUE: DUE})
        return name

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        yield from pool.map(seed, [account["account"] for account in accounts["accounts"]])


def _account(provider: str) -> dict[str, object]:
    return {"region": "GB"} if provider == "tiktok_shop" else {"prefix": "", "shops": []}
