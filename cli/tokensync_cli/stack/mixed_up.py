"""What looks mixed up in a registration, with the command that registers it otherwise. It may be right all the same."""

from dataclasses import replace

from tokensync.domain.app import App
from tokensync.domain.command_line import typed
from tokensync.oauth.hints import registration_hints
from tokensync.providers import provider_named
from tokensync_cli.stack.registration import Wanted


def hints(app: App) -> list[str]:
    """Return what looks mixed up in a registration, each with the command that registers it otherwise."""
    if app.is_sandboxed:  # its ids are made up
        return []
    provider = provider_named(app.provider).for_app(app)
    found = registration_hints(app, provider)
    swapped = replace(app, client_id=app.service_id, service_id=app.client_id)
    if app.service_id and len(registration_hints(swapped, provider)) < len(found):
        again = _wanted(swapped)
    else:
        again = replace(_wanted(app), client_id="ID", service_id="ID" if app.service_id else "")
    mend = f"{typed('tokensync app remove {app} --yes', app=app.name)} && {again.command()}"
    return [f"{hint}. If they are mixed up: {mend}" for hint in found]


def _wanted(app: App) -> Wanted:
    """Return how an app was asked for."""
    return Wanted(
        name=app.name,
        provider=app.provider,
        client_id=app.client_id,
        service_id=app.service_id,
        region=app.region,
        scopes=app.scopes,
        endpoints=[f"{key}={url}" for key, url in app.endpoints.items()],
        settings=[f"{key}={value}" for key, value in app.settings.items()],
    )
