"""Reads what an ID token says, OpenID Connect Core 1.0 §2."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from tokensync.oauth.strict_json import parse_object

if TYPE_CHECKING:
    from collections.abc import Mapping

# Entra ID's metadata for many tenants: a place that the token's own `tid` takes.
_TENANT = "{tenantid}"


def app_claims(id_token: object, *, client_id: str, issuer: str = "") -> Mapping[str, Any]:
    """Return the claims of an ID token for this client; empty where it is none, or for another, or from another issuer.

    Its signature is not checked: it comes straight from the token endpoint, OpenID Connect Core §3.1.3.7(6).
    """
    claims = _claims(id_token)
    audience = claims.get("aud")
    ours = client_id in audience if isinstance(audience, list) else audience == client_id
    if not ours:
        return {}
    if _TENANT in issuer:
        issuer = issuer.replace(_TENANT, str(claims.get("tid")))
    return claims if not issuer or _same_issuer(claims.get("iss"), issuer) else {}


def _same_issuer(said: object, issuer: str) -> bool:
    """Return whether two names of an issuer are one: servers write a last slash here and leave it out there."""
    return isinstance(said, str) and said.removesuffix("/") == issuer.removesuffix("/")


def _claims(id_token: object) -> Mapping[str, Any]:
    parts = id_token.split(".") if isinstance(id_token, str) else []
    if len(parts) != 3:  # noqa: PLR2004 - RFC 7515 §3.1
        return {}
    try:
        return parse_object(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except ValueError:
        return {}
