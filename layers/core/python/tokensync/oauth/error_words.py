"""Finds the words in which servers say that they issued nothing: RFC 6749 §5.2 names one, and many use others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Members of an error that is an object, or of one in a list, the most telling first.
_IN_AN_ERROR = ("code", "type", "status", "error", "error_code", "errorCode", "name")
# Members of a 4xx without `error`: HubSpot's `status`, Pinterest's `code`, RFC 9457's `title`.
_BESIDE = ("error_code", "errorCode", "code", "status", "type", "title")
_MESSAGES = (
    *("error_description", "error_message", "errorMessage", "message", "msg", "errmsg", "detail", "details"),
    *("description", "error_summary", "error_msg", "reason", "title"),
)
# What says that there is an error, and not which one; and what says that there is none.
_SAYS_NOTHING = frozenset({"error", "errors", "fail", "failed", "failure", "false", "true", "ko", "nok"})
_NO_ERROR = frozenset({"", "0", "ok", "none", "null", "success", "no_error", "false"})


@dataclass(frozen=True, kw_only=True)
class ErrorWords:
    """An error's words, the most telling first, and its message. `declared`: it is in a member that is there for it."""

    words: tuple[str, ...]
    message: str = ""
    declared: bool = True


def error_words(reply: Mapping[str, Any], status: int) -> ErrorWords | None:
    """Return the words of the error in a reply, None where it holds none.

    `error` counts on any status, as text, number, object or list of these. Without it a 4xx is an error in any case,
    and so is what says of itself that it is none: `ok` or `success` false, JSend's `status`.
    """
    for name in ("error", "errors", "errcode"):
        value = reply.get(name)
        words = tuple(_words(value, status))
        if words or _is_an_error(value):
            # An object is how gateways and API front ends word theirs; RFC 6749 §5.2 has one word.
            declared = isinstance(value, str | int)
            return ErrorWords(words=words or (f"http_{status}",), message=_message(reply, value), declared=declared)
    if 400 <= status < 500 or _is_no_success(reply):  # noqa: PLR2004 - RFC 9110 §15.5
        words = tuple(word for name in _BESIDE for word in _word(reply.get(name), status))
        return ErrorWords(words=words or (f"http_{status}",), message=_message(reply, None), declared=False)
    return None


def _is_no_success(reply: Mapping[str, Any]) -> bool:
    stated = reply.get("status")
    is_error = isinstance(stated, str) and stated.lower() in _SAYS_NOTHING
    return is_error or reply.get("ok") is False or reply.get("success") is False


def _is_an_error(value: object) -> bool:
    """Return whether a value says that there is an error, even where it does not name it."""
    if isinstance(value, str):
        return value.strip().lower() not in _NO_ERROR
    return bool(value)


def _words(value: object, status: int) -> Iterator[str]:
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        for name in _IN_AN_ERROR:
            yield from _word(value.get(name), status)
    else:
        yield from _word(value, status)


def _word(value: object, status: int) -> Iterator[str]:
    """Yield a word or a number, unless it repeats the status, is the address of a page, or says nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return
    text = str(value).strip() if isinstance(value, str) or abs(value) < 10**18 else ""
    says_nothing = text.lower() in _NO_ERROR | _SAYS_NOTHING
    if not says_nothing and text != str(status) and "://" not in text and text != "about:blank":
        yield text


def _message(reply: Mapping[str, Any], error: object) -> str:
    """Return what an error says to people: first what stands beside it, then what stands in it."""
    first = error[0] if isinstance(error, list) and error else error
    for holder in (reply, first):
        if isinstance(holder, dict):
            texts = (holder.get(name) for name in _MESSAGES)
            found = next((text for text in texts if isinstance(text, str) and text), "")
            if found:
                return found
    return ""
