"""What operators are alerted of where it is one account's own: its host, its client, a token that extends itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokensync.domain.messages import FailureClass
from tokensync.oauth.params import REFUSED
from tokensync.refresh.alerting import Notice

if TYPE_CHECKING:
    from tokensync.domain.grant import Grant
    from tokensync.domain.messages import Failure
    from tokensync.domain.names import ConnectionName

PARAM_REFUSED, CLIENT_REFUSED = "connection.param_refused", "connection.client_refused"
NOT_EXTENDED = "authorization.not_extended"


def of_failure(name: ConnectionName, failure: Failure, grant: Grant) -> list[Notice]:
    """Return what is to be alerted of a failure that only this account's operator can mend."""
    if failure.code == REFUSED:
        detail = f"nothing is sent to the provider for it: {failure.message}"
        following = f"tokensync app show {name.app}"
        return [Notice(kind=PARAM_REFUSED, cause=failure.message, detail=detail, next_command=following)]
    if failure.kind is FailureClass.CONFIGURATION and grant.has_own_client:
        detail = f"the provider refuses this connection's own client ({failure.code}); import it with the right one"
        following = f"tokensync import {name.app} --account {name.account} --replace"
        return [Notice(kind=CLIENT_REFUSED, cause=failure.code, detail=detail, next_command=following)]
    return []


def of_extension(name: ConnectionName, grant: Grant) -> list[Notice]:
    """Return what is to be alerted after an access token extended itself: that its end was not put off."""
    if grant.refresh_expires_at is None:
        return []
    detail = "the provider renewed its access token and did not put off its end: the authorization ends with it"
    following = f"tokensync invite {name.app} --for {name}"
    return [Notice(kind=NOT_EXTENDED, cause="", detail=detail, next_command=following)]
