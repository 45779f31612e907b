"""The one in-process queue for SQLite's single writer: first come, first served, without a gap.

SQLite's own busy handler sleeps with back-off, so under contention the newest caller often wins and the oldest waits
for seconds. Here a release hands the turn to whoever waits longest. Two exceptions: the intake comes first, and what
nobody waits for lets others go before it, a few times. Used by the pool of the write engine only.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

MOST_BEFORE_THE_PATIENT = 3
"""Turns that go to others, one after the other, while somebody patient waits. So a quarter of the writer is theirs at
least: a storm of new alerts must not keep verdicts, which give threads and locks free, waiting for ever."""


class _Waiter:
    __slots__ = ("gate", "is_patient", "thread")

    def __init__(self, *, is_patient: bool) -> None:
        self.is_patient = is_patient
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
        self._patient: deque[_Waiter] = deque()
        self._passed = 0
        self._preferred: int | None = None
        self._mind = threading.local()

    def is_mine(self) -> bool:
        """True while the calling thread holds the turn."""
        return self._holder == threading.get_ident()

    @property
    def waiting(self) -> int:
        """How many threads wait for the turn."""
        return len(self._waiting) + len(self._patient)

    @contextmanager
    def patiently(self) -> Iterator[None]:
        """Inside, this thread's turns let others go first, up to `MOST_BEFORE_THE_PATIENT` of them in a row."""
        before = getattr(self._mind, "is_patient", False)
        self._mind.is_patient = True
        try:
            yield
        finally:
            self._mind.is_patient = before

    def prefer_this_thread(self) -> None:
        """Its next turns come first: the intake's, because senders wait for it while responses run by themselves.

        It cannot keep the others out: when it gives the turn back it is not waiting, so the turn goes to one of them.
        """
        self._preferred = threading.get_ident()

    def acquire(self, *, timeout_s: float) -> bool:
        """Wait for the turn behind everybody who asked before; False when it did not come in time."""
        waiter = _Waiter(is_patient=getattr(self._mind, "is_patient", False))
        with self._lock:
            if self._holder is None:
                self._holder = waiter.thread
                return True
            queue = self._patient if waiter.is_patient else self._waiting
            if waiter.thread == self._preferred:
                queue.appendleft(waiter)
            else:
                queue.append(waiter)
        if waiter.gate.acquire(timeout=timeout_s):
            return True
        with self._lock:
            if waiter not in queue:
                return True  # handed over in the very moment of giving up
            queue.remove(waiter)
            return False

    def release(self) -> None:
        """Hand the turn to the longest waiting thread, or lay it down."""
        with self._lock:
            waiter = self._next()
            if waiter is None:
                self._holder = None
                return
            self._holder = waiter.thread
            waiter.gate.release()

    def _next(self) -> _Waiter | None:
        is_their_turn = not self._waiting or self._passed >= MOST_BEFORE_THE_PATIENT
        if self._patient and is_their_turn:
            self._passed = 0
            return self._patient.popleft()
        self._passed = self._passed + 1 if self._patient else 0
        return self._waiting.popleft() if self._waiting else None
