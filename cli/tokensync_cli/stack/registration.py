"""From an operator's description of an app to a registration that works, or to the first thing that is wrong."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tokensync.domain.app import ENDPOINT_KEYS, App
from tokensync.domain.command_line import CommandLine, typed
from tokensync.domain.errors import InvalidApp
from tokensync.domain.names import app_name
from tokensync.domain.runtime import Cadence
from tokensync.domain.secret import Secret
from tokensync.oauth.app_check import check_credentials, settings_problem
from tokensync.oauth.provider import GrantType, Provider
from tokensync.providers import PROVIDERS, provider_named
from tokensync.refresh.schedule import floor_of, outlives_a_loss
from tokensync_cli.output.failures import UsageFailed
from tokensync_cli.output.times import span
from tokensync_cli.stack.addresses import check_endpoint, check_return_url, refused
from tokensync_cli.stack.unused import called, check_used

LONGEST_SECRET = 2048  # characters
LONGEST_KEY = 16_384  # characters: an RSA key of 8192 bits in PEM has about 6400
_LONGEST_TEXT = 512
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 section 3.3
# Settings that no app with connections may change: they say whose its tokens are.
_FIXED = ("grant", "account_field", "account", "second_token", "second_account", "issuer")
_RETURN_URL = "return_url"  # a setting that every app may have


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A registration as it was asked for, unchecked. `endpoints` and `settings` are KEY=VALUE texts."""

    name: str
    provider: str
    client_id: str
    service_id: str = ""
    region: str = ""
    scopes: Sequence[str] = ()
    endpoints: Sequence[str] = ()
    settings: Sequence[str] = ()

    def check_client_id(self) -> None:
        """Refuse a registration without a client id, before a secret is asked for.

        Raises:
            UsageFailed: it is missing or unusable.
        """
        if not self.client_id:
            raise UsageFailed(
                "--client-id is missing: the id by which the provider knows your app.",
                next_command=typed(
                    "tokensync app add {app} --provider {provider} --client-id ID",
                    app=self.name,
                    provider=self.provider,
                ),
            )
        _text(self.client_id, "--client-id")

    def checked(self, *, is_embedded: bool) -> App:
        """Return the app, its client secret still empty. `is_embedded` allows loopback addresses.

        Raises:
            InvalidName: its name is not valid.
            UsageFailed: something else does not fit; the message names it.
        """
        generic = known_provider(self.provider)
        app = App(
            name=app_name(self.name),
            provider=generic.name,
            client_id=_text(self.client_id, "--client-id"),
            client_secret=Secret(""),
            region=_region(self.region, generic),
            scopes=_scopes(self.scopes),
            endpoints=_endpoints(self.endpoints, generic, is_embedded=is_embedded),
            settings=_pairs(self.settings, "--set"),
        )
        _check_settings(app, generic)
        # What it still needs, and what it may not have, depends on its settings.
        provider = generic.for_app(app)
        app = replace(app, service_id=_service_id(self.service_id, generic, provider))
        _check_complete(app, provider, again=self.command())
        check_used(app, provider)
        if _RETURN_URL in app.settings:
            check_return_url(app, is_embedded=is_embedded)
        return app

    def command(self) -> CommandLine:
        """Return the command that asks for this very registration; its secret is asked for."""
        options = [("--provider", self.provider), ("--client-id", self.client_id)]
        options += [("--service-id", self.service_id), ("--region", self.region)]
        options += [("--scope", scope) for scope in self.scopes]
        options += [("--endpoint", pair) for pair in self.endpoints] + [("--set", pair) for pair in self.settings]
        again = typed("tokensync app add {app}", app=self.name)
        for option, value in options:
            if value:
                again = again.option(option, value)
        return again

    def completed(self, *, endpoints: Mapping[str, str], settings: Mapping[str, str]) -> "Wanted":
        """Return the registration with what its server says of itself, for all that was not given."""
        found = _under(settings, self.settings)
        # A server has more endpoints than one app needs: those that nothing calls are left out.
        needed = called(
            known_provider(self.provider), endpoints, settings=dict(text.split("=", 1) for text in found if "=" in text)
        )
        return replace(self, endpoints=_under(needed, self.endpoints), settings=found)


def _under(found: Mapping[str, str], given: Sequence[str]) -> list[str]:
    """Return KEY=VALUE texts: those that were given, and those found whose keys were not."""
    keys = {text.partition("=")[0] for text in given}
    return [*given, *(f"{key}={value}" for key, value in found.items() if key not in keys)]


def known_provider(name: str) -> Provider:
    """Return a provider by name, written with underscores or hyphens.

    Raises:
        UsageFailed: there is none of that name.
    """
    try:
        return provider_named(name if name in PROVIDERS else name.replace("-", "_"))
    except InvalidApp:
        known = ", ".join(sorted(PROVIDERS))
        raise UsageFailed(
            f"There is no provider {name!r}; there are: {known}.", next_command=typed("tokensync provider list")
        ) from None


def lifetime_warning(app: App, provider: Provider) -> str:
    """Return a warning if one lost message, or one dead worker, may end a token, else an empty text."""
    life = provider.response.default_expires_in if provider.grant_type is not GrantType.CLIENT_CREDENTIALS else None
    if app.is_sandboxed or life is None or outlives_a_loss(life, Cadence()):
        return ""
    floor = floor_of(life, Cadence())
    often = f"its tokens live for {span(life)}, and the schedule refreshes no connection more often than every "
    ends = "so that each ends before" if life <= floor else "so that one lost message may end one"
    return f"{often}{span(floor)}, {ends}"


def first_command(app: App, provider: Provider) -> CommandLine:
    """Return the command that makes an app's first connection."""
    match provider.grant_type:
        case GrantType.REFRESH_TOKEN:
            return typed("tokensync import {app} --account ID", app=app.name)
        case GrantType.CLIENT_CREDENTIALS:
            return typed("tokensync connect {app}", app=app.name)
        case GrantType.AUTHORIZATION_CODE:
            return typed("tokensync connect {app}" if app.is_sandboxed else "tokensync invite {app}", app=app.name)


def _text(text: str, option: str) -> str:
    if not 0 < len(text) <= _LONGEST_TEXT or not text.isprintable() or text != text.strip():
        raise refused(f"{option} is 1 to {_LONGEST_TEXT} printable characters without space around them.")
    return text


def _service_id(text: str, generic: Provider, provider: Provider) -> str:
    if text and "service_id" not in generic.required:
        raise refused(f"{provider.title} takes no --service-id.")
    if not text and "service_id" in provider.required:
        raise refused(f"{provider.title} needs --service-id: its authorization link names it.")
    return _text(text, "--service-id") if text else ""


def _region(text: str, provider: Provider) -> str:
    if text and text not in provider.regions:
        known = ", ".join(provider.regions)
        what = f"it knows {known}" if known else "it knows none"
        raise refused(f"{provider.title} has no region {text!r}: {what}.")
    return text


def _scopes(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the scopes to ask for; where a provider's own console sets them, those that are expected back."""
    for text in texts:
        if not _SCOPE.fullmatch(text):
            raise refused(f"{text!r} is no scope: give each its own --scope.")
    return tuple(dict.fromkeys(texts))


def _pairs(texts: Sequence[str], option: str, *, removing: bool = False) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign or not key or not (value or removing):
            raise refused(f"{option} takes KEY=VALUE.")
        if key in pairs:
            raise refused(f"{option} {key} is given twice.")
        pairs[key] = value
    return pairs


def _endpoints(texts: Sequence[str], provider: Provider, *, is_embedded: bool) -> dict[str, str]:
    endpoints = _pairs(texts, "--endpoint")
    for key, url in endpoints.items():
        if key not in ENDPOINT_KEYS:
            raise refused(f"--endpoint has the keys {', '.join(ENDPOINT_KEYS)}; {key!r} is none.")
        check_endpoint(key, url, provider, is_embedded=is_embedded)
    return endpoints


def with_settings(app: App, texts: Sequence[str], *, is_embedded: bool) -> App:
    """Return the app with these KEY=VALUE settings changed; one without a value is removed.

    Raises:
        UsageFailed: one of them does not fit, or one that the app had.
    """
    pairs = _pairs(texts, "app set", removing=True)
    unknown = next((key for key, value in pairs.items() if not value and key not in app.settings), "")
    if unknown:
        raise refused(f"{app.name} has no setting {unknown!r} to remove.")
    settings = {key: value for key, value in {**app.settings, **pairs}.items() if value}
    changed = replace(app, settings=settings)
    _check_settings(changed, provider_named(app.provider))
    if _RETURN_URL in changed.settings:
        check_return_url(changed, is_embedded=is_embedded)
    return changed


def check_has_credentials(app: App, *, following: CommandLine | None = None) -> None:
    """Refuse an app that has nothing to authenticate with, or a private key that cannot sign.

    Raises:
        UsageFailed: the message names what is missing; the next command is `following`, or stores a private key.
    """
    try:
        check_credentials(app, provider_named(app.provider).for_app(app))
    except InvalidApp as error:
        raise UsageFailed(
            f"{str(error)[0].upper()}{str(error)[1:]}.",
            next_command=following
            or typed("tokensync app set-private-key {app} --private-key-file FILE", app=app.name),
        ) from None


def first_fixed(app: App, changed: App) -> str:
    """Return the first setting that differs and says whose tokens the app's are; empty if none does."""
    provider = provider_named(app.provider)
    return next((key for key in _FIXED if provider.setting(app, key) != provider.setting(changed, key)), "")


def _check_settings(app: App, provider: Provider) -> None:
    problem = settings_problem(app, provider)
    if problem:
        is_name = problem.partition(" ")[0] in app.settings  # which is shown as it is written
        raise refused(f"{problem if is_name else problem[0].upper() + problem[1:]}.")


def _check_complete(app: App, provider: Provider, *, again: CommandLine) -> None:
    """Refuse an app of the generic provider whose server is not described well enough."""
    needed = ["token"]
    if provider.grant_type is GrantType.AUTHORIZATION_CODE:
        needed.append("authorize")
    if "scopes" in provider.required and not app.scopes:
        raise refused(f"{provider.title} needs at least one --scope: its authorization link asks for it.")
    if provider.callback.issuer_announced and not provider.callback.issuer:
        raise refused("--set iss=required needs --set issuer=URL: without it nothing can be compared.")
    missing = [f"--endpoint {key}=URL" for key in needed if not provider.has_endpoint(app, key)]
    if missing:
        raise UsageFailed(
            f"{provider.title} needs {' and '.join(missing)}, or --discover with the server's issuer.",
            next_command=again.adding("--discover https://ISSUER"),
        )


def effective(app: App) -> dict[str, str]:
    """Return every setting that an app has, its own and the defaults."""
    provider = provider_named(app.provider)
    defaults = {key: provider.setting(app, key) for key in provider.settings if not key.endswith(".")}
    return {key: value for key, value in {**defaults, **app.settings}.items() if value}


def as_json(app: App, *, redirect_url: str) -> Mapping[str, object]:
    """Return a registration as operators see it, without its client secret."""
    return {
        "app": app.name,
        "provider": app.provider,
        "client_id": app.client_id,
        "service_id": app.service_id or None,
        "region": app.region or None,
        "scopes": list(app.scopes),
        "endpoints": app.endpoints,
        "settings": app.settings,
        "redirect_url": redirect_url,
        "sandboxed": app.is_sandboxed,
        **({"private_key": "stored, never shown"} if app.private_key else {}),
        **({"new_client_secret": "stored, not proven yet"} if app.new_client_secret else {}),
        **({"api2cart_key": "stored, never shown"} if app.api2cart_key else {}),
    }
