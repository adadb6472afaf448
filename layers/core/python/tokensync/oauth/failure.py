"""What an error means: the one place that gives a failure of a provider or of a consumer its class.

REFUSED, CONFIGURATION and BUSY are words that the data of a provider explains. UNKNOWN is an error that it words itself
and that no data explains: it issued nothing. AMBIGUOUS is silence: what cannot be read says nothing of what happened.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tokensync.domain.messages import Failure, FailureClass, ProviderResponse
from tokensync.domain.text import MESSAGE_LENGTH, masked, one_line
from tokensync.oauth.expiry import retry_after

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokensync.domain.secret import Secret
    from tokensync.oauth.consumer import Consumer
    from tokensync.oauth.provider import AccountCall, Provider
    from tokensync.oauth.shapes import ErrorReply

TRACE_ID_LENGTH = 80
_CODE_LENGTH = 60
_TOO_MANY, _UNAVAILABLE = 429, 503  # RFC 6585 §4, RFC 9110 §15.6.4
_OF_OUR_MAKING = re.compile(r"http_[0-9]{3}|missing.*")
# A gateway's JSON has a phrase where a provider's has a word: Spring's {"error":"Service Unavailable"}.
_ONE_WORD = re.compile(r"[A-Za-z0-9_.:-]+")
_PARTS = re.compile(r"[ .-]+")


def busy(response: ProviderResponse) -> Failure | None:
    """Return the failure of a response that says before its body is read that nothing was processed, else None.

    A 429 does. A 503 does with Retry-After alone: without it a gateway may have lost the response of a server that
    committed.
    """
    says_when = bool(response.headers.get("retry-after", "").strip())
    if response.status == _TOO_MANY or (response.status == _UNAVAILABLE and says_when):
        code = f"http_{response.status}"
        return Failure(kind=FailureClass.BUSY, code=code, retry_after=retry_after(response))
    return None


def unreadable(response: ProviderResponse, trace_id: str = "") -> Failure:
    """Return the failure of a response that says nothing: whatever its status, the provider may have committed."""
    code = f"http_{response.status}"
    return Failure(kind=FailureClass.AMBIGUOUS, code=code, message="the answer cannot be read", trace_id=trace_id)


def explicit(
    classes: Provider | AccountCall | Consumer,
    response: ProviderResponse,
    error: ErrorReply,
    *,
    trace_id: str = "",
    secrets: Sequence[Secret] = (),
) -> Failure:
    """Return the failure of an error in the other side's own words, which are masked, cleaned and cut."""
    error = replace(error, code=masked(error.code, secrets), message=masked(error.message, secrets))
    kind = _kind(classes, response, error)
    return Failure(
        kind=kind,
        code=one_line(error.code, length=_CODE_LENGTH),
        message=one_line(error.message, length=MESSAGE_LENGTH),
        trace_id=one_line(masked(error.trace_id, secrets), length=TRACE_ID_LENGTH) or trace_id,
        retry_after=retry_after(response) if kind is FailureClass.BUSY else None,
    )


def _kind(classes: Provider | AccountCall | Consumer, response: ProviderResponse, error: ErrorReply) -> FailureClass:
    text = error.message.lower()
    # The text first: an error without a number of its own comes with the number of another.
    kind = next((kind for part, kind in classes.failure_texts if part in text), None)
    if kind is None:
        kind = _of_words((error.code, *error.others), classes.failures)
    if response.status == _UNAVAILABLE:
        # It is no time for verdicts: no refusal in a 503 marks anything dead, and none pauses an app.
        is_theirs = error.declared and _ONE_WORD.fullmatch(error.code) and not _OF_OUR_MAKING.fullmatch(error.code)
        return FailureClass.BUSY if is_theirs and kind is not FailureClass.AMBIGUOUS else FailureClass.AMBIGUOUS
    if kind is None:
        return FailureClass.AMBIGUOUS if _is_server_side(response.status) else FailureClass.UNKNOWN
    return kind


def _of_words(words: Sequence[str], failures: Mapping[str, FailureClass]) -> FailureClass | None:
    """Return the class of the first word that decides anything; UNKNOWN or None where none does."""
    kinds = [kind for word in words if (kind := _of_word(word, failures)) is not None]
    return next((kind for kind in kinds if kind is not FailureClass.UNKNOWN), kinds[0] if kinds else None)


def _of_word(word: str, failures: Mapping[str, FailureClass]) -> FailureClass | None:
    """Return the class of a word as it is, else in another case or with other separators where that is one class."""
    if word in failures:
        return failures[word]
    alike = {kind for known, kind in failures.items() if _folded(known) == _folded(word)}
    return alike.pop() if len(alike) == 1 else None


def _folded(word: str) -> str:
    return _PARTS.sub("_", word.strip().lower())


def _is_server_side(status: int) -> bool:
    """Return whether a status blames the server or the time that it took: a 5xx or a 408, RFC 9110 §15.5.9."""
    return status == 408 or status >= 500  # noqa: PLR2004
