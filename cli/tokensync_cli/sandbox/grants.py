"""Codes, tokens and the authorizations they belong to: issued, spent, rotated and revoked.

Every method decides and commits without yielding, so that on one event loop a single use is atomic.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.credentials import (
    AccessToken,
    Authorization,
    Binding,
    Code,
    Kept,
    Pair,
    RefreshToken,
    RefusedError,
    end_of,
    is_over,
)
from tokensync_cli.sandbox.mint import Mint, digest


class Grants:
    """Issues codes and tokens and enforces their rules. No credential is kept, only its digest."""

    def __init__(self, mint: Mint, kept: Kept | None = None) -> None:
        kept = kept or Kept()
        self._mint = mint
        self._authorizations = {a.id: a for a in kept.authorizations}
        self._codes = {c.digest: c for c in kept.codes}
        self._refresh = {t.digest: t for t in kept.refresh_tokens}
        self._access = {t.digest: t for t in kept.access_tokens}

    def kept(self) -> Kept:
        """Return all records: they are frozen, so this is a consistent copy."""
        return Kept(
            authorizations=tuple(self._authorizations.values()),
            codes=tuple(self._codes.values()),
            refresh_tokens=tuple(self._refresh.values()),
            access_tokens=tuple(self._access.values()),
        )

    def authorize(
        self,
        app: App,
        *,
        account: str,
        prefix: str,
        scopes: Iterable[str],
        now: float,
        refresh_expires_at: int | None,
        binding: Binding | None = None,
        ending: str = "",
    ) -> str:
        """Record a consent and return its code, which ends in `ending` and is tied to `binding`."""
        authorization = Authorization(
            id=len(self._authorizations) + 1,
            provider=app.provider,
            app=app.app_key,
            account=account,
            prefix=prefix,
            scopes=tuple(scopes),
            at=now,
            refresh_expires_at=refresh_expires_at,
        )
        self._authorizations[authorization.id] = authorization
        code = self._mint.credential(prefix, app.settings.token_marker) + ending
        key = digest(code)
        self._codes[key] = Code(
            digest=key,
            authorization=authorization.id,
            expires_at=now + app.settings.code_seconds,
            binding=binding or Binding(),
        )
        return code

    def issue(
        self,
        app: App,
        *,
        account: str,
        prefix: str,
        scopes: Iterable[str],
        now: float,
        refresh_expires_at: int | None,
        refreshable: bool = True,
    ) -> Pair:
        """Record a consent that was given elsewhere, or needs none, and return its pair without a code in between."""
        code = self.authorize(
            app, account=account, prefix=prefix, scopes=scopes, now=now, refresh_expires_at=refresh_expires_at
        )
        authorization = self._authorizations[self._codes.pop(digest(code)).authorization]
        return self._pair(app, authorization, now, refreshable=refreshable)

    def owner(self, credential: str, provider: str = "") -> Authorization | None:
        """Return the authorization that a code or token came from, valid or not; nothing is spent.

        With a `provider`, those of all others are unknown.
        """
        key = digest(credential)
        record = self._codes.get(key) or self._refresh.get(key) or self._access.get(key)
        found = self._authorizations[record.authorization] if record else None
        return found if found and provider in ("", found.provider) else None

    def latest(self, provider: str, app: str, account: str) -> Authorization | None:
        """Return the account's newest authorization of the app, ended or not."""
        same = (a for a in self._authorizations.values() if (a.provider, a.app, a.account) == (provider, app, account))
        return max(same, key=lambda a: a.id, default=None)

    def exchange(
        self,
        app: App,
        code: str,
        now: float,
        matches: Callable[[Binding], bool] | None = None,
        *,
        refreshable: bool = True,
    ) -> Pair:
        """Spend a code and return the first pair of its authorization, without a refresh token unless `refreshable`.

        `matches` returns whether the request fits what the code is tied to; a mismatch leaves the code unspent.

        Raises:
            RefusedError: unknown, another app's, used, expired, revoked or a mismatch.
        """
        record = self._codes.get(digest(code))
        authorization = self._of(app, record)
        if record is None or authorization is None:
            raise RefusedError("unknown")
        if record.spent:
            self._reused(app, authorization)
            raise RefusedError("used")
        if record.expires_at <= now:
            raise RefusedError("expired")
        if authorization.revoked:
            raise RefusedError("revoked")
        if matches and not matches(record.binding):
            raise RefusedError("mismatch")
        self._codes[record.digest] = replace(record, spent=True)
        if app.settings.reauthorization_replaces:
            self.revoke(app.provider, app.app_key, authorization.account, before=authorization.id)
        return self._pair(app, authorization, now, refreshable=refreshable)

    def refresh(self, app: App, refresh_token: str, now: float) -> Pair:
        """Return a new pair for a refresh token, which lives on as the app's `refresh_reuse` says.

        Raises:
            RefusedError: unknown, another app's, replaced by an earlier refresh, expired or revoked.
        """
        record = self._refresh.get(digest(refresh_token))
        authorization = self._of(app, record)
        if record is None or authorization is None:
            raise RefusedError("unknown")
        if authorization.revoked:
            raise RefusedError("revoked")
        if is_over(authorization.refresh_expires_at, now):
            raise RefusedError("expired")
        policy = app.settings
        if record.replaced_at is not None and policy.refresh_reuse != "safe":
            in_grace = policy.refresh_reuse == "grace" and now < record.replaced_at + policy.grace_seconds
            if not in_grace:
                self._reused(app, authorization)
                raise RefusedError("used")
        if policy.old_access_token_dies:
            self._end_access(authorization.id)
        if policy.refresh_extends:
            authorization = replace(authorization, refresh_expires_at=end_of(now, policy.refresh_token_seconds))
            self._authorizations[authorization.id] = authorization
        if policy.refresh_reuse == "safe":
            return self._pair(app, authorization, now, refresh_token)
        if record.replaced_at is None:
            self._refresh[record.digest] = replace(record, replaced_at=now)
        return self._pair(app, authorization, now)

    def access(self, access_token: str, now: float) -> Authorization:
        """Return the authorization that an access token belongs to.

        Raises:
            RefusedError: unknown, expired, ended by a refresh or revoked.
        """
        record = self._access.get(digest(access_token))
        if record is None:
            raise RefusedError("unknown")
        authorization = self._authorizations[record.authorization]
        if authorization.revoked:
            raise RefusedError("revoked")
        if record.ended or is_over(record.expires_at, now):
            raise RefusedError("expired")
        return authorization

    def revoke(self, provider: str, app: str, account: str, *, before: int | None = None) -> int:
        """End the account's authorizations of the app, those numbered below `before` alone if given; return how many.

        A consent whose code was not exchanged yet ends as well.
        """
        ended = 0
        for key, known in tuple(self._authorizations.items()):
            same = (known.provider, known.app, known.account) == (provider, app, account)
            if same and not known.revoked and (before is None or key < before):
                self._authorizations[key] = replace(known, revoked=True)
                ended += 1
        return ended

    def end(self, authorization: Authorization) -> None:
        """End one authorization and every token that came from it."""
        self._authorizations[authorization.id] = replace(authorization, revoked=True)

    def _of(self, app: App, record: Code | RefreshToken | None) -> Authorization | None:
        """Return the record's authorization if it is this app's: a credential is bound to its client."""
        found = self._authorizations[record.authorization] if record else None
        return found if found and (found.provider, found.app) == (app.provider, app.app_key) else None

    def _reused(self, app: App, authorization: Authorization) -> None:
        if app.settings.reuse_detection:
            self.end(authorization)

    def _end_access(self, authorization: int) -> None:
        for key, token in tuple(self._access.items()):
            if token.authorization == authorization and not token.ended:
                self._access[key] = replace(token, ended=True)

    def _pair(
        self, app: App, authorization: Authorization, now: float, keep: str | None = None, *, refreshable: bool = True
    ) -> Pair:
        marker = app.settings.token_marker
        access = self._mint.credential(authorization.prefix, marker)
        expires_at = end_of(now, app.settings.access_token_seconds)
        key = digest(access)
        self._access[key] = AccessToken(digest=key, authorization=authorization.id, expires_at=expires_at)
        refresh = keep
        if refresh is None and refreshable:
            refresh = self._mint.credential(authorization.prefix, marker)
            key = digest(refresh)
            self._refresh[key] = RefreshToken(digest=key, authorization=authorization.id)
        return Pair(
            authorization=authorization, access_token=access, access_expires_at=expires_at, refresh_token=refresh
        )
