"""The segments that wait for a thread, the worst first. Thread-safe.

Strictly so: a storm of low ones keeps no critical one waiting. The low ones are served when nothing worse waits, and
among equals the order is that of coming. Who puts one in takes one out, so nobody waits here.
"""

from __future__ import annotations

import threading
from heapq import heappop, heappush
from itertools import count

from recoverops.model import SegmentKey


class Line:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = count()
        self._waiting: list[tuple[int, int, SegmentKey]] = []

    def put(self, key: SegmentKey, rank: int) -> None:
        """The higher `rank`, the earlier it is taken."""
        with self._lock:
            heappush(self._waiting, (-rank, next(self._numbers), key))

    def take(self) -> SegmentKey:
        """The first one. Called once for each that was put in."""
        with self._lock:
            return heappop(self._waiting)[-1]
