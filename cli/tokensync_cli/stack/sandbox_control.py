"""The control plane of a running sandbox, as far as the command line needs it. See `Sandbox` in `target`."""

from collections.abc import Mapping
from typing import Any

import httpx

from tokensync.domain.command_line import typed
from tokensync_cli.output.failures import CommandFailed

_SECONDS = 10.0


class SandboxControl:
    """Speaks to the sandbox at `url`."""

    def __init__(self, url: str, client: httpx.Client | None = None) -> None:
        self._url = url
        # trust_env: the user's proxy has no business between here and loopback.
        self._client = client or httpx.Client(base_url=url, timeout=_SECONDS, trust_env=False)

    @property
    def url(self) -> str:
        """Its address."""
        return self._url

    def providers(self) -> list[str]:
        """Return the names of the providers that it can be."""
        return list(map(str, self._ask("GET", "/_sandbox/health").get("providers", ())))

    def register(self, registration: Mapping[str, Any]) -> None:
        """Register an app with it, or change the one of that key."""
        self._ask("POST", "/_sandbox/apps", registration)

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        try:
            response = self._client.request(method, path, json=body)
            body = response.json()
        except (httpx.HTTPError, ValueError):
            # from None: the request may hold an app's secret.
            raise CommandFailed(
                f"The sandbox at {self.url} does not answer.",
                next_command=typed("tokensync up"),
                kind="SandboxUnavailable",
            ) from None
        if not isinstance(body, dict) or response.is_error:
            reason = body.get("error", "") if isinstance(body, dict) else ""
            raise CommandFailed(
                f"The sandbox refused: {reason or response.status_code}.",
                next_command=typed("tokensync provider list"),
                kind="SandboxRefused",
            )
        return body
