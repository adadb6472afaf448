"""The rotation function's command `recover`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tokensync.domain.names import ConnectionName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokensync.domain.runtime import Budget
    from tokensync.entry.callback_commands import Command
    from tokensync.operate.recover import Recoverer


@dataclass(frozen=True)
class Recovery:
    """What an operator asks where something was kept out of its place."""

    recoverer: Recoverer

    def commands(self) -> Mapping[str, Command]:
        """Return the command by name."""
        return {"recover": self._recover}

    def _recover(self, event: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
        only = ConnectionName.parse(str(event["connection"])) if event.get("connection") else None
        done = self.recoverer.recover(budget, only=only, cursor=str(event.get("cursor") or ""))
        return {
            "ok": True,
            "found": [asdict(found) for found in done.found],
            "compared": done.compared,
            "more": done.more,
            "cursor": done.cursor,
        }
