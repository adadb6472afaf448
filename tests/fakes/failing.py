"""How a test tells an in-memory port to fail, before or after it commits, or to let something else happen first."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class _Failure:
    error: BaseException | type[BaseException]
    times: int
    after_commit: bool

    def raised(self) -> BaseException:
        return self.error("told to fail") if isinstance(self.error, type) else self.error


class Failing:
    """Base of the in-memory ports. `calls` counts every call by method, the failed ones included."""

    def __init__(self) -> None:
        self._script = threading.Lock()
        self._failures: dict[str, list[_Failure]] = {}
        self._actions: dict[str, list[Callable[[], object]]] = {}
        self.calls: Counter[str] = Counter()

    def fail_next(
        self,
        method: str,
        error: BaseException | type[BaseException],
        *,
        times: int = 1,
        after_commit: bool = False,
    ) -> None:
        """Let the next `times` calls of a method raise; `after_commit` loses the answer of a write that stands.

        A call that its own condition refuses raises that refusal, and still uses up an `after_commit` failure.
        """
        self._require(method)
        with self._script:
            self._failures.setdefault(method, []).append(_Failure(error, times, after_commit))

    def before_next(self, method: str, action: Callable[[], object]) -> None:
        """Run `action` once when a method is called next, before it does anything: what another worker does then."""
        self._require(method)
        with self._script:
            self._actions.setdefault(method, []).append(action)

    def _require(self, method: str) -> None:
        if method.startswith("_") or not callable(getattr(self, method, None)):
            raise ValueError(f"{type(self).__name__} has no method {method}")

    @contextmanager
    def _attempt(self, method: str) -> Iterator[None]:
        with self._script:
            self.calls[method] += 1
            actions = self._actions.get(method)
            action = actions.pop(0) if actions else None
        if action is not None:
            action()
        failure = self._next_failure(method)
        if failure is not None and not failure.after_commit:
            raise failure.raised()
        yield
        if failure is not None:
            raise failure.raised()

    def _next_failure(self, method: str) -> _Failure | None:
        with self._script:
            failures = self._failures.get(method)
            if not failures:
                return None
            failures[0].times -= 1
            return failures[0] if failures[0].times else failures.pop(0)
