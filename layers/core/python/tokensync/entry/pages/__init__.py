"""The pages that sellers see: few, plain, autoescaped, and with nothing of anybody else's on them."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

from tokensync.domain.text import LABEL_LENGTH, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment

_LONGEST_VALUE = 8192  # no link of ours is longer
# Browsers hold a form's redirects to this as well, and ours leads on to the provider; http is for this machine alone.
_FORM_ACTION = "'self' https: http://localhost:* http://127.0.0.1:*"
_NOTHING: Mapping[str, str] = MappingProxyType({})
_TEMPLATES = files("tokensync.entry.pages") / "templates"


@dataclass(frozen=True, kw_only=True)
class Page:
    """One HTTP response."""

    status: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()

    def all_headers(self) -> dict[str, str]:
        """Return the headers together with those that every response has."""
        return {**_common_headers(), **self.headers}


def page(
    name: str, status: int, *, refresh: int | None = None, asked: Mapping[str, str] = _NOTHING, **values: str
) -> Page:
    """Render one of the templates. `refresh` makes the browser load the page again after that many seconds.

    `asked` are the fields of the one page that asks the seller for something, with their titles by name.
    """
    # Escaping stops markup; one_line stops text that reorders or hides the words around it (bidi controls).
    values = {key: one_line(value, length=_LONGEST_VALUE) for key, value in values.items()}
    asked = {key: one_line(title, length=LABEL_LENGTH) for key, title in asked.items()}
    body = _environment().get_template(f"{name}.html").render(style=_style(), refresh=refresh, asked=asked, **values)
    headers = {"content-type": "text/html; charset=utf-8"}
    if asked:
        headers["content-security-policy"] = _policy(form_action=_FORM_ACTION)
    return Page(status=status, body=body, headers=headers)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # noqa: PLC0415 - the rotation renders no page

    return Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _template(name: str) -> str:
    return (_TEMPLATES / name).read_text("utf-8")


@cache
def _style() -> str:
    return _template("style.css")


@cache
def _policy(*, form_action: str) -> str:
    # Only our own inline style, known by its hash: no script, image or frame can ever work on these pages.
    digest = base64.b64encode(hashlib.sha256(_style().encode("utf-8")).digest()).decode("ascii")
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action {form_action}; "
        "frame-ancestors 'none'"
    )


@cache
def _common_headers() -> dict[str, str]:
    return {
        "cache-control": "no-store",
        "content-security-policy": _policy(form_action="'none'"),
        "referrer-policy": "no-referrer",
        "strict-transport-security": "max-age=31536000",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }
