"""Whether the store writes, asked by really writing, and where the head of its audit log is noted outside of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from recoverops.model import ComponentState, ComponentStatus, UnreachableError
from recoverops.ports import Clock
from recoverops.storage import AuditAnchor, SqlStore

ASK_EVERY, ASK_FOR = timedelta(seconds=1), timedelta(seconds=2)
ANCHOR_EVERY = timedelta(seconds=10)


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


class Anchoring:
    """Writes the newest hash of the audit log into a file beside the store, so that a cut-off log shows."""

    def __init__(self, store: SqlStore, file: Path, clock: Clock) -> None:
        self._store = store
        self._anchor = AuditAnchor(file)
        self._clock = clock
        self._at: datetime | None = None

    def sometimes(self) -> None:
        now = self._clock.now()
        if self._at is None or now - self._at >= ANCHOR_EVERY:
            self._at = now
            self.write()

    def write(self) -> None:
        head = self._store.read(lambda tx: tx.audit.head())
        if head is not None:
            self._anchor.write(head)
