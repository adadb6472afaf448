"""Who authorized, by paths: a provider's file or an app's settings say where an account's name and facts are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tokensync.domain.messages import AccountReply
from tokensync.oauth.account_paths import SOURCES, kept

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from tokensync.oauth.account_paths import Path, Paths

_IN_ANSWER = frozenset({"token", "id_token"})


@dataclass(frozen=True, kw_only=True)
class Naming:
    """Where an account's name, label and facts are. An `account` of None leaves the name to other means.

    `claims` returns what an ID token says, empty where it is not the app's own.
    """

    account: Paths | None = None
    label: Paths | None = None
    facts: Mapping[str, Paths] = field(default_factory=dict)
    claims: Callable[[object], Mapping[str, Any]] = lambda _: {}

    @property
    def callback_names(self) -> tuple[str, ...]:
        """Return the parameters of the callback that are needed."""
        return tuple(dict.fromkeys(path.steps[0] for path in self.paths() if path.source == "callback"))

    def found(self, source: str, data: object) -> dict[str, Any]:
        """Return the values that one source has, by path."""
        values = {path.text: kept(path.value(data)) for path in self.paths() if path.source == source}
        return {text: value for text, value in values.items() if value is not None}

    def in_answer(self, reply: Mapping[str, Any], id_token: object) -> dict[str, Any]:
        """Return the values that a token response and the ID token in it have, by path."""
        return self.found("token", reply) | self.found("id_token", self.claims(id_token))

    def reply(
        self, found: Mapping[str, Any], known: Collection[str] = _IN_ANSWER, *, other: AccountReply | None = None
    ) -> AccountReply:
        """Return what these values say of the account, over what is known of it by `other` means.

        `known` are the sources that were looked into; the name is empty where they do not give it.
        """
        before = other or AccountReply(id="")
        name = before.id if self.account is None else self.account.name(found, known) or ""
        label = None if self.label is None else self.label.name(found, SOURCES)
        facts = {key: paths.value(found) for key, paths in self.facts.items()}
        return AccountReply(
            id=name,
            label=label or before.label,
            kind=before.kind,
            facts={**before.facts, **{key: value for key, value in facts.items() if value is not None}},
            found=dict(found),
        )

    def contradicts(self, found: Mapping[str, Any], account: str) -> bool:
        """Return whether a later response names another account than this.

        It may leave out what the first one had, so only the preferred paths are compared, and only where it has all.
        """
        if self.account is None:
            return False
        first = self.account.alternatives[0]
        if any(path.text not in found for path in first):
            return False
        name = self.account.name(found, _IN_ANSWER)
        return name is not None and name != account

    def is_silent(self, found: Mapping[str, Any]) -> bool:
        """Return whether there is a fact that these values do not give."""
        return any(paths.value(found) is None for paths in self.facts.values())

    def paths(self) -> Iterator[Path]:
        """Yield every path."""
        for paths in (self.account, self.label, *self.facts.values()):
            if paths is not None:
                yield from paths


@dataclass(frozen=True, kw_only=True)
class SecondToken:
    """A second token response within the first one, at `path`: a connection of its own, with a name of its own."""

    path: str
    naming: Naming
