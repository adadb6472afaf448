"""Paths into what came of an account: where its name and its facts are found.

A path is a source and the way into its JSON, such as `callback.realmId`, `token.team.id`, `account.0.tenantId` or
`id_token["https://example.com/org"]`. A number is a place in a list. Paths joined by `+` make one name of several
values; those behind a `,` are asked where the ones before it gave nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokensync.oauth.paths import found
from tokensync.oauth.shapes import id_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

# What a path may begin with, in words for people.
SOURCES: Mapping[str, str] = {
    "token": "token response",
    "callback": "callback",
    "id_token": "ID token",
    "account": "account call's response",
    "param": "invite",
}
# Where a name or a fact would be a secret. `state` and the code are in callbacks alone.
_SECRET = frozenset({
    "access_token", "refresh_token", "id_token", "client_secret", "client_assertion", "code", "code_verifier",
    "device_code", "assertion",
})  # fmt: skip
_STEP = r'\.[^.\[\]+,\s"]+|\[[0-9]{1,6}\]|\["[^"]+"\]'
_PATH = re.compile(rf"({'|'.join(SOURCES)})((?:{_STEP})+)")
_STEPS = re.compile(_STEP)
_LONGEST = 512  # characters of a setting


class NoPath(ValueError):
    """A text is no path, or one to a secret. The message says why."""


@dataclass(frozen=True)
class Path:
    """One way into one source. `text` is how it was written."""

    text: str
    source: str
    steps: tuple[str, ...]

    def value(self, data: object) -> Any:
        """Return what is at the end of the path in the source's JSON, None where there is nothing."""
        return found(data, str(self))

    def __str__(self) -> str:
        return ".".join(self.steps)


@dataclass(frozen=True)
class Paths:
    """Paths that give one value: alternatives of joined paths. `text` is how they were written."""

    text: str
    alternatives: tuple[tuple[Path, ...], ...]

    @classmethod
    def parse(cls, text: str) -> Paths:
        """Read paths as a setting writes them.

        Raises:
            NoPath: they are none, or one of them leads to a secret.
        """
        alternatives: list[list[Path]] = [[]]
        at, rest = 0, text.strip()
        while len(rest) <= _LONGEST:
            match = _PATH.match(rest, at)
            if match is None:
                break
            alternatives[-1].append(_path(match))
            at = match.end()
            if at == len(rest):
                return cls(rest, tuple(map(tuple, alternatives)))
            sign = rest[at]
            if sign == ",":
                alternatives.append([])
            elif sign != "+":
                break
            at += 1
        raise NoPath(
            f"{text[:60]!r} is no path: it begins with {', '.join(SOURCES)}, such as token.team.id; several are "
            "joined by +, or given one for the other with a comma"
        )

    def __iter__(self) -> Iterator[Path]:
        for alternative in self.alternatives:
            yield from alternative

    def name(self, found: Mapping[str, Any], known: Collection[str]) -> str | None:
        """Return the text that these paths give, None where they give none, or where that is not known yet.

        `found` holds values by path, `known` the sources that were looked into: while one of an alternative's is not
        among them, no later alternative counts.
        """
        for alternative in self.alternatives:
            texts = [id_text(found.get(path.text)) for path in alternative]
            if all(texts):
                return self._joined([text for text in texts if text])
            if any(path.source not in known for path in alternative):
                return None
        return None

    def value(self, found: Mapping[str, Any]) -> Any:
        """Return the value of the first alternative that has one: as it is, or as text where several are joined."""
        for alternative in self.alternatives:
            values = [found.get(path.text) for path in alternative]
            if len(values) == 1 and values[0] is not None:
                return values[0]
            texts = [text for text in map(id_text, values) if text]
            if len(values) > 1 and len(texts) == len(values):
                return self._joined(texts)
        return None

    def lacking(self, found: Mapping[str, Any]) -> str:
        """Return, for people, what the first alternative lacks."""
        for path in self.alternatives[0]:
            if not id_text(found.get(path.text)):
                return f"the {SOURCES[path.source]} has no {path}"
        return f"nothing names an account by {self.text}"

    def _joined(self, texts: list[str]) -> str:
        """Join texts so that no two lists give the same one."""
        if all(len(alternative) == 1 for alternative in self.alternatives):
            return texts[0]
        return ":".join(text.replace("%", "%25").replace(":", "%3A") for text in texts)


def kept(value: Any) -> Any:
    """Return a value as a fact may hold it: without what lies under the name of a secret."""
    if isinstance(value, dict):
        return {name: kept(inner) for name, inner in value.items() if name not in _SECRET}
    return [kept(inner) for inner in value] if isinstance(value, list) else value


def _path(match: re.Match[str]) -> Path:
    steps = tuple(_bare(step) for step in _STEPS.findall(match[2]))
    if any(step in _SECRET for step in steps) or (match[1] == "callback" and steps[0] == "state"):
        raise NoPath(f"{match[0]} leads to a secret, and no name or fact may hold one")
    return Path(match[0], match[1], steps)


def _bare(step: str) -> str:
    if step.startswith('["'):
        return step[2:-2]
    return step[1:-1] if step.startswith("[") else step[1:]
