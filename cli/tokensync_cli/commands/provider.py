"""`provider list`, `provider show`: the authorization servers that this version knows."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from typing import Annotated, Any

import typer

from tokensync.domain.command_line import typed
from tokensync.oauth.app_check import EVERY_APP
from tokensync.oauth.provider import GrantType, Provider
from tokensync.providers import PROVIDERS
from tokensync_cli.commands.run import Run
from tokensync_cli.stack.registration import known_provider

# The option for each field that a provider requires.
_OPTIONS = {"service_id": "--service-id", "scopes": "--scope"}
_CONNECTED_BY = {
    GrantType.AUTHORIZATION_CODE: "invite",
    GrantType.CLIENT_CREDENTIALS: "connect",
    GrantType.REFRESH_TOKEN: "import",
}


Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name; see `provider list`.", show_default=False)]


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
    run.out.next(typed("tokensync app add NAME --provider PROVIDER --client-id ID"))


def show_provider(run: Run, name: Name) -> None:
    """Show what is known of one provider, what its apps may set, and where it leaves the RFCs."""
    provider = known_provider(name)
    reuse = provider.refresh_reuse.value
    shown: dict[str, Any] = {
        "provider": provider.name,
        "title": provider.title,
        "source": provider.docs,
        "connected_by": connected_by(provider),
        "required": [_OPTIONS[field] for field in provider.required],
        "endpoints": dict(provider.endpoints),
        "regions": {region: dict(urls) for region, urls in provider.regions.items()},
        "hosts": None if provider.hosts is None else sorted(provider.hosts),
        "refresh_reuse": reuse if not provider.grace_seconds else f"{reuse}, {provider.grace_seconds} s",
        "access_token_seconds": provider.response.default_expires_in,
        "verifies": provider.account_call is not None,
        "revokes": provider.revocation is not None,
        "webhooks": provider.webhook is not None,
    }
    settings: dict[str, dict[str, Any]] = {
        **{
            key: {"values": list(values), "meaning": provider.meanings[key]}
            for key, values in provider.settings.items()
        },
        **{key: {"values": [], "meaning": meaning} for key, meaning in EVERY_APP.items()},
    }
    leaves = dict(departures(provider))
    published = {"facts": dict(provider.facts), "wanted_facts": dict(provider.wanted_facts)}
    rows = [
        *(("", key, _word(value)) for key, value in shown.items()),
        *(("setting", _setting(key, tuple(each["values"])), each["meaning"]) for key, each in settings.items()),
        *(("fact", key, meaning) for key, meaning in provider.facts.items()),
        *(("to be brought", key, meaning) for key, meaning in provider.wanted_facts.items()),
        *(("departure", key, _word(value)) for key, value in leaves.items()),
    ]
    run.out.table(
        ("", "NAME", "WHAT"),
        rows,
        {**shown, "settings": settings, **published, "departures": {k: _plain(v) for k, v in leaves.items()}},
    )


def departures(provider: Provider) -> Iterator[tuple[str, object]]:
    """Yield where a provider leaves the RFCs: each field of its shapes that has not the RFC's value."""
    for part in ("authorize", "callback", "token", "response", "revocation"):
        shape = getattr(provider, part)
        if shape is None:
            continue
        for field in fields(shape):
            value = getattr(shape, field.name)
            if value != _default(field):
                yield f"{part}.{field.name}", value


def _default(field: Field[Any]) -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _plain(value: object) -> object:
    """Return a value as JSON has it; a function by what its docstring says."""
    if callable(value):
        return str(getattr(value, "__doc__", None) or "by a function of its file").partition("\n")[0]
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list | frozenset):
        return sorted(map(str, value)) if isinstance(value, frozenset) else list(value)
    return value


def _word(value: object) -> str:
    """Return a value as people read it."""
    plain = _plain(value)
    if isinstance(plain, Mapping):
        return ", ".join(f"{key} {_word(each)}" for key, each in plain.items()) or "none"
    if isinstance(plain, list):
        return ", ".join(map(str, plain)) or "none"
    if plain is None:
        return "none"
    return {True: "yes", False: "no"}[plain] if isinstance(plain, bool) else str(plain) or '""'


def connected_by(provider: Provider) -> list[str]:
    """Return the commands by which apps of a provider get connections, one for each value of their setting `grant`."""
    grants = provider.settings.get("grant") or (provider.grant_type.value,)
    return [_CONNECTED_BY[GrantType(grant)] for grant in grants]


def _setting(key: str, values: tuple[str, ...]) -> str:
    """Return a setting as an operator writes it: its values, or a word for what it takes."""
    name = f"{key}NAME" if key.endswith(".") else key
    return f"{name}={'|'.join(values) if values else 'TEXT'}"
