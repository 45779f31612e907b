"""Whether the store writes, asked by really writing."""

from __future__ import annotations

from datetime import timedelta

from recoverops.model import ComponentState, ComponentStatus, UnreachableError
from recoverops.ports import Clock
from recoverops.storage import SqlStore

ASK_EVERY, ASK_FOR = timedelta(seconds=1), timedelta(seconds=2)


class StoreStanding:
    """Asked at most once a second: /ready is open to everybody who reaches the port."""

    def __init__(self, store: SqlStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: ComponentStatus | None = None

    def status(self) -> ComponentStatus:
        known = self._known
        if known is None or self._clock.now() - known.since >= ASK_EVERY:
            known = self._known = self._ask()
        return known

    def _ask(self) -> ComponentStatus:
        now = self._clock.now()
        try:
            self._store.ping(timeout=ASK_FOR)
        except UnreachableError as error:
            return ComponentStatus(name="store", state=ComponentState.UNREACHABLE, statement=str(error), since=now)
        return ComponentStatus(name="store", state=ComponentState.UP, statement="writes durably", since=now)
