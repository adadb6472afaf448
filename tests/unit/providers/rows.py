"""What the vendors' pages say of each provider, row by row, so that a machine tells which row no test holds.

A test names the rows that it holds by `@row(...)`, a parametrised one by `case(row, ...)`; `test_rows.py` fails where a
row is held by none. A row is its section of the page of provider contracts, and its words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

FIVE = ("tiktok_shop", "tiktok_login", "tiktok_ads", "tiktok_accounts", "eshopbox")
DIFFERENCES = """
    provider name | client id field | client secret field | code in the callback | code in the token request |
    grant_type | request | success | error shape | expiry fields | access token lives | refresh token lives |
    refresh token rotates | scopes come as | trace id | API call header
"""
PAGES = {
    "2": """
        seller link: service_id and state alone | authorize host: global | authorize host: us |
        authorize host: us-alternative | authorize host: partner | hosts exactly these |
        creator link: app_key, state required | service_id is not app_key |
        callback: app_key checked where present | callback: unknown parameters ignored |
        callback: code=null is a denial | callback: prefixes mean nothing | callback: install without state |
        token calls: one host for every region | token calls: a POST is not found | token calls: authorized_code |
        token calls: sandbox by configuration | success: the vendor's sample | expiries: absolute epoch seconds |
        expiries: magnitude | refresh end counts from the authorization |
        seller_name null, region and scopes absent | user_type 0 1 3 | a creator may grant part of the scopes |
        a creator authorization has no end | open_id is opaque | data missing, null, {} or [] on error |
        code is compared, never message | whether the old refresh token dies is unknown | 36004004 | 36004005 |
        36004001 | 36009033 | IP allow list by its text | 98001004 | 98001005 | 98001006 |
        wrong key: invalid client_key | wrong key: invalid app_key | call 105002 | call 105001 | call 105005 |
        call 101000 | call 106001 | call 106013 | call 36009002 | call HTTP 429 | call 36009007 | call 36009033 |
        call 36009004 | signing: the vendor's vector | signing: sign and access_token left out |
        signing: the very bytes of the body | shops: the call | shops: the vendor's sample | shops: all are told |
        webhook: the vendor's vector | webhook: envelope | webhook: type 6 | webhook: type 7 | webhook: no shop_id |
        webhook: unknown type | webhook: no Bearer, no time
    """,
    "3": """
        authorize | authorize: disable_auto_auth | authorize: redirect URI to the last slash | PKCE: hex vector |
        PKCE: desktop and mobile alone | callback: scopes granted may be fewer | callback: error is a denial |
        callback: * and ! decoded once | token: the form | token: code_verifier | token: no Basic |
        token: the answer is flat | refresh: the form | refresh: the old one dies |
        refresh: the loser's invalid_grant | revoke: the form | revoke: empty body | client credentials |
        verify: the call | verify: ok | call access_token_invalid | call scope_not_authorized |
        call rate_limit_exceeded | call internal_error | access_denied | invalid_client | invalid_grant |
        invalid_request | invalid_scope | unauthorized_client | unsupported_grant_type | unsupported_response_type |
        server_error | temporarily_unavailable | HTTP 429 | HTTP 5xx | error on 200 | error on 400 | error on 401 |
        webhook: authorization.removed | webhook: signature | webhook: no window
    """,
    "4.1": """
        authorize | callback: auth_code before code | callback: any error is a denial | token: JSON |
        token: return_advertiser_ids false | token: the answer | advertiser_ids taken where they come |
        ids are strings | never expires | expires_in honoured | refresh_token honoured | verify: the call |
        verify: names and ids | revoke | sandbox host
    """,
    "4.2": """
        authorize | token | refresh | revoke | the answer | the refresh year counts down
    """,
    "4.3": """
        0 | 40100 | Too many requests | 40001 | 40001 auth_code expired or invalid | 40002 | 40101 | 40102 | 40104 |
        40105 | 40110 | 40200 | 40201 | 40202 | 40700 | 50000 | 50002 | an unknown number
    """,
    "4.4": """
        OWOX Data Marts
    """,
    "5": """
        token: JSON | token: the answer | no refresh token comes back | a refresh token that comes |
        no authorize URL and no callback | expires_in missing | 4xx | 408 | 429 | 5xx | asking again does no harm
    """,
    "7": """
        6749 3.2 GET | 6749 2.3.1 credentials in the URI, no Basic | 6749 2.2 client_id | 6749 3.3 scopes |
        6749 5.1 expires_in | 6749 5.2 errors in a 200 | 6749 6 the old refresh token | 7636 4.2 hex |
        7009 access token alone, JSON | 9700 2.1 neither PKCE nor redirect_uri | oauth2 discovery |
        oauth2 PKCE S256 base64url | oauth2 iss | oauth2 client_secret_basic | oauth2 client_secret_post |
        oauth2 7009 revocation | oauth2 strict rotation
    """,
    "8": """
        1 a 200 with a non-zero code | 2 URLs in logs and exceptions | 3 code=null |
        4 App Store install without state | 5 service_id for app_key | 6 epochs read as durations |
        7 a hard-coded 24 h | 8 a refresh of what never expires | 9 refresh token overwritten by none |
        10 two concurrent refreshes | 11 invalid_client marks sellers dead | 11 a skewed clock marks sellers dead |
        12 ten meanings of 36009004 | 13 percent-encoded codes | 14 re-serialised bodies |
        15 one product's webhook by another's scheme | 16 empty success bodies | 17 ids beyond 2^53 |
        18 an exchange that times out | 19 a mangled expires_in | 20 refresh tokens that die early
    """,
}


def _named(text: str) -> list[str]:
    """Return the rows that a text lists between bars."""
    return [name for part in text.replace("\n", " ").split("|") if (name := " ".join(part.split()))]


ROWS = frozenset(
    [f"{section} {name}" for section, text in PAGES.items() for name in _named(text)]
    + [f"1 {difference}: {provider}" for difference in _named(DIFFERENCES) for provider in FIVE]
    + ["1 a code is presented once"]
)
# Rows that another layer holds: the file below `tests/` and the test.
ELSEWHERE: Mapping[str, str] = {
    "1 a code is presented once": "unit/authorize/test_exchange.py::test_a_code_is_presented_once_whatever_comes_back",
    "4.4 OWOX Data Marts": "unit/cli/commands/test_handover.py::test_export_for_owox",
    "8 2 URLs in logs and exceptions": "unit/oauth/test_http.py::test_no_secret_is_logged_or_told",
    "8 8 a refresh of what never expires": (
        "unit/refresh/test_schedule.py::test_a_token_that_never_expires_is_not_renewed"
    ),
    "8 10 two concurrent refreshes": "unit/operate/test_on_demand.py::test_rotation_and_two_operators_make_one_call",
    "8 11 a skewed clock marks sellers dead": "unit/refresh/test_worker.py::test_a_wrong_clock_shifts_no_expiry",
    "8 18 an exchange that times out": (
        "unit/authorize/test_exchange.py::test_a_code_is_presented_once_whatever_comes_back"
    ),
    "8 20 refresh tokens that die early": (
        "unit/refresh/test_outcomes.py::test_who_is_refused_beside_successes_is_asked_to_come_back"
    ),
}


def row(*names: str) -> pytest.MarkDecorator:
    """Return the mark of a test that holds these rows.

    Raises:
        ValueError: there is no such row.
    """
    unknown = set(names) - ROWS
    if unknown:
        raise ValueError(f"there is no row {sorted(unknown)}")
    return pytest.mark.row(*names)


def case(name: str, *values: Any) -> Any:
    """Return the values of one parametrised test, named by the row that it holds."""
    return pytest.param(*values, id=name, marks=row(name))
