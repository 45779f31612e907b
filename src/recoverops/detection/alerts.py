"""What an alert that somebody else raised says of a series. Pure; called by the pipeline for every resolved alert."""

from __future__ import annotations

from recoverops.model import (
    Alert,
    AlertStatus,
    Anomaly,
    Condition,
    ConditionStatus,
    Resource,
    Severity,
    said,
    series_name,
)

DETECTOR = "alert"


def step(
    condition: Condition | None, alert: Alert, *, resource: Resource, symptom: str, severity: Severity
) -> tuple[Condition | None, Anomaly | None]:
    """The alert's next condition, and an anomaly when it has just begun to fire.

    An alert has changed at `starts_at` (firing) or `ends_at` (resolved). A delivery that is older than what is known
    changes nothing, so the deliveries of an HA pair may come in any order. The same alert firing with a later start is
    a new occurrence, even where the end of the one before never arrived.
    """
    firing = alert.status is AlertStatus.FIRING
    changed_at = alert.starts_at if firing else (alert.ends_at or alert.starts_at)
    if condition is not None and changed_at < condition.since:
        return condition, None
    following = Condition(
        series=series_name(resource, f"alert:{alert.name}:{alert.fingerprint}"),
        resource=resource,
        symptom=symptom,
        status=ConditionStatus.ABNORMAL if firing else ConditionStatus.NORMAL,
        since=changed_at,
        last_at=changed_at,
        value=None,
        statement=f'alert "{said(alert.name)}" from {alert.source} is {alert.status} since {changed_at:%H:%M:%S} UTC',
        severity=severity,
        sticky=True,
    )
    is_repetition = condition is not None and condition.status is following.status and condition.since == changed_at
    if not firing or is_repetition:
        return following, None
    return following, Anomaly(
        series=following.series,
        resource=resource,
        symptom=symptom,
        severity=severity,
        since=changed_at,
        at=changed_at,
        value=None,
        statement=following.statement,
        detector=DETECTOR,
    )
