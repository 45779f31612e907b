"""Keeps the claim to the database, and ends the engine when another process has taken it.

A server that restarts, or an operator who ends sessions, takes the claim away without telling anybody; then it is taken
anew. Until that is noticed another engine may have begun, so whoever comes second ends. Not needed on SQLite, where the
lock of the data directory is the kernel's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from recoverops.app.workers import Worker
from recoverops.model import ConflictError
from recoverops.ports import Clock, Telemetry
from recoverops.storage import Claim

EVERY_S = 5.0
_LOG = logging.getLogger("recoverops.claim")


class ClaimWorker(Worker):
    """`on_lost` is called once, from this worker's thread; `lost` says then what happened."""

    def __init__(self, claim: Claim, clock: Clock, telemetry: Telemetry, *, on_lost: Callable[[], None]) -> None:
        super().__init__("claim", clock, telemetry)
        self._claim = claim
        self._on_lost = on_lost
        self.lost: ConflictError | None = None

    def round(self) -> None:
        if self._stopping.wait(EVERY_S):
            return
        try:
            self._claim.renew()
        except ConflictError as error:
            self.lost = ConflictError(f"the claim to the database was lost, and {error}")
            _LOG.error("claim_lost", extra={"statement": str(self.lost)})
            self._on_lost()
            self._stopping.set()
