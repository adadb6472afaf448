"""The registered apps in Secrets Manager and DynamoDB, see `tokensync.domain.apps.Apps`."""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING

from tokensync.aws.dynamodb import Change, ConditionFailed, DynamoTable
from tokensync.domain.app import App
from tokensync.domain.app_state import PROBE_FIRST, AppState, PauseKind, Success
from tokensync.domain.connection import SCHEMA
from tokensync.domain.errors import InvalidApp, StoreUnavailable, UnknownApp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokensync.aws.app_secrets import AppSecrets
    from tokensync.aws.dynamodb import Item
    from tokensync.domain.app_state import Outcomes
    from tokensync.domain.runtime import Clock

# A registration is read again after so long: a batch costs one read, and a new client secret is seen soon.
CACHE_SECONDS = 60.0
_DIRECTORY = "apps"
_PLAIN = (
    "provider", "paused", "paused_at", "resumed_at", "credentials_refused", "consent_refused",
    "probe_at", "probed_at", "probes", "probe_every",
)  # fmt: skip
_SUCCESSES = (("success_by", "success_at"), ("other_by", "other_at"))
_SAID = ("refusals", "misconfigured")  # since the last success
_OF_A_PAUSE = ("paused", "paused_kind", "paused_at", "pause_mark", "probe_at", "probed_at", "probes", "probe_every")
_TRIES = 10  # updates on condition of a state that other workers change as well


class AwsApps:
    """The apps of one stack: registrations are secrets, the directory and the running state are items.

    The errors are those that the port names. `register`, `update` and `remove` are the command line's: they raise
    StoreUnavailable if AWS did not acknowledge, and can be repeated.
    """

    def __init__(self, secrets_of_apps: AppSecrets, table: DynamoTable, clock: Clock) -> None:
        self._secrets = secrets_of_apps
        self._table = table
        self._clock = clock
        self._lock = threading.Lock()
        self._read: dict[str, tuple[App, float]] = {}

    def names(self) -> Iterator[str]:
        for item in self._table.in_order(_DIRECTORY):
            yield item["sk"]

    def get(self, name: str, *, fresh: bool = False) -> App:
        """Return an app with its client secret, read now if `fresh`, else at most CACHE_SECONDS ago."""
        now = self._clock.monotonic()
        with self._lock:
            app, until = self._read.get(name, (None, 0.0))
        if app is not None and now < until and not fresh:
            return app
        app = App.from_json(name, self._secrets.read(name))
        with self._lock:
            self._read[name] = (app, now + CACHE_SECONDS)
        return app

    def state(self, name: str) -> AppState:
        return _state(name, self._table.get(_key(name)))

    def pause(self, name: str, *, kind: PauseKind, why: str, now: int, probe_every: int = PROBE_FIRST) -> bool:
        # boto3 repeats a request whose response was lost; by this mark the repetition knows that the first one paused.
        mark = secrets.token_hex(8)
        set_: dict[str, object] = {"paused": why, "paused_kind": kind, "paused_at": now, "pause_mark": mark}
        runs = "attribute_not_exists(#paused)"
        own = kind is PauseKind.OPERATOR
        change = Change(
            condition=f"attribute_exists(#pk) AND ({runs}{' OR #paused_kind <> :own' if own else ''})",
            set=set_ if own else {**set_, "probe_at": now + probe_every, "probe_every": probe_every},
            remove=("probe_at", "probed_at", "probes", "probe_every") if own else ("probed_at", "probes"),
            values={"own": kind} if own else {},
        )
        try:
            was = self._table.update(_key(name), change, returning="ALL_OLD")
        except ConditionFailed as failed:
            _state(name, failed.item)
            return failed.item is not None and failed.item.get("pause_mark") == mark
        return "paused" not in was

    def resume(self, name: str, *, now: int) -> bool:
        change = Change(
            condition="attribute_exists(#pk) AND attribute_exists(#paused)",
            set={"resumed_at": now},
            remove=(*_OF_A_PAUSE, *_SAID),
        )
        return self._met(name, change)

    def note(self, name: str, outcomes: Outcomes, *, seen: AppState, now: int) -> tuple[AppState, bool]:
        mark = secrets.token_hex(8)
        for _ in range(_TRIES):
            change = _noting(seen, outcomes, now=now, mark=mark)
            try:
                after = _state(name, self._table.update(_key(name), change))
            except ConditionFailed as failed:
                seen = _state(name, failed.item)
                # boto3 repeats a request whose response was lost: the first one let the app run again.
                if failed.item is not None and failed.item.get("resume_mark") == mark:
                    return seen, True
            else:
                return after, bool(seen.paused) and not after.paused
        raise StoreUnavailable(f"the state of app {name} could not be agreed on")

    def note_credentials_refused(self, name: str, *, cause: str) -> bool:
        return self._is_news(name, "credentials_refused", cause)

    def note_consent_refused(self, name: str, *, cause: str) -> bool:
        if cause:
            return self._is_news(name, "consent_refused", cause)
        # Written empty, not removed: DynamoDB takes no update without a value.
        change = Change(
            condition="attribute_exists(#pk) AND attribute_exists(#consent_refused) AND #consent_refused <> :none",
            set={"consent_refused": ""},
            values={"none": ""},
        )
        return self._met(name, change)

    def _is_news(self, name: str, field: str, cause: str) -> bool:
        """Write a cause into a field of an app; return whether another one was there, or none."""
        change = Change(
            condition=f"attribute_exists(#pk) AND (attribute_not_exists(#{field}) OR #{field} <> :cause)",
            set={field: cause},
            values={"cause": cause},
        )
        return self._met(name, change)

    def _met(self, name: str, change: Change) -> bool:
        """Write a change; return whether its condition held. An app that does not exist is told apart from that."""
        try:
            self._table.update(_key(name), change)
        except ConditionFailed as failed:
            _state(name, failed.item)
            return False
        return True

    def claim_probe(self, name: str, *, seen: AppState, now: int) -> AppState | None:
        if not seen.probes_itself:
            return None
        after = seen.probed(now=now)
        condition, values = _same_pause(seen)
        unprobed = "#probes = :probes" if seen.probes else "attribute_not_exists(#probes)"
        change = Change(
            condition=f"{condition} AND {unprobed}",
            set={
                "probes": after.probes,
                "probe_every": after.probe_every,
                "probed_at": now,
                "probe_at": after.probe_at,
            },
            values={**values, **({"probes": seen.probes} if seen.probes else {})},
        )
        try:
            return _state(name, self._table.update(_key(name), change))
        except ConditionFailed as failed:
            _state(name, failed.item)
            return None

    def register(self, app: App) -> None:
        """Register a new app: its secret first, so that every app that the directory names can be read.

        A registration that ended half-way is completed, one that was removed is brought back with the new values.

        Raises:
            InvalidApp: it is registered already, or a secret of that name is not this stack's.
        """
        if self._table.get(_key(app.name)) is not None:
            raise InvalidApp(f"app {app.name} is registered already")
        self._secrets.create(app)
        try:
            self._table.put(_key(app.name), {"schema": SCHEMA, "provider": app.provider}, only_new=True)
        except ConditionFailed:
            raise InvalidApp(f"app {app.name} was registered by somebody else just now") from None
        self._forget(app.name)

    def update(self, app: App) -> None:
        """Replace an app's registration; its running state stays, but for why its consents came to nothing.

        Raises:
            UnknownApp: not registered.
        """
        change = Change(condition="attribute_exists(#pk)", set={"provider": app.provider}, remove=("consent_refused",))
        self.state(app.name)
        self._secrets.write(app)
        try:
            self._table.update(_key(app.name), change)
        except ConditionFailed:
            raise UnknownApp(f"app {app.name} is not registered") from None
        self._forget(app.name)

    def remove(self, name: str) -> None:
        """Remove an app: from the directory first, so that it never names what cannot be read.

        The secret is scheduled for deletion with AWS's recovery window.

        Raises:
            UnknownApp: not registered, nor is there a secret that a removal left which ended half-way.
        """
        try:
            self.state(name)
        except UnknownApp:
            if self._secrets.delete(name):
                return
            raise
        self._table.delete(_key(name))
        self._secrets.delete(name)
        self._forget(name)

    def _forget(self, name: str) -> None:
        with self._lock:
            self._read.pop(name, None)


def _key(name: str) -> tuple[str, str]:
    return _DIRECTORY, name


def _state(name: str, item: Item | None) -> AppState:
    """Return an item's state. What an earlier version counted under other names is left alone."""
    if item is None:
        raise UnknownApp(f"app {name} is not registered")
    paused = item.get("paused", "")
    kind = item.get("paused_kind")
    successes = ((item.get(by), item.get(at)) for by, at in _SUCCESSES)
    return AppState(
        name=name,
        **{key: item[key] for key in _PLAIN if key in item},
        paused_kind=PauseKind(kind) if kind else PauseKind.of(paused) if paused else None,
        successes=tuple(Success(by, at) for by, at in successes if by is not None and at is not None),
        refused=frozenset(item.get("refusals", ())),
        misconfigured=frozenset(item.get("misconfigured", ())),
    )


def _same_pause(seen: AppState) -> tuple[str, dict[str, object]]:
    """Return the condition that the app still is as it was seen: running, or paused by the same pause."""
    if not seen.paused:
        return "attribute_exists(#pk) AND attribute_not_exists(#paused)", {}
    own = seen.paused_kind is PauseKind.OPERATOR
    same = "#paused_kind = :operator" if own else "(attribute_not_exists(#paused_kind) OR #paused_kind <> :operator)"
    condition = f"attribute_exists(#paused) AND #paused_at = :paused_at AND {same}"
    return condition, {"paused_at": seen.paused_at or 0, "operator": PauseKind.OPERATOR}


def _noting(seen: AppState, outcomes: Outcomes, *, now: int, mark: str) -> Change:
    """Return the update that makes the state as it was seen the one after a batch."""
    after = seen.after(outcomes, now=now)
    condition, values = _same_pause(seen)
    if not outcomes.succeeded:
        more = {"refusals": after.refused - seen.refused, "misconfigured": after.misconfigured - seen.misconfigured}
        add = {name: voices for name, voices in more.items() if voices}
        # An update must change something, and the sets of a state that is full or knows them stay as they are.
        return Change(condition=condition, add=add, set={} if add else {"provider": seen.provider}, values=values)
    set_: dict[str, object] = {}
    for (by, at), success in zip(_SUCCESSES, after.successes, strict=False):
        set_ |= {by: success.by, at: success.at}
    if after.refused:
        set_["refusals"] = after.refused
    if after.misconfigured:
        set_["misconfigured"] = after.misconfigured
    removed = [name for name in _SAID if name not in set_]
    if seen.paused and not after.paused:
        set_ |= {"resumed_at": now, "resume_mark": mark}
        removed += _OF_A_PAUSE
    if len(outcomes.succeeded) == 1:
        # Which two are the last depends on which they were; two new ones are the last whichever they were.
        latest = seen.successes[0].by if seen.successes else None
        condition += " AND " + ("attribute_not_exists(#success_by)" if latest is None else "#success_by = :latest")
        values = values if latest is None else {**values, "latest": latest}
    if not after.credentials_refused:
        removed.append("credentials_refused")
    return Change(condition=condition, set=set_, remove=tuple(removed), values=values)
