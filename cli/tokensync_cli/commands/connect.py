"""`invite`, `connect`, `paste`: the ways from an account to a connection."""

import secrets
from collections.abc import Sequence
from typing import Annotated

import typer

from tokensync.authorize.links import Invite, invite_url
from tokensync.domain.command_line import CommandLine, typed
from tokensync.domain.connection import Connection, Status
from tokensync.domain.errors import BadRequest
from tokensync.domain.invite_use import LONGEST_LIFE, InviteState
from tokensync.domain.names import ConnectionName
from tokensync.domain.text import LABEL_LENGTH, one_line
from tokensync.entry.exit_codes import FAILED, LATER, NEEDS_SELLER, NOT_FOUND
from tokensync.oauth.app_check import settings_problem
from tokensync.oauth.callback import Query
from tokensync.oauth.provider import GrantType, Provider
from tokensync.operate.pauses import pause_of
from tokensync.providers import provider_named
from tokensync_cli.commands.account_params import Params, named_params
from tokensync_cli.commands.declare import AppName
from tokensync_cli.commands.describe import check_runs, first_connection, found, named, registered, summarized
from tokensync_cli.commands.invites import invite_id
from tokensync_cli.commands.run import Run
from tokensync_cli.output.failures import CommandFailed, UsageFailed, sentence
from tokensync_cli.output.times import HOUR, moment, seconds_of, span
from tokensync_cli.stack.invoke import ask_callback
from tokensync_cli.stack.target import Target

_AUTHORIZED = "connection.authorized"  # the event of a new authorization in a connection's history
_LOOK_SECONDS = 1.0
_LONGEST_PASTED = 8192  # characters
_ID_BYTES = 16

# For apps without a consent page: how their connections are made.
_INSTEAD = {
    GrantType.REFRESH_TOKEN: "its connections are imported",
    GrantType.CLIENT_CREDENTIALS: "it acts for itself, so its token is minted",
}

Label = Annotated[str, typer.Option("--label", metavar="L", help="Whose account it is; the seller's pages show it.")]
For = Annotated[
    str | None,
    typer.Option("--for", metavar="CONNECTION", help="Re-authorize this connection and no other.", show_default=False),
]
Expires = Annotated[str, typer.Option("--expires", metavar="TIME", help="How long it works: 30m, 12h, 7d.")]
Begin = Annotated[
    bool, typer.Option("--begin", help="Print a consent link first, and finish it with the redirect URL.")
]
Timeout = Annotated[str, typer.Option("--timeout", metavar="TIME", help="How long to wait: 90s, 10m.")]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Print the link and wait, without opening it.")]


def invite(
    run: Run,
    name: AppName,
    *,
    label: Label = "",
    expires: Expires = "7d",
    connection: For = None,
    param: Params = None,
) -> None:
    """Print a link that lets one seller authorize an app."""
    seconds = seconds_of(expires, option="--expires", at_most=LONGEST_LIFE)
    target = run.target()
    made = _invite(target, name, label=label, seconds=seconds, connection=connection, param=param)
    url = invite_url(target.outputs.base_url, target.signer(), made)
    state = target.apps.state(name)
    paused = pause_of(state)
    if paused is not None and not state.takes_sellers:
        run.out.warn(f"{name} is paused: {paused.why}. The link works once it runs again.")
    identity = invite_id(name, made.id)
    run.out.result({"url": url, "expires_at": made.expires_at, "id": identity, "paused": state.paused or None}, url)
    run.out.note(f"It works for one connection and expires {moment(made.expires_at, now=target.clock.now())}.")
    run.out.note(f"To end it before: {typed('tokensync invites revoke {id}', id=identity)}")


def connect(
    run: Run,
    name: AppName,
    *,
    label: Label = "",
    connection: For = None,
    param: Params = None,
    no_browser: NoBrowser = False,
    timeout: Timeout = "10m",
) -> None:
    """Open an invite in your browser and wait until the account is connected."""
    seconds = seconds_of(timeout, option="--timeout", at_most=HOUR)
    target = run.target()
    if _provider(target, name).grant_type is GrantType.CLIENT_CREDENTIALS:
        named_params(_provider(target, name), param, command=typed("tokensync connect {app}", app=name))
        _mint(run, target, name, label=label)
        return
    made = _invite(target, name, label=label, seconds=HOUR, connection=connection, param=param)
    check_runs(target, name, by_consent=True)
    url = invite_url(target.outputs.base_url, target.signer(), made)
    before = {record.name: _authorized_at(record) for record in target.connections.list(name)}
    is_open = not no_browser and run.browse(url)
    run.out.note("Your browser opens this link:" if is_open else "Open this link in a browser:")
    run.out.say(url)
    with run.out.progress("Waiting for the authorization in the browser"):
        record = _awaited(target, made, before, seconds=seconds)
    run.out.result(
        summarized(target, record),
        f"{record.name} is connected: {record.label or 'no label'}, generation {record.generation}.",
        following=typed("tokensync token {name}", name=record.name),
    )


def _mint(run: Run, target: Target, name: str, *, label: str) -> None:
    """Mint the first token of an app that acts for itself, without a consent."""
    with run.out.progress("Asking the provider for a token"):
        answer = ask_callback(
            target,
            {"tokensync": "mint", "app": name, "label": _checked(label, typed("tokensync connect {app}", app=name))},
        )
    name = str(answer.get("connection"))
    run.out.result(
        summarized(target, found(target, name)) if run.out.as_json else None,
        f"{name} is connected: the app acts for itself, and nobody was asked.",
        following=typed("tokensync token {name}", name=name),
    )


def _provider(target: Target, name: str) -> Provider:
    """Return the app's provider, with the app's settings applied."""
    app = registered(target, name)
    return provider_named(app.provider).for_app(app)


def paste(run: Run, name: AppName, *, begin: Begin = False, label: Label = "", param: Params = None) -> None:
    """Exchange a redirect URL or a bare code from stdin, where no callback reaches the stack."""
    target = run.target()
    provider = _provider(target, name)
    if begin:
        again = typed("tokensync paste {app} --begin", app=name)
        params = named_params(provider, param, command=again, complete=True)
        begun = ask_callback(
            target, {"tokensync": "begin", "app": name, "label": _checked(label, again), "params": params}
        )
        run.out.note("Open this link, and paste the address that the browser is sent to afterwards:")
        run.out.say(str(begun["url"]))
    elif label or param:
        option = "--label" if label else "--param"
        again = typed("tokensync paste {app} --begin", app=name)
        raise UsageFailed(
            f"{option} goes with --begin.", next_command=again.adding("--label L" if label else "--param NAME=VALUE")
        )
    text = run.read_text("Redirect URL or code", hidden=False, at_most=_LONGEST_PASTED)
    _check_pasted(name, text, codes=provider.callback.code)
    with run.out.progress("Exchanging the code"):
        answer = ask_callback(target, {"tokensync": "paste", "app": name, "text": text})
    connection = answer.get("connection")
    run.out.result(
        {"outcome": answer.get("outcome"), "connection": connection},
        f"{connection} is connected.",
        following=typed("tokensync show {name}", name=str(connection)),
    )


def _check_pasted(name: str, text: str, *, codes: Sequence[str]) -> None:
    """Refuse an address that no authorization can be finished with; `codes` are parameters that may hold a code.

    Raises:
        CommandFailed: the account declined, or the address holds no code.
    """
    if not text.lower().startswith(("https://", "http://")):
        return  # a bare code
    try:
        query = Query.of_url(text)
        has_code = any(query.value(code) for code in codes)
        _ = query.denied, query.state
    except BadRequest:
        return  # the function says what is wrong with it
    if query.denied and not query.state:
        why = "the provider refused the request" if query.is_our_mistake else "the account declined"
        raise CommandFailed(
            sentence(f"{why} ({query.denied})"),
            next_command=typed(
                "tokensync app show {app}" if query.is_our_mistake else "tokensync invite {app}", app=name
            ),
            exit_code=FAILED if query.is_our_mistake else NEEDS_SELLER,
            kind="cancelled",
        )
    if not query.denied and not has_code:
        and_state = "" if query.state else " and no state"
        raise UsageFailed(
            f"This address holds no code{and_state}: paste the one that the browser is sent to after the consent.",
            next_command=typed("tokensync paste {app} --begin", app=name),
        )


def _invite(
    target: Target, name: str, *, label: str, seconds: int, connection: str | None, param: Sequence[str] | None
) -> Invite:
    app = registered(target, name)
    provider = _provider(target, name)
    grant_type = provider.grant_type
    problem = settings_problem(app, provider_named(app.provider))
    if problem:
        raise CommandFailed(
            f"No account can be connected through {name}: {problem}.",
            next_command=typed("tokensync app set {app} KEY=", app=name),
            kind="InvalidApp",
        )
    if grant_type is not GrantType.AUTHORIZATION_CODE:
        raise CommandFailed(
            f"{name} has no consent page: {_INSTEAD[grant_type]}.",
            next_command=first_connection(target, name),
            kind="NoConsent",
        )
    return Invite(
        id=secrets.token_hex(_ID_BYTES),  # never read as an option
        app=name,
        expires_at=target.clock.now() + seconds,
        label=_checked(label, typed("tokensync invite {app}", app=name)),
        for_account="" if connection is None else _account(target, name, connection),
        # The seller's page asks for those that are missing.
        params=named_params(provider, param, command=typed("tokensync invite {app}", app=name)),
    )


def _checked(label: str, command: CommandLine) -> str:
    """Return the label if a page can show it as it is.

    Raises:
        UsageFailed: it cannot.
    """
    if label != one_line(label, length=LABEL_LENGTH):
        raise UsageFailed(
            f"--label is one line of at most {LABEL_LENGTH} printable characters.",
            next_command=command.adding("--label L"),
        )
    return label


def _account(target: Target, name: str, connection: str) -> str:
    wanted = named(connection)
    if wanted.app != name:
        raise UsageFailed(
            f"{wanted} belongs to the app {wanted.app}, not to {name}.",
            next_command=typed("tokensync invite {app} --for {name}", app=wanted.app, name=wanted),
        )
    if target.connections.get(wanted) is None:
        raise CommandFailed(
            f"There is no connection {wanted}.",
            next_command=typed("tokensync list --app {app}", app=name),
            exit_code=NOT_FOUND,
            kind="UnknownConnection",
        )
    return wanted.account


def _awaited(
    target: Target, made: Invite, before: dict[ConnectionName, tuple[int, int]], *, seconds: int
) -> Connection:
    """Wait until the invite has made a connection, and return it.

    Raises:
        CommandFailed: it does not in time, or another account than the wanted one authorized.
    """
    clock = target.clock
    until = clock.monotonic() + seconds
    while True:
        use = target.invites.get(made.app, made.id)
        used = use is not None and use.ended is InviteState.USED
        changed = [
            record
            for record in target.connections.list(made.app)
            if _authorized_at(record) != before.get(record.name, (0, 0))
        ]
        for record in changed:
            if record.status is Status.QUARANTINED:
                raise CommandFailed(
                    f"Another account authorized than the one that was asked for: {record.name} is quarantined.",
                    next_command=typed("tokensync accept {name}", name=record.name),
                    exit_code=NEEDS_SELLER,
                    kind="Quarantined",
                )
        if used and changed:
            return max(changed, key=_authorized_at)
        if clock.monotonic() >= until:
            raise CommandFailed(
                f"No connection within {span(seconds)}. The link still works for a while.",
                next_command=typed("tokensync connect {app}", app=made.app),
                exit_code=LATER,
                kind="NotYet",
            )
        clock.sleep(_LOOK_SECONDS)


def _authorized_at(record: Connection) -> tuple[int, int]:
    """Return when its seller authorized it last and the generation before that; zeroes if its history lost both."""
    return max(((entry.at, entry.generation) for entry in record.history if entry.event == _AUTHORIZED), default=(0, 0))
