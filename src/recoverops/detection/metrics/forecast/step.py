"""One sample in: the series' memory, and when the forecast changes, a condition and perhaps an anomaly. Pure.

The condition is a series of its own (`forecast:<metric>`). It is there from the first forecast on; while a reset fit
has not enough data, what was said last stays: a fall ends a forecast at once, a gap and a jump end nothing.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

import msgspec

from recoverops.detection.metrics.forecast.estimate import Exhaustion, Forecast, NotEnoughData, forecast
from recoverops.detection.metrics.forecast.state import ForecastState, added, begun, bucket_s, moment
from recoverops.detection.metrics.settings import ForecastSettings
from recoverops.model import Anomaly, Condition, ConditionStatus, Sample, forecast_series

DETECTOR = "forecast"
_AGREE = {ConditionStatus.ABNORMAL: 2, ConditionStatus.NORMAL: 3}
"""How many forecasts in a row it takes to change what is said."""


def step(
    settings: ForecastSettings, state: ForecastState | None, sample: Sample
) -> tuple[ForecastState | None, Condition | None, Anomaly | None]:
    """The next state, the condition when there is one, and an anomaly when exhaustion has just become foreseeable.

    A sample that is no number, late or a repetition changes nothing.
    """
    at, width_s = moment(sample.at), bucket_s(settings.horizon)
    if not math.isfinite(sample.value) or (state is not None and at <= state.last_at):
        return state, None, None
    if state is None:
        return begun(at, sample.value, width_s=width_s), None, None
    following, is_due = added(state, at, sample.value, width_s=width_s, full_at=settings.full_at)
    if len(following.falls) != len(state.falls) or (following.falls and following.falls[-1] != state.falls[-1]):
        following = _ended(following, sample)
    elif is_due:
        following = _judged(following, forecast(following, full_at=settings.full_at, horizon=settings.horizon), sample)
    if not following.status:
        return following, None, None
    condition = _condition(settings, following, sample)
    has_begun = following.status == ConditionStatus.ABNORMAL and state.status != ConditionStatus.ABNORMAL
    return following, condition, _anomaly(settings, condition) if has_begun else None


def _ended(state: ForecastState, sample: Sample) -> ForecastState:
    """Room was made, so whatever was foreseen is off; a series of which nothing was said stays so."""
    if not state.status:
        return state
    told = f"{sample.metric} fell from {state.falls[-1].height:g} to {sample.value:g}"
    since = state.since if state.status == ConditionStatus.NORMAL else state.last_at
    return msgspec.structs.replace(state, status=ConditionStatus.NORMAL, since=since, told=told, agreeing=0)


def _judged(state: ForecastState, found: Forecast, sample: Sample) -> ForecastState:
    if isinstance(found, NotEnoughData):
        return msgspec.structs.replace(state, agreeing=0)
    is_coming = isinstance(found, Exhaustion) and found.latest is not None
    status = ConditionStatus.ABNORMAL if is_coming else ConditionStatus.NORMAL
    if status == state.status:
        return msgspec.structs.replace(state, agreeing=0, told=_told(sample, found))
    if state.agreeing + 1 < _AGREE[status] and (state.status or is_coming):
        return msgspec.structs.replace(state, agreeing=state.agreeing + 1)
    return msgspec.structs.replace(state, status=status, since=state.last_at, told=_told(sample, found), agreeing=0)


def _told(sample: Sample, found: Exhaustion | Forecast) -> str:
    because = f" ({sample.detail})" if sample.detail else ""
    said = found.missing if isinstance(found, NotEnoughData) else found.statement
    return f"{sample.metric} is {sample.value:.4g}{because}: {said}"


def _condition(settings: ForecastSettings, state: ForecastState, sample: Sample) -> Condition:
    return Condition(
        series=forecast_series(sample.resource, sample.metric),
        resource=sample.resource,
        symptom=settings.symptom,
        status=ConditionStatus(state.status),
        since=datetime.fromtimestamp(state.since, tz=UTC),
        last_at=sample.at,
        value=sample.value,
        statement=state.told,
        severity=settings.severity,
    )


def _anomaly(settings: ForecastSettings, condition: Condition) -> Anomaly:
    return Anomaly(
        series=condition.series,
        resource=condition.resource,
        symptom=condition.symptom,
        severity=settings.severity,
        since=condition.since,
        at=condition.last_at,
        value=condition.value,
        statement=condition.statement,
        detector=DETECTOR,
    )
