"""TikTok for Developers, Login Kit v2: form posts, OAuth's own errors on any status, strict rotation."""

from starlette.routing import BaseRoute, Route

from tokensync_cli.sandbox.accounts import user
from tokensync_cli.sandbox.responses import ANY_METHOD, not_found
from tokensync_cli.sandbox.state import Provider, Sandbox
from tokensync_cli.sandbox.tiktok_login import webhook
from tokensync_cli.sandbox.tiktok_login.api import ApiCalls
from tokensync_cli.sandbox.tiktok_login.authorize import approve, pages
from tokensync_cli.sandbox.tiktok_login.client import NAME
from tokensync_cli.sandbox.tiktok_login.tokens import TokenCalls
from tokensync_cli.sandbox.webhook_event import Webhook


def _routes(sandbox: Sandbox) -> list[BaseRoute]:
    tokens = TokenCalls(sandbox)
    return [
        *pages(sandbox, NAME),
        # One address for all grants.
        Route("/v2/oauth/token/", tokens.token, methods=["POST"]),
        Route("/v2/oauth/revoke/", tokens.revoke, methods=["POST"]),
        Route("/v2/user/info/", ApiCalls(sandbox).user_info, methods=["GET"]),
        Route("/{path:path}", not_found, methods=ANY_METHOD),
    ]


TIKTOK_LOGIN = Provider(
    name=NAME,
    title="TikTok for Developers",
    endpoints=("token", "refresh", "client_credentials", "revoke", "user_info"),
    seeds=(
        user(
            NAME,
            "-000MjQ5wTqFhVn1bCzk7sXoRg2yLpEdAuHi",
            "Lena Park",
            union_id="5fa4c0e1-7d2b-5b7e-9c3a-1f0e62d84b97",
            avatar_url="https://p16-sign.example/lena.jpeg?x-expires=1660556783",
        ),
        user(
            NAME,
            "-000Zz81kPmWvYd3tJrN6uQxGi0cSfHbLoEa",
            # A right-to-left override, markup, a zero-width joiner and a letter under many marks.
            "\u202emoc.live\u202c <b>\uff3aoë</b> 👩\u200d🎤 a\u0300\u0301\u0302\u0303",
            union_id="0c9d3b52-84af-5c11-8e6d-7a52be90f3c4",
            avatar_url="https://p16-sign.example/zoe.jpeg?x-expires=1660556783",
        ),
    ),
    routes=_routes,
    approve=lambda sandbox, consent: approve(sandbox, consent, names_scopes=True),
    defaults={
        "access_token_seconds": 7_200,
        "refresh_token_seconds": 15_552_000,
        "scopes": ["user.info.basic", "user.info.profile", "user.info.stats", "video.list", "video.upload"],
    },
    webhook=Webhook(
        event=webhook.event, signature=lambda app, event: webhook.signature(app.app_secret, event.at, event.body)
    ),
)
