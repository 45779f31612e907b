"""Durable work behind `ports.Engine`: on threads in life, in virtual time for tests and backtests.

`app` picks the engine; one conformance kit runs against both.
"""

from __future__ import annotations

from recoverops.workflows.on_threads import ThreadEngine
from recoverops.workflows.virtual import SimulatedCrash, VirtualClock, VirtualEngine

__all__ = ["SimulatedCrash", "ThreadEngine", "VirtualClock", "VirtualEngine"]
