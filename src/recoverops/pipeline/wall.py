"""Notices when the wall clock steps: limits are windows of it, so after a step nobody knows what the windows hold.

Asked by the sweep, about once a second, and by the gates right before each answer. For `CAREFUL_FOR` after a step
people are asked, whatever the rules may do alone: by then an hour has really passed, and windows of an hour are true
again. A sleeping machine counts as a step, too: what was measured before it slept is old.
"""

from __future__ import annotations

import threading
from collections import deque
from datetime import datetime, timedelta

from recoverops.model import Record
from recoverops.ports import Clock

LEAST_STEP = timedelta(seconds=30)
CAREFUL_FOR = timedelta(hours=1)


class Step(Record, frozen=True, kw_only=True):
    """One step of the wall clock."""

    by: timedelta
    """Forward is positive."""
    seen_at: datetime
    """By the clock as it is after the step."""

    @property
    def statement(self) -> str:
        way = "forward" if self.by > timedelta(0) else "back"
        return (
            f"the wall clock stepped {way} by {abs(self.by.total_seconds()):.0f} s, seen at {self.seen_at:%H:%M:%S} UTC"
        )


class Wall:
    """Thread-safe. Knows the wall clock by its distance from the clock that never steps."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._zero = self._measured()
        self._careful: tuple[Step, float] | None = None
        self._unrecorded: deque[Step] = deque(maxlen=100)
        self._times_back = 0

    def last_step(self) -> Step | None:
        """The newest step that still makes people be asked; None when the windows can be trusted."""
        with self._lock:
            self._look()
            if self._careful is None:
                return None
            step, until = self._careful
            return step if self._clock.monotonic() < until else None

    def times_back(self) -> int:
        """How often it stepped back. What was measured before then carries times that are still to come."""
        with self._lock:
            self._look()
            return self._times_back

    def stored_before(self, newest: datetime) -> None:
        """At the start: a store that knows a later time was written before the clock was set back."""
        with self._lock:
            now = self._clock.now()
            if newest - now > LEAST_STEP:
                self._note(now - newest)

    def unrecorded(self) -> tuple[Step, ...]:
        """Steps that nobody has written down yet, oldest first."""
        with self._lock:
            self._look()
            return tuple(self._unrecorded)

    def recorded(self, steps: tuple[Step, ...]) -> None:
        with self._lock:
            for step in steps:
                self._unrecorded.remove(step)

    def _look(self) -> None:
        zero = self._measured()
        by, self._zero = zero - self._zero, zero
        if abs(by) > LEAST_STEP:
            self._note(by)

    def _note(self, by: timedelta) -> None:
        step = Step(by=by, seen_at=self._clock.now())
        self._times_back += by < timedelta(0)
        self._careful = (step, self._clock.monotonic() + CAREFUL_FOR.total_seconds())
        self._unrecorded.append(step)

    def _measured(self) -> datetime:
        """When the clock that never steps was at zero. A drift moves it too, so each look compares with the last."""
        return self._clock.now() - timedelta(seconds=self._clock.monotonic())
