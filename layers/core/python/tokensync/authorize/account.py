"""Names the account of each token response: by the response, the callback, the account call, or paths into them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tokensync.authorize.begin import account_params, bound_of
from tokensync.domain.errors import InvalidName, ParamRefused
from tokensync.domain.grant import Grant
from tokensync.domain.messages import AccountAnswer, AccountReply, Failure, FailureClass
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
from tokensync.oauth.issued import cleaned_account
from tokensync.oauth.params import REFUSED, agreed
from tokensync.oauth.provider import GrantType
from tokensync.refresh.account import facts_of
from tokensync.refresh.publish import kept_facts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.authorization import Authorization
    from tokensync.domain.messages import Issued
    from tokensync.domain.ports import Ports
    from tokensync.oauth.account_paths import Paths
    from tokensync.oauth.naming import Naming
    from tokensync.refresh.account import AccountReader
    from tokensync.refresh.session import Session

NO_TOKEN = "unusable_answer"  # noqa: S105 - a word
_NOT_NOW = Failure(kind=FailureClass.BUSY, code="app_paused", retry_after=600)
_ANSWERED = frozenset({"token", "id_token", "callback", "param"})  # sources that are looked into in any case


@dataclass(frozen=True, kw_only=True)
class NamedGrant:
    """A grant whose account is known. `is_silent` says that facts lack which an earlier grant may have."""

    name: ConnectionName
    grant: Grant
    read: Issued
    session: Session
    verified: bool
    is_silent: bool


@dataclass(frozen=True, kw_only=True)
class NotNamed:
    """Why no connection can come of a response now. With a `failure` the provider is asked again later."""

    problem: str
    failure: Failure | None = None


@dataclass(frozen=True)
class GrantReader:
    """Makes grants of what a token endpoint issued."""

    ports: Ports
    accounts: AccountReader

    def read(
        self, issued: Issued, authorization: Authorization, session: Session, *, at: int, seconds: float | None
    ) -> NamedGrant | NotNamed:
        """Return the grant of a response that arrived `at`, its account named, or why there is none.

        `seconds` is how long the provider may take to say whose account it is.
        """
        # A good refresh token without a usable access token is like an imported one: its first refresh is due.
        try:
            params = agreed(account_params(authorization, session), issued.params)
        except ParamRefused:
            return NotNamed(problem=REFUSED)
        upgrades = session.provider.renewal.upgrade is not None
        bound = bound_of(authorization, session, self.ports, params)
        grant = replace(_grant(issued, session, at=at), params=params, to_be_upgraded=upgrades, bound=bound)
        if not grant.access_token and not session.provider.renews(grant):
            return NotNamed(problem=NO_TOKEN)
        answer = self._ask(grant, session, seconds=seconds)
        account = named_account(issued.account, answer, session, authorization, params=params)
        if isinstance(account, NotNamed):
            return account
        problem = wrong_kind(account, session)
        if problem:
            return NotNamed(problem=problem)
        name = ConnectionName(session.name, account.id)
        # The invite's label belongs to the wanted account, and to no other.
        asked = "" if authorization.for_account not in ("", account.id) else authorization.label
        label = asked or self._earlier_label(name) or account.label
        naming = session.provider.naming
        return NamedGrant(
            name=name,
            grant=replace(grant, account_id=account.id, label=label, account=account.facts),
            read=issued,
            session=session,
            verified=not isinstance(answer, Failure) and bool(answer.facts or answer.found),
            is_silent=isinstance(answer, Failure) or (naming is not None and naming.is_silent(account.found)),
        )

    def _ask(self, grant: Grant, session: Session, *, seconds: float | None) -> AccountAnswer | Failure:
        """Return what the provider says of the account; nothing where there is no access token to ask with."""
        if not grant.access_token or session.provider.account_call is None:
            return AccountAnswer()
        return _NOT_NOW if not session.state.takes_sellers else self.accounts.ask(grant, session, seconds=seconds)

    def _earlier_label(self, name: ConnectionName) -> str:
        """Return the label that this account has had: a link without a label removes none."""
        record = self.ports.connections.get(name)
        return "" if record is None else record.label


def named_account(
    reply: AccountReply | None,
    answer: AccountAnswer | Failure,
    session: Session,
    authorization: Authorization,
    *,
    params: Mapping[str, str],
) -> AccountReply | NotNamed:
    """Return who authorized, with all that is known of the account; or what nothing says.

    Where paths name the account, nothing else does. Otherwise what the token response says comes first. If the account
    call names another account, its facts are ignored.
    """
    provider = session.provider
    if provider.grant_type is GrantType.CLIENT_CREDENTIALS:
        return AccountReply(id=session.app.client_id)  # RFC 6749 §4.4: the app acts for itself
    reply = reply or AccountReply(id="")
    naming = provider.naming
    if naming is not None and naming.account is not None:
        return _by_paths(reply, answer, naming, naming.account, _beside(naming, authorization, params))
    facts = {} if isinstance(answer, Failure) else answer.facts
    call = provider.account_call
    merged = {**reply.facts, **facts}
    named = None if call is None else cleaned_account(call.account(merged, authorization.for_account), [])
    if named is not None and reply.id not in ("", named.id):
        named, answer = None, AccountAnswer()
    known = replace(
        reply, id=reply.id or (named.id if named else ""), label=reply.label or (named.label if named else "")
    )
    beside = {} if naming is None else _beside(naming, authorization, params)
    known = _with_paths(known, answer, session, beside)
    return known if known.id else NotNamed(problem="", failure=answer if isinstance(answer, Failure) else None)


def _beside(naming: Naming, authorization: Authorization, params: Mapping[str, str]) -> dict[str, Any]:
    """Return the values that callback and parameters have, by path."""
    return naming.found("callback", dict(authorization.callback)) | naming.found("param", dict(params))


def _with_paths(
    known: AccountReply, answer: AccountAnswer | Failure, session: Session, beside: Mapping[str, Any]
) -> AccountReply:
    """Return an account with its facts, those among them that paths lead to."""
    facts: Mapping[str, Any] = {} if isinstance(answer, Failure) else facts_of(answer, session)
    naming = session.provider.naming
    if naming is not None:
        found = {**known.found, **beside}
        known = naming.reply(found, other=known)
    return replace(known, facts=kept_facts(known.facts, facts))


def _by_paths(
    reply: AccountReply, answer: AccountAnswer | Failure, naming: Naming, paths: Paths, beside: Mapping[str, Any]
) -> AccountReply | NotNamed:
    failure = answer if isinstance(answer, Failure) else None
    known = _ANSWERED if failure is not None else _ANSWERED | {"account"}
    found = {**reply.found, **beside}
    facts = dict(reply.facts)
    if not isinstance(answer, Failure):
        found |= answer.found
        facts |= answer.facts
    named = naming.reply(found, known, other=AccountReply(id="", label=reply.label, kind=reply.kind, facts=facts))
    if named.id:
        try:
            ConnectionName("a", named.id)
        except InvalidName:
            return NotNamed(problem=f"no account can have the name that {paths.text} gives")
        cleaned = cleaned_account(named, []) or named
        return replace(cleaned, facts=kept_facts({}, named.facts))
    needs_call = any(path.source == "account" for path in paths)
    return NotNamed(problem=paths.lacking(found), failure=failure if needs_call else None)


def wrong_kind(account: AccountReply, session: Session) -> str:
    """Return why an account is not of the type that the app expects, empty if it is, or if nothing says it."""
    expected = session.provider.setting(session.app, "account_kind")
    if not expected or account.kind in ("", expected):
        return ""
    return f"wrong_account_kind_{account.kind}"


def _grant(read: Issued, session: Session, *, at: int) -> Grant:
    """Return the grant of a response, its account still unnamed."""
    scopes = read.scopes
    if scopes is None:  # RFC 6749 §5.1: what the link asked for was granted
        scopes = session.app.scopes if session.provider.authorize.scope_separator is not None else ()
    return Grant(
        account_id="",
        label="",
        access_token=read.access_token or Secret(""),
        refresh_token=read.refresh_token,
        token_type=read.token_type,
        scopes=scopes,
        obtained_at=at,
        access_expires_at=read.access_expires_at,
        refresh_expires_at=read.refresh_expires_at,
    )
