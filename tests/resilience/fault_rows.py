"""The faults that must lose nothing, row by row, so that a machine tells which row no test holds.

A test names the rows that it holds by `@fault(...)`, one case of a parametrised test by `marks=fault(...)`;
`tests/unit/test_rows.py` fails where a row is held by none. `F` rows are faults of a refresh, `C` rows come in at the
door, `D` rows are about secrets; the others are mangled answers.
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
    "F18": "60 % of a fleet refused within a minute, or everybody over hours: parked, none marked, one alarm, probed",
    "F19": "invalid_client: one connection is held; a quorum pauses the app, nothing changed, and a probe resumes it",
    "F20": "429 or 503 with any Retry-After: honoured and capped, no hot loop",
    "F21": "a byte every 0.4 s: the total deadline ends it, ambiguous",
    "F22": "version quota of a secret reached: grant safe, alarm, no provider call for it",
    "C1": "no state, empty, 5 KB, a flipped bit, expired by a second, non-ASCII: 400, a fixed page, no call",
    "C2": "the right state without the cookie: 400, not consumed; the real browser still succeeds",
    "C3": "the right state with another browser's cookie: 400",
    "C4": "the same callback twice, and 50 times at once: one exchange, one secret; the rest see the outcome",
    "C5": "a denial in either spelling: the page says so, consumed, no exchange",
    "C6": "code and error both, any parameter twice: 400, no exchange",
    "C7": "a code of 10 KB, NUL, CR LF, undecodable: 400, never 500",
    "C8": "hostile text in error_description and names: escaped or dropped, one log line, nothing runs, CSP or not",
    "C9": "other methods, unknown apps, paths beside ours: 405 or 404",
    "C10": "app A's state on app B's path; a wrong or missing iss: 400, no exchange, no secret to the wrong host",
    "C11": "nothing in a query chooses where a browser goes",
    "C12": "the exchange fails, hangs, resets: a page that offers to start again; the code is not sent again",
    "C13": "another account than the re-authorization was for: quarantined, the old secret stays byte for byte",
    "C14": "a secret of that name that is not ours: refused, alarm, not overwritten",
    "C15": "an invite expired, forged, used up: 403, a page that says whom to ask",
    "C16": "10,000 garbage requests over all routes: after the cold start no AWS call and no provider call",
    "C17": "a webhook with a wrong signature, a space more, replayed, unknown type: 401, 401, no effect, acknowledged",
    "D canaries": "everything that leaves the process, on success and on every fault, holds no secret in any spelling",
    "D foreign errors": "the text of a foreign error reaches no log",
    "D IAM": "each role's actions and resources equal what is used: an unused one and a missing one both fail",
    "D addresses": "endpoints on loopback, link-local, private, translated addresses are refused at connect time",
    "D names": "accounts with slashes, dots, unicode, 600 characters map to safe and distinct secret names",
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
