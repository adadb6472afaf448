"""Eshopbox: access tokens for credentials that a workspace copies by hand; no consent, no callback, no rotation."""

from starlette.routing import Route

from tokensync_cli.sandbox.accounts import user
from tokensync_cli.sandbox.eshopbox.tokens import NAME, TokenCalls
from tokensync_cli.sandbox.records import BadRecordError
from tokensync_cli.sandbox.state import Consent, Provider, Sandbox


def _approve(sandbox: Sandbox, consent: Consent) -> str:  # noqa: ARG001 - every provider's signature
    """Refuse: nobody consents in a browser."""
    raise BadRecordError("eshopbox has no consent: take the refresh token from /_sandbox/credentials")


ESHOPBOX = Provider(
    name=NAME,
    title="Eshopbox",
    endpoints=("refresh",),
    seeds=(user(NAME, "acme-retail", "Acme Retail"), user(NAME, "blue-lotus", "Blue Lotus")),
    routes=lambda sandbox: [Route("/api/v1/generateToken", TokenCalls(sandbox).generate, methods=["POST"])],
    approve=_approve,
    defaults={
        "access_token_seconds": 86_400,
        "refresh_token_seconds": None,
        "scopes": ("openid", "profile", "offline_access"),
    },
)
