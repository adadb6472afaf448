"""Which apps have a consent page, and so a link and a callback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.domain.errors import InvalidApp
from tokensync.oauth.provider import GrantType

if TYPE_CHECKING:
    from tokensync.refresh.session import Session


def check_consent(session: Session) -> None:
    """Refuse an app whose accounts give no consent: it has no authorization link, and no callback.

    Raises:
        InvalidApp: its tokens are imported or minted.
    """
    provider, app = session.provider, session.app
    match provider.grant_type:
        case GrantType.REFRESH_TOKEN:
            raise InvalidApp(f"{provider.title} has no consent page and no callback: its connections are imported")
        case GrantType.CLIENT_CREDENTIALS:
            raise InvalidApp(f"app {app.name} acts for itself: nobody is asked for consent")
        case GrantType.AUTHORIZATION_CODE:
            if not provider.has_endpoint(app, "authorize"):
                raise InvalidApp(f"app {app.name} lacks the endpoint authorize")
