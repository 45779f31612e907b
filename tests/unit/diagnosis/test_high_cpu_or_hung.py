"""A service that burns its CPU and one that hangs look alike from outside: neither answers in time. Which is it?

Tables of what was measured, and what leads.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import pytest
from tests.unit.diagnosis.test_service_down import CHECKOUT, MAX_AGE, NOON, incident

from recoverops.diagnosis import diagnose
from recoverops.model import Condition, ConditionStatus, Hypothesis, IncidentKind, Sample

ABNORMAL, NORMAL, PENDING = ConditionStatus.ABNORMAL, ConditionStatus.NORMAL, ConditionStatus.PENDING
HUNG, BURNS, DOWN, SLOW = (
    IncidentKind.SERVICE_HUNG,
    IncidentKind.HIGH_CPU,
    IncidentKind.SERVICE_DOWN,
    IncidentKind.SLOW_RESPONSES,
)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is known of the service; None: nobody has measured it."""

    probe: ConditionStatus = ABNORMAL
    cores: float | None = None
    cpu: ConditionStatus = NORMAL
    by_baseline: bool = False
    """Whether its own past says so of its CPU, and no limit."""
    stopped: bool | None = False
    runs: bool | None = True
    slow: bool = False


def condition(metric: str, status: ConditionStatus, value: float, symptom: str) -> Condition:
    return Condition(
        series=f"{CHECKOUT}/{metric}",
        resource=CHECKOUT,
        symptom=symptom,
        status=status,
        since=NOON - timedelta(seconds=4),
        last_at=NOON - timedelta(seconds=1),
        value=value,
        statement=f"{metric} was {value:g}",
    )


def ranked(seen: Seen) -> tuple[Hypothesis, ...]:
    conditions = [condition("http.probe.success", seen.probe, float(seen.probe is NORMAL), "availability")]
    if seen.runs is not None:
        status = NORMAL if seen.runs else ABNORMAL
        conditions.append(condition("service.running", status, float(seen.runs), "availability"))
    if seen.cores is not None:
        metric = "baseline:process.cpu.utilization" if seen.by_baseline else "process.cpu.utilization"
        conditions.append(condition(metric, seen.cpu, seen.cores, "cpu"))
    if seen.slow:
        conditions.append(condition("http.server.duration", ABNORMAL, 3.0, "latency"))
    samples = []
    if seen.stopped is not None:
        at = NOON - timedelta(seconds=1)
        samples.append(
            Sample(resource=CHECKOUT, metric="process.stopped", value=float(seen.stopped), at=at, source="process")
        )
    return diagnose(incident(), conditions, samples=samples, now=NOON, max_age=MAX_AGE)


LEADS: Mapping[str, tuple[Seen, IncidentKind, float]] = {
    "stopped, and idle since": (Seen(stopped=True, cores=0.0), HUNG, 0.833),
    "stopped, with the CPU of before": (Seen(stopped=True, cores=1.0, cpu=ABNORMAL), HUNG, 0.8),
    "idle": (Seen(cores=0.0), HUNG, 0.8),
    "idle, which is less than usual": (Seen(cores=0.0, cpu=ABNORMAL, by_baseline=True), HUNG, 0.8),
    "does a little more than usual": (Seen(cores=0.3, cpu=ABNORMAL, by_baseline=True), HUNG, 0.6),
    "burns, by its own past": (Seen(cores=0.7, cpu=ABNORMAL, by_baseline=True), BURNS, 0.75),
    "nobody measures its CPU": (Seen(stopped=None), HUNG, 0.75),
    "does a little": (Seen(cores=0.3), HUNG, 0.6),
    "burns beyond the limit for long": (Seen(cores=0.98, cpu=ABNORMAL), BURNS, 0.75),
    "has just begun to burn": (Seen(cores=0.98, cpu=PENDING), BURNS, 0.75),
    "gets no whole core on a full machine": (Seen(cores=0.6), BURNS, 0.75),
    "and what it answers comes late": (Seen(cores=0.98, cpu=ABNORMAL, slow=True), BURNS, 0.8),
    "burns and still answers in time": (Seen(probe=NORMAL, cores=1.9, cpu=ABNORMAL), BURNS, 0.667),
    "burns, late, and its own page is quick": (Seen(probe=NORMAL, cores=1.9, cpu=ABNORMAL, slow=True), BURNS, 0.75),
    "works hard as ever, and is slow": (Seen(probe=NORMAL, cores=0.6, slow=True), SLOW, 0.667),
    "does not run, with the CPU of before": (Seen(runs=False, cores=0.98, cpu=ABNORMAL), DOWN, 0.75),
    "nobody knows whether it runs": (Seen(runs=None, cores=0.98, cpu=ABNORMAL), BURNS, 0.75),
}


@pytest.mark.parametrize("case", LEADS.values(), ids=LEADS)
def test_what_leads_and_how_sure_it_is(case: tuple[Seen, IncidentKind, float]) -> None:
    seen, cause, confidence = case

    first = ranked(seen)[0]

    assert (first.cause, first.confidence) == (cause, confidence)


def test_nothing_is_ever_said_to_hang_and_to_burn_at_once() -> None:
    everything = itertools.product(
        (ABNORMAL, PENDING, NORMAL), (None, 0.0, 0.3, 0.5, 0.98), (ABNORMAL, PENDING, NORMAL), (None, False, True)
    )
    for probe, cores, cpu, stopped in everything:
        causes = {one.cause for one in ranked(Seen(probe=probe, cores=cores, cpu=cpu, stopped=stopped))}
        assert not causes >= {HUNG, BURNS}


def test_a_stopped_process_is_never_said_to_burn() -> None:
    for cores, cpu in itertools.product((0.0, 0.5, 2.0), (ABNORMAL, PENDING, NORMAL)):
        assert BURNS not in {one.cause for one in ranked(Seen(stopped=True, cores=cores, cpu=cpu))}


@pytest.mark.parametrize(
    ("metric", "growth", "leaks"),
    [
        ("process.memory.growth", 20_000.0, True),
        ("baseline:process.memory.growth", 20_000.0, False),
        ("baseline:process.memory.growth", -5e6, False),
        ("baseline:process.memory.growth", 5e6, True),
    ],
)
def test_memory_that_grows_by_an_unusual_trifle_is_no_leak_unless_a_limit_says_so(
    metric: str, growth: float, leaks: bool
) -> None:
    found = diagnose(incident(), [condition(metric, ABNORMAL, growth, "memory")], samples=[], now=NOON, max_age=MAX_AGE)

    assert (IncidentKind.MEMORY_LEAK in {one.cause for one in found}) is leaks
