"""Signed texts: invites that operators send, the state that goes through a provider's consent page, browsers' cookies.

https://itsdangerous.palletsprojects.com/en/stable/concepts/
"""

from __future__ import annotations

import hashlib
import hmac
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from itsdangerous import BadData, URLSafeSerializer
from itsdangerous import Signer as Signature
from itsdangerous.encoding import base64_decode, base64_encode, want_bytes

from tokensync.domain.authorization import AuthorizationKey, hashed
from tokensync.domain.errors import BadRequest, InviteRefused
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# Characters of a signed text: ours have about 200, with the longest label, account id and parameters about 5500.
_LONGEST = 6144


@dataclass(frozen=True, kw_only=True)
class Invite:
    """A link that an operator sends to a seller. `for_account` is set where it re-authorizes one connection.

    `params` lead to the account's own host; whoever opens the link cannot change them. `signed_by` names the key that
    signed a link that was read.
    """

    id: str
    app: str
    expires_at: int
    label: str = ""
    for_account: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    signed_by: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class State:
    """What `state` carries (RFC 6749 §10.12): the authorization it belongs to, and when it ends."""

    key: AuthorizationKey
    expires_at: int


class _Exact(Signature):
    """HMAC-SHA256 under a key of each purpose. A signature has one spelling only.

    The base class decodes it first, which passes over foreign characters and the unused bits of the last one.
    """

    default_digest_method = staticmethod(hashlib.sha256)
    default_key_derivation = "hmac"

    def verify_signature(self, value: str | bytes, sig: str | bytes) -> bool:
        return base64_encode(base64_decode(sig)) == sig and super().verify_signature(value, sig)


# Signs nothing any more. An invite lives for 90 days at most: this can go 90 days after a stack was updated to a
# version with `_Exact`, together with its entry in `_serializer` and `fixtures/links_2026_11.json`.
class _Before(_Exact):
    """How links were signed until November 2026: under the key itself, the purpose before the text."""

    default_key_derivation = "none"

    def verify_signature(self, value: str | bytes, sig: str | bytes) -> bool:
        return super().verify_signature(b"%b.%b" % (self.salt, want_bytes(value)), sig)


class Signer:
    """Signs and checks. Any of the keys may verify; the first signs. Keys are opaque bytes.

    `still` returns the keys as they are now. It is asked when a text verifies and is not expired, so that a key that
    was taken back verifies nothing from then on, and garbage asks for nothing.
    """

    def __init__(self, keys: Sequence[Secret], *, still: Callable[[], Sequence[Secret]] | None = None) -> None:
        self._keys = [key.reveal().encode("utf-8") for key in keys]
        self._still = still

    def invite(self, invite: Invite) -> str:
        """Return the signed text of an invite; one that was read before is signed by its own key.

        Raises:
            InviteRefused: that key is none of ours any more.
        """
        keys = self._keys
        if invite.signed_by:
            keys = [key for key in keys if _name_of(key) == invite.signed_by]
            if not keys:
                raise InviteRefused("the key of this invite was taken back", signed=True)
        return _serializer("invite", keys).dumps({
            "a": invite.app,
            "e": invite.expires_at,
            "i": invite.id,
            "l": invite.label,
            "f": invite.for_account,
            **({"p": dict(invite.params)} if invite.params else {}),
        })  # fmt: skip

    def read_invite(self, text: str, *, app: str, now: int) -> Invite:
        """Check signature, expiry and app, in this order.

        Raises:
            InviteRefused: one of them does not hold.
            StoreUnavailable: the keys cannot be read now.
        """
        body = self._verified("invite", text, app=app, now=now, refused=InviteRefused)
        return Invite(
            id=body["i"],
            app=app,
            expires_at=body["e"],
            label=body["l"],
            for_account=body["f"],
            params=body.get("p", {}),
            signed_by=body["signed_by"],
        )

    def state(self, key: AuthorizationKey, *, expires_at: int) -> str:
        """Return the `state` of an authorization."""
        return _serializer("state", self._keys).dumps({"a": key.app, "e": expires_at, "n": key.nonce, "b": key.browser})

    def read_state(self, text: str, *, app: str, now: int, browser: str | None = None) -> State:
        """Check signature, expiry and app, in this order, and then whether this browser began it; None is any.

        Raises:
            BadRequest: one of them does not hold.
            StoreUnavailable: the keys cannot be read now.
        """
        body = self._verified("state", text, app=app, now=now, refused=BadRequest, browser=browser)
        return State(key=AuthorizationKey(app, body["b"], body["n"]), expires_at=body["e"])

    def cookie(self, browser: Secret) -> Secret:
        """Return a browser's secret with its signature, as its cookie holds it.

        The signature lets the result page tell a browser of ours from a made-up one before anything is looked up.
        """
        return Secret(self._signature("cookie").sign(browser.reveal()).decode("ascii"))

    def read_cookie(self, text: str) -> Secret | None:
        """Return the secret of a browser whose cookie we signed, else None. It ends with the key that signed it."""
        if not text.isascii():
            return None
        try:
            return Secret(self._signature("cookie").unsign(text).decode("ascii"))
        except BadData:
            return None

    def operator(self, app: str) -> Secret:
        """Return the cookie of an operator, known by AWS credentials, who authorizes without a browser."""
        return _derived(self._keys[0], f"operator.{app}")

    def installer(self, app: str, code: Secret) -> Secret:
        """Return a cookie for a browser that a provider sent without our state: the same for the same code."""
        return _derived(self._keys[0], f"installer.{app}.{code.reveal()}")

    def _signature(self, purpose: str) -> Signature:
        return _Exact(self._keys[::-1], salt=purpose)

    def _verified(
        self,
        purpose: str,
        text: str,
        *,
        app: str,
        now: int,
        refused: type[BadRequest | InviteRefused],
        browser: str | None = None,
    ) -> dict[str, Any]:
        if "." not in text or len(text) > _LONGEST or not text.isascii():
            raise refused(f"this is no {purpose}")
        try:
            body: dict[str, Any] = _serializer(purpose, self._keys).loads(text)
        except BadData:
            raise refused(f"the signature of this {purpose} does not hold") from None
        if body["e"] <= now:
            raise refused(f"this {purpose} has expired", signed=True)
        if body["a"] != app:
            raise refused(f"this {purpose} belongs to another app", signed=True)
        if browser is not None and body["b"] != browser:
            raise refused("this authorization was begun in another browser", signed=True)
        keys = self._keys if self._still is None else [key.reveal().encode("utf-8") for key in self._still()]
        for key in keys:
            with suppress(BadData):
                return {**_serializer(purpose, [key]).loads(text), "signed_by": _name_of(key)}
        raise refused(f"the key of this {purpose} was taken back", signed=True)


def _serializer(purpose: str, keys: Sequence[bytes]) -> URLSafeSerializer:
    # itsdangerous signs with the last of its keys.
    return URLSafeSerializer(keys[::-1], salt=purpose, signer=_Exact, fallback_signers=[_Before])


def _name_of(key: bytes) -> str:
    """Return the name of a key, by which nobody can find it: a key has 256 random bits."""
    return hashed(f"key.{key.decode('utf-8')}")


def invite_url(base_url: str, signer: Signer, invite: Invite) -> str:
    """Return the link of an invite."""
    return f"{base_url}/connect/{invite.app}?invite={signer.invite(invite)}"


def verifier_of(key: AuthorizationKey, cookie: Secret) -> Secret:
    """Return the PKCE verifier of an authorization (RFC 7636 §4.1).

    It is derived, not stored: from the browser's own 128 random bits, which the table knows as a hash alone.
    """
    return _derived(cookie.reveal().encode("utf-8"), f"verifier.{key.nonce}")


def browser_of(cookie: Secret) -> str:
    """Return the hash by which states and the table know a browser."""
    return hashed(f"browser.{cookie.reveal()}")


def _derived(key: bytes, message: str) -> Secret:
    return Secret(base64_encode(hmac.digest(key, message.encode("ascii"), "sha256")).decode("ascii"))
