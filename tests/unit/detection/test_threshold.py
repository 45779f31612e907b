"""A fixed limit: duration, recovery, `since`, and the samples that change nothing."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from recoverops.detection import DetectionSettings, ThresholdSettings, threshold
from recoverops.model import Anomaly, Condition, ConditionStatus, Resource, ResourceKind, Sample, Severity

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CHECKOUT = Resource(kind=ResourceKind.SERVICE, name="checkout")
NORMAL, PENDING, ABNORMAL = ConditionStatus.NORMAL, ConditionStatus.PENDING, ConditionStatus.ABNORMAL


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def limit(**changes: object) -> ThresholdSettings:
    fields: dict[str, object] = {"metric": "up", "below": 1.0, "for": timedelta(seconds=2)}
    return ThresholdSettings.model_validate(fields | changes)


def sample(seconds: float, value: float, *, detail: str = "") -> Sample:
    return Sample(resource=CHECKOUT, metric="up", value=value, at=at(seconds), source="test", detail=detail)


def follow(
    *samples: tuple[float, float], given: ThresholdSettings | None = None
) -> tuple[Condition | None, list[Anomaly]]:
    condition, anomalies = None, []
    for seconds, value in samples:
        condition, anomaly = threshold.step(given or limit(), condition, sample(seconds, value))
        anomalies += [anomaly] if anomaly else []
    return condition, anomalies


Samples = tuple[tuple[float, float], ...]

STORIES: dict[str, tuple[Samples, ConditionStatus, float, int]] = {
    # samples, the status after them, since when, how many anomalies on the way
    "healthy": (((0, 1), (1, 1)), NORMAL, 0, 0),
    "a dip": (((0, 1), (1, 0)), PENDING, 1, 0),
    "a dip that ends": (((0, 1), (1, 0), (2, 1)), NORMAL, 2, 0),
    "bad from the first sample": (((0, 0),), PENDING, 0, 0),
    "bad a microsecond too short": (((0, 0), (1.999999, 0)), PENDING, 0, 0),
    "bad for long enough, to the microsecond": (((0, 0), (2, 0)), ABNORMAL, 0, 1),
    "bad for longer": (((0, 0), (1, 0), (2, 0), (3, 0), (9, 0)), ABNORMAL, 0, 1),
    "recovery resets the clock": (((0, 0), (1, 1), (2, 0), (3, 0)), PENDING, 2, 0),
    "bad, well, bad again": (((0, 0), (2, 0), (3, 1), (4, 0), (6, 0)), ABNORMAL, 4, 2),
    "well since the first good sample": (((0, 0), (2, 0), (3, 1), (5, 1), (9, 1)), NORMAL, 3, 1),
    "a late sample changes nothing": (((0, 1), (5, 1), (3, 0)), NORMAL, 0, 0),
    "a repeated time changes nothing": (((0, 0), (0, 1)), PENDING, 0, 0),
    "no number changes nothing": (((0, 0), (2, math.nan), (3, 0)), ABNORMAL, 0, 1),
    "no number ends no pending": (((0, 0), (1, math.nan)), PENDING, 0, 0),
    "exactly at the limit is within it": (((0, 1.0),), NORMAL, 0, 0),
    "endlessly bad": (((0, -math.inf), (2, -math.inf)), ABNORMAL, 0, 1),
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_series_is_abnormal_when_it_stays_beyond_its_limit(
    story: tuple[Samples, ConditionStatus, float, int],
) -> None:
    samples, status, since, count = story

    condition, anomalies = follow(*samples)

    assert condition is not None
    assert (condition.status, condition.since) == (status, at(since))
    assert len(anomalies) == count


def test_a_first_sample_that_is_no_number_says_nothing_at_all() -> None:
    assert threshold.step(limit(), None, sample(0, math.nan)) == (None, None)


@pytest.mark.parametrize(("value", "status"), [(2.0, NORMAL), (2.1, PENDING), (1.0, NORMAL)])
def test_a_limit_can_be_above_too(value: float, status: ConditionStatus) -> None:
    condition, _ = follow((0, value), given=limit(below=None, above=2.0))

    assert condition is not None
    assert condition.status is status


def test_without_a_duration_the_first_bad_sample_is_abnormal() -> None:
    condition, anomalies = follow((0, 0), given=limit(**{"for": timedelta(0)}))

    assert condition is not None
    assert condition.status is ABNORMAL
    assert len(anomalies) == 1


FLICKER: dict[str, tuple[Samples, ConditionStatus]] = {
    "not yet abnormal, back below the limit": (((0, 95), (1, 85)), NORMAL),
    "abnormal, back below the limit only": (((0, 95), (2, 95), (3, 85)), ABNORMAL),
    "abnormal, back as far as demanded": (((0, 95), (2, 95), (3, 80)), NORMAL),
    "back, and above the inner limit again": (((0, 95), (2, 95), (3, 80), (4, 85)), NORMAL),
}


@pytest.mark.parametrize("case", FLICKER.values(), ids=FLICKER)
def test_once_abnormal_a_value_has_to_come_back_further_than_the_limit(
    case: tuple[Samples, ConditionStatus],
) -> None:
    samples, status = case
    given = limit(below=None, above=90.0, recover=80.0)

    condition, _ = follow(*samples, given=given)

    assert condition is not None
    assert condition.status is status


def test_coming_back_only_half_way_opens_nothing_new() -> None:
    _, anomalies = follow(
        (0, 95), (2, 95), (3, 85), (4, 95), (9, 95), given=limit(below=None, above=90.0, recover=80.0)
    )

    assert len(anomalies) == 1


def test_the_way_back_lies_on_the_normal_side_of_the_limit() -> None:
    with pytest.raises(ValidationError, match="normal side"):
        limit(below=None, above=90.0, recover=95.0)


def test_an_anomaly_carries_its_evidence() -> None:
    condition, _ = threshold.step(limit(severity="high"), None, sample(0, 0))
    condition, anomaly = threshold.step(limit(severity="high"), condition, sample(2, 0, detail="connection refused"))

    assert anomaly is not None
    assert anomaly.statement == "up was 0 at 12:00:02 UTC (connection refused)"
    assert (anomaly.since, anomaly.at, anomaly.severity) == (at(0), at(2), Severity.HIGH)
    assert (anomaly.series, anomaly.symptom, anomaly.detector) == ("service:checkout/up", "availability", "threshold")


def test_a_late_sample_returns_the_very_condition_that_was_there() -> None:
    condition, _ = follow((5, 0))

    assert threshold.step(limit(), condition, sample(4, 1)) == (condition, None)


steps = st.lists(st.tuples(st.floats(0.001, 5), st.sampled_from([0.0, 1.0, math.nan])), min_size=1, max_size=30)


@given(steps, st.sampled_from([0.0, 1.0, 2.5]))
def test_an_anomaly_means_that_every_number_was_bad_for_the_whole_duration(
    gaps: list[tuple[float, float]], lasting: float
) -> None:
    given = limit(**{"for": timedelta(seconds=lasting)})
    seen: list[Sample] = []
    now, condition = 0.0, None
    for gap, value in gaps:
        now += gap
        seen.append(sample(now, value))
        condition, anomaly = threshold.step(given, condition, seen[-1])
        if anomaly is None:
            continue
        numbers = [one for one in seen if not math.isnan(one.value)]
        within = [one for one in numbers if one.at >= anomaly.since]
        before = [one for one in numbers if one.at < anomaly.since]
        assert all(one.value < 1.0 for one in within)
        assert within[-1].at - within[0].at >= timedelta(seconds=lasting)
        assert not before or before[-1].value >= 1.0, "since is the first bad sample of the stretch"


@given(steps)
def test_stepping_twice_with_the_same_sample_changes_nothing(gaps: list[tuple[float, float]]) -> None:
    now, condition = 0.0, None
    for gap, value in gaps:
        now += gap
        condition, _ = threshold.step(limit(), condition, sample(now, value))
        if not math.isnan(value):
            assert threshold.step(limit(), condition, sample(now, value)) == (condition, None)


@pytest.mark.parametrize("fields", [{"below": None}, {"below": 1.0, "above": 2.0}])
def test_a_threshold_has_exactly_one_limit(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="exactly one of `below` and `above`"):
        limit(**fields)


def test_a_metric_has_one_threshold() -> None:
    with pytest.raises(ValidationError, match='metric "up" has two thresholds'):
        DetectionSettings(thresholds=(limit(), limit()))


def test_out_of_the_box_a_dead_service_and_a_failing_probe_are_abnormal() -> None:
    metrics = {one.metric: (one.below, one.lasting) for one in DetectionSettings().thresholds}

    assert metrics["service.running"] == (1.0, timedelta(seconds=1))
    assert metrics["http.probe.success"] == (1.0, timedelta(seconds=2))
