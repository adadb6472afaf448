"""What the due index yields and what the queue carries: names, and responses only as sealed bytes."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

from tokensync.domain.authorization import AuthorizationKey
from tokensync.domain.errors import BadRequest, InvalidName
from tokensync.domain.names import ConnectionName, app_name


@dataclass(frozen=True)
class DueKey:
    """One entry of the due index."""

    partition_key: str
    sort_key: str
    next_at: int

    def work(self) -> Work:
        """Return what is to be done for this key.

        Raises:
            BadRequest: the key is of a kind unknown to this version.
        """
        app = self.partition_key.removeprefix("app#")
        kind, _, rest = self.sort_key.partition("#")
        if kind == "connection":
            return Work(connection=ConnectionName(app, rest))
        if kind == "pending":
            return Work(authorization=AuthorizationKey.parse(app, self.sort_key))
        raise BadRequest(f"a due record of unknown kind {kind}")


@dataclass(frozen=True)
class AnswerAside:
    """A sealed answer that is kept beside its connection's record, under the fence of its attempt.

    `why` is the reason and `at` the time, Unix seconds.
    """

    name: ConnectionName
    fence: int
    why: str
    at: int
    sealed: bytes = field(repr=False)


@dataclass(frozen=True)
class DeadLetter:
    """A message that could not be worked on in five tries. `handle` deletes it."""

    body: str = field(repr=False)
    handle: str


@dataclass(frozen=True, kw_only=True)
class Work:
    """One message: a connection to work on, or an answered authorization to finish.

    `compare` asks to compare the published secret with the grant whether or not anything is due, `push` to hand the
    pair to the app's consumer whether or not that was done. `answer` is a sealed answer that could not be stored in its
    place; `fence` is that of its attempt, `invite` the id of the invite that its authorization was begun with.
    """

    connection: ConnectionName | None = None
    authorization: AuthorizationKey | None = None
    compare: bool = False
    push: bool = False
    answer: bytes | None = None
    fence: int = 0
    invite: str = ""

    @property
    def app(self) -> str:
        """Return the app that this work belongs to."""
        if self.connection is not None:
            return self.connection.app
        if self.authorization is not None:
            return self.authorization.app
        raise BadRequest("a message names neither a connection nor an authorization")

    def to_json(self) -> str:
        """Return the message's body."""
        body: dict[str, Any] = {}
        if self.connection is not None:
            body["connection"] = str(self.connection)
        if self.authorization is not None:
            body["app"] = self.authorization.app
            body["pending"] = self.authorization.sort_key
        if self.compare:
            body["compare"] = True
        if self.push:
            body["push"] = True
        if self.answer is not None:
            body["answer"] = base64.b64encode(self.answer).decode("ascii")
            body["fence"] = self.fence
        if self.invite:
            body["invite"] = self.invite
        return json.dumps(body)

    @classmethod
    def from_json(cls, text: str) -> Work:
        """Read a message's body.

        Raises:
            BadRequest: it is not what `to_json` writes.
        """
        try:
            body = json.loads(text)
            work = cls(
                connection=ConnectionName.parse(body["connection"]) if "connection" in body else None,
                authorization=AuthorizationKey.parse(app_name(body["app"]), body["pending"])
                if "pending" in body
                else None,
                compare=body.get("compare") is True,
                push=body.get("push") is True,
                answer=base64.b64decode(body["answer"], validate=True) if "answer" in body else None,
                fence=int(body.get("fence", 0)),
                invite=str(body.get("invite", "")),
            )
        except (ValueError, KeyError, TypeError, AttributeError, InvalidName, RecursionError, OverflowError):
            raise BadRequest("a message that is not ours") from None
        if (work.connection is None) == (work.authorization is None):
            raise BadRequest("a message names one connection or one authorization")
        return work
