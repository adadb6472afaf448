"""The consent page and what comes of its form, for every provider that sends sellers through a browser."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tokensync_cli.sandbox.accounts import Account
from tokensync_cli.sandbox.apps import App, origin
from tokensync_cli.sandbox.control.guard import crosses_sites
from tokensync_cli.sandbox.pages import duration, message, page
from tokensync_cli.sandbox.state import Consent, Provider, Sandbox

_DURATIONS = (31_536_000, 15_552_000, 7_776_000, 2_592_000)

# The form's own fields: a link may have parameters of the same names.
_OWN = frozenset({"account", "scope", "duration", "decision"})

Deny = Callable[[App, str | None], str]
"""Returns where the browser is sent after a denial."""


def callback(app: App, parameters: Iterable[tuple[str, str | None]]) -> str:
    """Return the app's redirect URL with the parameters that have a value, in the vendor's order."""
    query = urlencode([(name, value) for name, value in parameters if value is not None])
    return f"{app.redirect_uri}{'&' if '?' in app.redirect_uri else '?'}{query}"


def show(
    provider: Provider,
    app: App,
    accounts: Sequence[Account],
    *,
    request: Request,
    thing: str,
    timed: bool = True,
    scopes: Sequence[str] | None = None,
) -> Response:
    """Return the page on which somebody chooses account, permissions and duration, and approves or denies.

    `scopes` are what the link asks for, None where the registration says it.
    """
    if not app.redirect_uri:
        return _nowhere()
    own = app.settings.refresh_token_seconds
    lengths = sorted({*_DURATIONS} if own is None else {own, *_DURATIONS}, reverse=True)
    return page(
        "consent.html",
        # A browser applies form-action to the redirect that answers the form, too.
        form_targets=f"'self' {origin(app.redirect_uri)}",
        provider=provider.title,
        app=app,
        accounts=accounts,
        thing=thing,
        action=request.url.path,
        scopes=app.settings.scopes if scopes is None else scopes,
        hidden=[(_carried(name), value) for name, value in request.query_params.multi_items()],
        durations=[(seconds, duration(seconds)) for seconds in lengths] if timed else [],
        returns_to=urlsplit(app.redirect_uri).netloc,
    )


async def fields(request: Request) -> dict[str, list[str]]:
    """Return the parameters of the link, or the fields of the form that its page sends."""
    if request.method != "POST":
        return {name: request.query_params.getlist(name) for name in request.query_params}
    body = await request.body()
    return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)


def link(request: Request, fields: Mapping[str, list[str]]) -> dict[str, str]:
    """Return the first value of each of the link's parameters, which its form carries along."""
    if request.method != "POST":
        return {name: values[0] for name, values in fields.items()}
    carried = {_carried(name): name for name in _OWN}
    return {carried.get(name, name): values[0] for name, values in fields.items() if name not in _OWN}


def _carried(name: str) -> str:
    """Return under which name the form carries a parameter of the link: its own fields stay apart."""
    return f"link_{name}" if name in _OWN else name


def one(fields: dict[str, list[str]], name: str) -> str | None:
    """Return the first value of a field, or None where it was not sent."""
    values = fields.get(name)
    return values[0] if values else None


def decide(
    sandbox: Sandbox,
    provider: Provider,
    app: App,
    accounts: Sequence[Account],
    *,
    request: Request,
    fields: dict[str, list[str]],
    deny: Deny,
    scopes: Sequence[str] | None = None,
) -> Response:
    """Return the redirect that a submitted form leads to, or a page that says what it lacks.

    `scopes` are what the link asked for, None where the registration says it.
    """
    if crosses_sites(request):
        return message("Not from here", "This form was sent by another site.", status=403)
    if not app.redirect_uri:
        return _nowhere()
    state = one(fields, "state")
    decision = one(fields, "decision")
    if decision == "deny":
        return away(deny(app, state))
    account = next((a for a in accounts if a.account == one(fields, "account")), None)
    chosen = one(fields, "duration")
    seconds = _whole(chosen) if chosen else app.settings.refresh_token_seconds
    if decision != "approve" or account is None or (chosen and seconds is None):
        return message("Something is missing", "Go back, choose an account and approve or deny.", status=400)
    ticked = fields.get("scope", [])
    granted = tuple(scope for scope in (app.settings.scopes if scopes is None else scopes) if scope in ticked)
    asked = link(request, fields)
    consent = Consent(
        app=app,
        account=account,
        scopes=granted,
        seconds=seconds,
        state=state,
        link=asked,
        origin=origin(str(request.url)),
    )
    return away(provider.approve(sandbox, consent))


def _nowhere() -> Response:
    return message(
        "This app has no redirect URL",
        "Register one with the provider first. tokensync prints it when an app is added.",
        status=400,
    )


def away(url: str) -> Response:
    """Return the redirect to an address that holds a code or an error."""
    # The address holds a code: it must not be cached nor told onwards.
    headers: dict[str, Any] = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
    return RedirectResponse(url, 302, headers)


def _whole(text: str) -> int | None:
    # Ten digits are 300 years: enough for any grant, and int() of more may be slow.
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else None  # noqa: PLR2004
