"""What a registration has beside its settings that nothing would use: endpoints that nothing calls, idle scopes."""

from collections.abc import Mapping

from tokensync.domain.app import App
from tokensync.domain.errors import InvalidApp
from tokensync.domain.secret import Secret
from tokensync.oauth.app_check import endpoint_problem
from tokensync.oauth.provider import GrantType, Provider
from tokensync.providers import CONSUMERS
from tokensync_cli.stack.addresses import refused


def check_used(app: App, provider: Provider) -> None:
    """Refuse endpoints that nothing calls, and scopes that nothing asks for or compares.

    `provider` is the one for the app.

    Raises:
        UsageFailed: the message names the endpoint, or --scope.
    """
    for key in app.endpoints:
        problem = endpoint_problem(provider, key)
        if key == "push" and not any(app.provider in consumer.providers for consumer in CONSUMERS.values()):
            problem = f"no consumer takes what {provider.title} gives"
        if problem:
            raise refused(f"--endpoint {key} does nothing: {problem}.")
    if app.scopes and provider.grant_type is GrantType.REFRESH_TOKEN:
        raise refused("--scope does nothing: the app's tokens are imported, and a refresh asks for no scope.")


def called(generic: Provider, found: Mapping[str, str], *, settings: Mapping[str, str]) -> Mapping[str, str]:
    """Return those of a server's endpoints that an app with these settings calls.

    All of them where a setting cannot be read: who checks the registration says so.
    """
    app = App(
        name="found",
        provider=generic.name,
        client_id="",
        client_secret=Secret(""),
        endpoints=dict(found),
        settings=dict(settings),
    )
    try:
        provider = generic.for_app(app)
    except InvalidApp:
        return found
    return {key: url for key, url in found.items() if not endpoint_problem(provider, key)}
