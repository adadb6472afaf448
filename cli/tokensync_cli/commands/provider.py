"""`provider list`: the authorization servers that this version knows."""

import typer

from tokensync.providers import PROVIDERS
from tokensync_cli.declaring import command
from tokensync_cli.run import Run


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    group = typer.Typer(
        help="The authorization servers that tokensync knows.", epilog="Example: tokensync provider list"
    )
    command(group, "list", example="tokensync provider list", speaks_to_a_stack=False)(list_providers)
    app.add_typer(group, name="provider")


def list_providers(run: Run) -> None:
    """List the providers, and what an app of each may set."""
    if run.out.as_json:
        run.out.json(
            [
                {
                    "provider": provider.name,
                    "title": provider.title,
                    "docs": provider.docs,
                    "required": list(provider.required),
                    "regions": list(provider.regions),
                    "settings": {key: list(values) for key, values in provider.settings.items()},
                    "hosts": sorted(provider.hosts),
                    "refresh_reuse": provider.refresh_reuse.value,
                }
                for provider in PROVIDERS.values()
            ]
        )
        return
    rows = [
        (
            provider.name,
            provider.title,
            [f"--{field.replace('_', '-')}" for field in provider.required],
            list(provider.regions),
            [f"{key}={'|'.join(values)}" for key, values in provider.settings.items()],
        )
        for provider in PROVIDERS.values()
    ]
    run.out.table(("PROVIDER", "TITLE", "NEEDS", "REGIONS", "SETTINGS"), rows)
    run.out.note("Next: tokensync app add NAME --provider PROVIDER --client-id ID")
