"""Time, handed in: the system's clock in life, a virtual one in tests and backtests."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware UTC."""

    def monotonic(self) -> float:
        """Seconds; only differences mean something."""

    def sleep(self, seconds: float) -> None:
        """Block the calling worker (virtual clocks return at once, later)."""
