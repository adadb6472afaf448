"""What is printed of a connection. No secret is part of it."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tokensync.domain.app import App
from tokensync.domain.command_line import CommandLine, typed
from tokensync.domain.connection import Connection
from tokensync.domain.errors import InvalidName, UnknownApp, UnknownConnection
from tokensync.domain.names import ConnectionName, app_name
from tokensync.operate.pauses import Pause, pause_of
from tokensync.operate.summary import summary
from tokensync.providers import provider_named
from tokensync_cli.output.failures import CommandFailed, UsageFailed, sentence
from tokensync_cli.output.times import moment
from tokensync_cli.stack import registration
from tokensync_cli.stack.target import Target

COLUMNS = (
    "CONNECTION", "LABEL", "STATUS", "GENERATION", "ACCESS EXPIRES", "REFRESH EXPIRES", "DUE", "REASON", "LAST ERROR",
)  # fmt: skip


def named(text: str) -> ConnectionName:
    """Return a connection's name.

    Raises:
        UsageFailed: the text is no name.
    """
    try:
        return ConnectionName.parse(text)
    except InvalidName as error:
        raise UsageFailed(sentence(str(error)), next_command=typed("tokensync list")) from None


def registered(target: Target, text: str, *, fresh: bool = False) -> App:
    """Return an app by its name.

    Raises:
        InvalidName: the text is no name.
        UnknownApp: none of that name is registered.
        CommandFailed: the app is registered, but its secret is gone.
    """
    target.apps.state(app_name(text))
    try:
        return target.apps.get(text, fresh=fresh)
    except UnknownApp:
        raise CommandFailed(
            f"The secret of app {text} is gone.",
            next_command=typed("tokensync app remove {app}", app=text),
            kind="AppSecretGone",
        ) from None


def check_runs(target: Target, name: str, *, by_consent: bool = False) -> None:
    """Refuse to begin something for an app that is paused; `by_consent` asks for what a seller may do all the same.

    Raises:
        UnknownApp: none of that name is registered.
        CommandFailed: it is paused.
    """
    state = target.apps.state(name)
    paused = pause_of(state)
    if paused is not None and not (by_consent and state.takes_sellers):
        raise CommandFailed(f"{name} is paused: {paused.why}.", next_command=paused.command(name), kind="AppPaused")


def first_connection(target: Target, name: str) -> CommandLine:
    """Return the command that makes a connection of an app.

    Raises:
        TokensyncError: its registration cannot be read.
    """
    app = target.apps.get(name)
    return registration.first_command(app, provider_named(app.provider).for_app(app))


def found(target: Target, text: str, *, even_removed: bool = False) -> Connection:
    """Return a connection by its name, app/account.

    Raises:
        UsageFailed: the text is no name.
        UnknownConnection: there is none of that name (any more).
    """
    name = named(text)
    record = target.connections.get(name)
    if record is None:
        raise UnknownConnection(f"there is no connection {name}")
    if record.removed_at is not None and not even_removed:
        raise UnknownConnection(f"{name} was removed {moment(record.removed_at, now=target.clock.now())}")
    return record


def summarized(
    target: Target, record: Connection, *, pauses: Mapping[str, Pause | None] | None = None
) -> dict[str, Any]:
    """Return what `list` and `show` print for programs. `pauses` is why apps are paused, looked up if None."""
    app = record.name.app
    paused = paused_for(target, app) if pauses is None else pauses[app]
    return summary(record, prefix=target.outputs.secret_prefix, paused=paused)


def paused_for(target: Target, app: str) -> Pause | None:
    """Return why an app is paused, None if it runs or is registered no more."""
    with suppress(UnknownApp):
        return pause_of(target.apps.state(app))
    return None


def row(record: Connection, *, now: int, reason: str = "") -> tuple[object, ...]:
    """Return what `list` prints for people, by COLUMNS; `reason` is the one of its summary."""
    error = record.last_error
    return (
        record.name,
        record.label,
        record.status.value,
        record.generation,
        "-" if record.obtained_at is None else moment(record.access_expires_at, now=now),
        moment(record.refresh_expires_at, now=now),
        moment(record.due.next_at, now=now, never="-"),
        reason.replace("_", " "),
        None if error is None else f"{error.failure} {error.code}".strip(),
    )


def fields(target: Target, record: Connection) -> dict[str, object]:
    """Return what `show` prints for people."""
    now = target.clock.now()
    pairs = summarized(target, record)
    error = pairs["last_error"]
    if error is not None:
        parts = [error["class"], error["code"], error["message"], error["trace_id"], moment(error["at"], now=now)]
        parts.append(error.get("hint"))
        pairs["last_error"] = " · ".join(str(part) for part in parts if part)
    for time in ("access_expires_at", "refresh_expires_at"):
        pairs[time] = moment(pairs[time], now=now)
    if record.obtained_at is None:
        pairs["access_expires_at"] = "no token yet"
    del pairs["removed_at"]  # a connection that is shown was not removed
    del pairs["next"]  # it is printed beneath
    if "store_checked_at" in pairs:
        pairs["store_checked_at"] = moment(record.consumer.checked_at, now=now)
        pairs["store_refused"] = record.consumer.check_failed or "no"
    pairs["verified_at"] = moment(record.verified_at, now=now, never="-")
    pairs["due_at"] = moment(record.due.next_at, now=now, never="-")
    published = record.published
    pairs["published"] = (
        "nothing" if published is None else f"generation {published.generation}, {moment(published.at, now=now)}"
    )
    return pairs
