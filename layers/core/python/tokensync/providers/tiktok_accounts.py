"""TikTok for Business, Accounts API (`tt_user`). Docs: https://business-api.tiktok.com/portal/docs?id=1738373164380162.

Short-term tokens over JSON. The refresh token's year begins with the authorization, and no refresh extends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensync.domain.messages import AccountReply
from tokensync.oauth.provider import Provider
from tokensync.oauth.shapes import AuthorizeShape, Encoding, ResponseShape, RevocationShape, TokenShape, numbered_error
from tokensync.providers.tiktok_business_codes import FAILURE_TEXTS, FAILURES, HINTS, ID_FORMS

if TYPE_CHECKING:
    from collections.abc import Mapping


def _account(data: Mapping[str, Any]) -> AccountReply | None:
    open_id = data.get("open_id")
    return AccountReply(id=open_id, facts={"open_id": open_id}) if isinstance(open_id, str) and open_id else None


PROVIDER = Provider(
    name="tiktok_accounts",
    title="TikTok Accounts",
    docs="https://business-api.tiktok.com/portal/docs?id=1738373164380162",
    endpoints={
        "authorize": "https://www.tiktok.com/v2/auth/authorize",
        "token": "https://business-api.tiktok.com/open_api/v1.3/tt_user/oauth2/token/",
        "refresh": "https://business-api.tiktok.com/open_api/v1.3/tt_user/oauth2/refresh_token/",
        "revoke": "https://business-api.tiktok.com/open_api/v1.3/tt_user/oauth2/revoke/",
    },
    hosts=frozenset({"www.tiktok.com", "business-api.tiktok.com"}),
    required=("scopes",),
    facts={"open_id": "the account, for this app alone; it is the account id too"},
    # The link names the client id `client_key`; the token calls name it `client_id`.
    authorize=AuthorizeShape(client_id="client_key", scope_separator=",", pkce=None),
    token=TokenShape(encoding=Encoding.JSON, code="auth_code"),
    response=ResponseShape(
        envelope="data",
        error=numbered_error,
        refresh_expires_in="refresh_token_expires_in",
        default_expires_in=86_400,
        scope_separator=",",
        trace_id="request_id",
        account=_account,
    ),
    failures=FAILURES,
    failure_texts=FAILURE_TEXTS,
    hints=HINTS,
    id_forms=ID_FORMS,
    revocation=RevocationShape(
        token="access_token",  # noqa: S106 - the parameter's name
        access_token=True,
        hint=False,
        status_decides=False,
    ),
)
