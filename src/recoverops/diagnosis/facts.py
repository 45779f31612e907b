"""What a diagnosis may look at: everything fresh that is known of a resource and of what it depends on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from recoverops.model import (
    Condition,
    ConditionStatus,
    Event,
    Evidence,
    Incident,
    Resource,
    Sample,
    is_alert_series,
    judged_metric,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The newest word on one metric, or one alert."""

    series: str
    symptom: str
    value: float | None
    is_bad: bool
    """Beyond its limit or its baseline; False also for a metric that has neither."""
    statement: str
    at: datetime

    def evidence(self, *, supports: bool) -> Evidence:
        return Evidence(series=self.series, supports=supports, statement=self.statement, at=self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    incident: Incident
    now: datetime
    measured: Mapping[str, Observation]
    """By metric name."""
    alerts: tuple[Observation, ...]
    dependencies: Mapping[Resource, tuple[Observation, ...]]
    """What is bad now with each service that this one needs."""
    events: tuple[Event, ...] = ()
    """What was changed about it lately, newest first."""

    def get(self, metric: str) -> Observation | None:
        return self.measured.get(metric)

    def value(self, metric: str) -> float | None:
        found = self.measured.get(metric)
        return found.value if found else None

    def is_bad(self, metric: str) -> bool:
        found = self.measured.get(metric)
        return found is not None and found.is_bad

    def seen(self, symptom: str) -> tuple[Observation, ...]:
        """Measurements and alerts of one symptom, bad or not."""
        return tuple(one for one in (*self.measured.values(), *self.alerts) if one.symptom == symptom)


def gather(
    incident: Incident,
    conditions: Iterable[Condition],
    samples: Iterable[Sample],
    *,
    dependencies: Mapping[Resource, Iterable[Condition]],
    events: Iterable[Event] = (),
    now: datetime,
    max_age: timedelta,
) -> Facts:
    """Leaves out what is older than `max_age`, except alerts: their senders report changes only.

    Who has not enough data has observed nothing, neither for nor against.
    """
    said = [one for one in conditions if one.status is not ConditionStatus.NOT_ENOUGH_DATA]
    fresh = [one for one in said if one.sticky or now - one.last_at <= max_age]
    measured = {one.metric: _of_sample(one) for one in samples if now - one.at <= max_age}
    for one in fresh:
        if not is_alert_series(one.series):
            metric = judged_metric(one.resource, one.series)
            measured[metric] = _worse(measured.get(metric), _of_condition(one))
    return Facts(
        incident=incident,
        now=now,
        measured=measured,
        alerts=tuple(_of_condition(one) for one in fresh if is_alert_series(one.series)),
        dependencies={
            resource: tuple(
                _of_condition(one) for one in theirs if one.is_bad and (one.sticky or now - one.last_at <= max_age)
            )
            for resource, theirs in dependencies.items()
        },
        events=tuple(events),
    )


def _worse(one: Observation | None, other: Observation) -> Observation:
    """A limit and a baseline judge the same metric: one of them is enough, and it is one observation."""
    return one if one is not None and one.is_bad and not other.is_bad else other


def _of_condition(condition: Condition) -> Observation:
    return Observation(
        series=condition.series,
        symptom=condition.symptom,
        value=condition.value,
        is_bad=condition.is_bad,
        statement=condition.statement,
        at=condition.last_at,
    )


def _of_sample(sample: Sample) -> Observation:
    because = f" ({sample.detail})" if sample.detail else ""
    return Observation(
        series=sample.series,
        symptom="",
        value=sample.value,
        is_bad=False,
        statement=f"{sample.metric} was {sample.value:g} at {sample.at:%H:%M:%S} UTC{because}",
        at=sample.at,
    )
