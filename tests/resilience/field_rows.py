"""What real servers do, row by row, so that a machine tells which row no test holds.

A test names the rows that it holds by `@field(...)`, one case of a parametrised test by `marks=field(...)`;
`tests/unit/test_rows.py` fails where a row is held by none. `A` rows are answers and callbacks; `B` rows are what the
configuration of a provider or of an app must be able to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELD_ROWS: Mapping[str, str] = {
    "A1": "what a second answer is silent about stays: refresh token, its end, scopes, facts",
    "A2": "a compressed body, though none was asked for, is read within the bound; a bomb and a torn stream are not",
    "A3": "junk in a callback's parameters that nobody reads is ignored; what is read is there once, and clean",
    "A4": "one account's unauthorized_client or invalid_client holds that account; a quorum pauses, a probe resumes",
    "A5": "the account is named where the provider or the app's setting says: response, callback, ID token, call, path",
    "A6": "an explicit error is not silence: a known word counts, an unknown one is retried until the token's end",
    "A7": "a provider's clock that is hours off moves no duration",
    "A8": "an error's text in the place of an access token is not published",
    "A9": "of two contradicting lifetimes the shorter is taken, and noted once",
    "A10": "scopes that come back respelled, reordered or without those that are never echoed are no warning",
    "A11": "a harmless oddity is noted; what is alerted is alerted once for each connection and cause",
    "A12": "a BOM, latin-1, equal duplicates and form encoding are read; kept answers are read again",
    "A13": "TikTok Ads with a refresh token: its own endpoint, its end kept",
    "A14": "numeric ids, URLs with a query, an issuer without its slash, an error that is an object or beside a token",
    "A15": "a busy provider is asked no more often by hand than by the schedule",
    "A16": "a provider that refuses everybody: judged by outcomes; parked, probed, and decided by one success",
    "A17": "a bare 503 of a gateway is ambiguous; one in the provider's words or with Retry-After is not",
    "A18": "one dead worker or one lost message ends no token of 15 minutes or more",
    "B host": "a host of the account's own: asked for by the invite, named by callback or answer, held to a pattern",
    "B encoding": "JSON and form token requests, GET where a provider wants it",
    "B code": "the name of the code's parameter in the callback",
    "B redirect_uri": "a redirect URI that is no URL",
    "B facts": "facts kept from callback, token answer and account call, by path",
    "B account": "the account's name by path, or by several",
    "B names": "names of fields and lifetimes, and times as text",
    "B errors": "error words by class",
    "B headers": "headers of token requests",
    "B public client": "a client without a secret, by PKCE",
    "B private_key_jwt": "client authentication by a signed assertion, RFC 7523",
    "B second token": "a second token of one answer is a connection of its own",
    "B basic": "Basic without form encoding",
    "B self-extending": "an access token that extends itself",
    "B near its end": "a token that may be renewed only near its end, or only after a while",
    "B signed": "a token request that is signed",
    "B client": "client id and secret of one connection",
    "B refused": "a setting that would be ignored is refused by name",
}


def field(*names: str) -> pytest.MarkDecorator:
    """Return the mark of a test that holds these rows.

    Raises:
        ValueError: there is no such row.
    """
    unknown = set(names) - FIELD_ROWS.keys()
    if unknown:
        raise ValueError(f"there is no row {sorted(unknown)}")
    return pytest.mark.field(*names)
