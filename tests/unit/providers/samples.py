"""What a provider's sample holds, and how its answers are varied and read."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tokensync.domain.app import App
from tokensync.domain.grant import Grant
from tokensync.domain.messages import Failure, Issued, ProviderResponse, Request
from tokensync.domain.secret import Secret
from tokensync.oauth.token_response import read_token_response
from tokensync.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.oauth.provider import Provider

NOW = 1_700_000_000
STATE = "s.t"
REDIRECT = "https://a.example/callback/shop"
CODE = Secret("canary-code*!+/=")
# RFC 7636 appendix B.
VERIFIER = Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
REFRESH_TOKEN = Secret("canary-refresh&=")
FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
GRANT = Grant(
    account_id="a",
    label="",
    access_token=Secret("canary-access"),
    refresh_token=REFRESH_TOKEN,
    token_type="Bearer",
    scopes=(),
    obtained_at=NOW,
)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A provider as one app uses it. A request is None where the provider has no such call.

    `success` is the documented answer and `issued` what is read from it; `refused` is the documented refusal of a
    refresh token, None where none is documented; `unknown` is an error that nobody documents. `named_by` is the field
    of a token answer that names the account, empty where none does. `minting` is a registration for client
    credentials, None where the provider mints none.
    """

    app: App
    success: Mapping[str, Any]
    issued: Issued
    unknown: Mapping[str, Any]
    refused: Mapping[str, Any] | None = None
    authorize: str | None = None
    exchange: Request | None = None
    refresh: Request | None = None
    revocation: Request | None = None
    account: Request | None = None
    named_by: str = ""
    minting: App | None = None
    client_credentials: Request | None = None

    @property
    def provider(self) -> Provider:
        """Return the provider as the app has configured it."""
        return PROVIDERS[self.app.provider].for_app(self.app)


def app_of(provider: str, **changes: Any) -> App:
    """Return a registration with a provider."""
    app = App(
        name="shop",
        provider=provider,
        client_id="client-1",
        client_secret=Secret("canary-secret&="),
        service_id="service-1",
        scopes=("read", "write"),
    )
    return replace(app, **changes)


def json_request(url: str, fields: Mapping[str, Any], **headers: str) -> Request:
    """Return a POST of a JSON object."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method="POST", url=url, headers={**named, **JSON}, body=json.dumps(fields).encode())


def answer(body: object, status: int = 200, **headers: str) -> ProviderResponse:
    """Return an answer, its body in JSON unless it is bytes already."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ProviderResponse(status=status, headers=named, body=raw, received_at=NOW)


def varied(sample: Sample, **changes: object) -> dict[str, Any]:
    """Return the documented success with fields of its token set otherwise; `...` leaves one out."""
    body = copy.deepcopy(dict(sample.success))
    envelope = sample.provider.response.envelope
    holder = body if envelope is None else body[envelope]
    for name, value in changes.items():
        holder.pop(name, None)
        if value is not ...:
            holder[name] = value
    return body


def written(sample: Sample, name: str, text: str) -> bytes:
    """Return the documented success with one of its fields written as no encoder would write it."""
    return json.dumps(varied(sample, **{name: "HOLE"})).replace('"HOLE"', text).encode()


def issued(sample: Sample, body: object) -> Issued:
    """Return what was issued, where something was."""
    read = read_token_response(sample.provider, answer(body))
    assert isinstance(read, Issued), read
    return read


def failure(sample: Sample, body: object, status: int = 200, **headers: str) -> Failure:
    """Return the failure, where it is one."""
    read = read_token_response(sample.provider, answer(body, status, **headers))
    assert isinstance(read, Failure)
    return read
