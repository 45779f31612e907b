"""A metric against its own past: what the streaming detector finds unusual becomes a condition, without any limit set.

Pure, called by the pipeline for every sample of a metric that has a baseline. The detector says that a value is
unusual; this file says whether it is unusual in the direction that hurts, whether it lasts, and whether it is over. It
is over when the value is back where it used to be, which is sooner than the detector, with its long memory, calms down.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

import msgspec

from recoverops.detection.metrics.settings import BaselineSettings, Direction
from recoverops.model import Anomaly, Condition, ConditionStatus, Record, Sample, baseline_series

DETECTOR = "baseline"
_MEMORY = 300.0
"""Normal samples over which the usual value is averaged."""
_MARGIN = 4.0
"""Mean absolute deviations that still count as where it used to be ..."""
_LEAST_MARGIN = 0.25
"""... and at least this share of the usual value: what moves by less is no trouble, however unusual."""

_RELAPSE, _AS_BAD = timedelta(minutes=3), 0.5
"""Trouble that comes back so soon, and at least half as bad, is trouble, although the detector has just learned that
values like these occur. What comes back later and again and again may become usual."""
_UNHEARD_OF = 3.0
"""Times as far from the usual value as ever before is trouble, whatever the detector says: after a short history with a
few tiny jumps in it, it cannot tell a jump from one a hundred times as high. A series breaks its own record by so much
a few times in its life."""
_PUNCTUAL = 0.95
"""Polls come a few milliseconds early or late: two that are two seconds apart by plan have lasted for two seconds."""


class Surprise(Record, frozen=True, kw_only=True):
    """What the streaming detector says of one sample."""

    is_unusual: bool | None
    """None: not judged, for want of data."""
    p_value: float
    why: str


class Usual(Record, frozen=True, kw_only=True):
    """What a series is like while nothing is wrong."""

    since: datetime
    """The first sample."""
    value: float
    deviation: float = 0.0
    """Mean absolute deviation."""
    samples: int = 1
    accepted_since: datetime | None = None
    """Since when the detector finds nothing unusual in a value that is not the usual one."""
    farthest: float = 0.0
    """How far from the usual value it ever was in the direction that hurts, before what goes on now; trouble counts."""
    peak: float = 0.0
    """The same of what goes on now, since the value was last where it used to be."""
    trouble: float = 0.0
    """How far from the usual value the last trouble was when it was found."""
    trouble_at: datetime | None = None
    """When it was seen last; None: there was none."""

    def margin(self, settings: BaselineSettings) -> float:
        """Nearer than this to the usual value is where it used to be."""
        return max(_MARGIN * self.deviation, _LEAST_MARGIN * abs(self.value), settings.least)

    def distance(self, settings: BaselineSettings, value: float) -> float:
        """From the usual value in the direction that hurts; 0 for the other one."""
        away = value - self.value
        if settings.direction is Direction.BOTH:
            return abs(away)
        return max(0.0, away if settings.direction is Direction.ABOVE else -away)

    def is_unheard_of(self, settings: BaselineSettings, value: float) -> bool:
        return self.distance(settings, value) > _UNHEARD_OF * max(self.farthest, self.margin(settings))

    def relapses(self, sample: Sample) -> bool:
        """Whether the value is about as bad as the trouble that was over a moment ago."""
        is_soon = self.trouble_at is not None and sample.at - self.trouble_at <= _RELAPSE
        return is_soon and abs(sample.value - self.value) >= _AS_BAD * self.trouble


def step(
    settings: BaselineSettings, usual: Usual | None, condition: Condition | None, sample: Sample, surprise: Surprise
) -> tuple[Usual | None, Condition | None, Anomaly | None]:
    """What is usual from now on, the series' next condition, and an anomaly when it has just become abnormal.

    There is no condition before the detector has enough data. A sample that is NaN or late changes nothing.
    """
    if not math.isfinite(sample.value) or (condition is not None and sample.at <= condition.last_at):
        return usual, condition, None
    is_young = usual is None or sample.at - usual.since < settings.learn_for
    if usual is None or (condition is None and (surprise.is_unusual is None or is_young)):
        return _watched(settings, usual, sample), None, None
    is_bad = usual.distance(settings, sample.value) > usual.margin(settings) and (
        surprise.is_unusual
        or _is_bad(condition)
        or usual.relapses(sample)
        or usual.is_unheard_of(settings, sample.value)
    )
    usual = _remembered(settings, usual, sample.value)
    if not is_bad:
        calm = usual if surprise.is_unusual else _learned(usual, sample.value)
        return calm, _following(settings, usual, condition, sample, ConditionStatus.NORMAL), None
    usual = _doubted(usual, sample.at, is_unusual=surprise.is_unusual is not False)
    if usual.accepted_since is not None and sample.at - usual.accepted_since >= settings.accept_after:
        return (
            _accepted(usual, sample.value),
            _following(settings, usual, condition, sample, ConditionStatus.NORMAL),
            None,
        )
    lasts = condition is not None and _is_bad(condition) and sample.at - condition.since >= _PUNCTUAL * settings.lasting
    status = ConditionStatus.ABNORMAL if lasts else ConditionStatus.PENDING
    if condition is not None and condition.status is ConditionStatus.ABNORMAL:
        status = ConditionStatus.ABNORMAL
    following = _following(settings, usual, condition, sample, status)
    if status is not ConditionStatus.ABNORMAL:
        return usual, following, None
    is_new = condition is None or condition.status is not status
    told = _anomaly(settings, following, _why(settings, usual, sample, surprise)) if is_new else None
    trouble = abs(sample.value - usual.value) if is_new else usual.trouble
    return msgspec.structs.replace(usual, trouble=trouble, trouble_at=sample.at), following, told


def _watched(settings: BaselineSettings, usual: Usual | None, sample: Sample) -> Usual:
    if usual is None:
        return Usual(since=sample.at, value=sample.value)
    return _learned(_remembered(settings, usual, sample.value), sample.value)


def _remembered(settings: BaselineSettings, usual: Usual, value: float) -> Usual:
    """How far it goes. What lies between two moments in which the value is where it used to be is one journey, so that
    a slow rise does not get ready for itself."""
    peak = max(usual.peak, usual.distance(settings, value))
    if usual.distance(settings, value) > usual.margin(settings):
        return msgspec.structs.replace(usual, peak=peak)
    return msgspec.structs.replace(usual, farthest=max(usual.farthest, peak), peak=0.0)


def _is_bad(condition: Condition | None) -> bool:
    return condition is not None and condition.status in {ConditionStatus.PENDING, ConditionStatus.ABNORMAL}


def _learned(usual: Usual, value: float) -> Usual:
    samples = usual.samples + 1
    gain = max(1.0 / samples, 1.0 / _MEMORY)
    return msgspec.structs.replace(
        usual,
        value=usual.value + gain * (value - usual.value),
        deviation=usual.deviation + gain * (abs(value - usual.value) - usual.deviation),
        samples=samples,
        accepted_since=None,
    )


def _accepted(usual: Usual, value: float) -> Usual:
    """The changed value is the usual one from now on; how restless it is, is learned anew."""
    return Usual(since=usual.since, value=value)


def _doubted(usual: Usual, at: datetime, *, is_unusual: bool) -> Usual:
    if is_unusual:
        return msgspec.structs.replace(usual, accepted_since=None)
    return usual if usual.accepted_since else msgspec.structs.replace(usual, accepted_since=at)


def _following(
    settings: BaselineSettings, usual: Usual, condition: Condition | None, sample: Sample, status: ConditionStatus
) -> Condition:
    is_same = condition is not None and (
        condition.status is status or (_is_bad(condition) and status is not ConditionStatus.NORMAL)
    )
    because = f" ({sample.detail})" if sample.detail else ""
    return Condition(
        series=baseline_series(sample.resource, sample.metric),
        resource=sample.resource,
        symptom=settings.symptom,
        status=status,
        since=condition.since if condition is not None and is_same else sample.at,
        last_at=sample.at,
        value=sample.value,
        severity=settings.severity,
        statement=f"{sample.metric} was {sample.value:.4g} at {sample.at:%H:%M:%S} UTC, usual is {usual.value:.4g} "
        f"± {usual.margin(settings):.2g}{because}",
    )


def _why(settings: BaselineSettings, usual: Usual, sample: Sample, surprise: Surprise) -> str:
    if surprise.is_unusual is False:
        if usual.trouble_at is not None and usual.relapses(sample):
            return f"it is back {(sample.at - usual.trouble_at).total_seconds():.0f} s after the last time"
        if usual.is_unheard_of(settings, sample.value):
            return f"it was never more than {usual.farthest:.2g} away before"
    return f"{surprise.why}, p = {surprise.p_value:.1g}"


def _anomaly(settings: BaselineSettings, condition: Condition, why: str) -> Anomaly:
    return Anomaly(
        series=condition.series,
        resource=condition.resource,
        symptom=condition.symptom,
        severity=settings.severity,
        since=condition.since,
        at=condition.last_at,
        value=condition.value,
        statement=f"{condition.statement}: {why}",
        detector=DETECTOR,
    )
