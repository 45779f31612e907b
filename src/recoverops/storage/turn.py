"""The one in-process queue for SQLite's single writer: first come, first served (but for the intake), without a gap.

SQLite's own busy handler sleeps with back-off, so under contention the newest caller often wins and the oldest waits
for seconds. Here a release hands the turn to whoever waits longest. Used by the pool of the write engine only.
"""

from __future__ import annotations

import threading
from collections import deque


class _Waiter:
    __slots__ = ("gate", "thread")

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.gate = threading.Lock()
        self.gate.acquire()


class WriteTurn:
    """A fair lock. It may be released by another thread than its holder: an abandoned connection is, by the garbage
    collector, which is also why the inner lock is re-entrant and nothing is allocated under it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._holder: int | None = None
        self._waiting: deque[_Waiter] = deque()
        self._preferred: int | None = None

    def is_mine(self) -> bool:
        """True while the calling thread holds the turn."""
        return self._holder == threading.get_ident()

    @property
    def waiting(self) -> int:
        """How many threads wait for the turn."""
        return len(self._waiting)

    def prefer_this_thread(self) -> None:
        """Its next turns come first: the intake's, because senders wait for it while responses run by themselves.

        It cannot keep the others out: when it gives the turn back it is not waiting, so the turn goes to one of them.
        """
        self._preferred = threading.get_ident()

    def acquire(self, *, timeout_s: float) -> bool:
        """Wait for the turn behind everybody who asked before; False when it did not come in time."""
        waiter = _Waiter()
        with self._lock:
            if self._holder is None:
                self._holder = waiter.thread
                return True
            if waiter.thread == self._preferred:
                self._waiting.appendleft(waiter)
            else:
                self._waiting.append(waiter)
        if waiter.gate.acquire(timeout=timeout_s):
            return True
        with self._lock:
            if waiter not in self._waiting:
                return True  # handed over in the very moment of giving up
            self._waiting.remove(waiter)
            return False

    def release(self) -> None:
        """Hand the turn to the longest waiting thread, or lay it down."""
        with self._lock:
            if not self._waiting:
                self._holder = None
                return
            waiter = self._waiting.popleft()
            self._holder = waiter.thread
            waiter.gate.release()
