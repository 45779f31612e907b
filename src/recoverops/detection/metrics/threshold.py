"""A fixed limit that has to be broken for a while. Pure: `step(threshold, condition, sample)`.

Called by the pipeline for every sample of a metric that has a threshold. It never guesses: a sample that is NaN, late
or a repetition changes nothing.
"""

from __future__ import annotations

import math
from datetime import datetime

from recoverops.detection.metrics.settings import ThresholdSettings
from recoverops.model import Anomaly, Condition, ConditionStatus, Sample

DETECTOR = "threshold"


def step(
    threshold: ThresholdSettings, condition: Condition | None, sample: Sample
) -> tuple[Condition | None, Anomaly | None]:
    """The series' next condition, and an anomaly when it has just become abnormal.

    `condition` is what the last step returned for this series, None for a new one. Samples come in the order of their
    times; an older or equally old one is ignored.
    """
    if math.isnan(sample.value) or (condition is not None and sample.at <= condition.last_at):
        return condition, None
    status, since = _judge(threshold, condition, sample)
    following = Condition(
        series=sample.series,
        resource=sample.resource,
        symptom=threshold.symptom,
        status=status,
        since=since,
        last_at=sample.at,
        value=sample.value,
        statement=_statement(sample),
        severity=threshold.severity,
    )
    became_abnormal = status is ConditionStatus.ABNORMAL and (
        condition is None or condition.status is not ConditionStatus.ABNORMAL
    )
    return following, _anomaly(threshold, following) if became_abnormal else None


def _judge(
    threshold: ThresholdSettings, condition: Condition | None, sample: Sample
) -> tuple[ConditionStatus, datetime]:
    is_abnormal = condition is not None and condition.status is ConditionStatus.ABNORMAL
    if not _is_beyond(threshold, sample.value, is_abnormal=is_abnormal):
        was_normal = condition is not None and condition.status is ConditionStatus.NORMAL
        return ConditionStatus.NORMAL, condition.since if condition and was_normal else sample.at
    was_beyond = condition is not None and condition.status in {ConditionStatus.PENDING, ConditionStatus.ABNORMAL}
    since = condition.since if condition and was_beyond else sample.at
    lasts = sample.at - since >= threshold.lasting
    return ConditionStatus.ABNORMAL if lasts else ConditionStatus.PENDING, since


def _is_beyond(threshold: ThresholdSettings, value: float, *, is_abnormal: bool) -> bool:
    """Once abnormal, the value has to come back as far as `recover` (hysteresis)."""
    back = threshold.recover if is_abnormal else None
    if threshold.below is not None:
        return value < (threshold.below if back is None else back)
    assert threshold.above is not None, "settings allow exactly one of below and above"
    return value > (threshold.above if back is None else back)


def _statement(sample: Sample) -> str:
    because = f" ({sample.detail})" if sample.detail else ""
    return f"{sample.metric} was {sample.value:g} at {sample.at:%H:%M:%S} UTC{because}"


def _anomaly(threshold: ThresholdSettings, condition: Condition) -> Anomaly:
    return Anomaly(
        series=condition.series,
        resource=condition.resource,
        symptom=condition.symptom,
        severity=threshold.severity,
        since=condition.since,
        at=condition.last_at,
        value=condition.value,
        statement=condition.statement,
        detector=DETECTOR,
    )
