"""The faults that must lose nothing, row by row, so that a machine tells which row no test holds.

A test names the rows that it holds by `@fault(...)`, one case of a parametrised test by `marks=fault(...)`;
`tests/unit/test_rows.py` fails where a row is held by none. `F` rows are faults of a refresh; the others are
mangled answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

ROWS: Mapping[str, str] = {
    "F1": "killed before LEASE, or between LEASE and SENT: the next run goes on, the provider was never called",
    "F2": "killed after SENT, before or after the provider commits: ambiguous",
    "F3": "killed after RECEIVED, after PutSecretValue, before COMMIT: finished without a further provider call",
    "F4": "PutSecretValue commits, its answer is lost: the replay with the same token is a no-op",
    "F5": "Secrets Manager fails 20 times: the answer stays sealed, published later, the provider is called once",
    "F6": "KMS key disabled before or after the answer: not refreshed, or the sealed answer is kept",
    "F7": "the secret is deleted: orphaned, alarm, grant kept, never restored in silence",
    "F8": "DynamoDB down at LEASE or between SENT and RECEIVED: nothing spent, or a sealed message keeps the bytes",
    "F9": "every event is delivered twice, five workers, 1,000 due: exactly 1,000 provider calls",
    "F10": "rotation and two operators' refresh at once: one provider call",
    "F11": "one poison connection among 500: 499 refreshed, its name in the dead-letter queue",
    "F12": "8 s of life left: no new work, what was not started is returned",
    "F13": "the clock is 10 minutes off either way: no double refresh, no expiry published early",
    "F14": "no refresh token in the answer, or the same one: no generation of the grant is lost or invented",
    "F15": "old code, new record: unknown fields survive, a newer schema is refused before anything is spent",
    "F16": "the table is restored from an old backup: quarantined, the spent token never presented",
    "F17": "re-authorization during a refresh: the new grant stands, the old answer is never published",
    "F18": "60 % of a fleet refused within a minute: parked, none marked, the app paused, one alarm",
    "F19": "invalid_client: the app is paused, its owner told once, no connection changed",
    "F20": "429 or 503 with any Retry-After: honoured and capped, no hot loop",
    "F21": "a byte every 0.4 s: the total deadline ends it, ambiguous",
    "F22": "version quota of a secret reached: grant safe, alarm, no provider call for it",
    **{
        f"expires_in {value}": "the pair is kept, a sane due time, an alarm where odd"
        for value in ("missing", "0", "-1", '"3600"', "3600.0", "1e400", "NaN", "10^12", "an epoch", "true")
    },
    **{
        f"access_token {value}": "not published, kept, alarm; a good new refresh token becomes the grant's"
        for value in ("empty", "null", "a number", "64 KB", "with a newline")
    },
    **{
        f"200 {value}": "ambiguous, raw bytes kept"
        for value in ("HTML", "empty body", "truncated JSON", "UTF-16", "duplicate keys that differ")
    },
    **{
        f"200 {value}": "read: it harms no token"
        for value in ("BOM", "equal duplicates", "undecodable bytes", "compressed body", "form-encoded body")
    },
    **{
        f"huge {value}": "bounded memory, no crash, the next connection proceeds"
        for value in ("JSON 100,000 deep", "5-million-digit number", "lone surrogate", "300 KB", "gzip bomb")
    },
    **{f"redirect {status}": "never followed" for status in (302, 307, 308)},
    **{f"TLS {value}": "refused, connection untouched" for value in ("expired", "wrong host", "self-signed")},
}


def fault(*names: str) -> pytest.MarkDecorator:
    """Return the mark of a test that holds these rows.

    Raises:
        ValueError: there is no such row.
    """
    unknown = set(names) - ROWS.keys()
    if unknown:
        raise ValueError(f"there is no row {sorted(unknown)}")
    return pytest.mark.fault(*names)
