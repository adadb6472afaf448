"""The return codes of TikTok for Business: numbers inside an HTTP 200, the same for all its APIs.

Docs: https://business-api.tiktok.com/portal/docs?id=1737172488964097. A number that is not here marks nothing dead.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tokensync.domain.messages import FailureClass
from tokensync.oauth.hints import IdForm

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILURES: Mapping[str, FailureClass] = {
    "40100": FailureClass.BUSY,  # QPS limit: not processed
    "40101": FailureClass.CONFIGURATION,  # app id and secret do not match
    "40105": FailureClass.REFUSED,  # access token incorrect or revoked
    "40110": FailureClass.REFUSED,  # invalid auth_code
    # Temporary, and it is not documented whether anything was committed.
    "40200": FailureClass.AMBIGUOUS,
    "40201": FailureClass.AMBIGUOUS,
    "40202": FailureClass.AMBIGUOUS,
    "40700": FailureClass.AMBIGUOUS,
    "50000": FailureClass.AMBIGUOUS,
    "50002": FailureClass.AMBIGUOUS,
}
# Of a call with an access token, where 40102 means that this token has expired.
CALL_FAILURES: Mapping[str, FailureClass] = {**FAILURES, "40102": FailureClass.REFUSED}
BUSY_TEXTS: tuple[tuple[str, FailureClass], ...] = (("too many requests", FailureClass.BUSY),)
# 40001 means "no permission", which is no failure of a token; on the exchange it was also seen with this text.
FAILURE_TEXTS: tuple[tuple[str, FailureClass], ...] = (
    ("auth_code expired or invalid", FailureClass.REFUSED),
    *BUSY_TEXTS,
)
_OLD_CODE = "a code works once and for minutes"
HINTS: tuple[tuple[str, str], ...] = (
    ("auth_code expired or invalid", _OLD_CODE),
    ("40110", _OLD_CODE),
    ("40001", "the app may not be approved yet for what it asks for, or not be live"),
    (
        "40002",
        "the redirect URL may differ from the registered one: it is compared byte for byte; or the app id is none",
    ),
    ("40101", "the app id and the secret do not belong together"),
)
# A client key of TikTok for Developers or an app key of TikTok Shop is short, and has letters.
ID_FORMS: Mapping[str, IdForm] = {
    "client_id": IdForm(re.compile("[0-9]{15,20}"), "an app id of TikTok for Business, a number"),
    "client_secret": IdForm(re.compile("[0-9a-f]{30,64}"), "a secret"),
    "client_key": IdForm(re.compile("(?=[0-9]*[a-z])[0-9a-z]{4,20}"), "the key of another product of TikTok"),
}
