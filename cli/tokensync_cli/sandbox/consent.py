"""The consent page and what comes of its form, for every provider that sends sellers through a browser."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tokensync_cli.sandbox.accounts import Account
from tokensync_cli.sandbox.apps import App, UserType, origin
from tokensync_cli.sandbox.control.guard import crosses_sites
from tokensync_cli.sandbox.pages import duration, message, page
from tokensync_cli.sandbox.state import Consent, Sandbox

_DURATIONS = (31_536_000, 15_552_000, 7_776_000, 2_592_000)

# The form's own fields: a link may have parameters of the same names.
_OWN = frozenset({"account", "scope", "duration", "decision"})


def callback(app: App, parameters: Iterable[tuple[str, str | None]]) -> str:
    """Return the app's redirect URL with the parameters that have a value, in the vendor's order."""
    query = urlencode([(name, value) for name, value in parameters if value is not None])
    return f"{app.redirect_uri}{'&' if '?' in app.redirect_uri else '?'}{query}"


async def serve(
    sandbox: Sandbox,
    app: App,
    request: Request,
    *,
    thing: str,
    denied: str,
    user_types: Sequence[UserType] | None = None,
    timed: bool = False,
    scopes: Sequence[str] | None = None,
) -> Response:
    """Return the page on which somebody chooses and decides, or the redirect that its submitted form leads to.

    Args:
        sandbox: where the consent is recorded.
        app: the app that asks.
        request: the link, or the form.
        thing: what the accounts to choose from are called.
        denied: the URL that a denial leads to.
        user_types: the kinds of accounts to choose from, None for all of the provider.
        timed: whether the page asks for how long.
        scopes: what the link asks for, None if the registration says it.
    """
    if request.method == "POST" and crosses_sites(request):
        return message("Not from here", "This form was sent by another site.", status=403)
    if not app.redirect_uri:
        return message(
            "This app has no redirect URL",
            "Register one with the provider first. tokensync prints it when an app is added.",
            status=400,
        )
    accounts = [
        account
        for account in sandbox.accounts
        if account.provider == app.provider and (user_types is None or account.user_type in user_types)
    ]
    scopes = app.settings.scopes if scopes is None else scopes
    if request.method == "POST":
        sent = await fields(request)
        if one(sent, "decision") == "deny":
            return away(denied)
        consent = _consent(app, accounts, scopes, request, sent)
        if consent is None:
            return message("Something is missing", "Go back, choose an account and approve or deny.", status=400)
        return away(sandbox.providers[app.provider].approve(sandbox, consent))
    own = app.settings.refresh_token_seconds
    lengths = sorted({*_DURATIONS} if own is None else {own, *_DURATIONS}, reverse=True)
    return page(
        "consent.html",
        # A browser applies form-action to the redirect that answers the form, too.
        form_targets=f"'self' {origin(app.redirect_uri)}",
        provider=sandbox.providers[app.provider].title,
        app=app,
        accounts=accounts,
        thing=thing,
        action=request.url.path,
        scopes=scopes,
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
    """Return the first value of a field, or None if it was not sent."""
    values = fields.get(name)
    return values[0] if values else None


def _consent(
    app: App, accounts: Sequence[Account], scopes: Sequence[str], request: Request, sent: dict[str, list[str]]
) -> Consent | None:
    """Return what a submitted form approves, None if it lacks something."""
    account = next((a for a in accounts if a.account == one(sent, "account")), None)
    chosen = one(sent, "duration")
    seconds = _whole(chosen) if chosen else app.settings.refresh_token_seconds
    if one(sent, "decision") != "approve" or account is None or (chosen and seconds is None):
        return None
    ticked = sent.get("scope", [])
    return Consent(
        app=app,
        account=account,
        scopes=tuple(scope for scope in scopes if scope in ticked),
        seconds=seconds,
        state=one(sent, "state"),
        link=link(request, sent),
        origin=origin(str(request.url)),
    )


def away(url: str) -> Response:
    """Return the redirect to an address that holds a code or an error."""
    # The address holds a code: it must be neither cached nor passed on.
    headers: dict[str, Any] = {"cache-control": "no-store", "referrer-policy": "no-referrer"}
    return RedirectResponse(url, 302, headers)


def _whole(text: str) -> int | None:
    # Ten digits are 300 years: enough for any grant, and int() of more may be slow.
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else None  # noqa: PLR2004
