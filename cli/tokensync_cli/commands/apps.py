"""`app …`: registrations with providers."""

from contextlib import suppress
from dataclasses import replace
from typing import Annotated

import typer

from tokensync.domain.app import App
from tokensync.domain.app_state import AppState
from tokensync.domain.command_line import CommandLine, typed
from tokensync.domain.errors import TokensyncError
from tokensync.domain.names import app_name
from tokensync.domain.secret import Secret
from tokensync.domain.visible import Line
from tokensync.oauth.provider import GrantType
from tokensync.oauth.shapes import ClientAuthentication
from tokensync.operate.pauses import pause_of
from tokensync.providers import provider_named
from tokensync_cli.commands.credentials import private_key
from tokensync_cli.commands.declare import AppName, Yes
from tokensync_cli.commands.describe import registered
from tokensync_cli.commands.invites import REVOKE
from tokensync_cli.commands.run import Run
from tokensync_cli.output.failures import CommandFailed, UsageFailed
from tokensync_cli.output.times import moment
from tokensync_cli.stack import addresses, mixed_up, registration
from tokensync_cli.stack.invoke import FunctionRefused, ask_callback
from tokensync_cli.stack.registration import Wanted
from tokensync_cli.stack.seeding import sandboxed
from tokensync_cli.stack.target import Target

_GRANT = "grant"  # the setting by which an app chooses where its tokens come from

Provider = Annotated[str, typer.Option("--provider", metavar="P", help="Its provider; see `tokensync provider list`.")]
ClientId = Annotated[str, typer.Option("--client-id", metavar="ID", help="The provider calls it app key at times.")]
SecretStdin = Annotated[
    bool, typer.Option("--client-secret-stdin", help="Read the client secret from stdin, instead of asking for it.")
]
PrivateKey = Annotated[
    str,
    typer.Option(
        "--private-key-file", metavar="FILE", help="A private key in PEM, for client_auth=private_key_jwt; - is stdin."
    ),
]
ServiceId = Annotated[str, typer.Option("--service-id", metavar="ID", help="The id in the authorization link.")]
AppRegion = Annotated[str, typer.Option("--region", metavar="R", help="The provider's region (not AWS's).")]
Scopes = Annotated[
    list[str] | None, typer.Option("--scope", metavar="S", help="A scope to ask for, or to expect; repeat it.")
]
Endpoints = Annotated[
    list[str] | None, typer.Option("--endpoint", metavar="KEY=URL", help="Instead of the provider's own; repeat it.")
]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting; repeat it.")]
Discover = Annotated[
    str, typer.Option("--discover", metavar="ISSUER", help="Read the server's endpoints from its metadata (oauth2).")
]
Sandbox = Annotated[
    bool, typer.Option("--sandbox", help="Register it at the embedded stack's sandbox; no id or secret.")
]


def add(
    run: Run,
    name: AppName,
    *,
    provider: Provider,
    client_id: ClientId = "",
    client_secret_stdin: SecretStdin = False,
    private_key_file: PrivateKey = "",
    service_id: ServiceId = "",
    region: AppRegion = "",
    scope: Scopes = None,
    endpoint: Endpoints = None,
    setting: Settings = None,
    discover: Discover = "",
    sandbox: Sandbox = False,
    yes: Yes = False,
) -> None:
    """Register an app, and print the redirect URL to register with its provider."""
    wanted = Wanted(
        name=name,
        provider=provider,
        client_id=client_id,
        service_id=service_id,
        region=region,
        scopes=scope or (),
        endpoints=endpoint or (),
        settings=setting or (),
    )
    made_up = (client_id, client_secret_stdin, private_key_file, service_id, endpoint, region, discover)
    if sandbox and any(made_up):
        raise UsageFailed(
            "--sandbox makes up everything but the name, the provider, scopes and settings.",
            next_command=typed("tokensync app add {app} --provider {provider} --sandbox", app=name, provider=provider),
        )
    if not sandbox:
        wanted.check_client_id()
    if app_name(name) == REVOKE:
        raise UsageFailed(
            f"No app can be called {REVOKE}: an invite is ended by a command of that name.",
            next_command=Line("the same command with another name"),
        )
    target = run.target()
    if name in target.apps.names():
        raise CommandFailed(
            f"An app {name} is registered already.",
            next_command=typed("tokensync app show {app}", app=name),
            kind="AppExists",
        )
    if sandbox:
        app = sandboxed(
            target, name, registration.known_provider(provider).name, scopes=scope or (), settings=setting or ()
        )
    else:
        if discover:
            wanted = _discovered(run, target, wanted, discover)
        app = _with_secret(run, target, wanted, yes=yes, from_stdin=client_secret_stdin, key_file=private_key_file)
    target.apps.register(app)
    _print_added(run, target, app)


def _discovered(run: Run, target: Target, wanted: Wanted, issuer: str) -> Wanted:
    """Ask the stack to read the server's metadata, as the stack will speak to the server."""
    if registration.known_provider(wanted.provider).hosts is not None:
        raise UsageFailed(
            f"--discover is for the provider oauth2; {wanted.provider} is known already.",
            next_command=typed("tokensync provider list"),
        )
    addresses.check_issuer(issuer, is_embedded=target.is_embedded)
    with run.out.progress(f"Reading the metadata of {issuer}"):
        try:
            found = ask_callback(target, {"tokensync": "discover", "issuer": issuer})
        except FunctionRefused as refused:
            # The next command repeats what the operator gave, and does without the metadata.
            raise CommandFailed(
                refused.message,
                next_command=wanted.command().adding("--endpoint token=URL --endpoint authorize=URL")
                if refused.kind == "BadMetadata"
                else refused.next_command,
                exit_code=refused.exit_code,
                kind=refused.kind,
            ) from None
    return wanted.completed(endpoints=found["endpoints"], settings=found["settings"])


def _with_secret(run: Run, target: Target, wanted: Wanted, *, yes: bool, from_stdin: bool, key_file: str) -> App:
    """Return the app with what it authenticates with: a client secret, a private key, or nothing."""
    app = wanted.checked(is_embedded=target.is_embedded)
    way = provider_named(app.provider).for_app(app).token.authentication
    again = _again(wanted, way, from_stdin=from_stdin, key_file=key_file)
    _check_credential(run, wanted, way, from_stdin=from_stdin, key_file=key_file)
    hosts = addresses.live_hosts(app)
    if target.is_embedded and hosts:
        run.confirm(
            f"{app.name} speaks to {', '.join(hosts)}, and the embedded stack keeps its tokens in plain files under "
            ".tokensync/. Register it here?",
            yes=yes,
            otherwise=again.adding("--yes"),
        )
    if way is ClientAuthentication.PRIVATE_KEY_JWT:
        app = replace(app, private_key=private_key(key_file))
    elif way.needs_secret:
        secret = run.read_text("Client secret", hidden=True, at_most=registration.LONGEST_SECRET)
        app = replace(app, client_secret=Secret(secret))
    registration.check_has_credentials(app, following=again)
    return app


def _again(wanted: Wanted, way: ClientAuthentication, *, from_stdin: bool, key_file: str) -> CommandLine:
    """Return the same command, with the option that brought the credential."""
    if way is ClientAuthentication.PRIVATE_KEY_JWT:
        return wanted.command().option("--private-key-file", key_file)
    return wanted.command().adding("--client-secret-stdin") if from_stdin else wanted.command()


def _check_credential(run: Run, wanted: Wanted, way: ClientAuthentication, *, from_stdin: bool, key_file: str) -> None:
    """Refuse a credential that the app does not use, or the lack of the one that it does, before any is read.

    Raises:
        UsageFailed: the message names the option.
    """
    again = wanted.command()
    if from_stdin and not way.needs_secret:
        raise UsageFailed(
            f"client_auth={way} has no client secret: --client-secret-stdin is for none.", next_command=again
        )
    if key_file and way is not ClientAuthentication.PRIVATE_KEY_JWT:
        raise UsageFailed(
            f"--private-key-file is for client_auth={ClientAuthentication.PRIVATE_KEY_JWT}, and this app has {way}.",
            next_command=again.adding(
                "--set client_auth={way} --private-key-file FILE", way=ClientAuthentication.PRIVATE_KEY_JWT
            ),
        )
    if way is ClientAuthentication.PRIVATE_KEY_JWT and not key_file:
        raise UsageFailed(
            f"client_auth={way} needs --private-key-file.", next_command=again.adding("--private-key-file FILE")
        )
    if way.needs_secret and not from_stdin and not run.is_interactive():
        raise UsageFailed(
            "The client secret is asked for on a terminal, and this is no terminal.",
            next_command=again.adding("--client-secret-stdin"),
        )


def _print_added(run: Run, target: Target, app: App) -> None:
    redirect_url = target.outputs.redirect_url(app.name)
    provider = provider_named(app.provider).for_app(app)
    warning = registration.lifetime_warning(app, provider)
    if warning:
        run.out.warn(warning)
    following = registration.first_command(app, provider)
    shown = {"app": app.name, "provider": app.provider, "redirect URL": redirect_url}
    if provider.grant_type is not GrantType.AUTHORIZATION_CODE:
        del shown["redirect URL"]  # no browser is ever sent there
    if provider.webhook is not None:
        shown["webhook URL"] = f"{target.outputs.webhook_url}/{app.name}"
    whole = registration.as_json(app, redirect_url=redirect_url)
    hints = mixed_up.hints(app)
    run.out.fields(shown, {**whole, "next": str(following), "warning": warning or None, **_as_json(hints)})
    _warn_of(run, hints)
    if not app.is_sandboxed and provider.grant_type is GrantType.AUTHORIZATION_CODE:
        run.out.note("Register that redirect URL with the provider, letter by letter.")
    if app.push:
        key = typed("tokensync app set-consumer-key {app}", app=app.name)
        run.out.note(f"Its pairs go to {app.push} once that has a key: {key}")
    run.out.next(following)


def _warn_of(run: Run, hints: list[str]) -> None:
    """Warn of what looks mixed up: it may be right all the same."""
    for hint in hints:
        run.out.warn(hint)


def _as_json(hints: list[str]) -> dict[str, object]:
    return {"hints": hints} if hints else {}


def list_apps(run: Run) -> None:
    """List the registered apps, and whether they run."""
    target = run.target()
    states = [target.apps.state(name) for name in target.apps.names()]
    whys = [None if (pause := pause_of(state)) is None else pause.why for state in states]
    listed = [
        {
            "app": state.name,
            "provider": state.provider,
            "paused": state.paused or None,
            "paused_kind": state.paused_kind,
            "paused_at": state.paused_at,
            "probe_at": state.probe_at,
            "redirect_url": _redirect_url(target, state),
        }
        for state in states
    ]
    if not listed:
        following = typed("tokensync app add NAME --provider PROVIDER --client-id ID")
        run.out.result([], "No app is registered.", following=following)
        return
    rows = [
        (one["app"], one["provider"], "running" if why is None else "paused", why, one["redirect_url"])
        for one, why in zip(listed, whys, strict=True)
    ]
    run.out.table(("APP", "PROVIDER", "STATE", "WHY", "REDIRECT URL"), rows, listed)


def _redirect_url(target: Target, state: AppState) -> str | None:
    """Return the redirect URL of an app, None if its provider has no consent page."""
    grant_type = GrantType.AUTHORIZATION_CODE
    with suppress(TokensyncError):  # an app that cannot be read keeps its line
        provider = provider_named(state.provider)
        if _GRANT in provider.settings:
            provider = provider.for_app(target.apps.get(state.name))
        grant_type = provider.grant_type
    return target.outputs.redirect_url(state.name) if grant_type is GrantType.AUTHORIZATION_CODE else None


def show(run: Run, name: AppName) -> None:
    """Show one app; its client secret is never shown."""
    target = run.target()
    app = registered(target, name)
    state = target.apps.state(name)
    shown = registration.as_json(app, redirect_url=target.outputs.redirect_url(name))
    shown = {**shown, "effective": registration.effective(app)}
    now = target.clock.now()
    pause = pause_of(state)
    in_words = {"paused": "no" if pause is None else f"{pause.why} ({moment(state.paused_at, now=now)})"}
    if state.probes_itself:
        in_words["next probe"] = moment(state.probe_at, now=now, never="now")
    stored = "stored, never shown" if app.client_secret else "none"
    hints = mixed_up.hints(app)
    run.out.fields(
        {**shown, "client_secret": stored, **in_words},
        {
            **shown,
            "paused": state.paused or None,
            "paused_kind": state.paused_kind,
            "paused_at": state.paused_at,
            "probe_at": state.probe_at,
            **_as_json(hints),
        },
    )
    _warn_of(run, hints)
    if pause is not None:
        run.out.note(f"{pause.meanwhile} Next: {pause.command(name)}")
