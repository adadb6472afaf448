"""URLs and parameters of requests that are filled with the parameters of one account.

A URL may be a template: `https://{shop}.example.com/token`, or `{instance_url}/token` where the parameter is the whole
base. No value leads out of the hosts that template and pattern fix, whatever the pattern lets through.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, urlsplit

from tokensync.domain.errors import ParamRefused
from tokensync.domain.origins import is_registrable
from tokensync.oauth.params import RESERVED, checked, folded
from tokensync.oauth.patterns import Ending, NotAPattern, pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tokensync.oauth.params import Param

_PLACE = re.compile(r"\{([a-z][a-z0-9_]{0,39})\}")
_HOST = re.compile(r"(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PART_OF_HOST = re.compile(r"[a-z0-9.-]+")
_BASE = re.compile(r"https://([a-z0-9.-]+)((?:/[A-Za-z0-9._~-]+)*)/?")


def names_in(template: str) -> list[str]:
    """Return the parameters that a template names."""
    return _PLACE.findall(template)


def names_in_host(template: str) -> list[str]:
    """Return the parameters in the host of a template, or that which is its whole base."""
    return names_in(_split(template)[0])


def base_of(template: str) -> str:
    """Return the part of a template that says where it leads: a scheme with an authority, or one parameter."""
    return _split(template)[0]


def known_so_far(template: str, values: Mapping[str, str]) -> str:
    """Return a template with the values that are known: it says where an authorization may go, and is no URL."""
    return _PLACE.sub(lambda place: values.get(place[1], place[0]), template)


def filled_text(text: str, declared: Mapping[str, Param], values: Mapping[str, str]) -> str:
    """Return a text, such as a parameter of a request, with the account's values in it; nothing is encoded.

    Raises:
        ParamRefused: it names a parameter that is not declared, or has no value that matches.
    """

    def filled(place: re.Match[str]) -> str:
        return place[0] if place[1] in RESERVED else _value(place[1], declared, values)

    return _PLACE.sub(filled, text)


def filled_url(template: str, declared: Mapping[str, Param], values: Mapping[str, str]) -> str:
    """Return a URL with the account's values in it.

    Raises:
        ParamRefused: the template may not be used, a value is missing or does not match, or the URL would lead to
            another host than those that template and patterns fix.
    """
    if "{" not in template and "}" not in template:
        return template
    endings = _checked_template(template, declared)
    authority, path, query = _split(template)
    where = ", ".join(dict.fromkeys(names_in(authority)))
    base = _PLACE.sub(lambda place: _in_host(place[1], declared, values), authority)
    filled = _PLACE.sub(lambda place: quote(_value(place[1], declared, values), safe=""), path)
    if {".", ".."} & (set(filled.split("/")) - set(path.split("/"))):
        raise ParamRefused(", ".join(names_in(path)), "it would change the path")
    asked = _PLACE.sub(lambda place: quote_plus(_value(place[1], declared, values)), query)
    if where:
        is_base = authority.startswith("{")
        base = f"https://{base}" if is_base and "://" not in base else base
        _check_host(base, where, endings, scheme="https" if is_base else authority.partition("://")[0])
    return f"{base}{filled}{asked}"


def check_url(template: str, declared: Mapping[str, Param]) -> None:
    """Refuse a URL that could lead anywhere.

    Raises:
        ParamRefused: the message names the parameter.
    """
    _checked_template(template, declared)


def check_text(text: str, declared: Mapping[str, Param]) -> None:
    """Refuse a text that names what is not declared.

    Raises:
        ParamRefused: the message names the parameter.
    """
    for name in names_in(text):
        if name not in declared and name not in RESERVED:
            raise ParamRefused(name, f"it is not declared: param.{name}=PATTERN does that")


def _value(name: str, declared: Mapping[str, Param], values: Mapping[str, str]) -> str:
    if name not in declared:
        raise ParamRefused(name, "it is not declared")
    param = declared[name]
    value = values.get(name) or param.value
    if not value:
        raise ParamRefused(name, "it is not known for this account")
    return checked(name, value, param)


def _in_host(name: str, declared: Mapping[str, Param], values: Mapping[str, str]) -> str:
    """Return a value as it stands in a host, or as a whole base."""
    value = _value(name, declared, values)
    text = folded(value)
    if _PART_OF_HOST.fullmatch(text):
        return text
    if _BASE.fullmatch(text) and not {".", ".."} & set(text.split("/")):
        return text.rstrip("/")
    raise ParamRefused(name, "the value is no part of a host's name")


def _split(template: str) -> tuple[str, str, str]:
    """Return base, path and query of a template; the base is a scheme with an authority, or one parameter."""
    url, mark, query = template.partition("?")
    scheme, slashes, rest = url.partition("://")
    if not slashes:
        base, slash, path = url.partition("/")
        return base, f"{slash}{path}", f"{mark}{query}"
    authority, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{authority}", f"{slash}{path}", f"{mark}{query}"


def _checked_template(template: str, declared: Mapping[str, Param]) -> set[Ending]:
    """Return how the hosts of a template may end.

    Raises:
        ParamRefused: it names what is not declared, or its host is not fixed enough.
    """
    for name in names_in(template):
        if name not in declared:
            raise ParamRefused(name, f"it is not declared: param.{name}=PATTERN does that")
    stray = re.search(r"[{}][^{}]*[{}]?", _PLACE.sub("", template))
    if stray is not None:
        raise ParamRefused(stray[0], "a brace in a URL belongs to a parameter's name")
    authority = _split(template)[0]
    names = names_in(authority)
    if not names:
        return set()
    shown = ", ".join(names)
    host = authority.partition("://")[2] or authority
    name, colon, port = host.partition(":")
    fixed = _PLACE.sub("", name)
    is_base = authority.startswith("{")
    if (
        (fixed and not _PART_OF_HOST.fullmatch(fixed.lower()))
        or (colon and not port.isdigit())
        or (is_base and name != f"{{{names[0]}}}")
    ):
        raise ParamRefused(shown, "a parameter is part of a host's name, or the whole base, and nothing else of a URL")
    try:
        endings = {Ending(_host_end(one), one.whole) for one in _endings(_PLACE.split(name), declared)}
    except NotAPattern as error:
        raise ParamRefused(shown, f"its pattern cannot be used: {error}") from None
    if not all(one.whole or is_registrable(one.text) for one in endings):
        raise ParamRefused(
            shown, r"its pattern lets it be any host: end it with a fixed domain, such as [a-z]+\.example\.com"
        )
    return endings


def _endings(parts: list[str], declared: Mapping[str, Param]) -> set[Ending]:
    """Return how a host may end whose texts and parameters follow each other."""
    endings = {Ending("", whole=True)}
    for index, part in reversed(list(enumerate(parts))):
        is_param = index % 2 == 1
        whole = {one for one in endings if one.whole}
        longer: Iterable[Ending]
        if is_param:
            longer = (ending for one in whole for ending in pattern(declared[part].pattern).endings(one.text))
        else:
            longer = (Ending(f"{part}{one.text}", whole=True) for one in whole)
        endings = {*(endings - whole), *longer}
    return endings


def _host_end(ending: Ending) -> str:
    """Return what is fixed of a host: all of it, or its last labels after a dot."""
    scheme, slashes, rest = ending.text.lower().partition("://")
    host = (rest or scheme).partition("/")[0]
    if ending.whole:
        return host
    return "" if slashes else "".join(host.partition(".")[1:])


def _check_host(base: str, where: str, endings: set[Ending], *, scheme: str) -> None:
    """Refuse a base whose host is not what template and patterns fix.

    Raises:
        ParamRefused: it is not.
    """
    try:
        parts = urlsplit(base)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ParamRefused(where, "the value makes no URL") from None
    authority = host if port is None else f"{host}:{port}"
    is_fixed = any(host == one.text if one.whole else host.endswith(one.text) for one in endings)
    if parts.scheme != scheme or parts.netloc.lower() != authority or not _HOST.fullmatch(host) or not is_fixed:
        raise ParamRefused(where, "the value leads to another host")
