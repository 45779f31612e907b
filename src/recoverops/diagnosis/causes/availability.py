"""It does not run, or it runs and does not answer."""

from __future__ import annotations

from recoverops.diagnosis.causes.resources import burning
from recoverops.diagnosis.facts import Facts
from recoverops.diagnosis.weigh import hypothesis
from recoverops.model import Hypothesis, IncidentKind

AVAILABILITY = "availability"
_IDLE = 0.02
"""Cores. A process that waits for work uses less."""


def service_down(facts: Facts) -> Hypothesis | None:
    """Somebody says that it is not there; every other observer of its availability counts for or against."""
    seen = facts.seen(AVAILABILITY)
    return hypothesis(
        IncidentKind.SERVICE_DOWN,
        facts,
        supporting=[one for one in seen if one.is_bad],
        against=[one for one in seen if not one.is_bad],
    )


def service_hung(facts: Facts) -> Hypothesis | None:
    """Its process is there, and its door does not open. A stopped process, or one that burns no CPU, says so too.

    One that does some work speaks against it, and one that burns CPU does not hang: that is `high_cpu`.
    """
    running, probe = facts.get("service.running"), facts.get("http.probe.success")
    if running is None or probe is None or running.is_bad or not probe.is_bad or burning(facts) is not None:
        return None
    stopped, cpu = facts.get("process.stopped"), facts.get("process.cpu.utilization")
    is_stopped = stopped is not None and bool(stopped.value)
    is_idle = cpu is not None and cpu.value is not None and cpu.value < _IDLE
    return hypothesis(
        IncidentKind.SERVICE_HUNG,
        facts,
        supporting=[running, probe, stopped if is_stopped else None, cpu if is_idle else None],
        against=[cpu if not is_idle and not is_stopped else None],
    )
