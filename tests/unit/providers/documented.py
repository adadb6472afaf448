"""The vendors' documented requests and answers, provider by provider, written from their pages.

A new provider adds its sample to `SAMPLES`; without it the contract suite fails.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from rows import row
from samples import FORM, JSON, NOW, REDIRECT, Sample, app_of, json_request

from tokensync.domain.messages import AccountReply, Issued, Request
from tokensync.domain.secret import Secret


def _shop() -> Sample:
    path = "/authorization/202309/shops"
    signed = f"canary-secret&={path}app_keyclient-1timestamp{NOW}canary-secret&=".encode()
    sign = hmac.new(b"canary-secret&=", signed, hashlib.sha256).hexdigest()
    credentials = "app_key=client-1&app_secret=canary-secret%26%3D"
    return Sample(
        app=app_of("tiktok_shop"),
        named_by="open_id",
        authorize="https://services.tiktokshop.com/open/authorize?service_id=service-1&state=s.t",
        exchange=Request(
            method="GET",
            url=f"https://auth.tiktok-shops.com/api/v2/token/get?{credentials}"
            "&auth_code=canary-code%2A%21%2B%2F%3D&grant_type=authorized_code",
        ),
        refresh=Request(
            method="GET",
            url=f"https://auth.tiktok-shops.com/api/v2/token/refresh?{credentials}"
            "&refresh_token=canary-refresh%26%3D&grant_type=refresh_token",
        ),
        account=Request(
            method="GET",
            url=f"https://open-api.tiktokglobalshop.com{path}?app_key=client-1&timestamp={NOW}&sign={sign}",
            headers={"x-tts-access-token": "canary-access", **JSON},
        ),
        success={
            "code": 0,
            "message": "success",
            "data": {
                "access_token": "TTP_access",
                "access_token_expire_in": NOW + 604_800,
                "refresh_token": "TTP_refresh",
                "refresh_token_expire_in": NOW + 31_536_000,
                "open_id": "7010736057180325637",
                "seller_name": "Jjj test shop",
                "seller_base_region": "ID",
                "user_type": 0,
                "granted_scopes": ["seller.authorization.info"],
            },
            "request_id": "2022080809462301024509910319695C45",
        },
        issued=Issued(
            access_token=Secret("TTP_access"),
            refresh_token=Secret("TTP_refresh"),
            token_type="Bearer",
            scopes=("seller.authorization.info",),
            access_expires_at=NOW + 604_800,
            refresh_expires_at=NOW + 31_536_000,
            life=604_800,
            account=AccountReply(
                id="7010736057180325637",
                label="Jjj test shop",
                kind="seller",
                facts={
                    "open_id": "7010736057180325637",
                    "seller_name": "Jjj test shop",
                    "region": "ID",
                    "user_type": "seller",
                },
            ),
            trace_id="2022080809462301024509910319695C45",
        ),
        refused={"code": 36004005, "message": "can not find related auth record", "data": None, "request_id": "r"},
        unknown={"code": 999999999, "message": "refresh token invalid", "request_id": "r"},
    )


def _login() -> Sample:
    credentials = b"client_key=client-1&client_secret=canary-secret%26%3D"
    token = "https://open.tiktokapis.com/v2/oauth/token/"
    return Sample(
        app=app_of("tiktok_login", scopes=("user.info.basic", "video.list")),
        named_by="open_id",
        authorize=(
            "https://www.tiktok.com/v2/auth/authorize/?client_key=client-1&response_type=code"
            "&redirect_uri=https%3A%2F%2Fa.example%2Fcallback%2Fshop&scope=user.info.basic%2Cvideo.list&state=s.t"
        ),
        exchange=Request(
            method="POST",
            url=token,
            headers=FORM,
            body=credentials + b"&code=canary-code%2A%21%2B%2F%3D&grant_type=authorization_code"
            b"&redirect_uri=https%3A%2F%2Fa.example%2Fcallback%2Fshop",
        ),
        refresh=Request(
            method="POST",
            url=token,
            headers=FORM,
            body=credentials + b"&refresh_token=canary-refresh%26%3D&grant_type=refresh_token",
        ),
        revocation=Request(
            method="POST",
            url="https://open.tiktokapis.com/v2/oauth/revoke/",
            headers=FORM,
            body=credentials + b"&token=canary-access",
        ),
        account=Request(
            method="GET",
            url="https://open.tiktokapis.com/v2/user/info/?fields=open_id,union_id,avatar_url,display_name",
            headers={"authorization": "Bearer canary-access"},
        ),
        minting=app_of("tiktok_login", scopes=(), settings={"grant": "client_credentials"}),
        client_credentials=Request(
            method="POST", url=token, headers=FORM, body=credentials + b"&grant_type=client_credentials"
        ),
        success={
            "access_token": "act.example12345!4521.va",
            "expires_in": 7200,
            "open_id": "afd97af1-b87b-48b9-ac98-410aghda5344",
            "refresh_expires_in": 15_552_000,
            "refresh_token": "rft.example12345!4521.va",
            "scope": "user.info.basic,video.list",
            "token_type": "Bearer",
        },
        issued=Issued(
            access_token=Secret("act.example12345!4521.va"),
            refresh_token=Secret("rft.example12345!4521.va"),
            token_type="Bearer",
            scopes=("user.info.basic", "video.list"),
            access_expires_at=NOW + 7200,
            refresh_expires_at=NOW + 15_552_000,
            life=7200,
            account=AccountReply(
                id="afd97af1-b87b-48b9-ac98-410aghda5344",
                facts={"open_id": "afd97af1-b87b-48b9-ac98-410aghda5344"},
            ),
            trace_id="",
        ),
        refused={
            "error": "invalid_grant",
            "error_description": "Refresh token is invalid or expired.",
            "log_id": "202206221854370101130062072500FFA2",
        },
        unknown={"error": "refresh_token_invalid", "error_description": "invalid_grant", "log_id": "l"},
    )


def _ads() -> Sample:
    credentials = {"app_id": "client-1", "secret": "canary-secret&="}
    base = "https://business-api.tiktok.com/open_api/v1.3"
    return Sample(
        app=app_of("tiktok_ads"),
        named_by="advertiser_ids",
        authorize=(
            "https://business-api.tiktok.com/portal/auth?app_id=client-1"
            "&redirect_uri=https%3A%2F%2Fa.example%2Fcallback%2Fshop&state=s.t"
        ),
        exchange=json_request(
            f"{base}/oauth2/access_token/",
            {**credentials, "auth_code": "canary-code*!+/=", "return_advertiser_ids": False},
        ),
        # No refresh token is documented: one that appears has an endpoint of its own (NangoHQ/nango#6213).
        refresh=json_request(f"{base}/oauth2/refresh_token/", {**credentials, "refresh_token": "canary-refresh&="}),
        revocation=json_request(
            f"{base}/oauth2/revoke_token/",
            {**credentials, "access_token": "canary-access"},
            access_token="canary-access",
        ),
        account=Request(
            method="GET",
            url=f"{base}/oauth2/advertiser/get/?app_id=client-1&secret=canary-secret%26%3D",
            headers={"access-token": "canary-access"},
        ),
        success={
            "message": "OK",
            "code": 0,
            "data": {"access_token": "xxxx", "scope": [4], "advertiser_ids": ["123456789", "123456781"]},
            "request_id": "2020042715295501023125104093250",
        },
        issued=Issued(
            access_token=Secret("xxxx"),
            refresh_token=None,
            token_type="Bearer",
            scopes=("4",),
            access_expires_at=None,
            refresh_expires_at=None,
            life=None,
            account=AccountReply(id="", facts={"advertiser_ids": ["123456781", "123456789"]}),
            trace_id="2020042715295501023125104093250",
        ),
        refused={"code": 40105, "message": "Access token is incorrect or has been revoked.", "data": {}},
        unknown={"code": 49999, "message": "Access token is incorrect or has been revoked.", "data": {}},
    )


def _accounts() -> Sample:
    credentials = {"client_id": "client-1", "client_secret": "canary-secret&="}
    base = "https://business-api.tiktok.com/open_api/v1.3/tt_user/oauth2"
    return Sample(
        app=app_of("tiktok_accounts"),
        named_by="open_id",
        authorize=(
            "https://www.tiktok.com/v2/auth/authorize?client_key=client-1&response_type=code"
            "&redirect_uri=https%3A%2F%2Fa.example%2Fcallback%2Fshop&scope=read%2Cwrite&state=s.t"
        ),
        exchange=json_request(
            f"{base}/token/",
            {
                **credentials,
                "auth_code": "canary-code*!+/=",
                "grant_type": "authorization_code",
                "redirect_uri": REDIRECT,
            },
        ),
        refresh=json_request(
            f"{base}/refresh_token/",
            {**credentials, "refresh_token": "canary-refresh&=", "grant_type": "refresh_token"},
        ),
        revocation=json_request(f"{base}/revoke/", {**credentials, "access_token": "canary-access"}),
        success={
            "code": 0,
            "message": "OK",
            "data": {
                "access_token": "act.1",
                "token_type": "Bearer",
                "scope": "user.info.basic,biz.creator.info",
                "expires_in": 86_400,
                "refresh_token": "rft.1",
                "refresh_token_expires_in": 31_536_000,
                "open_id": "open-1",
            },
            "request_id": "r-1",
        },
        issued=Issued(
            access_token=Secret("act.1"),
            refresh_token=Secret("rft.1"),
            token_type="Bearer",
            scopes=("user.info.basic", "biz.creator.info"),
            access_expires_at=NOW + 86_400,
            refresh_expires_at=NOW + 31_536_000,
            life=86_400,
            account=AccountReply(id="open-1", facts={"open_id": "open-1"}),
            trace_id="r-1",
        ),
        refused={"code": 40105, "message": "Access token is incorrect or has been revoked.", "data": {}},
        unknown={"code": 49999, "message": "refresh token invalid", "data": {}},
    )


def _eshopbox() -> Sample:
    return Sample(
        app=app_of("eshopbox", scopes=()),
        refresh=json_request(
            "https://auth.myeshopbox.com/api/v1/generateToken",
            {
                "client_id": "client-1",
                "client_secret": "canary-secret&=",
                "refresh_token": "canary-refresh&=",
                "grant_type": "refresh_token",
            },
        ),
        success={
            "access_token": "eyJ.access",
            "id_token": "eyJ.id",
            "scope": "openid profile offline_access",
            "expires_in": 86_400,
            "token_type": "Bearer",
        },
        issued=Issued(
            access_token=Secret("eyJ.access"),
            refresh_token=None,
            token_type="Bearer",
            scopes=("openid", "profile", "offline_access"),
            access_expires_at=NOW + 86_400,
            refresh_expires_at=None,
            life=86_400,
            account=None,
            trace_id="",
            has_id_token=True,
        ),
        unknown={"error": "invalid_grant", "message": "Unknown or invalid refresh token."},
    )


def _oauth2() -> Sample:
    basic = base64.b64encode(b"client-1:canary-secret%26%3D").decode()
    headers = {"authorization": f"Basic {basic}", **FORM}
    endpoints = {key: f"https://id.example/{key}" for key in ("authorize", "token", "revoke", "verify")}
    return Sample(
        app=app_of("oauth2", endpoints=endpoints),
        authorize=(
            "https://id.example/authorize?client_id=client-1&response_type=code"
            "&redirect_uri=https%3A%2F%2Fa.example%2Fcallback%2Fshop&scope=read+write&state=s.t"
            "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
        ),
        exchange=Request(
            method="POST",
            url="https://id.example/token",
            headers=headers,
            body=b"code=canary-code%2A%21%2B%2F%3D&grant_type=authorization_code"
            b"&redirect_uri=https%3A%2F%2Fa.example%2Fcallback%2Fshop"
            b"&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        ),
        refresh=Request(
            method="POST",
            url="https://id.example/token",
            headers=headers,
            body=b"refresh_token=canary-refresh%26%3D&grant_type=refresh_token",
        ),
        revocation=Request(
            method="POST",
            url="https://id.example/revoke",
            headers=headers,
            body=b"token=canary-refresh%26%3D&token_type_hint=refresh_token",
        ),
        account=Request(
            method="GET", url="https://id.example/verify", headers={"authorization": "Bearer canary-access"}
        ),
        minting=app_of("oauth2", endpoints=endpoints, settings={"grant": "client_credentials"}),
        client_credentials=Request(
            method="POST",
            url="https://id.example/token",
            headers=headers,
            body=b"grant_type=client_credentials&scope=read+write",
        ),
        # RFC 6749 §5.1's own example, with a scope.
        success={
            "access_token": "2YotnFZFEjr1zCsicMWpAA",
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": "tGzv3JOkF0XG5Qx2TlKWIA",
            "scope": "read write",
        },
        issued=Issued(
            access_token=Secret("2YotnFZFEjr1zCsicMWpAA"),
            refresh_token=Secret("tGzv3JOkF0XG5Qx2TlKWIA"),
            token_type="Bearer",
            scopes=("read", "write"),
            access_expires_at=NOW + 3600,
            refresh_expires_at=None,
            life=3600,
            account=None,
            trace_id="",
        ),
        refused={"error": "invalid_grant"},
        unknown={"error": "token_expired", "error_description": "invalid_grant"},
    )


SAMPLES = {sample.app.provider: sample for sample in (_shop(), _login(), _ads(), _accounts(), _eshopbox(), _oauth2())}


def each(**rows: tuple[str, ...]) -> pytest.MarkDecorator:
    """Return the mark of a test that runs for each provider's sample in turn, and holds these rows of a provider's."""
    samples = [pytest.param(SAMPLES[name], id=name, marks=row(*rows.get(name, ()))) for name in sorted(SAMPLES)]
    return pytest.mark.parametrize("sample", samples)
