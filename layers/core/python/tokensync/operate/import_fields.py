"""The fields of an import: tokens from another system, each checked before anything is done with it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tokensync.domain.authorization import hashed
from tokensync.domain.errors import BadRequest
from tokensync.domain.secret import LONGEST_TOKEN, Secret, token_of
from tokensync.domain.text import LABEL_LENGTH, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

FACT = "fact."  # before the name of a fact that no response of the provider says
PARAM = "param."  # and a parameter's name: a field that leads to the account's own host
FIELDS = (
    "refresh_token",
    "access_token",
    "expires_at",
    "refresh_token_expires_at",
    "scopes",
    "label",
    "client_id",
    "client_secret",
)
_MOST_SCOPES = 200
_LONGEST_CLIENT_ID = 512
_MOST_FACTS = 20
_LONGEST_FACT = 200  # characters
_FACT_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# Any present time lies between: in seconds, neither milliseconds nor a duration.
_EARLIEST, _LATEST = 1_000_000_000, 100_000_000_000


@dataclass(frozen=True, kw_only=True)
class ImportFields:
    """Tokens that another system obtained for one account. Times are Unix seconds, None where they are unknown.

    `facts` are what an operator says of the account, by name. `params` lead to the account's own host. `client_id` and
    `client_secret` are set where the tokens were given to a client of the account's own; where such a client mints its
    tokens there are none to bring.
    """

    refresh_token: Secret | None
    access_token: Secret | None
    expires_at: int | None = None
    refresh_expires_at: int | None = None
    scopes: tuple[str, ...] = ()
    label: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    client_id: str = ""
    client_secret: Secret | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, fields: Mapping[str, object]) -> ImportFields:
        """Read them from a JSON object, or from a row of text; an empty text counts as absent.

        Raises:
            BadRequest: a field cannot be used. The message names the field, and never its value.
        """
        known = {name: value for name, value in fields.items() if value not in (None, "")}
        if not all(map(is_field, known)):
            raise BadRequest(f"there is an unknown field; the known ones are {', '.join(FIELDS)} and {FACT}NAME")
        checked = cls(
            refresh_token=_token(known, "refresh_token"),
            access_token=_token(known, "access_token"),
            expires_at=_time(known, "expires_at"),
            refresh_expires_at=_time(known, "refresh_token_expires_at"),
            scopes=_scopes(known.get("scopes")),
            label=_label(known.get("label", "")),
            params={name: str(value) for name, value in _under(PARAM, known).items()},
            client_id=_client_id(known.get("client_id", "")),
            client_secret=_token(known, "client_secret"),
            facts=_facts(_under(FACT, known)),
        )
        if bool(checked.client_id) != (checked.client_secret is not None):
            raise BadRequest("client_id and client_secret go together")
        if checked.refresh_token is None and checked.access_token is None and checked.client_secret is None:
            raise BadRequest("there is neither a refresh_token nor an access_token")
        if checked.expires_at is not None and checked.access_token is None:
            raise BadRequest("expires_at goes with an access_token")
        return checked

    def mark(self, app: str) -> str:
        """Return the hash of the imported token, by which a repeated import is recognised."""
        token = self.refresh_token or self.access_token
        parts = [] if token is None else [token.reveal()]
        if self.client_secret is not None:
            parts += [self.client_id, self.client_secret.reveal()]
        if not parts:
            raise ValueError("there is neither a token nor a client")
        return hashed(".".join(("import", app, *parts)))


def is_field(name: str) -> bool:
    """Return whether an import has a field of this name: one of `FIELDS`, a fact, or a parameter of its host."""
    return name in FIELDS or name.startswith(FACT) or (name.startswith(PARAM) and name[len(PARAM) :].isidentifier())


def _under(prefix: str, fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in fields.items() if name.startswith(prefix)}


def _token(fields: Mapping[str, object], name: str) -> Secret | None:
    value = fields.get(name)
    if value is None:
        return None
    token = token_of(value)
    if token is None:
        raise BadRequest(f"{name} is no token: it takes up to {LONGEST_TOKEN} visible ASCII characters")
    return token


def _time(fields: Mapping[str, object], name: str) -> int | None:
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:  # noqa: PLR2004 - any time
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not _EARLIEST < value < _LATEST:
        raise BadRequest(f"{name} is a time in Unix seconds")
    return value


def _client_id(value: object) -> str:
    if not isinstance(value, str) or value != one_line(value, length=_LONGEST_CLIENT_ID) or value != value.strip():
        raise BadRequest(f"client_id is one line of at most {_LONGEST_CLIENT_ID} printable characters")
    return value


def _scopes(value: object) -> tuple[str, ...]:
    """Return scopes from a list, or from a text in which spaces or commas separate them."""
    if value is None:
        return ()
    parts = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(parts, list) or len(parts) > _MOST_SCOPES:
        raise BadRequest(f"scopes are a list of at most {_MOST_SCOPES}")
    if not all(isinstance(part, str) and part == one_line(part, length=LABEL_LENGTH) for part in parts):
        raise BadRequest("scopes are short texts")
    return tuple(parts)


def _label(value: object) -> str:
    if not isinstance(value, str) or value != one_line(value, length=LABEL_LENGTH):
        raise BadRequest(f"label is one line of at most {LABEL_LENGTH} printable characters")
    return value


def _facts(values: Mapping[str, object]) -> dict[str, str]:
    if len(values) > _MOST_FACTS:
        raise BadRequest(f"an account has at most {_MOST_FACTS} facts")
    for name in values:
        if not _FACT_NAME.fullmatch(name):
            # The name is not repeated: whatever it is, it is no name.
            raise BadRequest(f"a fact's name is {FACT} and up to 40 of a-z, 0-9 and '_', and starts with a letter")
    return {name: _fact(name, value) for name, value in values.items()}


def _fact(name: str, value: object) -> str:
    if not isinstance(value, str) or value != one_line(value, length=_LONGEST_FACT):
        raise BadRequest(f"{FACT}{name} is one line of at most {_LONGEST_FACT} printable characters")
    return value
