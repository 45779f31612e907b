"""Durable work behind `ports.Engine`: on DBOS in life, in virtual time for tests and backtests.

This is the only room that knows DBOS. `app` picks the engine; one conformance kit runs against both.
"""

from __future__ import annotations

from recoverops.workflows.on_dbos import DbosEngine
from recoverops.workflows.virtual import SimulatedCrash, VirtualClock, VirtualEngine

__all__ = ["DbosEngine", "SimulatedCrash", "VirtualClock", "VirtualEngine"]
