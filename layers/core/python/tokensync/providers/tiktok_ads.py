"""TikTok for Business, Marketing API. Docs: https://business-api.tiktok.com/portal/docs?id=1738373164380162.

Its access token never expires and has no refresh token. It dies when the advertiser cancels, so it is verified. Where
a response has an end and a refresh token after all (NangoHQ/nango#6213, unproved), both are kept, and the refresh token
goes to an endpoint of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensync.domain.messages import AccountReply, Request
from tokensync.oauth.provider import AccountCall, Provider
from tokensync.oauth.shapes import (
    AuthorizeShape,
    CallbackShape,
    Encoding,
    ErrorReply,
    ResponseShape,
    RevocationShape,
    TokenShape,
    numbered_error,
)
from tokensync.oauth.token_request import with_query
from tokensync.providers.tiktok_business_codes import (
    BUSY_TEXTS,
    CALL_FAILURES,
    FAILURE_TEXTS,
    FAILURES,
    HINTS,
    ID_FORMS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.app import App
    from tokensync.domain.grant import Grant


def _ids(values: object) -> list[str]:
    """Return advertiser ids, lowest first. They are strings: they exceed 2^53, and a number has lost digits."""
    ids = {value for value in values if isinstance(value, str) and value} if isinstance(values, list) else set()
    return sorted(ids, key=lambda value: (len(value), value))


def _account(data: Mapping[str, Any]) -> AccountReply | None:
    ids = _ids(data.get("advertiser_ids"))
    # Which of them names the account depends on the account that the authorization was for, see `_named`.
    return AccountReply(id="", facts={"advertiser_ids": ids}) if ids else None


def _advertisers_request(app: App, verify: str, grant: Grant, now: int) -> Request:
    del now
    url = with_query(verify, {"app_id": app.client_id, "secret": app.client_secret.reveal()})
    return Request(method="GET", url=url, headers={"access-token": grant.access_token.reveal()})


def _read_advertisers(reply: Mapping[str, Any], status: int) -> dict[str, Any] | ErrorReply:
    error = numbered_error(reply, status)
    if error is not None:
        return error
    data = reply.get("data")
    entries = data.get("list") if isinstance(data, dict) else None
    if not isinstance(entries, list):
        return ErrorReply(code="missing_list")
    names = {
        entry["advertiser_id"]: entry["advertiser_name"] if isinstance(entry.get("advertiser_name"), str) else ""
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("advertiser_id"), str)
    }
    ids = _ids(list(names))
    return {"advertiser_ids": ids, "advertisers": [{"id": one, "name": names[one]} for one in ids]}


def _named(facts: Mapping[str, Any], wanted: str) -> AccountReply | None:
    """Name the account by the wanted advertiser id, else by its lowest: no response names the one who authorized."""
    ids = _ids(facts.get("advertiser_ids"))
    if not ids:
        return None
    account = wanted if wanted in ids else ids[0]
    advertisers = facts.get("advertisers")
    names = {entry["id"]: entry["name"] for entry in advertisers} if isinstance(advertisers, list) else {}
    return AccountReply(id=account, label=names.get(account, ""))


PROVIDER = Provider(
    name="tiktok_ads",
    title="TikTok Ads",
    docs="https://business-api.tiktok.com/portal/docs?id=1738373164380162",
    endpoints={
        "authorize": "https://business-api.tiktok.com/portal/auth",
        "token": "https://business-api.tiktok.com/open_api/v1.3/oauth2/access_token/",
        "refresh": "https://business-api.tiktok.com/open_api/v1.3/oauth2/refresh_token/",
        "revoke": "https://business-api.tiktok.com/open_api/v1.3/oauth2/revoke_token/",
        "verify": "https://business-api.tiktok.com/open_api/v1.3/oauth2/advertiser/get/",
    },
    hosts=frozenset({"business-api.tiktok.com", "sandbox-ads.tiktok.com"}),
    facts={
        "advertiser_ids": "the ids of all advertisers that the token reaches, as text",
        "advertisers": "the same with their names: each has id and name",
    },
    authorize=AuthorizeShape(client_id="app_id", response_type=None, scope_separator=None, pkce=None),
    callback=CallbackShape(code=("auth_code", "code")),
    token=TokenShape(
        encoding=Encoding.JSON,
        client_id="app_id",
        client_secret="secret",  # noqa: S106 - the parameter's name
        code="auth_code",
        authorization_code=None,
        refresh_grant=None,
        redirect_uri=False,
        # With thousands of advertisers the response can time out after the code is spent: they are listed afterwards.
        code_parameters={"return_advertiser_ids": False},
    ),
    response=ResponseShape(
        envelope="data",
        error=numbered_error,
        refresh_expires_in="refresh_token_expires_in",
        trace_id="request_id",
        account=_account,
    ),
    failures=FAILURES,
    failure_texts=FAILURE_TEXTS,
    hints=HINTS,
    id_forms=ID_FORMS,
    account_call=AccountCall(
        request=_advertisers_request,
        read=_read_advertisers,
        endpoint="verify",
        failures=CALL_FAILURES,
        failure_texts=BUSY_TEXTS,
        carries_secret=True,
        account=_named,
    ),
    revocation=RevocationShape(
        token="access_token",  # noqa: S106 - the parameter's name
        access_token=True,
        hint=False,
        header="access-token",
        status_decides=False,
    ),
)
