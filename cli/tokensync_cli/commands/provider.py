"""`provider list`: the authorization servers that this version knows."""

from tokensync.oauth.provider import GrantType, Provider
from tokensync.providers import PROVIDERS
from tokensync_cli.commands.run import Run

# The option for each field that a provider requires.
_OPTIONS = {"service_id": "--service-id", "scopes": "--scope"}
_CONNECTED_BY = {
    GrantType.AUTHORIZATION_CODE: "invite",
    GrantType.CLIENT_CREDENTIALS: "connect",
    GrantType.REFRESH_TOKEN: "import",
}


def list_providers(run: Run) -> None:
    """List the providers, and what an app of each may set."""
    listed = [
        {
            "provider": provider.name,
            "title": provider.title,
            "docs": provider.docs,
            "required": list(provider.required),
            "regions": list(provider.regions),
            "settings": {key: list(values) for key, values in provider.settings.items()},
            "hosts": None if provider.hosts is None else sorted(provider.hosts),
            "connected_by": connected_by(provider),
            "grant_type": provider.grant_type.value,
            "verifies": provider.account_call is not None,
            "revokes": provider.revocation is not None,
            "webhooks": provider.webhook is not None,
            "refresh_reuse": provider.refresh_reuse.value,
        }
        for provider in PROVIDERS.values()
    ]
    rows = [
        (
            provider.name,
            provider.title,
            connected_by(provider),
            [_OPTIONS[field] for field in provider.required],
            list(provider.regions),
            [_setting(key, values) for key, values in provider.settings.items()],
        )
        for provider in PROVIDERS.values()
    ]
    run.out.table(("PROVIDER", "TITLE", "CONNECTED BY", "NEEDS", "REGIONS", "SETTINGS"), rows, listed)
    run.out.note("Next: tokensync app add NAME --provider PROVIDER --client-id ID")


def connected_by(provider: Provider) -> list[str]:
    """Return the commands by which apps of a provider get connections, one for each value of their setting `grant`."""
    grants = provider.settings.get("grant") or (provider.grant_type.value,)
    return [_CONNECTED_BY[GrantType(grant)] for grant in grants]


def _setting(key: str, values: tuple[str, ...]) -> str:
    """Return a setting as an operator writes it: its values, or a word for what it takes."""
    name = f"{key}NAME" if key.endswith(".") else key
    return f"{name}={'|'.join(values) if values else 'TEXT'}"
