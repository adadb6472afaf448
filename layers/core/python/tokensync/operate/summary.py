"""A connection as operators see it: names, times and states, and no secret.

The one table that says what keeps a connection from being simply active: why, and the command that helps. Answers of
commands, `list`, `show` and `doctor` render it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tokensync.domain.command_line import CommandPattern
from tokensync.domain.connection import QUOTA, Reason, Status
from tokensync.domain.messages import FailureClass
from tokensync.domain.names import token_secret_name
from tokensync.oauth.hints import hint_for
from tokensync.providers import PROVIDERS
from tokensync.refresh.schedule import has_ended

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.command_line import CommandLine
    from tokensync.domain.connection import Connection, LastError
    from tokensync.domain.names import ConnectionName
    from tokensync.operate.pauses import Pause


def summary(record: Connection, *, prefix: str, paused: Pause | None = None) -> dict[str, Any]:
    """Return what `tokensync list` and `show` print of a connection; times in Unix seconds or None.

    `reason`, `why` and `next` say what keeps it from being simply active. `paused` is why its app is paused, None where
    it runs.
    """
    needs = condition(record, paused=paused)
    return {
        "connection": str(record.name),
        "app": record.name.app,
        "provider": record.provider,
        "account_id": record.name.account,
        "label": record.label,
        "status": record.status.value,
        "reason": record.reason or ("" if needs is None else needs.word),
        "why": "" if needs is None else needs.why,
        "next": "" if needs is None else str(needs.command(record.name)),
        "generation": record.generation,
        "access_expires_at": record.access_expires_at,
        "refresh_expires_at": record.refresh_expires_at,
        "due_at": record.due.next_at,
        "verified_at": record.verified_at,
        "owner": record.owner,
        "pushed": record.consumer.pushed or None,
        **_copies(record),
        "missing_scopes": list(record.authorized.missing_scopes),
        "removed_at": record.removed_at,
        "last_error": None if record.last_error is None else _last_error(record.last_error, record.provider),
        "secret": token_secret_name(prefix, record.name),
    }


def _copies(record: Connection) -> dict[str, Any]:
    """Return what is known of copies of the token elsewhere, where there are any."""
    consumer = record.consumer
    exported = {} if consumer.exported is None else {"exported": consumer.exported.generation}
    if consumer.checked_at is None:
        return exported
    return {**exported, "store_checked_at": consumer.checked_at, "store_refused": consumer.check_failed}


def _last_error(error: LastError, provider: str) -> dict[str, Any]:
    fields = asdict(error)
    fields["class"] = str(fields.pop("failure"))
    known = PROVIDERS.get(provider)
    # A refused token needs its seller, and no hint: it is the app that an operator can mend.
    if error.failure == FailureClass.CONFIGURATION and known is not None:
        fields["hint"] = hint_for(known, error)
    return fields


def due_again(record: Connection) -> int | None:
    """Return when a refresh is tried again by itself, Unix seconds; None where none is."""
    due = record.due
    return None if due.renew_at is None else max(due.renew_at, due.next_at or 0)


INVITE = CommandPattern("tokensync invite {app} --for {name}")


@dataclass(frozen=True)
class Condition:
    """Why a connection needs a look.

    `word` is for programs and `why` a clause for people. `next_command` has places for `{app}` and `{name}`.
    """

    word: str
    why: str
    next_command: CommandPattern

    def command(self, name: ConnectionName) -> CommandLine:
        """Return the next command for a connection."""
        return filled(self.next_command, name)


def filled(command: CommandPattern, name: ConnectionName) -> CommandLine:
    """Fill `{app}` and `{name}` into a command."""
    return command.filled(app=name.app, name=name)


BY_STATUS = {
    Status.HELD: Condition(
        "ambiguous",
        "held: it is not known whether its refresh token is spent; one last attempt is made before its access token "
        "ends",
        CommandPattern("tokensync show {name}"),
    ),
    Status.REAUTHORIZE: Condition("refused", "the seller has to authorize again", INVITE),
    Status.DISCONNECTED: Condition("disconnected", "the account ended its authorization", INVITE),
    Status.ORPHANED: Condition(
        "orphaned", "its secret is gone or not ours; the grant is kept", CommandPattern("tokensync publish {name}")
    ),
    Status.QUARANTINED: Condition(
        "quarantined",
        "quarantined: another account authorized than the invite was for, and nothing was published",
        CommandPattern("tokensync accept {name}"),
    ),
}
# Where a status has several causes.
_BY_REASON: Mapping[tuple[Status, str], Condition] = {
    (Status.HELD, Reason.OTHER_ACCOUNT): Condition(
        "other_account",
        "held: its refresh token belongs to another account, so nothing was published",
        CommandPattern("tokensync remove {name}"),
    ),
    (Status.HELD, Reason.REFUSED): Condition(
        "refused",
        "held: the provider refused its refresh token, and that is weighed against the app's other connections",
        CommandPattern("tokensync app show {app}"),
    ),
    (Status.HELD, Reason.CONFIGURATION): Condition(
        "configuration",
        "held: the provider refuses the app's credentials for this connection and not for the others, so its token may "
        "belong to another client; it is asked again by itself",
        INVITE,
    ),
    (Status.HELD, Reason.ENDPOINT_CHANGED): Condition(
        "endpoint_changed",
        "held: its app points to another host, or another provider, than it came from, so nothing of it is sent; it "
        "goes on by itself once that is put back, or named in the stack's parameter TrustedHosts",
        CommandPattern("tokensync app show {app}"),
    ),
    (Status.HELD, Reason.LAST_ATTEMPT_AMBIGUOUS): Condition(
        "last_attempt_ambiguous",
        "held: its last attempt brought no token either; nothing more is tried by itself",
        CommandPattern("tokensync refresh {name} --force"),
    ),
    (Status.QUARANTINED, Reason.RESTORED_TABLE): Condition(
        "restored_table",
        "quarantined: it comes from a backup, its refresh token may have been spent since, and its secret was left as "
        "it was",
        INVITE,
    ),
    (Status.DISCONNECTED, Reason.REVOKED): Condition("revoked", "its authorization was revoked here", INVITE),
}
_HALF_REMOVED = Condition(
    "half_removed", "its removal did not come to an end", CommandPattern("tokensync remove {name}")
)
_REMOVED = Condition(
    "removed", "it was removed; a new authorization brings it back", CommandPattern("tokensync history {name}")
)
GIVEN_AWAY = Condition(
    "given_away",
    "a consumer was handed its refresh token and alone presents it; to take it back, the seller authorizes again",
    INVITE,
)
_FULL = Condition(
    "unpublished_quota",
    "its secret takes no further version today; it is tried again every hour, and the provider is not asked meanwhile",
    CommandPattern("tokensync publish {name}"),
)
_UNPUBLISHED = Condition(
    "unpublished",
    "its newest token could not be published yet; that is tried again by itself, before the provider is asked again",
    CommandPattern("tokensync publish {name}"),
)
_NO_TOKEN = Condition(
    "not_proved",
    "it has no access token yet: its refresh token is not proved",
    CommandPattern("tokensync refresh {name}"),
)
_POSTPONED = Condition(
    "postponed",
    "AWS or its app's own secret kept it waiting; it is tried again by itself",
    CommandPattern("tokensync show {name}"),
)
_UNEXPLAINED = Condition(
    "unexplained",
    "the provider answers with an error that nothing explains; it is tried again until its access token ends",
    CommandPattern("tokensync show {name}"),
)
RETRIED = Condition(
    "retried", "the provider gave no token now; it is tried again by itself", CommandPattern("tokensync show {name}")
)


_OF_FAILURE: Mapping[str, Condition] = {FailureClass.UNKNOWN: _UNEXPLAINED}


def condition(record: Connection, *, paused: Pause | None = None) -> Condition | None:
    """Return why a connection needs a look, None where it is simply active; `paused` as for `summary`."""
    if record.removed_at is not None:
        return _REMOVED
    if record.is_half_removed:
        return _HALF_REMOVED
    if record.status is Status.ACTIVE:
        return _of_active(record, paused=paused)
    if has_ended(record):
        return _of_ended(record)
    return _BY_REASON.get((record.status, record.reason)) or BY_STATUS[record.status]


def _of_ended(record: Connection) -> Condition:
    """Return why the access token ended, in the provider's own words where it said something."""
    error = record.last_error
    words = "" if error is None else " ".join(filter(None, (error.failure, error.code, error.message)))
    last = f"; the last failure was: {words}" if words else ""
    state = "it never had an access token" if record.obtained_at is None else "its access token has ended"
    if record.due.renew_at is not None:
        why = f"{state} and could not be renewed yet; it is tried again by itself{last}"
        return Condition("ended", why, CommandPattern("tokensync show {name}"))
    return Condition("ended", f"{state}, and nothing can renew it{last}", INVITE)


def _of_active(record: Connection, *, paused: Pause | None) -> Condition | None:
    """Return why an active connection needs a look, None where it needs none."""
    if record.unpublished:
        return _FULL if record.unpublished == QUOTA else _UNPUBLISHED
    if record.consumer.handed_over_at is not None:
        return GIVEN_AWAY
    if paused is not None:
        return Condition("app_paused", f"its app is paused: {paused.why}", paused.next_command)
    if record.obtained_at is None:
        return _NO_TOKEN
    if not record.failures:
        return None
    return _POSTPONED if record.last_error is None else _OF_FAILURE.get(record.last_error.failure, RETRIED)
