"""Something runs out: CPU, memory, disk."""

from __future__ import annotations

from recoverops.diagnosis.facts import Facts, Observation
from recoverops.diagnosis.weigh import hypothesis
from recoverops.model import Hypothesis, IncidentKind, baseline_series

_BUSY = 0.5
"""Cores."""
_LEAKS = 256.0 * 1024
"""Bytes a second."""
_SLOW = ("http.probe.duration", "http.server.duration")


def _bad(facts: Facts, metric: str) -> Observation | None:
    found = facts.get(metric)
    return found if found is not None and found.is_bad else None


def _exceeds(facts: Facts, metric: str, *, least: float) -> Observation | None:
    """Bad by its limit; or by its own past, and then at least this much: unusual is not yet more than there is.

    A baseline's `least` does not say it: that is a distance from the usual value, either way, not an amount.
    """
    found = _bad(facts, metric)
    if found is None or found.series != baseline_series(facts.incident.resource, metric):
        return found
    return found if found.value is not None and found.value >= least else None


def burning(facts: Facts) -> Observation | None:
    """The CPU that it burns: more than it may; or, while its door does not open, half a core and more.

    Who hangs uses none, and on a full machine one that never sleeps gets no more than that. A stopped process burns
    nothing, whatever was measured a moment before it was stopped.
    """
    cpu, stopped, probe = (
        facts.get(metric) for metric in ("process.cpu.utilization", "process.stopped", "http.probe.success")
    )
    if cpu is None or cpu.value is None or (stopped is not None and stopped.value):
        return None
    is_busy_behind_its_door = probe is not None and probe.is_bad and cpu.value >= _BUSY
    is_beyond = _exceeds(facts, "process.cpu.utilization", least=_BUSY) is not None
    return cpu if is_beyond or is_busy_behind_its_door else None


def high_cpu(facts: Facts) -> Hypothesis | None:
    """It burns CPU, and what it still answers comes late, or too late."""
    cpu, running = burning(facts), facts.get("service.running")
    if cpu is None or (running is not None and running.is_bad):
        return None
    supporting = [cpu, *(_bad(facts, metric) for metric in _SLOW), _bad(facts, "http.probe.success")]
    return hypothesis(IncidentKind.HIGH_CPU, facts, supporting=supporting)


def memory_leak(facts: Facts) -> Hypothesis | None:
    """It grows and grows; a size beyond its own threshold says so too."""
    growing = _exceeds(facts, "process.memory.growth", least=_LEAKS)
    if growing is None:
        return None
    return hypothesis(IncidentKind.MEMORY_LEAK, facts, supporting=[growing, _bad(facts, "process.memory.rss")])


def disk_full(facts: Facts) -> Hypothesis | None:
    full = _bad(facts, "disk.utilization")
    if full is None:
        return None
    supporting = [full, _bad(facts, "http.server.error_ratio"), _bad(facts, "http.probe.success")]
    return hypothesis(IncidentKind.DISK_FULL, facts, supporting=supporting)
