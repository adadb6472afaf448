"""Registers a newcomer's first apps at the running sandbox, and points their endpoints there."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlsplit

from tokensync.domain.app import App
from tokensync.domain.command_line import typed
from tokensync.domain.errors import UnknownApp
from tokensync.domain.secret import Secret
from tokensync.oauth.provider import Provider
from tokensync.providers import CONSUMERS, PROVIDERS, provider_named
from tokensync_cli.output.failures import CommandFailed, UsageFailed
from tokensync_cli.stack.invoke import ask_callback
from tokensync_cli.stack.registration import Wanted
from tokensync_cli.stack.target import Sandbox, Target

# Seconds: short enough for a newcomer to see a scheduled refresh, long enough for three tries.
ACCESS_TOKEN_SECONDS = 200
# Their access tokens have no end that could be brought nearer.
_NEVER_EXPIRES = frozenset({"tiktok_ads"})
# The scopes of a sandbox app for which none are given.
_SCOPES: Mapping[str, Sequence[str]] = {
    "tiktok_login": ("user.info.basic",),
    "tiktok_accounts": ("user.info.basic",),
    "oauth2": ("openid", "offline_access"),
}


def seed(target: Target) -> list[str]:
    """Register one sandbox app for each provider that the sandbox can be; return the names of all of them.

    A second call renews only what has changed, such as a port. An app of such a name that speaks to a live provider is
    left alone.
    """
    sandbox = _sandbox(target)
    names = []
    for provider in sandbox.providers():
        if provider not in PROVIDERS:
            continue
        name = provider.replace("_", "-")
        existing = _existing(target, name)
        if existing is None:
            target.apps.register(sandboxed(target, name, provider))
        elif existing.is_sandboxed:
            _renew(target, existing)
        else:
            continue
        names.append(name)
    return names


def sandboxed(
    target: Target, name: str, provider: str, *, scopes: Sequence[str] = (), settings: Sequence[str] = ()
) -> App:
    """Register a new app at the sandbox and return what is to be registered with the stack.

    `settings` are KEY=VALUE texts. Without `scopes` it asks for those that its provider needs to name the account.

    Raises:
        UsageFailed: this is no embedded stack.
        CommandFailed: the sandbox does not know the provider, or does not answer.
    """
    sandbox = _sandbox(target)
    if provider not in sandbox.providers():
        raise CommandFailed(f"The sandbox cannot be {provider}.", next_command=typed("tokensync provider list"))
    known = provider_named(provider)
    found = _discovered(target, sandbox, known)
    wanted = Wanted(
        name=name,
        provider=provider,
        client_id=f"sandbox-{secrets.token_hex(4)}",
        service_id=str(7_000_000_000 + secrets.randbelow(1_000_000_000)) if _has_service_id(known, settings) else "",
        scopes=scopes or _SCOPES.get(provider, ()),
        settings=settings,
    ).completed(endpoints=found["endpoints"], settings=found["settings"])
    app = replace(wanted.checked(is_embedded=True), client_secret=Secret(secrets.token_hex(20)))
    app = replace(app, endpoints={**_endpoints(sandbox.url, known.for_app(app)), **app.endpoints})
    _register(target, sandbox, app)
    return app


def _has_service_id(provider: Provider, settings: Sequence[str]) -> bool:
    """Return whether the app's authorization link carries a service id: with some providers a setting decides it."""
    chosen = dict(text.partition("=")[::2] for text in settings)
    app = App(name="sandbox", provider=provider.name, client_id="", client_secret=Secret(""), settings=chosen)
    return "service_id" in provider.for_app(app).required


def _discovered(target: Target, sandbox: Sandbox, provider: Provider) -> Mapping[str, Mapping[str, str]]:
    """Return what the sandbox's own metadata says, where the provider has no endpoints of its own."""
    if provider.endpoints:
        return {"endpoints": {}, "settings": {}}
    return ask_callback(target, {"tokensync": "discover", "issuer": f"{sandbox.url}/{provider.name}"})


def _renew(target: Target, app: App) -> None:
    """Register a known app with the sandbox again, and update the app's endpoints."""
    sandbox = _sandbox(target)
    _register(target, sandbox, app)
    provider = provider_named(app.provider)
    found = _discovered(target, sandbox, provider)
    endpoints = {**_endpoints(sandbox.url, provider.for_app(app)), **found["endpoints"]}
    settings = {**app.settings, **found["settings"]}
    if (endpoints, settings) != (app.endpoints, app.settings):
        target.apps.update(replace(app, endpoints=endpoints, settings=settings))


def _register(target: Target, sandbox: Sandbox, app: App) -> None:
    sandbox.register(
        {
            "provider": app.provider,
            "app_key": app.client_id,
            "app_secret": app.client_secret.reveal(),
            "service_id": app.service_id,
            "redirect_uri": target.outputs.redirect_url(app.name),
            "name": app.name,
            "settings": {} if app.provider in _NEVER_EXPIRES else {"access_token_seconds": ACCESS_TOKEN_SECONDS},
        }
    )


def _endpoints(sandbox_url: str, provider: Provider) -> dict[str, str]:
    """Return the provider's endpoints as the sandbox has them: the vendor's own paths below the provider's name."""
    paths = {key: urlsplit(url).path for key, url in provider.endpoints.items()}
    # A sandbox's pairs must reach no consumer outside.
    taker = next((consumer for consumer in CONSUMERS.values() if provider.name in consumer.providers), None)
    pushes = {} if taker is None else {"push": f"{sandbox_url}/{taker.name}{urlsplit(taker.base).path}"}
    return {key: f"{sandbox_url}/{provider.name}{path}" for key, path in paths.items()} | pushes


def _existing(target: Target, name: str) -> App | None:
    try:
        target.apps.state(name)
        return target.apps.get(name)
    except UnknownApp:
        return None


def _sandbox(target: Target) -> Sandbox:
    if target.sandbox is None:
        raise UsageFailed("The sandbox is part of the embedded stack.", next_command=typed("tokensync up"))
    return target.sandbox
