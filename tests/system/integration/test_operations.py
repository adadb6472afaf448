"""A connection's whole life at an operator's word on the deployed stack: imported, verified, revoked, removed, back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from stack import PAST_ANY_LEASE, Sandbox, Stack, eventually
from tokensync.domain.connection import Status
from tokensync.domain.names import ConnectionName, token_secret_name

SHOP, LOGIN, ADS = "operated-shop", "operated-login", "operated-ads"


@dataclass(frozen=True)
class Operator:
    """Asks the rotation function as the command line does."""

    stack: Stack
    shop: Sandbox

    def ask(self, command: str, name: ConnectionName, **more: object) -> dict[str, Any]:
        """Ask about a connection."""
        return self.stack.ask(command, name, app=name.app, account=name.account, **more)

    def brought(self, provider: str, key: str, account: str, **more: object) -> dict[str, str]:
        """Return tokens that the sandbox gives by hand."""
        return self.shop.call("POST", "credentials", provider=provider, app=key, account=account, **more)

    def arn(self, name: ConnectionName) -> str:
        """Return the ARN of a connection's secret."""
        secret_id = token_secret_name(self.stack.outputs.secret_prefix, name)
        arn: str = self.stack.secrets.describe_secret(SecretId=secret_id)["ARN"]
        return arn

    def is_deleted(self, name: ConnectionName) -> bool:
        """Return whether a connection's secret is scheduled for deletion."""
        secret_id = token_secret_name(self.stack.outputs.secret_prefix, name)
        return "DeletedDate" in self.stack.secrets.describe_secret(SecretId=secret_id)


@pytest.fixture(scope="module")
def operator(stack: Stack) -> Operator:
    """An operator, and an app of TikTok Shop whose tokens the schedule leaves alone."""
    return Operator(stack, stack.add_app(SHOP, access_token_seconds=36_000))


def other_app(operator: Operator, name: str, provider: str) -> str:
    """Register an app of another provider at the sandbox and here; return its client id."""
    code, told, stderr = operator.stack.command("app", "add", name, "--provider", provider, "--sandbox")
    assert code == 0, stderr
    return str(told["client_id"])


def account(operator: Operator, provider: str) -> str:
    """Add an account to the sandbox and return its id."""
    added: str = operator.shop.call("POST", "accounts", provider=provider, count=1)["accounts"][0]["account"]
    return added


def test_a_life_from_import_to_removal(operator: Operator) -> None:
    """A refresh token is proved, its account verified, then revoked at the provider and removed here."""
    key = other_app(operator, LOGIN, "tiktok_login")
    name = ConnectionName(LOGIN, account(operator, "tiktok_login"))
    pair = operator.brought("tiktok_login", key, name.account, scopes=["user.info.basic"])
    imported = operator.ask("import", name, refresh_token=pair["refresh_token"])
    assert (True, "refreshed", False) == (imported["ok"], imported["result"], imported["again"]), imported
    assert operator.ask("import", name, refresh_token=pair["refresh_token"])["again"] is True

    verified = operator.ask("verify", name)
    assert (True, "verified") == (verified["ok"], verified["result"]), verified
    assert verified["connection"]["verified_at"] is not None
    token = operator.stack.document(name)["access_token"]

    revoked = operator.ask("revoke", name)
    assert (True, "revoked") == (revoked["ok"], revoked["result"]), revoked
    assert ("disconnected", token) == (
        operator.stack.document(name)["status"], operator.stack.document(name)["access_token"]
    )  # fmt: skip
    ledger = operator.shop.call("GET", f"ledger?provider=tiktok_login&app={key}")["entries"]
    assert ["refresh_token", "revocation"] == [entry["kind"] for entry in ledger]

    removed = operator.ask("remove", name, recovery_days=7)
    assert (True, "removed") == (removed["ok"], removed["result"]), removed
    assert operator.is_deleted(name)
    assert 3 == operator.ask("refresh", name)["exit"]


def test_a_token_that_never_expires_is_imported_by_a_verification(operator: Operator) -> None:
    """An access token alone is proved by the provider's account call."""
    key = other_app(operator, ADS, "tiktok_ads")
    name = ConnectionName(ADS, account(operator, "tiktok_ads"))
    pair = operator.brought("tiktok_ads", key, name.account)
    imported = operator.ask("import", name, access_token=pair["access_token"])

    assert (True, "verified") == (imported["ok"], imported["result"]), imported
    assert (None, pair["access_token"]) == (
        operator.stack.document(name)["expires_at"], operator.stack.document(name)["access_token"]
    )  # fmt: skip


def test_what_we_removed_comes_back_with_its_seller(operator: Operator) -> None:
    """The seller authorizes again: the same secret is readable, with a new token."""
    seller = operator.shop.sellers(1)[0]
    name = operator.stack.connect(SHOP, operator.shop, seller)
    arn = operator.arn(name)
    assert operator.ask("remove", name)["ok"] is True
    operator.stack.connect(SHOP, operator.shop, seller)
    record = operator.stack.stored(name)

    assert (Status.ACTIVE, None, None) == (record.status, record.removed_at, record.ttl)
    assert (arn, False) == (operator.arn(name), operator.is_deleted(name))
    assert record.generation == operator.stack.document(name)["generation"]


def test_a_killed_removal_is_finished_by_the_same_command(operator: Operator) -> None:
    """Killed between the secret and the record: nothing comes back by itself, and the next run ends it."""
    name = operator.stack.connect(SHOP, operator.shop, operator.shop.sellers(1)[0])
    operator.stack.failpoint("deleted")
    operator.ask("remove", name)
    between = operator.stack.stored(name)
    assert (Status.DISCONNECTED, None, True) == (between.status, between.removed_at, operator.is_deleted(name))

    def is_removed() -> bool:
        operator.ask("remove", name)
        return operator.stack.stored(name).removed_at is not None

    with operator.stack.clock_ahead(PAST_ANY_LEASE):
        eventually(is_removed, pause=1.0)
    assert operator.is_deleted(name)


def test_publish_gives_an_orphan_its_secret_back(operator: Operator) -> None:
    """Somebody deleted the secret: only an operator's word restores it."""
    name = operator.stack.connect(SHOP, operator.shop, operator.shop.sellers(1)[0])
    operator.stack.secrets.delete_secret(SecretId=operator.arn(name))
    assert "orphaned" == operator.stack.refresh(name)["result"]
    published = operator.ask("publish", name)

    assert (True, "published") == (published["ok"], published["result"]), published
    assert ("active", Status.ACTIVE) == (operator.stack.document(name)["status"], operator.stack.stored(name).status)


def test_many_are_imported_by_the_command_line(operator: Operator) -> None:
    """The real command line over the real functions: good rows stand, a bad one says what is wrong, a rerun skips."""
    sellers = operator.shop.sellers(6)
    tokens = [operator.brought("tiktok_shop", operator.shop.app_key, seller)["refresh_token"] for seller in sellers]
    lines = ["account,refresh_token", *map(",".join, zip(sellers, tokens, strict=True)), "nobody,dead-token"]
    command = ("import", SHOP, "--file", "-")
    first = operator.stack.command(*command, stdin="\n".join(lines))
    second = operator.stack.command(*command, stdin="\n".join(lines[:-1]))

    assert (1, ["imported"] * 6 + ["failed"]) == (first[0], [one["result"] for one in first[1]])
    assert (0, ["imported_before"] * 6) == (second[0], [one["result"] for one in second[1]])
    for seller in sellers:
        assert "active" == operator.stack.document(ConnectionName(SHOP, seller))["status"]
    presented = operator.shop.entries(kind="refresh_token")
    assert [] == [token for token in tokens if token in json.dumps([first, second])]
    assert 7 <= len(presented)
    assert [] == operator.shop.doubles()
