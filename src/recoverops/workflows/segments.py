"""Which segments this process has on its hands: waiting for a thread, or running. Thread-safe."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta


class Segments:
    def __init__(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._queued: set[str] = set()
        self._running: set[str] = set()

    def queue(self, workflow_id: str) -> bool:
        """False when it is queued or runs already."""
        with self._changed:
            if self.is_known(workflow_id):
                return False
            self._queued.add(workflow_id)
            return True

    def drop(self, workflow_id: str) -> None:
        with self._changed:
            self._queued.discard(workflow_id)

    def drop_queued(self) -> None:
        with self._changed:
            self._queued.clear()

    @contextmanager
    def running(self, workflow_id: str) -> Iterator[None]:
        with self._changed:
            self._running.add(workflow_id)
            self._queued.discard(workflow_id)
        try:
            yield
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
