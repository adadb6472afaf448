"""The grant: what a provider gave for one account. It is sealed before it is stored, and never printed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tokensync.domain.bound import Bound
from tokensync.domain.secret import Secret


@dataclass(frozen=True, kw_only=True)
class Grant:
    """One token pair with what the provider said beside it. Times are Unix seconds, None means never.

    `account` holds the provider's facts about the account, such as shops or advertiser ids; `brought` those that an
    operator brought, because no response says them. `params` are the values that lead to the account's own host, see
    `tokensync.oauth.params`. `client_id` and `client_secret` are set where the account has a client of its own, whose
    name its tokens were given to. `to_be_upgraded` says that the access token is the short-lived one of a consent,
    which is still to be exchanged for one that lasts. `second`: it is the second token of a response, whose account has
    a name of its own. `bound` says where its secrets may be sent; None for a grant of an earlier version.
    """

    account_id: str
    label: str
    access_token: Secret
    token_type: str
    scopes: tuple[str, ...]
    obtained_at: int
    refresh_token: Secret | None = None
    access_expires_at: int | None = None
    refresh_expires_at: int | None = None
    account: dict[str, Any] = field(default_factory=dict)
    brought: dict[str, str] = field(default_factory=dict)
    second: bool = False
    params: dict[str, str] = field(default_factory=dict)
    client_id: str = ""
    client_secret: Secret | None = None
    to_be_upgraded: bool = False
    bound: Bound | None = None

    @property
    def has_own_client(self) -> bool:
        """Return whether it is renewed under a client of its own: what is said of that says nothing of the app's."""
        return self.client_secret is not None

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Return what a request for it may carry, to be masked in the provider's words."""
        return tuple(one for one in (self.refresh_token, self.access_token, self.client_secret) if one)

    @property
    def facts(self) -> dict[str, Any]:
        """Return all that is published of the account: what the provider says goes before what was brought."""
        return {**self.brought, **self.account}

    def to_bytes(self) -> bytes:
        """Return the grant as JSON, tokens in clear: only ever for sealing."""
        return json.dumps(
            {
                "account_id": self.account_id,
                "label": self.label,
                "access_token": self.access_token.reveal(),
                "refresh_token": None if self.refresh_token is None else self.refresh_token.reveal(),
                "token_type": self.token_type,
                "scopes": list(self.scopes),
                "obtained_at": self.obtained_at,
                "access_expires_at": self.access_expires_at,
                "refresh_expires_at": self.refresh_expires_at,
                "account": self.account,
                # Written only where there is something: a version that does not know them still reads the rest.
                **({"brought": self.brought} if self.brought else {}),
                **({"second": True} if self.second else {}),
                **({"params": self.params} if self.params else {}),
                **({"client_id": self.client_id} if self.client_id else {}),
                **({} if self.client_secret is None else {"client_secret": self.client_secret.reveal()}),
                **({"to_be_upgraded": True} if self.to_be_upgraded else {}),
                **({} if self.bound is None else {"bound": self.bound.as_json()}),
            }
        ).encode("ascii")

    @classmethod
    def from_bytes(cls, data: bytes) -> Grant:
        """Read what `to_bytes` wrote."""
        stored = json.loads(data)
        refresh_token, client_secret = stored["refresh_token"], stored.get("client_secret")
        return cls(
            account_id=stored["account_id"],
            label=stored["label"],
            access_token=Secret(stored["access_token"]),
            refresh_token=None if refresh_token is None else Secret(refresh_token),
            token_type=stored["token_type"],
            scopes=tuple(stored["scopes"]),
            obtained_at=stored["obtained_at"],
            access_expires_at=stored["access_expires_at"],
            refresh_expires_at=stored["refresh_expires_at"],
            account=stored["account"],
            params=dict(stored.get("params", {})),
            client_id=stored.get("client_id", ""),
            client_secret=Secret(client_secret) if client_secret else None,
            to_be_upgraded=stored.get("to_be_upgraded", False),
            brought=dict(stored.get("brought", {})),
            second=stored.get("second", False),
            bound=Bound.of_json(stored["bound"]) if "bound" in stored else None,
        )
