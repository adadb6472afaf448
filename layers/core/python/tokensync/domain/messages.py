"""One request to a provider, the raw response, and what was read from it."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from tokensync.domain.secret import MASK, NeverPickled, Secret

# A token of 64 KB has to come in whole, so that the one beside it can be kept.
MAX_BODY = 131_072


@dataclass(frozen=True, kw_only=True, repr=False)
class Request(NeverPickled):
    """The exact bytes that go on the wire, but for the headers that every request has.

    URL, headers and body may hold secrets, so it prints as its address alone. Of a response with more than `largest`
    bytes only so many are read, and it is marked as incomplete.
    """

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    largest: int = MAX_BODY

    def __repr__(self) -> str:
        parts = urlsplit(self.url)
        return f"Request({self.method} {parts.hostname}{parts.path})"


@dataclass(frozen=True, kw_only=True, repr=False)
class ClearedRequest(Request):
    """A request that may go where it goes, see `tokensync.domain.destinations`, which alone makes one."""


# Numbers and the RFC's words; nobody's token is that short and plain.
_PLAIN_CODE = re.compile(r"[0-9]{1,9}|[a-z_]{1,40}|http_[0-9]{3}")


@dataclass(frozen=True, kw_only=True)
class ProviderResponse(NeverPickled):
    """An HTTP response as it arrived, before any parsing. It is sealed and stored like this.

    `headers` keeps the few that matter, lower-case. `complete` is false if the body was longer than we accept. `shown`
    is what was presented and is stored nowhere else, such as a code: it is masked in the provider's words.
    """

    status: int
    headers: dict[str, str] = field(default_factory=dict, repr=False)  # a Location may repeat the request's query
    body: bytes = field(default=b"", repr=False)
    received_at: int
    complete: bool = True
    shown: tuple[Secret, ...] = field(default=(), repr=False)

    def to_bytes(self) -> bytes:
        """Return the response as bytes: only ever for sealing."""
        return json.dumps(
            {
                "status": self.status,
                "headers": self.headers,
                "body": base64.b64encode(self.body).decode("ascii"),
                "received_at": self.received_at,
                "complete": self.complete,
                **({"shown": [secret.reveal() for secret in self.shown]} if self.shown else {}),
            }
        ).encode("ascii")

    @classmethod
    def from_bytes(cls, data: bytes) -> ProviderResponse:
        """Read what `to_bytes` wrote."""
        stored = json.loads(data)
        return cls(
            status=stored["status"],
            headers=stored["headers"],
            body=base64.b64decode(stored["body"]),
            received_at=stored["received_at"],
            complete=stored["complete"],
            shown=tuple(map(Secret, stored.get("shown", ()))),
        )


class FailureClass(StrEnum):
    """Every failure's class, and the class says what to do."""

    NOT_SENT = "not_sent"
    """No byte left: try again, inside the deadline and later."""

    BUSY = "busy"
    """Not processed, by a 429 or in the provider's words: later, as Retry-After says."""

    AMBIGUOUS = "ambiguous"
    """Silence, or what cannot be read: the provider may have committed, so follow its declared `refresh_reuse`."""

    CONFIGURATION = "configuration"
    """The app's credentials or allow list: pause the app and alert its owner; no connection changes."""

    REFUSED = "refused"
    """An authoritative no to this token or code: only this may ask a seller to come back."""

    UNKNOWN = "unknown"
    """An error in the provider's words that no data explains. It issued nothing, and marks no connection dead."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why there is no token. `message` is the provider's, cut and cleaned; `retry_after` is in seconds, capped."""

    kind: FailureClass
    code: str
    message: str = ""
    trace_id: str = ""
    retry_after: int | None = None

    def untold(self) -> Failure:
        """Return the failure without the provider's words, where it is not known what they may repeat."""
        return replace(self, code=self.code if _PLAIN_CODE.fullmatch(self.code) else MASK, message="", trace_id="")


@dataclass(frozen=True, kw_only=True)
class AccountReply:
    """Who authorized, as the provider says it.

    `id` is empty if the provider gives facts and no name. `kind` is its word for the type of account, or empty. `found`
    holds the values of which paths make a name, by path.
    """

    id: str
    label: str = ""
    kind: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AccountAnswer:
    """What the account call said: facts, and the values of which paths make a name, by path."""

    facts: dict[str, Any] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Issued:
    """What a token endpoint gave. Absent fields are None.

    `access_token` is None where one was given that no client may publish. `life` is the seconds that the access token
    has left by the provider's own clock. `oddities` names what was not as documented and is worth an alert, `notes`
    what does no harm and is worth a line in the log; the texts of both are the same for the same cause. `has_id_token`
    says that one came as well. `params` are those of the account's parameters that the response names.
    """

    access_token: Secret | None
    refresh_token: Secret | None
    token_type: str
    scopes: tuple[str, ...] | None
    access_expires_at: int | None
    refresh_expires_at: int | None
    life: int | None
    account: AccountReply | None
    trace_id: str
    oddities: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    params: dict[str, str] = field(default_factory=dict)
    has_id_token: bool = False
