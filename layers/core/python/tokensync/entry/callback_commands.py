"""What the callback function does on demand. IAM checks who may invoke it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokensync.authorize.invites import revoke
from tokensync.authorize.links import Invite
from tokensync.domain.authorization import LIFETIME, AuthorizationState
from tokensync.domain.invite_use import LONGEST_LIFE
from tokensync.domain.names import app_name
from tokensync.entry.authorization_answers import of_authorization, of_first_token
from tokensync.entry.command_answers import answered
from tokensync.oauth.discovery import discover
from tokensync.oauth.hints import hint_for
from tokensync.refresh.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tokensync.authorize.begin import Consent
    from tokensync.authorize.exchange import CodeExchange
    from tokensync.authorize.links import Signer
    from tokensync.domain.ports import Ports
    from tokensync.domain.runtime import Budget


@dataclass(frozen=True)
class CallbackCommands:
    """The registry of the callback function's commands."""

    ports: Ports
    consent: Consent
    code_exchange: CodeExchange
    signer: Callable[[], Signer]
    base_url: str

    def answer(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        """Carry out one command. Never raises for what an operator can mend."""
        commands = {
            "paste": self._paste,
            "begin": self._begin,
            "mint": self._mint,
            "discover": self._discover,
            "revoke_invite": self._revoke_invite,
        }
        return answered(event, commands, budget)

    def _paste(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        app = app_name(str(event["app"]))
        session = self._session(app)
        authorization = self.code_exchange.take_paste(
            str(event["text"]), session, self.signer(), budget, redirect_uri=self._redirect_uri(app, event)
        )
        return of_authorization(app, authorization, hint=hint_for(session.provider, authorization.last_error))

    def _begin(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        """Begin an authorization that the operator finishes by pasting the redirect URL."""
        del budget
        app, signer = app_name(str(event["app"])), self.signer()
        expires_at = self.ports.clock.now() + LIFETIME
        begun = self.consent.begin(
            Invite(
                id="",
                app=app,
                expires_at=expires_at,
                label=str(event.get("label") or ""),
                params=dict(event.get("params") or {}),
            ),
            self._session(app),
            signer,
            cookie=signer.operator(app),
            redirect_uri=self._redirect_uri(app, event),
        )
        return {"ok": True, "url": begun.url, "expires_at": begun.expires_at}

    def _discover(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        del budget
        found = discover(str(event["issuer"]), self.ports.wire, self.ports.destinations)
        return {"ok": True, "endpoints": dict(found.endpoints), "settings": dict(found.settings)}

    def _revoke_invite(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        """End an invite, and answer with what has become of it."""
        del budget
        app, now = app_name(str(event["app"])), self.ports.clock.now()
        self.ports.apps.state(app)  # an app that is not registered is not found
        use = revoke(app, str(event["invite"]), self.ports.invites, now=now, expires_at=now + LONGEST_LIFE)
        return {"ok": True, "state": use.state, "connection": use.connection}

    def _mint(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        app = app_name(str(event["app"]))
        label = str(event.get("label") or "")
        session = self._session(app)
        authorization = self.code_exchange.mint(session, self.signer(), budget, label=label)
        failed = authorization.state is AuthorizationState.FAILED
        is_app = failed and self.ports.apps.state(app).credentials_refused == authorization.detail
        hint = hint_for(session.provider, authorization.last_error)
        return of_first_token(app, authorization, is_app=is_app, hint=hint)

    def _session(self, app: str) -> Session:
        return Session(app, self.ports, fresh=True)

    def _redirect_uri(self, app: str, event: Mapping[str, Any]) -> str:
        return str(event.get("redirect_uri") or f"{self.base_url}/callback/{app}")
