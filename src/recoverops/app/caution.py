"""Reads the switches outside that can demand approval, and remembers what each said last.

Whatever is not known demands: a switch that was not read yet, cannot be read, or was read too long ago.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from recoverops.app.workers import Worker
from recoverops.model import ComponentState, ComponentStatus, Demand, RecoverOpsError
from recoverops.ports import CautionSwitch, Clock, Telemetry
from recoverops.redact import redact

STALE_AFTER = 3
"""Readings that may fail to come before the last one counts no more."""
_LOG = logging.getLogger("recoverops.caution")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    demand: Demand
    state: ComponentState
    since: datetime
    """Since when it says so."""
    read_at: float


class CautionWorker(Worker):
    """Reads one switch. What it says is asked from other threads."""

    def __init__(self, switch: CautionSwitch, clock: Clock, telemetry: Telemetry) -> None:
        super().__init__(f"switch-{switch.name}", clock, telemetry)
        self._switch = switch
        self._last = _Reading(
            demand=Demand(is_made=True, statement="it has not been read yet"),
            state=ComponentState.STARTING,
            since=clock.now(),
            read_at=clock.monotonic(),
        )

    @property
    def status(self) -> ComponentStatus:
        last, demand = self._last, self.demand
        told = f"demands approval of every action: {demand.statement}" if demand.is_made else demand.statement
        return ComponentStatus(name=f"switch {self._switch.name}", state=last.state, statement=told, since=last.since)

    @property
    def demand(self) -> Demand:
        """What it said last, as long as that is not too long ago."""
        last = self._last
        age_s = self._clock.monotonic() - last.read_at
        if last.demand.is_made or age_s <= STALE_AFTER * self._switch.every.total_seconds():
            return last.demand
        return Demand(is_made=True, statement=f"it was last read {age_s:.0f} s ago")

    def read(self) -> None:
        """Once. What goes wrong is a demand."""
        try:
            self._set(ComponentState.UP, self._switch.look())
        except RecoverOpsError as error:
            self._unreadable(str(error))
        except Exception as error:  # noqa: BLE001 - a plugin call: its failure is recorded as data
            self._unreadable(type(error).__name__)

    def round(self) -> None:
        began = self._clock.monotonic()
        self.read()
        took = self._clock.monotonic() - began
        self._stopping.wait(max(0.01, self._switch.every.total_seconds() - took))

    def _unreadable(self, why: str) -> None:
        told = redact(f"it cannot be read: {why}")
        self._set(ComponentState.UNREACHABLE, Demand(is_made=True, statement=told))

    def _set(self, state: ComponentState, demand: Demand) -> None:
        before, is_new = self._last, self._last.demand != demand
        if is_new:
            told = {"switch": self._switch.name, "demands": demand.is_made, "said": demand.statement}
            _LOG.info("switch_changed", extra=told)
        self._last = _Reading(
            demand=demand,
            state=state,
            since=self._clock.now() if is_new else before.since,
            read_at=self._clock.monotonic(),
        )


def demands_of(workers: Sequence[CautionWorker]) -> tuple[str, ...]:
    """Why approval of every action is demanded now; empty when no switch does."""
    found = [(worker.status.name, worker.demand) for worker in workers]
    return tuple(f"{name}: {demand.statement}" for name, demand in found if demand.is_made)
