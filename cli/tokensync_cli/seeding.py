"""Registers apps at the running sandbox and points their endpoints there: what a newcomer starts with."""

import secrets
from dataclasses import replace
from urllib.parse import urlsplit

from tokensync.app import App
from tokensync.errors import UnknownApp
from tokensync.providers import PROVIDERS, provider_named
from tokensync.providers.contract import Provider
from tokensync.secret import Secret
from tokensync_cli.failure import CommandFailed, UsageFailed
from tokensync_cli.target import Sandbox, Target

# Seconds: short enough for a newcomer to see a scheduled refresh, long enough for three tries.
ACCESS_TOKEN_SECONDS = 200


def seed(target: Target) -> list[str]:
    """Register one sandbox app for each provider that the sandbox can be; return the names of all that stand.

    Again, it changes nothing but what has changed: a port, or a sandbox that was started anew. An app of such a name
    that speaks to a live provider is left alone.
    """
    sandbox = _sandbox(target)
    names = []
    for provider in sandbox.providers():
        if provider not in PROVIDERS:
            continue
        name = provider.replace("_", "-")
        standing = _standing(target, name)
        if standing is None:
            target.apps.register(sandboxed(target, name, provider))
        elif standing.is_sandboxed:
            _renew(target, standing)
        else:
            continue
        names.append(name)
    return names


def sandboxed(target: Target, name: str, provider: str) -> App:
    """Register a new app at the sandbox and return what is to be registered with the stack.

    Raises:
        UsageFailed: this is no embedded stack.
        CommandFailed: the sandbox does not know the provider, or does not answer.
    """
    sandbox = _sandbox(target)
    if provider not in sandbox.providers():
        raise CommandFailed(f"The sandbox cannot be {provider}.", next_command="tokensync provider list")
    known = provider_named(provider)
    app = App(
        name=name,
        provider=provider,
        client_id=f"sandbox-{secrets.token_hex(4)}",
        client_secret=Secret(secrets.token_hex(20)),
        service_id=str(7_000_000_000 + secrets.randbelow(1_000_000_000)) if "service_id" in known.required else "",
        endpoints=_endpoints(sandbox.url, known),
    )
    _register(target, sandbox, app)
    return app


def _renew(target: Target, app: App) -> None:
    """Let the sandbox know an app again, and the app where the sandbox is now."""
    sandbox = _sandbox(target)
    _register(target, sandbox, app)
    endpoints = _endpoints(sandbox.url, provider_named(app.provider))
    if endpoints != app.endpoints:
        target.apps.update(replace(app, endpoints=endpoints))


def _register(target: Target, sandbox: Sandbox, app: App) -> None:
    sandbox.register(
        {
            "provider": app.provider,
            "app_key": app.client_id,
            "app_secret": app.client_secret.reveal(),
            "service_id": app.service_id,
            "redirect_uri": target.outputs.redirect_url(app.name),
            "name": app.name,
            "settings": {"access_token_seconds": ACCESS_TOKEN_SECONDS},
        }
    )


def _endpoints(sandbox_url: str, provider: Provider) -> dict[str, str]:
    """Return the provider's endpoints as the sandbox has them: the vendor's own paths below the provider's name."""
    paths = {key: urlsplit(url).path for key, url in provider.endpoints.items()}
    return {key: f"{sandbox_url}/{provider.name}{path}" for key, path in paths.items()}


def _standing(target: Target, name: str) -> App | None:
    try:
        target.apps.state(name)
        return target.apps.get(name)
    except UnknownApp:
        return None


def _sandbox(target: Target) -> Sandbox:
    if target.sandbox is None:
        raise UsageFailed("The sandbox is part of the embedded stack.", next_command="tokensync up")
    return target.sandbox
