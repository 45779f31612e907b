"""How an incident begins, grows and ends by itself. Pure.

Called by the pipeline. What the response does to an incident is decided in `pipeline.respond`, not here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from recoverops.model import (
    Anomaly,
    Condition,
    ConditionStatus,
    Fingerprint,
    Incident,
    IncidentId,
    IncidentState,
    Resource,
    ResponseStage,
    digest,
    said,
    worst,
)

HEALTH = frozenset({"availability", "latency", "errors", "cpu", "memory", "disk"})
"""Symptoms that usually have one cause: of one resource they are one incident. Every other symptom is its own."""
_LONGEST_TITLE = 1000
"""Characters; the longest name of an alert stands in it twice."""


def fingerprint(resource: Resource, symptom: str) -> Fingerprint:
    """One trouble of one resource: a failing probe and a dead process of one service are the same incident."""
    family = "health" if symptom in HEALTH else symptom
    return Fingerprint(digest("incident", str(resource), family)[:32])


def opened(anomaly: Anomaly, *, incident_id: IncidentId, now: datetime) -> Incident:
    return Incident(
        id=incident_id,
        fingerprint=fingerprint(anomaly.resource, anomaly.symptom),
        resource=anomaly.resource,
        symptom=anomaly.symptom,
        severity=anomaly.severity,
        state=IncidentState.OPEN,
        title=said(f"{anomaly.symptom} of {anomaly.resource} - {anomaly.statement}", longest=_LONGEST_TITLE),
        opened_at=now,
        updated_at=now,
        series=(anomaly.series,),
        reason="opened",
    )


def joined(incident: Incident, anomaly: Anomaly, *, now: datetime) -> Incident:
    """The incident with one more series at fault; unchanged when the series was known."""
    if anomaly.series in incident.series:
        return incident
    return msgspec.structs.replace(
        incident,
        series=(*incident.series, anomaly.series),
        severity=worst(incident.severity, anomaly.severity),
        updated_at=now,
    )


FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=10), timedelta(minutes=10)


def may_reopen_at(incident: Incident, *, now: datetime) -> datetime:
    """When new evidence may start the response of a finished incident afresh: at once the first time, then ever later.

    An alert storm that keeps adding series to one incident must not make it decide and tell people without end. A
    clock that was set back adds nothing to the pause.
    """
    since = min(incident.updated_at, now)
    if incident.episode == 1:
        return since
    pause_s = FIRST_PAUSE.total_seconds() * 2.0 ** min(incident.episode - 2, 10)
    return since + min(LONGEST_PAUSE, timedelta(seconds=pause_s))


def reopened(incident: Incident, *, now: datetime, reason: str = "new_evidence") -> Incident:
    """New evidence came to an incident that nobody works on any more: the response starts afresh."""
    return msgspec.structs.replace(
        incident,
        state=IncidentState.OPEN if incident.state is IncidentState.ESCALATED else incident.state,
        reason=reason,
        response=ResponseStage.DUE,
        episode=incident.episode + 1,
        segment=1,
        resumed=0,
        failures=0,
        begun_at=now,
        updated_at=now,
    )


def is_firing(incident: Incident, conditions: Iterable[Condition]) -> bool:
    """Whether any series at fault is abnormal (or on its way back there) now."""
    return any(one.series in incident.series and one.is_bad for one in conditions)


def is_clear(
    incident: Incident, conditions: Iterable[Condition], *, now: datetime, settled: timedelta, max_age: timedelta
) -> bool:
    """Whether every series at fault has been seen normal for `settled`, on evidence no older than `max_age`.

    A series that nobody reports any more is unknown, so the incident stays open.
    """
    by_series = {one.series: one for one in conditions}
    return bool(incident.series) and all(
        _is_settled(by_series.get(series), now=now, settled=settled, max_age=max_age) for series in incident.series
    )


def unheard(
    incident: Incident, conditions: Iterable[Condition], *, now: datetime, settled: timedelta, max_age: timedelta
) -> frozenset[str]:
    """The series at fault that nobody tells of now, when all the others are well, one of them by measurement."""
    by_series = {one.series: one for one in fresh(conditions, now=now, max_age=max_age)}
    others = [by_series[series] for series in incident.series if series in by_series]
    is_well = all(_is_settled(one, now=now, settled=settled, max_age=max_age) for one in others)
    is_measured = any(not one.sticky for one in others)
    return frozenset(incident.series) - by_series.keys() if is_well and is_measured else frozenset()


def _is_settled(condition: Condition | None, *, now: datetime, settled: timedelta, max_age: timedelta) -> bool:
    if condition is None or condition.status is not ConditionStatus.NORMAL:
        return False
    return _is_fresh(condition, now=now, max_age=max_age) and now - condition.since >= settled


def fresh(conditions: Iterable[Condition], *, now: datetime, max_age: timedelta) -> tuple[Condition, ...]:
    """What is being told still: a measurement no older than `max_age`, or an alert, which stands until its end."""
    return tuple(one for one in conditions if _is_fresh(one, now=now, max_age=max_age))


def _is_fresh(condition: Condition, *, now: datetime, max_age: timedelta) -> bool:
    return condition.sticky or now - condition.last_at <= max_age
