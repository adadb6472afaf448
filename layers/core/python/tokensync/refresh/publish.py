"""Publishing: making a connection's secret equal to its grant. Level-triggered, one write, never half a state.

The published secret is a public contract: new fields may come, none changes its meaning.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import TYPE_CHECKING, Any

from tokensync.domain.connection import Published
from tokensync.domain.errors import SecretGone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.connection import Connection
    from tokensync.domain.grant import Grant
    from tokensync.domain.names import ConnectionName
    from tokensync.domain.ports import TokenSecrets
    from tokensync.domain.runtime import Clock


def version_id(name: ConnectionName, *, generation: int, fence: int) -> str:
    """Return the ClientRequestToken of a publication.

    The same holder's replay carries the same token and does nothing; any later holder writes a version of its own.
    """
    digest = hashlib.sha256(f"{name}|{generation}|{fence}".encode("utf-8", "surrogatepass")).digest()
    return str(uuid.UUID(bytes=digest[:16], version=5))


# For so many leases after a backup a version is recognized as one of ours.
_REACH = 300


class Publisher:
    """Writes grants to the secrets that workloads read."""

    def __init__(self, secrets: TokenSecrets, clock: Clock) -> None:
        self._secrets = secrets
        self._clock = clock

    def publish(self, record: Connection, grant: Grant) -> Published:
        """Write the grant under the record's generation, status and fence; return what the secret holds now.

        Raises:
            PublishUnavailable: it will work later.
            SecretGone: the secret was deleted, and not by us; it is never recreated in silence.
            SecretNotOurs: a secret of that name exists that this stack did not make.
        """
        token = version_id(record.name, generation=record.generation, fence=record.fence)
        text = document(record, grant)
        if record.published is None:
            arn = self._secrets.create(record.name, text, token=token)
        elif record.published.removed:
            arn = self._restored(record.name, record.published.arn, text, token)
        else:
            arn = record.published.arn
            self._secrets.put(arn, text, token=token)
        return Published(
            arn=arn,
            version_id=token,
            generation=record.generation,
            status=record.status,
            at=self._clock.now(),
            owner=record.owner,
        )

    def _restored(self, name: ConnectionName, arn: str, text: str, token: str) -> str:
        """Write a secret that an operator had us delete: take the deletion back, or create it anew."""
        try:
            self._secrets.restore(arn)
        except SecretGone:  # its recovery window is over
            return self._secrets.create(name, text, token=token)
        self._secrets.put(arn, text, token=token)
        return arn

    def is_current(self, record: Connection) -> bool:
        """Return whether the secret's current version is the one this record published last.

        Raises:
            PublishUnavailable: this cannot be known now.
            SecretGone: the secret was deleted.
        """
        published = record.published
        return published is not None and self._secrets.current_version(published.arn) == published.version_id

    def is_overtaken(self, record: Connection) -> bool:
        """Return whether a holder of this fence or a later one wrote the secret, although the record does not say so.

        An edit by hand has a version of another kind, and a late worker's write has one of an older fence.

        Raises:
            PublishUnavailable: this cannot be known now.
            SecretGone: the secret was deleted.
        """
        if record.published is None:
            return False
        current = self._secrets.current_version(record.published.arn)
        return current != record.published.version_id and any(
            current == version_id(record.name, generation=generation, fence=record.fence + leases)
            for leases in range(_REACH)
            # Each number takes a lease of its own, so none grows faster than the fence. A restored table raises
            # `allocated` far above the generation; no number in between was ever given.
            for generation in (
                record.generation,
                *range(max(record.generation + 1, record.allocated - _REACH), record.allocated + leases + 2),
            )
        )


VERSION = 1
_LARGEST = 65_536  # bytes, Secrets Manager's limit
LARGEST_ACCOUNT = 49_152  # bytes of the account's facts, fewer where tokens and scopes leave less


def document(record: Connection, grant: Grant) -> str:
    """Return the value of a connection's secret, JSON of version 1. The refresh token is not in it.

    Among the account's facts are the parameters that lead to its own host.
    """
    value = {
        "version": VERSION,
        "connection": str(record.name),
        "provider": record.provider,
        "app": record.name.app,
        "account_id": grant.account_id,
        "label": record.label,
        "access_token": grant.access_token.reveal(),
        "token_type": grant.token_type,
        "expires_at": grant.access_expires_at,
        "refresh_token_expires_at": grant.refresh_expires_at,
        "scopes": list(grant.scopes),
        "account": {},
        "generation": record.generation,
        "obtained_at": grant.obtained_at,
        "status": record.status,
        "owner": record.owner,
    }
    room = min(LARGEST_ACCOUNT, _LARGEST - _size(value))
    return json.dumps({**value, "account": cut({**grant.facts, **grant.params}, room)})


def cut(facts: dict[str, Any], room: int = LARGEST_ACCOUNT) -> dict[str, Any]:
    """Return the facts; if they do not fit into `room` bytes, the longest are cut first, and marked as cut."""
    if _size(facts) <= room:
        return facts
    cut = {**facts, "truncated": True}
    while len(cut) > 1 and _size(cut) > room:
        longest = max((key for key in cut if key != "truncated"), key=lambda key: _size(cut[key]))
        value = cut[longest]
        if isinstance(value, list) and len(value) > 1:
            cut[longest] = value[: len(value) // 2]
        else:
            del cut[longest]
    return cut


def kept_facts(before: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that a grant keeps: the newer over the older, cut to what a secret can hold.

    More would not fit into the record either: DynamoDB takes 400 KB.
    """
    # `cut` marks anew whether anything is cut.
    return cut({key: value for key, value in {**before, **facts}.items() if key != "truncated"})


def _size(value: object) -> int:
    return len(json.dumps(value))
