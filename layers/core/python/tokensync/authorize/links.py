"""Signed, expiring texts: invites that operators send, and the state that goes through a provider's consent page."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokensync.domain.authorization import AuthorizationKey, hashed
from tokensync.domain.errors import BadRequest, InviteRefused
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST = 4096  # characters of a signed text; ours have about 200, with the longest label and account id about 3200


@dataclass(frozen=True, kw_only=True)
class Invite:
    """A link that an operator sends to a seller. `for_account` is set where it re-authorizes one connection."""

    id: str
    app: str
    expires_at: int
    label: str = ""
    for_account: str = ""


@dataclass(frozen=True, kw_only=True)
class State:
    """What `state` carries (RFC 6749 §10.12): the authorization it belongs to, and when it ends."""

    key: AuthorizationKey
    expires_at: int


class Signer:
    """Signs and checks with HMAC-SHA256. Any of the keys may verify; the first signs. Keys are opaque bytes."""

    def __init__(self, keys: Sequence[Secret]) -> None:
        self._keys = [key.reveal().encode("utf-8") for key in keys]

    def invite(self, invite: Invite) -> str:
        """Return the signed text of an invite."""
        return self._signed(
            "invite",
            {
                "a": invite.app,
                "e": invite.expires_at,
                "i": invite.id,
                "l": invite.label,
                "f": invite.for_account,
            },
        )

    def read_invite(self, text: str, *, app: str, now: int) -> Invite:
        """Check signature, expiry and app, in this order.

        Raises:
            InviteRefused: one of them does not hold.
        """
        body = self._verified("invite", text, app=app, now=now, refused=InviteRefused)
        return Invite(id=body["i"], app=app, expires_at=body["e"], label=body["l"], for_account=body["f"])

    def state(self, key: AuthorizationKey, *, expires_at: int) -> str:
        """Return the `state` of a pending authorization."""
        return self._signed("state", {"a": key.app, "e": expires_at, "n": key.nonce, "b": key.browser})

    def read_state(self, text: str, *, app: str, now: int) -> State:
        """Check signature, expiry and app, in this order.

        Raises:
            BadRequest: one of them does not hold.
        """
        body = self._verified("state", text, app=app, now=now, refused=BadRequest)
        return State(key=AuthorizationKey(app, body["b"], body["n"]), expires_at=body["e"])

    def operator(self, app: str) -> Secret:
        """Return what stands for a browser's cookie where an operator, known by AWS credentials, authorizes by hand."""
        return Secret(self._mac(self._keys[0], f"operator.{app}".encode("ascii")))

    def installer(self, app: str, code: Secret) -> Secret:
        """Return a cookie for a browser that a provider sent without our state: the same for the same code."""
        return Secret(self._mac(self._keys[0], f"installer.{app}.{code.reveal()}".encode("ascii")))

    def _signed(self, purpose: str, body: dict[str, Any]) -> str:
        # As UTF-8: escapes would make a label or an account id of another script six times as long.
        payload = _b64(json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass"))
        return f"{payload}.{self._mac(self._keys[0], f'{purpose}.{payload}'.encode('ascii'))}"

    def _verified(
        self, purpose: str, text: str, *, app: str, now: int, refused: type[BadRequest | InviteRefused]
    ) -> dict[str, Any]:
        payload, dot, signature = text.partition(".")
        if not dot or len(text) > _LONGEST or not text.isascii():
            raise refused(f"this is no {purpose}")
        message = f"{purpose}.{payload}".encode("ascii")
        # Every key is tried whatever the first says, so that time tells nothing about which one signed.
        matches = [hmac.compare_digest(self._mac(key, message), signature) for key in self._keys]
        if not any(matches):
            raise refused(f"the signature of this {purpose} does not hold")
        body: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        if body["e"] <= now:
            raise refused(f"this {purpose} has expired", signed=True)
        if body["a"] != app:
            raise refused(f"this {purpose} belongs to another app", signed=True)
        return body

    @staticmethod
    def _mac(key: bytes, message: bytes) -> str:
        return _b64(hmac.new(key, message, hashlib.sha256).digest())


def invite_url(base_url: str, signer: Signer, invite: Invite) -> str:
    """Return the link of an invite."""
    return f"{base_url}/connect/{invite.app}?invite={signer.invite(invite)}"


def verifier_of(key: AuthorizationKey, cookie: Secret) -> Secret:
    """Return the PKCE verifier of an authorization (RFC 7636 §4.1).

    It is derived, not stored: from the browser's own 128 random bits, which the table knows as a hash alone.
    """
    message = f"verifier.{key.nonce}".encode("ascii")
    return Secret(_b64(hmac.new(cookie.reveal().encode("utf-8"), message, hashlib.sha256).digest()))


def browser_of(cookie: Secret) -> str:
    """Return the hash under which a browser stands in states and in the table."""
    return hashed(f"browser.{cookie.reveal()}")


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
