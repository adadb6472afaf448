"""Asks a provider about the account behind an access token: its facts, its name, and whether the token works."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tokensync.document import cut
from tokensync.domain.errors import WireError
from tokensync.domain.messages import AccountReply, Failure, FailureClass
from tokensync.oauth.provider import GrantType
from tokensync.oauth.token_response import cleaned_account, read_account

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tokensync.domain.app import App
    from tokensync.domain.grant import Grant
    from tokensync.domain.messages import Issued
    from tokensync.domain.runtime import Clock, Log
    from tokensync.oauth.http import Wire
    from tokensync.session import Limits, Session


# Bytes. An advertiser's agency lists thousands of accounts; what is published of them is cut to size later.
_LARGEST_FACTS = 2_097_152


@dataclass(frozen=True, kw_only=True)
class AccountReader:
    """Makes the provider's account call. Thread-safe: it holds ports and no state."""

    wire: Wire
    clock: Clock
    log: Log
    limits: Limits

    def facts(self, grant: Grant, session: Session, *, seconds: float | None = None) -> dict[str, Any] | Failure:
        """Return what the provider tells about the grant's account; empty where there is no such call.

        It may take `seconds`, or the limit for facts.

        REFUSED says that the access token works no more; every other failure says nothing about it.
        """
        call = session.provider.account_call
        if call is None:
            return {}
        request = call.request(
            session.app, session.provider.endpoint(session.app, call.endpoint), grant, self.clock.now()
        )
        request = replace(request, largest=_LARGEST_FACTS)
        try:
            answer = self.wire.send(request, seconds=seconds or self.limits.facts)
        except WireError as error:
            failure = Failure(kind=FailureClass.AMBIGUOUS, code="no_answer", message=str(error))
        else:
            shown = [grant.access_token, session.app.client_secret]
            read = read_account(session.provider, call, answer, secrets=shown)
            if not isinstance(read, Failure):
                return read
            failure = read
        self.log.warning(
            "facts.failed", app=session.name, failure=failure.kind, code=failure.code, trace_id=failure.trace_id
        )
        return failure


def named_account(
    told: AccountReply | None, facts: dict[str, Any] | Failure, session: Session, *, wanted: str
) -> AccountReply | None:
    """Return who authorized, with all that is known of the account; None where nobody tells.

    The token answer's own word stands first. A call that names another account tells of another, and is passed over.
    `wanted` is the account that the authorization was for, empty where any will do.
    """
    if session.provider.grant_type is GrantType.CLIENT_CREDENTIALS:
        return AccountReply(id=session.app.client_id)  # RFC 6749 §4.4: the app acts for itself
    told = told or AccountReply(id="")
    if isinstance(facts, Failure):
        facts = {}
    call = session.provider.account_call
    named = None if call is None else cleaned_account(call.account({**told.facts, **facts}, wanted), [])
    if named is not None and told.id not in ("", named.id):
        named, facts = None, {}
    known = replace(
        told,
        id=told.id or (named.id if named else ""),
        label=told.label or (named.label if named else ""),
        facts=kept_facts(told.facts, facts),
    )
    return known if known.id else None


def kept_facts(before: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that a grant keeps: the newer over the older, cut to what a secret can hold.

    More would not fit into the record either: DynamoDB takes 400 KB.
    """
    # Whether anything is cut is told anew.
    return cut({key: value for key, value in {**before, **facts}.items() if key != "truncated"})


def wrong_kind(account: AccountReply, session: Session) -> str:
    """Return why an account is not of the type that the app expects, empty where it is, or where nobody tells."""
    expected = session.provider.setting(session.app, "account_kind")
    if not expected or account.kind in ("", expected):
        return ""
    return f"wrong_account_kind_{account.kind}"


def missing_scopes(app: App, read: Issued) -> tuple[str, ...]:
    """Return the scopes that the app asks for and the account did not grant, in the app's order."""
    if read.scopes is None:
        return ()
    granted = set(read.scopes)
    return tuple(scope for scope in app.scopes if scope not in granted)
