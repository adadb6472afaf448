"""TikTok for Business, Accounts API: JSON posts, numbers in HTTP 200, a refresh year that counts down."""

from starlette.routing import BaseRoute, Route

from tokensync_cli.sandbox.accounts import user
from tokensync_cli.sandbox.responses import ANY_METHOD, not_found
from tokensync_cli.sandbox.state import Provider, Sandbox
from tokensync_cli.sandbox.tiktok_accounts.calls import NAME, Calls
from tokensync_cli.sandbox.tiktok_login.authorize import approve, pages

_BASE = "/open_api/v1.3/tt_user/oauth2"


def _routes(sandbox: Sandbox) -> list[BaseRoute]:
    calls = Calls(sandbox)
    return [
        *pages(sandbox, NAME),
        Route(f"{_BASE}/token/", calls.token, methods=["POST"]),
        Route(f"{_BASE}/refresh_token/", calls.refresh, methods=["POST"]),
        Route(f"{_BASE}/revoke/", calls.revoke, methods=["POST"]),
        Route("/{path:path}", not_found, methods=ANY_METHOD),
    ]


TIKTOK_ACCOUNTS = Provider(
    name=NAME,
    title="TikTok for Business",
    endpoints=("token", "refresh", "revoke"),
    seeds=(
        user(NAME, "-000PrairieQ7dK2mXvT9sLc4HbNwYfEuRjo", "Prairie Outdoor Co."),
        user(
            NAME,
            "-000Odd5tGzBq8WnCeVr1JpMk3yUsXfLhAid",
            # Markup, bidirectional isolates, a line separator and an emoji of several code points.
            "\u2067</bdi><img src=x onerror=alert(1)>\u2069\u2028👨\u200d👩\u200d👧 ﷽",
        ),
    ),
    routes=_routes,
    approve=lambda sandbox, consent: approve(sandbox, consent, names_scopes=False),
    defaults={
        "access_token_seconds": 86_400,
        "refresh_token_seconds": 31_536_000,
        "code_seconds": 600,
        "scopes": ["user.info.basic", "user.info.username", "user.insights", "video.list", "comment.list"],
    },
)
