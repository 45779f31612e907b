"""Is the service down? Weighs every independent observation of its availability. Pure.

Confidence is the rule of succession (Laplace): with `n` observations, `k` of them saying "down", it is
(k + 1) / (n + 2). Two of two agreeing give 0.75, one of one 0.67, one of two 0.5. It is not calibrated against
outcomes yet; it only says how far the observers agree, and how many there were.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from recoverops.model import Condition, ConditionStatus, Evidence, Hypothesis, Incident, IncidentKind

SYMPTOM = "availability"


def diagnose(
    incident: Incident, conditions: Iterable[Condition], *, now: datetime, max_age: timedelta
) -> tuple[Hypothesis, ...]:
    """`service_down` with its evidence for and against; nothing when the incident shows another symptom.

    Observations older than `max_age` say nothing about now and are left out.
    """
    if incident.symptom != SYMPTOM:
        return ()
    evidence = tuple(
        Evidence(
            series=one.series,
            supports=one.status is not ConditionStatus.NORMAL,
            statement=one.statement,
            at=one.last_at,
        )
        for one in sorted(conditions, key=lambda one: one.series)
        if one.symptom == SYMPTOM
        and one.status is not ConditionStatus.NOT_ENOUGH_DATA
        and (one.sticky or now - one.last_at <= max_age)
    )
    supporting = sum(one.supports for one in evidence)
    if not supporting:
        return ()
    return (
        Hypothesis(
            cause=IncidentKind.SERVICE_DOWN,
            resource=incident.resource,
            confidence=round((supporting + 1) / (len(evidence) + 2), 3),
            evidence=evidence,
        ),
    )
