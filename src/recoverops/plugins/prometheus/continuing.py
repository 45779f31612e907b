"""Since when an alert has been firing that is sent without a start.

amtool and simple scripts leave `startsAt` out. With the time of receipt in its place every repetition would be a new
occurrence, and with a constant the second occurrence would be taken for the first. So it is done as Alertmanager does:
as long as such an alert keeps coming it is the one that began at its first delivery. Memory only: after a restart the
next repetition counts as a new occurrence, once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime, timedelta


class Continuing:
    """Thread-safe; keeps at most `limit` alerts and forgets the one that has been silent for longest."""

    def __init__(self, *, within: timedelta, limit: int) -> None:
        self._within = within
        self._limit = limit
        self._lock = threading.Lock()
        self._known: OrderedDict[str, tuple[datetime, datetime]] = OrderedDict()
        """fingerprint -> first and last delivery"""

    def firing(self, fingerprint: str, *, now: datetime) -> datetime:
        """When it began: now, unless it was delivered within the last `within` and has not ended since."""
        with self._lock:
            began, last = self._known.pop(fingerprint, (now, now))
            if now - last > self._within:
                began = now
            self._known[fingerprint] = (began, now)
            if len(self._known) > self._limit:
                self._known.popitem(last=False)
        return began

    def ended(self, fingerprint: str) -> None:
        with self._lock:
            self._known.pop(fingerprint, None)
