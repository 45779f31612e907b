"""Durable work in one thread and virtual time, for tests and backtests: as on threads, without waiting.

A segment can be made to crash before and after everything that it does; the next `run_until_idle` runs it again, as
the next process would.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar

from recoverops.model import SegmentKey, Severity
from recoverops.ports import Clock, Respond, Store, Tx
from recoverops.redact import redact
from recoverops.workflows.sleeping import checked_sleep

_LOG = logging.getLogger("recoverops.workflows")

T = TypeVar("T")

CrashAt = Callable[[str, str], bool]
"""(point, name) -> whether to crash there. Points: `before` and `after`; a sleep is called `sleep`."""


class SimulatedCrash(BaseException):
    """The process died here. Leaves `run_until_idle`; what the store has it keeps."""


class VirtualClock:
    """A clock that moves only when it is told to, or when somebody sleeps on it."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def sleep(self, seconds: float) -> None:
        self.advance(timedelta(seconds=max(0.0, seconds)))

    def advance(self, by: timedelta) -> None:
        self._now += by
        self._monotonic += by.total_seconds()


class VirtualEngine:
    """`ports.Engine` for one thread. `start` queues, `run_until_idle` runs.

    A segment that failed or crashed stays in nobody's memory: its work stands in the store.
    """

    def __init__(
        self,
        *,
        respond: Respond,
        store: Store,
        clock: Clock,
        on_failure: Callable[[SegmentKey, str], None] | None = None,
        crash_at: CrashAt | None = None,
    ) -> None:
        self._respond = respond
        self._store = store
        self._clock = clock
        self._on_failure = on_failure
        self._crash_at = crash_at
        self._queue: dict[SegmentKey, tuple[int, int]] = {}
        self._numbers = count()
        self._stopped = False

    def start(self, key: SegmentKey, *, severity: Severity = Severity.CRITICAL) -> None:
        known = self._queue.get(key)
        if not self._stopped and (known is None or -severity.rank < known[0]):
            self._queue[key] = -severity.rank, next(self._numbers)

    def is_running(self, key: SegmentKey) -> bool:
        return key in self._queue

    def stop(self, *, timeout: timedelta) -> None:
        """Nothing runs between two calls, so there is nothing to wait for."""
        self._stopped = True

    def run_until_idle(self) -> None:
        """Run every queued segment to its end, the worst first, also those that these start. May raise SimulatedCrash;
        the segment that crashed stays in the queue."""
        while self._queue and not self._stopped:
            key = min(self._queue, key=self._queue.__getitem__)
            self._run(key)
            del self._queue[key]

    def _run(self, key: SegmentKey) -> None:
        context = _VirtualContext(store=self._store, clock=self._clock, crash_at=self._crash_at)
        try:
            self._respond(context, key)
        except Exception as error:  # noqa: BLE001 - the supervisor of a segment: its failure becomes data
            message = redact(f"{type(error).__name__}: {error}")
            _LOG.error("workflow.segment_failed", extra={"workflow_id": key.workflow_id, "text": message})
            if self._on_failure is not None:
                self._on_failure(key, message)


class _VirtualContext:
    """`ports.WorkflowContext` of one attempt at one segment."""

    def __init__(self, *, store: Store, clock: Clock, crash_at: CrashAt | None) -> None:
        self._store = store
        self._clock = clock
        self._crash_at = crash_at

    def read(self, name: str, fn: Callable[[Tx], T]) -> T:
        return self._store.read(fn)

    def tx(self, name: str, fn: Callable[[Tx], T], *, is_owed: bool = False) -> T:
        return self.step(name, lambda: self._store.write(fn))

    def step(self, name: str, fn: Callable[[], T], *, is_owed: bool = False) -> T:
        self._maybe_crash("before", name)
        answer = fn()
        self._maybe_crash("after", name)
        return answer

    def sleep(self, duration: timedelta) -> None:
        self._maybe_crash("before", "sleep")
        self._clock.sleep(checked_sleep(duration).total_seconds())
        self._maybe_crash("after", "sleep")

    def _maybe_crash(self, point: str, name: str) -> None:
        if self._crash_at is not None and self._crash_at(point, name):
            raise SimulatedCrash(f"{point} {name}")
