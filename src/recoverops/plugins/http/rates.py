"""How often each service is probed: at the usual rate, or at a raised one while somebody looks closer.

The probe asks; the observations set. In memory: what has to outlive a restart is in the journal of the observations.
"""

from __future__ import annotations

import threading
from datetime import timedelta


class Rates:
    """Thread-safe."""

    def __init__(self, usual: timedelta) -> None:
        self.usual = usual
        self._raised: dict[str, timedelta] = {}
        self._lock = threading.Lock()

    def raise_to(self, service: str, every: timedelta) -> None:
        with self._lock:
            self._raised[service] = every

    def lower(self, service: str) -> None:
        with self._lock:
            self._raised.pop(service, None)

    def of(self, service: str) -> timedelta:
        with self._lock:
            return self._raised.get(service, self.usual)

    @property
    def shortest(self) -> timedelta:
        """How often anybody has to be asked."""
        with self._lock:
            return min((self.usual, *self._raised.values()))

    def is_due(self, service: str, *, since_asked_s: float | None) -> bool:
        """Whether it is this service's turn; `since_asked_s` is None when it was never asked.

        Rounds come at the shortest rate and a little late, so half of one is no reason to leave a service out.
        """
        shortest, own = self.shortest, self.of(service)
        if since_asked_s is None or own <= shortest:
            return True
        return since_asked_s >= (own - shortest / 2).total_seconds()
