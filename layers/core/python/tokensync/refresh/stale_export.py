"""Alerts once when a copy of a token that an operator exported is replaced by a newer one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.domain.command_line import CommandLine, typed
from tokensync.domain.connection import noted
from tokensync.domain.export import token_digest
from tokensync.domain.visible import Line

if TYPE_CHECKING:
    from tokensync.domain.connection import Connection
    from tokensync.domain.export import Export
    from tokensync.domain.grant import Grant
    from tokensync.domain.ports import Ports


def is_stale(record: Connection, grant: Grant) -> bool:
    """Return whether workloads read another token than the exported one. An unpublished one is exported by nobody."""
    exported, published = record.consumer.exported, record.published
    if exported is None or record.unpublished or published is None or published.generation != record.generation:
        return False
    return record.generation > exported.generation and token_digest(grant.access_token) != exported.token


def forgotten(record: Connection, *, now: int) -> Connection:
    """Return the record without its stale copy, so that nobody is alerted of it again."""
    exported = record.consumer.exported
    detail = "" if exported is None else exported.form
    return noted(record.with_consumer(exported=None), "export.stale", now=now, detail=detail)


def alert(record: Connection, exported: Export, ports: Ports) -> None:
    """Alert that a copy is stale, with the command that makes another."""
    form, *options = exported.form.split(" ")
    again = CommandLine(
        (*typed("tokensync export {name} --format {form}", name=record.name, form=form).words, *options)
    )
    ports.alerts.tell(
        "export.stale",
        str(record.name),
        detail=Line(
            "a copy of its token was exported ({form}, generation {generation}), and a newer "
            "token is published since (generation {newer}): the copy may work no more",
            form=exported.form,
            generation=exported.generation,
            newer=record.generation,
        ),
        next_command=again,
    )
