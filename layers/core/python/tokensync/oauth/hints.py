"""Hints to operators: what may be behind a refusal, and what looks mixed up in a registration. None decides anything.

RFC 6749 §5.2 gives a server few words, and most servers give the same word for many causes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tokensync.domain.messages import FailureClass

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from tokensync.domain.app import App
    from tokensync.domain.connection import LastError
    from tokensync.oauth.provider import Provider

_REDIRECT = "the redirect URL may differ from the registered one: it is compared byte for byte"
# By an error's word, or by a part of its message in lower case; the first that is found counts.
OAUTH_HINTS: tuple[tuple[str, str], ...] = (
    ("redirect_uri", _REDIRECT),
    ("redirect_uri_mismatch", _REDIRECT),
    ("invalid_client", "the client id or the client secret may be wrong, or the app not approved yet or not live"),
    ("unauthorized_client", "the app may not be approved yet, or not be live, or may not use this grant"),
    ("invalid_scope", "the app may not be approved yet for a scope that it asks for"),
    ("invalid_grant", f"a code works once and for minutes; or {_REDIRECT}"),
    ("invalid_request", _REDIRECT),
)
_UNEXPLAINED = f"the app may not be approved yet, or not be live; or {_REDIRECT}"
# The fields of a registration, by the options that set them.
_OPTIONS = {"client_id": "--client-id", "service_id": "--service-id", "client_secret": "the client secret"}


@dataclass(frozen=True)
class IdForm:
    """How a vendor's samples write an id or a secret: a pattern of the whole text, and its name there."""

    pattern: re.Pattern[str]
    name: str


def hint_for(provider: Provider, error: LastError | None) -> str:
    """Return what may be behind a refusal of an exchange, or of the app itself; empty where nobody knows."""
    if error is None:
        return ""
    message = error.message.lower()
    hint = next((hint for word, hint in provider.hints if word == error.code or word in message), "")
    return hint or (_UNEXPLAINED if error.failure == FailureClass.UNKNOWN else "")


def followed(hint: str) -> str:
    """Return a hint as it follows a sentence, nothing where there is none."""
    return f"; {hint}" if hint else ""


def registration_hints(app: App, provider: Provider) -> list[str]:
    """Return what looks mixed up in a registration, each as a sentence without its full stop. No secret is repeated."""
    return [*_mixed_up(app, provider), *_same(app), *_parted(app, provider)]


def _mixed_up(app: App, provider: Provider) -> Iterator[str]:
    """Yield the fields that look like something else."""
    forms, values = provider.id_forms, _values(app)
    for field, value in values.items():
        own = forms.get(field)
        if own is None or not value or own.pattern.fullmatch(value):
            continue
        others = ((name, form) for name, form in forms.items() if name != field and form.pattern.fullmatch(value))
        name, other = next(others, ("", None))
        if other is None:
            continue
        shown = "" if "client_secret" in (field, name) else f" {value}"
        yield f"{_OPTIONS[field]}{shown} is to be {own.name}, and looks like {other.name}"


def _same(app: App) -> Iterator[str]:
    """Yield two fields that hold the same: no vendor gives one text for two of them."""
    given = [(_OPTIONS[field], value) for field, value in _values(app).items() if value]
    for index, (option, value) in enumerate(given):
        for other, same in given[index + 1 :]:
            if value == same:
                yield f"{option} and {other} are the same"


def _parted(app: App, provider: Provider) -> Iterator[str]:
    """Yield a token endpoint of the app's own whose refresh tokens would still go to the provider's own host."""
    if "token" not in app.endpoints or "refresh" in app.endpoints or "refresh" not in provider.endpoints:
        return
    token, refresh = (urlsplit(provider.endpoint(app, key)).netloc for key in ("token", "refresh"))
    if token != refresh:
        yield f"codes go to {token}, and refresh tokens to {refresh}: --endpoint refresh=URL names another"


def _values(app: App) -> dict[str, str]:
    return {"client_id": app.client_id, "service_id": app.service_id, "client_secret": app.client_secret.reveal()}
