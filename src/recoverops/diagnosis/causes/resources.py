"""Something runs out: CPU, memory, disk."""

from __future__ import annotations

from recoverops.diagnosis.facts import Facts, Observation
from recoverops.diagnosis.weigh import hypothesis
from recoverops.model import Hypothesis, IncidentKind

_SLOW = ("http.probe.duration", "http.server.duration")


def _bad(facts: Facts, metric: str) -> Observation | None:
    found = facts.get(metric)
    return found if found is not None and found.is_bad else None


def high_cpu(facts: Facts) -> Hypothesis | None:
    burning = _bad(facts, "process.cpu.utilization")
    if burning is None:
        return None
    supporting = [burning, *(_bad(facts, metric) for metric in _SLOW), _bad(facts, "http.probe.success")]
    return hypothesis(IncidentKind.HIGH_CPU, facts, supporting=supporting)


def memory_leak(facts: Facts) -> Hypothesis | None:
    """It grows and grows; a size beyond its own threshold says so too."""
    growing = _bad(facts, "process.memory.growth")
    if growing is None:
        return None
    return hypothesis(IncidentKind.MEMORY_LEAK, facts, supporting=[growing, _bad(facts, "process.memory.rss")])


def disk_full(facts: Facts) -> Hypothesis | None:
    full = _bad(facts, "disk.utilization")
    if full is None:
        return None
    supporting = [full, _bad(facts, "http.server.error_ratio"), _bad(facts, "http.probe.success")]
    return hypothesis(IncidentKind.DISK_FULL, facts, supporting=supporting)
