"""What is known of the world right now, in memory. Detection's owner writes it; gates and verification read it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from recoverops.model import Condition, Resource, StopState
from recoverops.ports.store import Tx


class ConditionView(Protocol):
    """The newest condition of every series. Thread-safe; a read is a consistent copy."""

    def of(self, resource: Resource, series: str) -> Condition | None: ...

    def of_resource(self, resource: Resource) -> tuple[Condition, ...]: ...

    def metrics_of(self, resource: Resource, *, since: datetime) -> dict[str, float]:
        """Metric name -> newest value, for rules. A metric that nobody measured at or after `since` is absent."""


class StopSwitch(Protocol):
    """The emergency stop. Lives in a file, so that it works while the database does not."""

    def read(self, tx: Tx | None = None) -> StopState:
        """Raises UnreachableError when it cannot be read; the caller treats that as stopped.

        Within a transaction it is given that, should it have to read the store.
        """

    def engage(self, *, reason: str, by: str) -> StopState: ...

    def clear(self, seen: StopState) -> None:
        """Raises ConflictError when it is another stop than the one that was seen; then that one holds."""
