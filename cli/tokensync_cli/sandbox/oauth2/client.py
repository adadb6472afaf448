"""A form and the client that sent it: RFC 6749 section 2.3.1, Basic or in the body, never both."""

import base64
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote_plus

from starlette.requests import Request

from tokensync_cli.sandbox.apps import App
from tokensync_cli.sandbox.oauth2.metadata import NAME
from tokensync_cli.sandbox.responses import Refusal
from tokensync_cli.sandbox.state import Sandbox

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A request to an endpoint that authenticates its client."""

    is_form: bool
    pairs: tuple[tuple[str, str], ...] = field(repr=False)
    basic: tuple[str, str] | None = field(repr=False)
    """Client id and secret of the Authorization header; two empty texts where it cannot be read."""

    def get(self, name: str) -> str:
        """Return a parameter's value; what is empty was not sent (RFC 6749 section 3.2)."""
        return next((value for key, value in self.pairs if key == name), "")

    @property
    def client_id(self) -> str:
        """Return the client that the request names."""
        return self.basic[0] if self.basic else self.get("client_id")


async def sent(request: Request) -> Sent:
    """Read a request; nothing is refused yet, so that the ledger shows what was presented."""
    body = await request.body()
    header = request.headers.get("authorization")
    return Sent(
        is_form=request.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM,
        pairs=tuple(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)),
        basic=None if header is None else _basic(header),
    )


def authenticated(sandbox: Sandbox, request: Sent) -> App:
    """Return the client that sent a request.

    Raises:
        Refusal: it is no form or repeats a parameter, or the client is another.
    """
    if not request.is_form:
        raise Refusal("invalid_request", f"the content type must be {_FORM}")
    names = [name for name, _ in request.pairs]
    if len(names) != len(set(names)):
        raise Refusal("invalid_request", "a parameter is repeated")
    secret = request.get("client_secret")
    if request.basic and secret:
        raise Refusal("invalid_request", "the client authenticates in two ways")
    if request.basic and request.get("client_id") not in ("", request.client_id):
        raise Refusal("invalid_request", "client_id is not the one of the header")
    app = sandbox.apps.find(NAME, request.client_id)
    given = request.basic[1] if request.basic else secret
    if app is None or not app.has_secret(given):
        raise Refusal("invalid_client", "client authentication failed")
    return app


def _basic(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except ValueError:
        return "", ""
    name, _, secret = text.partition(":")
    # RFC 6749 section 2.3.1: both are form-encoded before they go into the header.
    return unquote_plus(name), unquote_plus(secret)
