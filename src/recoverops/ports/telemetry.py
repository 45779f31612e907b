"""Counting what happens. `api` shows it on /metrics; rooms that count are handed one of these."""

from __future__ import annotations

from typing import Protocol


class Telemetry(Protocol):
    def count(self, metric: str, **labels: str) -> None:
        """Adds one. Labels are reasons and kinds, never ids."""

    def observe(self, metric: str, value: float, **labels: str) -> None:
        """One measurement of a duration, in seconds."""
