"""Which segments this process has on its hands: handed to DBOS, waiting to be resumed, or running. Thread-safe."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

_POLL_S = 0.01


@dataclass(slots=True)
class Queued:
    is_taken: bool = False
    """DBOS will run it. False for a segment that it knows from before: that one has run, or is being resumed."""


class Segments:
    def __init__(self) -> None:
        self._changed = threading.Condition(threading.RLock())
        self._queued: set[str] = set()
        self._expected: dict[str, int] = {}
        self._running: set[str] = set()

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Inside, no segment begins."""
        with self._changed:
            yield

    def expect(self, attempts: Mapping[str, int]) -> None:
        """Segments that are resumed soon, and how often each was begun already."""
        with self._changed:
            self._expected.update(attempts)

    @contextmanager
    def queueing(self, workflow_id: str) -> Iterator[Queued]:
        queued = Queued()
        with self._changed:
            self._queued.add(workflow_id)
        try:
            yield queued
        finally:
            if not queued.is_taken:
                with self._changed:
                    self._queued.discard(workflow_id)

    @contextmanager
    def running(self, workflow_id: str) -> Iterator[int]:
        """Gives how often the segment was begun before this time, as far as it was cut off by a restart."""
        with self._changed:
            self._running.add(workflow_id)
            self._queued.discard(workflow_id)
            attempts = self._expected.pop(workflow_id, 0)
        try:
            yield attempts
        finally:
            with self._changed:
                self._running.discard(workflow_id)
                self._changed.notify_all()

    def are_expected(self) -> bool:
        with self._changed:
            return bool(self._expected)

    def is_known(self, workflow_id: str) -> bool:
        with self._changed:
            return workflow_id in self._running or workflow_id in self._queued or workflow_id in self._expected

    def named(self) -> dict[str, tuple[str, ...]]:
        """The ids of all, by what they are at; one that is resumed waits for its thread."""
        with self._changed:
            named = {"running": self._running, "queued": self._queued, "resuming": set(self._expected)}
            return {what: tuple(sorted(ids)) for what, ids in named.items()}

    def count(self) -> int:
        with self._changed:
            return len(self._running | self._queued | self._expected.keys())

    def wait_until_idle(self, timeout: timedelta, is_writing: Callable[[], bool]) -> bool:
        """False when something still runs, or is still being written down, at the end of the timeout."""
        rest_s = timeout.total_seconds()
        with self._changed:
            while (self._running or is_writing()) and rest_s > 0:
                self._changed.wait(_POLL_S)
                rest_s -= _POLL_S
            return not self._running and not is_writing()
