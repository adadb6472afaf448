"""Parameters of one account, such as its shop's name: where their values come from, and what they are held to.

Each is declared with a pattern and with where its value comes from. A value is held to its pattern when it is taken,
and again each time that it is used, see `tokensync.oauth.templates`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokensync.domain.errors import ParamRefused
from tokensync.domain.messages import Failure, FailureClass
from tokensync.oauth.paths import found as found_at
from tokensync.oauth.patterns import NotAPattern, pattern

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

INVITE, APP, CALLBACK, TOKEN = "invite", "app", "callback.", "token."
REFUSED = "param_refused"  # the code of a request that was not made
# Words in braces that requests fill with something of their own.
RESERVED = frozenset({"random", "uuid", "access_token", "client_id"})
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LATER = re.compile(r"(callback|token)\.[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True, kw_only=True)
class Param:
    """One parameter: `pattern` is what all of a value matches, see `tokensync.oauth.patterns`.

    `sources` say where the value comes from: `invite` (who sends the invite names it, else the seller's page asks for
    it by `title`), `app` (`value`, the same for all), `callback.NAME` (a parameter of the authorization response),
    `token.PATH` (a field of the token response, see `of_response`). The first that has one gives it; where a
    later one names another value, the authorization is refused.
    """

    pattern: str
    sources: tuple[str, ...] = (INVITE,)
    value: str = ""
    title: str = ""

    def named_by(self, kind: str) -> list[str]:
        """Return the names under which sources of a kind give the value: `callback.` or `token.`."""
        return [source.removeprefix(kind) for source in self.sources if source.startswith(kind)]


def check_declared(declared: Mapping[str, Param]) -> None:
    """Refuse declarations that cannot be meant.

    Raises:
        ParamRefused: the message names the parameter.
    """
    for name, param in declared.items():
        if not _NAME.fullmatch(name):
            raise ParamRefused(name, "a parameter's name has up to 40 of a-z, 0-9 and _, a letter first")
        if name in RESERVED:
            raise ParamRefused(name, "this word in braces means something else already")
        try:
            pattern(param.pattern)
        except NotAPattern as error:
            raise ParamRefused(name, f"its pattern cannot be used: {error}") from None
        for source in param.sources:
            if source not in (INVITE, APP) and not _LATER.fullmatch(source):
                raise ParamRefused(name, "it comes from invite, app, callback.NAME or token.PATH")
        if (APP in param.sources) != bool(param.value):
            raise ParamRefused(name, "its source is app exactly where the app has a value for it")
        if param.value:
            checked(name, param.value, param)


def checked(name: str, value: object, param: Param, *, in_host: bool = False) -> str:
    """Return a value as it is kept: in lower case where it names a host.

    Raises:
        ParamRefused: it does not match its pattern.
    """
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    text = folded(text) if in_host else text
    try:
        fits = pattern(param.pattern).matches(text)
    except NotAPattern as error:
        raise ParamRefused(name, f"its pattern cannot be used: {error}") from None
    if not fits:
        raise ParamRefused(name, "the value does not match its pattern")
    return text


def of_invite(declared: Mapping[str, Param], given: Mapping[str, object], hosts: AbstractSet[str]) -> dict[str, str]:
    """Return the values that an invite or an operator gives. `hosts` are the parameters that name hosts.

    Raises:
        ParamRefused: one is not declared, is not asked for, or does not match.
    """
    for name in given:
        if name not in declared or INVITE not in declared[name].sources:
            known = ", ".join(name for name, param in declared.items() if INVITE in param.sources)
            raise ParamRefused(name, f"the app asks for no such parameter{f'; it asks for {known}' if known else ''}")
    return {name: checked(name, value, declared[name], in_host=name in hosts) for name, value in given.items()}


def of_import(declared: Mapping[str, Param], given: Mapping[str, object], hosts: AbstractSet[str]) -> dict[str, str]:
    """Return the values that an import brings: there was no callback and no response that could name them.

    Raises:
        ParamRefused: one is not declared, or does not match.
    """
    for name in given:
        if name not in declared:
            raise ParamRefused(name, "the app knows no such parameter")
    return {name: checked(name, value, declared[name], in_host=name in hosts) for name, value in given.items()}


def asked_for(declared: Mapping[str, Param], known: Mapping[str, str]) -> list[str]:
    """Return the parameters that the invite or the seller names, and that are not known yet."""
    return [name for name, param in declared.items() if param.sources[:1] == (INVITE,) and name not in known]


def of_the_invite(declared: Mapping[str, Param], known: Mapping[str, str]) -> dict[str, str]:
    """Return those of an account's values that an invite gave."""
    return {name: value for name, value in known.items() if name in declared and INVITE in declared[name].sources}


def of_callback(declared: Mapping[str, Param], query: Mapping[str, str], hosts: AbstractSet[str]) -> dict[str, str]:
    """Return the values that an authorization response names.

    Raises:
        ParamRefused: one does not match, or one that nothing else gives is not there.
    """
    found: dict[str, str] = {}
    for name, param in declared.items():
        values = [query[key] for key in param.named_by(CALLBACK) if key in query]
        if values:
            found[name] = checked(name, values[0], param, in_host=name in hosts)
        elif param.sources and all(source.startswith(CALLBACK) for source in param.sources):
            raise ParamRefused(name, "the callback does not name it")
    return found


def of_response(
    declared: Mapping[str, Param],
    fields: Mapping[str, object],
    reply: Mapping[str, object],
    hosts: AbstractSet[str],
    oddities: list[str],
) -> dict[str, str]:
    """Return the values that a token response names; one that does not match is left out, and noted as odd.

    A path leads from the object that holds the tokens, `fields`: what that says of them comes first. Where it leads
    nowhere there, it begins at the top of the whole `reply`, as the paths to an account's name do.
    """
    found: dict[str, str] = {}
    for name, param in declared.items():
        for path in param.named_by(TOKEN):
            value = found_at(fields, path)
            value = found_at(reply, path) if value is None else value
            if value is None:
                continue
            try:
                found[name] = checked(name, value, param, in_host=name in hosts)
            except ParamRefused:
                oddities.append(f"{path} does not match the pattern of {name}")
            break
    return found


def agreed(known: Mapping[str, str], named: Mapping[str, str]) -> dict[str, str]:
    """Return the values that were known together with those that were named later.

    Raises:
        ParamRefused: a later one contradicts.
    """
    for name, value in named.items():
        if known.get(name, value) != value:
            raise ParamRefused(name, "another account than the invite's came back")
    return {**named, **known}


def renewed(declared: Mapping[str, Param], known: Mapping[str, str], named: Mapping[str, str]) -> dict[str, str]:
    """Return an account's values after a refresh: a response may move those alone that a response gave."""
    moved = {
        name: value for name, value in named.items() if name not in known or declared[name].sources[0].startswith(TOKEN)
    }
    return {**known, **moved}


def is_same_place(declared: Mapping[str, Param], before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Return whether two grants of an account have the same host, but for what a response may move."""
    return all(
        before.get(name, value) == value
        for name, value in after.items()
        if name not in declared or not declared[name].sources[0].startswith(TOKEN)
    )


def not_made(error: ParamRefused) -> Failure:
    """Return the failure of a request that was not made, as a parameter could not be used."""
    return Failure(kind=FailureClass.NOT_SENT, code=REFUSED, message=str(error))


def folded(value: str) -> str:
    """Return a host, or the host of a base, in lower case."""
    scheme, slashes, rest = value.partition("://")
    if not slashes:
        return value.lower() if value.isascii() else value
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}".lower() + slash + path if value.isascii() else value
