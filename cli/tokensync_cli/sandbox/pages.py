"""The sandbox's pages: autoescaped, without script and without anything from elsewhere."""

import base64
import hashlib
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

_PAGES = Environment(
    loader=PackageLoader("tokensync_cli.sandbox"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_STYLE = _PAGES.get_template("style.css").render()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def page(template: str, *, status: int = 200, form_targets: str = "'self'", **values: Any) -> HTMLResponse:
    """Return a page. `form_targets` are the origins that a form may lead to, redirects included."""
    # The file is ours and holds no values, so it may be unescaped between the style tags.
    style = Markup(_STYLE)  # noqa: S704
    body = _PAGES.get_template(template).render(style=style, **values)
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action {form_targets}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    headers = {
        "content-security-policy": policy,
        "cache-control": "no-store",
        # The address holds the state parameter.
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    return HTMLResponse(body, status, headers)


def message(title: str, text: str, *, status: int) -> HTMLResponse:
    """Return a page with a message and nothing else."""
    return page("message.html", status=status, title=title, text=text)


_UNITS = ((31_536_000, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def duration(seconds: int) -> str:
    """Return a number of seconds in the largest unit that divides it: `1 year`, `90 days`, `45 seconds`."""
    size, unit = next((size, unit) for size, unit in _UNITS if (seconds and seconds % size == 0) or size == 1)
    count = seconds // size
    return f"{count} {unit}{'' if count == 1 else 's'}"
