"""Which segments this process has on its hands: waiting for a thread, or running. Thread-safe."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta


class Segments:
    def __init__(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._queued: dict[str, int] = {}
        self._running: set[str] = set()

    def queue(self, workflow_id: str, rank: int = 0) -> bool:
        """False when it runs already, or is queued with this rank or a higher one."""
        with self._changed:
            if workflow_id in self._running or self._queued.get(workflow_id, -1) >= rank:
                return False
            self._queued[workflow_id] = rank
            return True

    def drop(self, workflow_id: str) -> None:
        with self._changed:
            self._queued.pop(workflow_id, None)

    def drop_queued(self) -> None:
        with self._changed:
            self._queued.clear()

    @contextmanager
    def running(self, workflow_id: str) -> Iterator[bool]:
        """Whether it was still queued; it counts as running inside only then."""
        with self._changed:
            if self._queued.pop(workflow_id, None) is None:
                is_queued = False
            else:
                is_queued = True
                self._running.add(workflow_id)
        if not is_queued:
            yield False
            return
        try:
            yield True
        finally:
            with self._changed:
                self._running.discard(workflow_id)
                self._changed.notify_all()

    def is_known(self, workflow_id: str) -> bool:
        with self._changed:
            return workflow_id in self._running or workflow_id in self._queued

    def named(self) -> dict[str, tuple[str, ...]]:
        """The ids of all, by what they are at."""
        with self._changed:
            named = {"running": self._running, "queued": self._queued}
            return {what: tuple(sorted(ids)) for what, ids in named.items()}

    def count_running(self) -> int:
        with self._changed:
            return len(self._running)

    def wait_until_none_runs(self, timeout: timedelta) -> bool:
        """False when something still runs at the end of the timeout."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, timeout.total_seconds())
