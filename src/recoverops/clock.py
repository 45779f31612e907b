"""The one place that reads the wall clock. Everything else is handed a `ports.Clock`."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class SystemClock:
    """Wall time as aware UTC, and the monotonic clock for waits."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds on a clock that never steps; only differences mean something."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread. Only workers at the edge call it, never a room."""
        time.sleep(max(0.0, seconds))
