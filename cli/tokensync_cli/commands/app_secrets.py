"""`app set`, `app set-consumer-key`, `app rotate-secret`: changes of an app that keep its connections."""

from contextlib import suppress
from dataclasses import replace
from typing import Annotated

import typer

from tokensync.domain.app import App
from tokensync.domain.command_line import typed
from tokensync.domain.connection import Status
from tokensync.domain.secret import Secret
from tokensync.domain.visible import Line
from tokensync.oauth.shapes import ClientAuthentication
from tokensync.operate.pauses import pause_of
from tokensync.providers import CONSUMERS, provider_named
from tokensync_cli.commands.credentials import private_key
from tokensync_cli.commands.declare import AppName
from tokensync_cli.commands.describe import named, registered
from tokensync_cli.commands.run import Run
from tokensync_cli.output.failures import CommandFailed, UsageFailed
from tokensync_cli.stack import registration
from tokensync_cli.stack.invoke import FunctionRefused, ask_rotation
from tokensync_cli.stack.target import Target

Pairs = Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="Its settings.", show_default=False)]
Key = Annotated[bool, typer.Option("--key-stdin", help="Read the key from stdin, instead of asking for it.")]
SecretStdin = Annotated[
    bool, typer.Option("--client-secret-stdin", help="Read the new secret from stdin, instead of asking for it.")
]
With = Annotated[
    str, typer.Option("--connection", metavar="CONNECTION", help="Prove it with this one.", show_default=False)
]
PrivateKey = Annotated[
    str,
    typer.Option("--private-key-file", metavar="FILE", help="A private key in PEM; - is stdin.", show_default=False),
]
WithoutProof = Annotated[bool, typer.Option("--without-proof", help="Replace the current secret at once.")]
Finish = Annotated[bool, typer.Option("--finish", help="Replace the old secret by the stored new one, unproven.")]
Abort = Annotated[bool, typer.Option("--abort", help="Forget the stored new secret.")]
Keep = Annotated[bool, typer.Option("--keep", help="Keep the new secret beside the old even if it is refused.")]


def set_settings(run: Run, name: AppName, pairs: Pairs) -> None:
    """Change an app's settings; its connections stay."""
    target = run.target()
    app = registered(target, name, fresh=True)
    changed = registration.with_settings(app, pairs, is_embedded=target.is_embedded)
    registration.check_has_credentials(changed)
    _check_fixed(target, app, changed)
    target.apps.update(changed)
    run.out.fields({"app": name, **changed.settings}, {"app": name, "settings": changed.settings})
    if changed.push and changed.api2cart_key is None:
        run.out.next(typed("tokensync app set-consumer-key {app}", app=name))
    elif changed.push and not app.push:
        run.out.note(
            "Each connection is pushed after its next refresh; now: "
            f"{typed('tokensync push CONNECTION --to {to}', to=changed.push)}"
        )
    if app.gives_away and not changed.gives_away:
        run.out.note(
            "What was handed over comes back when its sellers authorize again: "
            f"{typed('tokensync invite {app} --for CONNECTION', app=name)}"
        )


def _check_fixed(target: Target, app: App, changed: App) -> None:
    """Refuse to change whose tokens an app's are while it has connections made under the old setting.

    Raises:
        CommandFailed: nothing was changed.
    """
    key = registration.first_fixed(app, changed)
    if not key:
        return
    count = sum(1 for record in target.connections.list(app.name) if record.removed_at is None)
    if count:
        raise CommandFailed(
            f"{key} decides whose tokens these are, and {count} connection{'s' if count > 1 else ''} of "
            f"{app.name} came with the old one; nothing was changed. Register another app with the new one.",
            next_command=typed(
                "tokensync app add NAME --provider {provider} --set {pair}",
                provider=app.provider,
                pair=f"{key}={changed.settings[key]}",
            ),
            kind="ConnectionsStand",
        )


def set_consumer_key(run: Run, name: AppName, *, key_stdin: Key = False) -> None:
    """Store the API key of your account with API2Cart in an app."""
    target = run.target()
    app = registered(target, name, fresh=True)
    consumer = CONSUMERS["api2cart"]
    if app.provider not in consumer.providers:
        raise CommandFailed(
            f"{consumer.title} takes no connections of {app.provider}.",
            next_command=typed("tokensync app list"),
            kind="WrongProvider",
        )
    key = _secret(run, f"{consumer.title} key", from_stdin=key_stdin, option="--key-stdin")
    target.apps.update(replace(app, api2cart_key=key))
    run.out.result(
        {"app": name, "consumer": consumer.name, "stored": True},
        f"{name} has a key for {consumer.title}.",
        following=None
        if app.push or app.gives_away
        else typed("tokensync app set {app} push={consumer}", app=name, consumer=consumer.name),
    )


def set_private_key(run: Run, name: AppName, *, private_key_file: PrivateKey) -> None:
    """Store the private key by which an app authenticates, instead of the one that it had."""
    target = run.target()
    app = registered(target, name, fresh=True)
    way = ClientAuthentication.PRIVATE_KEY_JWT
    if way not in provider_named(app.provider).settings.get("client_auth", ()):
        raise CommandFailed(
            f"{app.provider} takes no private keys.",
            next_command=typed("tokensync app show {app}", app=name),
            kind="WrongProvider",
        )
    changed = replace(app, private_key=private_key(private_key_file))
    # Whether it can sign is checked as if the app used it already.
    registration.check_has_credentials(replace(changed, settings={**app.settings, "client_auth": way.value}))
    target.apps.update(changed)
    uses_it = app.settings.get("client_auth") == way
    run.out.result(
        {"app": name, "stored": True},
        f"{name} has a private key.",
        following=None if uses_it else typed("tokensync app set {app} client_auth={way}", app=name, way=way),
    )


def rotate_secret(
    run: Run,
    name: AppName,
    *,
    client_secret_stdin: SecretStdin = False,
    connection: With = "",
    without_proof: WithoutProof = False,
    finish: Finish = False,
    abort: Abort = False,
    keep: Keep = False,
) -> None:
    """Replace an app's client secret, once a call under the new one has succeeded; both are kept until then."""
    if ((finish or without_proof) and (abort or keep or connection)) or (abort and keep):
        raise UsageFailed(
            "--finish and --without-proof prove nothing, and --abort gives up: each goes without the others.",
            next_command=typed("tokensync app rotate-secret --help"),
        )
    target = run.target()
    app = registered(target, name, fresh=True)
    if abort or finish:
        _end_rotation(run, target, app, finish=finish)
        return
    way = provider_named(app.provider).for_app(app).token.authentication
    if not way.needs_secret and not without_proof:
        # Under client_auth=private_key_jwt or none nothing presents a secret, and nothing could prove a new one.
        raise CommandFailed(
            f"{name} authenticates by {way} and presents no client secret.",
            next_command=typed("tokensync app set-private-key {app} --private-key-file FILE", app=name)
            if way is ClientAuthentication.PRIVATE_KEY_JWT
            else typed("tokensync app show {app}", app=name),
            kind="NoClientSecret",
        )
    app = _with_candidate(run, target, app, from_stdin=client_secret_stdin)
    proven_by = None if without_proof else _proven(run, target, app, connection=connection, keep=keep)
    _promote(run, target, app, proven_by=proven_by)


def _secret(run: Run, prompt: str, *, from_stdin: bool, option: str) -> Secret:
    if not from_stdin and not run.is_interactive():
        raise UsageFailed(
            f"{prompt}: it is asked for on a terminal, and this is no terminal.",
            next_command=Line("the same command with {option} and the secret on stdin", option=option),
        )
    return Secret(run.read_text(prompt, hidden=True, at_most=registration.LONGEST_SECRET))


def _end_rotation(run: Run, target: Target, app: App, *, finish: bool) -> None:
    """Promote or forget a new secret that is stored already."""
    if app.new_client_secret is None:
        raise CommandFailed(
            f"{app.name} has no new client secret.",
            next_command=typed("tokensync app rotate-secret {app}", app=app.name),
            kind="NoNewSecret",
        )
    if finish:
        _promote(run, target, app, proven_by=None)
        return
    target.apps.update(replace(app, new_client_secret=None))
    _show(run, app, f"{app.name} keeps its client secret; the new one is forgotten.", rotated=False)


def _with_candidate(run: Run, target: Target, app: App, *, from_stdin: bool) -> App:
    """Return the app with a new secret beside the current one; a new secret that is stored already is used."""
    if app.new_client_secret is not None and not from_stdin:
        run.out.note("A new client secret is stored already; going on with that one.")
        return app
    secret = _secret(run, "New client secret", from_stdin=from_stdin, option="--client-secret-stdin")
    if secret == app.client_secret:
        raise UsageFailed(
            f"That is the client secret that {app.name} has.",
            next_command=typed("tokensync app show {app}", app=app.name),
        )
    app = replace(app, new_client_secret=secret)
    target.apps.update(app)
    return app


def _proven(run: Run, target: Target, app: App, *, connection: str, keep: bool) -> str | None:
    """Prove the new secret; return the connection that did.

    Raises:
        CommandFailed: the secret was refused, and is forgotten unless `keep`; or nothing is known of it.
    """
    payload: dict[str, object] = {"tokensync": "prove", "app": app.name}
    if connection:
        payload["connection"] = str(named(connection))
    try:
        with run.out.progress("Proving the new client secret"):
            answer = ask_rotation(target, payload)
    except FunctionRefused as refused:
        rest = "Both secrets are kept, and the old one is used."
        following = refused.next_command
        if refused.kind == "secret_refused":
            rest = f"{'Both are kept, and the old one is used' if keep else 'The old one is kept'}."
            if not keep:
                target.apps.update(replace(app, new_client_secret=None))
        elif refused.kind == "NoConnection":
            rest += " Without a proof: --finish takes the new one, --abort forgets it."
        else:
            following = typed("tokensync app rotate-secret {app}", app=app.name)
        raise CommandFailed(
            f"{refused.message} {rest}", next_command=following, exit_code=refused.exit_code, kind=refused.kind
        ) from None
    return str(answer.get("connection"))


def _promote(run: Run, target: Target, app: App, *, proven_by: str | None) -> None:
    """Let the new secret replace the current one, and the app run again if that one's refusal had paused it."""
    current = target.apps.get(app.name, fresh=True)
    if app.new_client_secret is None or current.new_client_secret != app.new_client_secret:
        raise CommandFailed(
            f"Somebody else changed the secrets of {app.name} just now; nothing was replaced.",
            next_command=typed("tokensync app show {app}", app=app.name),
            kind="Changed",
        )
    target.apps.update(replace(current, client_secret=app.new_client_secret, new_client_secret=None))
    state = target.apps.state(app.name)
    pause, resumed = pause_of(state), state.is_misconfigured
    if resumed:
        target.apps.resume(app.name, now=target.clock.now())
    if current.push:
        _push_all(run, target, current)
    proof = "not proven" if proven_by is None else f"proven by {proven_by}"
    _show(run, app, f"{app.name} has a new client secret, {proof}.", rotated=True, proven_by=proven_by, resumed=resumed)
    if resumed:
        run.out.note(f"{app.name} was paused as its old secret was refused, and runs again.")
    elif pause is not None:
        run.out.note(f"{app.name} is still paused: {pause.why}. Next: {pause.command(app.name)}")


def _push_all(run: Run, target: Target, app: App) -> None:
    """Hand the new secret to the consumer with each pair; the next refresh repeats what fails."""
    with run.out.progress(f"Handing the new secret to {app.push}") as say:
        for record in target.connections.list(app.name):
            if record.status is Status.ACTIVE and record.removed_at is None and record.consumer.handed_over_at is None:
                say(f"Pushing {record.name}")
                with suppress(FunctionRefused):
                    ask_rotation(target, {"tokensync": "push", "connection": str(record.name), "to": app.push})


def _show(run: Run, app: App, line: str, *, rotated: bool, proven_by: str | None = None, resumed: bool = False) -> None:
    run.out.result({"app": app.name, "rotated": rotated, "proven_by": proven_by, "resumed": resumed}, line)
