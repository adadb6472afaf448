"""Compares the scopes that were asked for with those that came back, which servers spell as they like.

RFC 6749 §3.3 (scope), §5.1 (it may be left out where all was granted).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# OpenID Connect Core §3.1.2.1 and §11: what these grant comes as an ID token and as a refresh token, and many servers
# leave them out of `scope`. `offline` is the name that Ory Hydra gives it.
_OPENID = "openid"
_OFFLINE = frozenset({"offline_access", "offline"})
# Entra ID: stands for whatever is registered, and comes back as that.
_DEFAULT = ".default"
_SEPARATORS = re.compile(r"[\s,]+")
# Ranks of one permission: Shopify leaves out read_x beside write_x, GitHub read:x beside write:x or admin:x.
_RANKED = re.compile(r"(?P<before>(?:.*[_:/.])?)(?P<rank>read|write|admin)(?P<sign>[_:])(?P<what>.+)")
_ABOVE = {"read": ("write", "admin", "manage"), "write": ("admin", "manage"), "admin": ()}


def missing_scopes(
    asked: Sequence[str], granted: Iterable[str] | None, *, has_refresh_token: bool, has_id_token: bool
) -> tuple[str, ...]:
    """Return the scopes that were asked for and are not among those granted, in the order in which they were asked for.

    Nothing is missing where the server says nothing of scopes, as by an empty `scope`. What comes as a token of its own
    is proved by that. Their case is no difference: Entra ID answers "User.Read" to "user.read".
    """
    came = {piece for text in granted or () for piece in _pieces(text)}
    if not came:
        return ()
    proved = {_OPENID: has_id_token, **dict.fromkeys(_OFFLINE, has_refresh_token)}
    return tuple(
        scope
        for scope in asked
        if not all(proved.get(piece, False) or _is_granted(piece, came) for piece in _pieces(scope))
    )


def _pieces(text: str) -> Iterator[str]:
    """Yield the scopes in a text, in small letters: a server may join them by commas, or leave them percent-encoded."""
    for piece in _SEPARATORS.split(unquote_plus(text)):
        if piece:
            yield piece.rstrip("/").casefold()


def _is_granted(scope: str, came: set[str]) -> bool:
    return scope == _DEFAULT or scope.endswith(f"/{_DEFAULT}") or any(_covers(other, scope) for other in came)


def _covers(granted: str, asked: str) -> bool:
    """Return whether a granted scope is the one that was asked for, or holds it."""
    return any(_same(granted, one) for one in (asked, *_higher(asked)))


def _same(one: str, other: str) -> bool:
    """Return whether two scopes are one: a URL and its last part are, two URLs of different servers are not."""
    if one == other:
        return True
    if _is_url(one) == _is_url(other):
        return False
    return _short(one) == _short(other)


def _is_url(scope: str) -> bool:
    return "://" in scope


def _short(scope: str) -> str:
    # https://developers.google.com/identity/protocols/oauth2/scopes: `email` comes back as .../auth/userinfo.email
    return scope.rpartition("/")[2].removeprefix("userinfo.") if _is_url(scope) else scope


def _higher(scope: str) -> Iterator[str]:
    """Yield the scopes that hold this one: those of a higher rank, or the whole that it is a part of (`user:email`)."""
    ranked = _RANKED.fullmatch(scope)
    if ranked is not None:
        for rank in _ABOVE[ranked["rank"]]:
            yield f"{ranked['before']}{rank}{ranked['sign']}{ranked['what']}"
        return
    whole, sign, _ = scope.partition(":")
    if sign and whole and "://" not in scope:
        yield whole
