"""The thread that removes what is over and old: small batches with pauses between them, then a long pause.

Whatever it removes is told in one line of the audit log a round. It may fall behind; nothing waits for it.
"""

from __future__ import annotations

from collections import Counter

from recoverops.app.workers import Worker
from recoverops.ports import Clock, Telemetry
from recoverops.storage import RetentionSettings, SqlStore

BETWEEN_BATCHES_S, BETWEEN_ROUNDS_S = 0.2, 300.0


class PruneWorker(Worker):
    def __init__(
        self,
        store: SqlStore,
        settings: RetentionSettings,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        super().__init__("retention", clock, telemetry)
        self._store = store
        self._settings = settings
        self._gone: Counter[str] = Counter()

    def round(self) -> None:
        """One batch; the pause after it."""
        gone = Counter(self._store.prune(self._settings))
        self._gone += gone
        if gone.total():
            self._stopping.wait(BETWEEN_BATCHES_S)
            return
        self._tell()
        self._stopping.wait(BETWEEN_ROUNDS_S)

    def _tell(self) -> None:
        if not self._gone:
            return
        detail = {what: str(count) for what, count in sorted(self._gone.items())}
        now = self._clock.now()
        self._store.write(
            lambda tx: tx.audit.append(
                at=now, actor="recoverops", event="retention.pruned", subject="recoverops", detail=detail
            )
        )
        self._gone.clear()
