from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from recoverops.detection import BaselineSettings
from recoverops.detection.metrics import baseline
from recoverops.detection.metrics.baseline import Surprise, Usual
from recoverops.model import Anomaly, Condition, ConditionStatus, Resource, ResourceKind, Sample

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SHOP = Resource(kind=ResourceKind.SERVICE, name="shop")
UNUSUAL = Surprise(is_unusual=True, p_value=1e-6, why="spike")
NORMAL = Surprise(is_unusual=False, p_value=0.5, why="normal")
UNJUDGED = Surprise(is_unusual=None, p_value=math.nan, why="not enough data")


class Series:
    """One series, a sample a second."""

    def __init__(self, **settings: object) -> None:
        self.settings = BaselineSettings.model_validate(
            {"metric": "latency", "symptom": "latency", "learn_for": timedelta(seconds=10), **settings}
        )
        self.usual: Usual | None = None
        self.condition: Condition | None = None
        self.anomalies: list[Anomaly] = []
        self.now = START

    def take(self, *values: float, surprise: Surprise) -> Series:
        for value in values:
            self.now += timedelta(seconds=1)
            sample = Sample(resource=SHOP, metric="latency", value=value, at=self.now, source="test")
            self.usual, self.condition, anomaly = baseline.step(
                self.settings, self.usual, self.condition, sample, surprise
            )
            if anomaly is not None:
                self.anomalies.append(anomaly)
        return self

    @property
    def status(self) -> ConditionStatus | None:
        return self.condition.status if self.condition else None


def settled(**settings: object) -> Series:
    return Series(**settings).take(*[0.1, 0.12] * 20, surprise=UNJUDGED).take(0.1, surprise=NORMAL)


def test_before_the_detector_can_judge_nothing_is_said() -> None:
    series = Series().take(*[0.1, 9.0] * 20, surprise=UNJUDGED)

    assert series.condition is None
    assert series.anomalies == []


def test_a_young_series_is_only_watched() -> None:
    series = Series(learn_for=timedelta(minutes=15)).take(*[0.1] * 898, 9.0, surprise=UNUSUAL)

    assert series.condition is None

    series.take(9.0, 9.0, surprise=UNUSUAL)

    assert series.status is ConditionStatus.PENDING


def test_a_distance_that_nobody_would_notice_is_normal() -> None:
    assert settled(least=2.0).take(1.5, surprise=UNUSUAL).status is ConditionStatus.NORMAL
    assert settled(least=1.0).take(1.5, surprise=UNUSUAL).status is ConditionStatus.PENDING


def test_an_unusual_value_is_an_anomaly_once_it_has_lasted() -> None:
    series = settled().take(1.5, 1.5, surprise=UNUSUAL)

    assert (series.status, series.anomalies) == (ConditionStatus.PENDING, [])

    series.take(1.5, 1.5, 1.5, surprise=UNUSUAL)

    [anomaly] = series.anomalies
    assert series.status is ConditionStatus.ABNORMAL
    assert anomaly.since == START + timedelta(seconds=42)
    assert anomaly.detector == "baseline"
    assert "usual is 0.1" in anomaly.statement
    assert "spike, p = 1e-06" in anomaly.statement


@pytest.mark.parametrize(("early_ms", "status"), [(8, "abnormal"), (0, "abnormal"), (300, "pending")])
def test_a_poll_that_comes_a_moment_early_has_lasted_as_long_as_one_in_time(early_ms: int, status: str) -> None:
    series = settled().take(1.5, surprise=UNUSUAL)
    series.now += timedelta(seconds=1, milliseconds=-early_ms)

    series.take(1.5, surprise=UNUSUAL)

    assert series.status == status


@pytest.mark.parametrize(
    ("direction", "value", "is_bad"),
    [("above", 1.5, True), ("above", 0.0, False), ("below", 1.5, False), ("below", 0.0, True), ("both", 0.0, True)],
)
def test_only_the_direction_that_hurts_counts(direction: str, value: float, is_bad: bool) -> None:
    series = settled(direction=direction).take(value, surprise=UNUSUAL)

    assert (series.status is ConditionStatus.PENDING) == is_bad


def test_a_value_near_the_usual_one_is_normal_however_unusual_its_course() -> None:
    series = settled().take(*[0.115] * 10, surprise=UNUSUAL)

    assert series.status is ConditionStatus.NORMAL


def test_a_value_far_from_usual_that_the_detector_knows_is_normal() -> None:
    assert settled().take(1.5, 0.1, 1.5, surprise=NORMAL).status is ConditionStatus.NORMAL


def test_it_is_over_when_the_value_is_back_though_the_detector_is_still_alarmed() -> None:
    series = settled().take(*[1.5] * 10, surprise=UNUSUAL)

    series.take(0.11, surprise=UNUSUAL)

    assert series.condition is not None
    assert (series.status, series.condition.since) == (ConditionStatus.NORMAL, series.now)


def test_an_incident_is_not_learned_as_usual() -> None:
    series = settled().take(*[1.5] * 300, surprise=UNUSUAL)

    assert series.usual is not None
    assert series.usual.value == pytest.approx(0.11, abs=0.01)
    assert series.status is ConditionStatus.ABNORMAL


def test_while_the_detector_has_got_used_to_it_for_less_than_half_an_hour_it_stays_abnormal() -> None:
    series = settled().take(*[1.5] * 10, surprise=UNUSUAL).take(*[1.5] * 1799, surprise=NORMAL)

    assert series.status is ConditionStatus.ABNORMAL


def test_a_lasting_change_becomes_the_new_usual() -> None:
    series = settled().take(*[1.5] * 10, surprise=UNUSUAL).take(*[1.5] * 1801, surprise=NORMAL)

    assert series.usual is not None
    assert (series.status, series.usual.value) == (ConditionStatus.NORMAL, 1.5)
    assert len(series.anomalies) == 1


def test_doubt_about_the_change_begins_the_half_hour_anew() -> None:
    series = settled().take(*[1.5] * 10, surprise=UNUSUAL).take(*[1.5] * 1000, surprise=NORMAL)

    series.take(1.5, surprise=UNUSUAL).take(*[1.5] * 1000, surprise=NORMAL)

    assert series.status is ConditionStatus.ABNORMAL


def test_a_sample_without_a_value_and_a_late_one_change_nothing() -> None:
    series = settled().take(*[1.5] * 5, surprise=UNUSUAL)
    before = (series.usual, series.condition)

    series.take(math.nan, surprise=UNJUDGED)
    series.now -= timedelta(seconds=30)
    series.take(0.1, surprise=NORMAL)

    assert (series.usual, series.condition) == before


def troubled() -> Series:
    """Ten seconds of trouble, and twenty in which all is well."""
    series = settled().take(*[1.5] * 10, surprise=UNUSUAL).take(*[0.1] * 20, surprise=NORMAL)
    assert (series.status, len(series.anomalies)) == (ConditionStatus.NORMAL, 1)
    return series


def test_trouble_that_comes_back_soon_is_trouble_although_the_detector_has_learned_it() -> None:
    series = troubled().take(*[1.2] * 5, surprise=NORMAL)

    assert series.status is ConditionStatus.ABNORMAL
    assert "it is back 23 s after the last time" in series.anomalies[-1].statement
    assert series.take(0.1, surprise=NORMAL).status is ConditionStatus.NORMAL


def test_what_is_much_less_bad_or_comes_back_late_is_judged_by_the_detector_alone() -> None:
    assert troubled().take(*[0.6] * 5, surprise=NORMAL).status is ConditionStatus.NORMAL
    assert troubled().take(*[0.1] * 170, *[1.5] * 5, surprise=NORMAL).status is ConditionStatus.NORMAL
    assert troubled().take(*[0.1] * 170, *[1.5] * 5, surprise=UNUSUAL).status is ConditionStatus.ABNORMAL


def test_a_peak_that_did_not_last_is_no_trouble_that_could_come_back() -> None:
    series = settled().take(1.5, surprise=UNUSUAL).take(*[0.1] * 5, surprise=NORMAL)

    assert series.take(*[1.5] * 5, surprise=NORMAL).status is ConditionStatus.NORMAL


def test_a_change_that_was_accepted_is_no_trouble_any_more() -> None:
    series = settled(accept_after=timedelta(minutes=1)).take(*[1.5] * 10, surprise=UNUSUAL)
    series.take(*[1.5] * 100, surprise=NORMAL)

    assert series.status is ConditionStatus.NORMAL
    assert series.usual is not None
    assert series.usual.trouble_at is None


def test_what_is_three_times_as_far_from_usual_as_ever_is_trouble_whatever_the_detector_says() -> None:
    series = settled(least=1.0).take(0.9, 0.1, surprise=NORMAL)

    series.take(*[3.0] * 5, 0.1, surprise=NORMAL)
    assert series.anomalies == []

    series.take(*[9.0] * 3, surprise=NORMAL)
    assert series.anomalies == [], "three times as far as it was a moment ago is the limit"

    series.take(0.1, *[30.0] * 3, surprise=NORMAL)
    (anomaly,) = series.anomalies
    assert series.status is ConditionStatus.ABNORMAL
    assert "never more than 8.6 away before" in anomaly.statement


def test_a_slow_rise_does_not_get_ready_for_itself() -> None:
    series = settled(least=1.0).take(*[2.0, 3.0, 4.0, 5.0, 6.0, 7.0], surprise=NORMAL)

    (anomaly,) = series.anomalies
    assert anomaly.value == 6.0


def test_one_peak_is_no_trouble_and_makes_the_next_one_heard_of() -> None:
    series = settled(least=1.0)
    for _ in range(9):
        series.take(50.0, *[0.1] * 9, surprise=NORMAL)

    assert series.anomalies == []

    series.take(*[50.0] * 5, surprise=NORMAL)

    assert series.status is ConditionStatus.NORMAL


def test_trouble_that_was_heard_of_long_ago_is_left_to_the_detector() -> None:
    series = settled(least=1.0).take(*[50.0] * 5, *[0.1] * 300, surprise=NORMAL)
    assert len(series.anomalies) == 1

    series.take(*[60.0] * 5, surprise=NORMAL)

    assert len(series.anomalies) == 1


def test_how_far_it_went_in_the_other_direction_does_not_count() -> None:
    series = settled(least=1.0).take(-9.0, 0.1, surprise=NORMAL).take(*[9.0] * 4, surprise=NORMAL)

    assert len(series.anomalies) == 1
