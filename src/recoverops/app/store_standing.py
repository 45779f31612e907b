"""Whether the store writes, asked by really writing."""

from __future__ import annotations

from datetime import timedelta

from recoverops.model import ComponentState, ComponentStatus, UnreachableError
from recoverops.ports import Clock
from recoverops.storage import SqlStore

ASK_EVERY_S = 1.0
ASK_FOR = timedelta(seconds=2)


class StoreStanding:
    """Asked at most once a second: /ready is open to everybody who reaches the port."""

    def __init__(self, store: SqlStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: tuple[float, ComponentStatus] | None = None
        """With the monotonic time of the question: a wall clock that is set back must not make an answer last."""

    def status(self) -> ComponentStatus:
        known, now = self._known, self._clock.monotonic()
        if known is None or now - known[0] >= ASK_EVERY_S:
            known = self._known = now, self._ask()
        return known[1]

    def _ask(self) -> ComponentStatus:
        now = self._clock.now()
        try:
            self._store.ping(timeout=ASK_FOR)
        except UnreachableError as error:
            return ComponentStatus(name="store", state=ComponentState.UNREACHABLE, statement=str(error), since=now)
        return ComponentStatus(name="store", state=ComponentState.UP, statement="writes durably", since=now)
