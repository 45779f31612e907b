"""When something will be full: what is said, how honest the interval is, and what is never said."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recoverops.detection.metrics.forecast import (
    Exhaustion,
    Forecast,
    ForecastState,
    NotEnoughData,
    NotExhausting,
    forecast,
    step,
)
from recoverops.detection.metrics.forecast.state import added, begun, bucket_s
from recoverops.detection.metrics.settings import ForecastSettings
from recoverops.model import Anomaly, Condition, ConditionStatus, Resource, ResourceKind, Sample, Severity
from recoverops.model.record import from_json, to_json

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WEB = Resource(kind=ResourceKind.HOST, name="web1")
DISK = ForecastSettings(metric="disk.utilization", symptom="disk")
EVERY_S = 20.0
MINUTE = timedelta(minutes=1)
HOUR = 3600.0


def sample(seconds: float, value: float) -> Sample:
    return Sample(resource=WEB, metric=DISK.metric, value=value, at=NOON + timedelta(seconds=seconds), source="test")


class Followed:
    """A series, sample by sample, and everything that was said on the way."""

    def __init__(self, given: ForecastSettings = DISK) -> None:
        self.given = given
        self.state: ForecastState | None = None
        self.condition: Condition | None = None
        self.anomalies: list[Anomaly] = []
        self.seconds = 0.0

    def take(self, values: Iterable[float], *, every_s: float = EVERY_S) -> Followed:
        for value in values:
            self.seconds += every_s
            self.state, said, anomaly = step(self.given, self.state, sample(self.seconds, float(value)))
            self.condition = said or self.condition
            self.anomalies += [anomaly] if anomaly else []
        return self

    @property
    def forecast(self) -> Forecast:
        assert self.state is not None
        return forecast(self.state, full_at=self.given.full_at, horizon=self.given.horizon)

    def is_(self, status: ConditionStatus) -> bool:
        return self.condition is not None and self.condition.status is status


def line(start: float, an_hour: float, hours: float, *, noise: float = 0.0, seed: int = 1) -> NDArray[np.float64]:
    seconds = np.arange(0.0, hours * HOUR, EVERY_S)
    return start + an_hour * seconds / HOUR + np.random.default_rng(seed).normal(0.0, noise or 1e-12, len(seconds))


def test_a_disk_that_fills_steadily_is_told_long_before_with_when_and_how_sure() -> None:
    followed = Followed().take(line(0.6, 0.1, 2.2, noise=0.002))  # full four hours after the start

    found = followed.forecast
    assert isinstance(found, Exhaustion)
    assert found.latest is not None
    full = NOON + timedelta(hours=4)
    assert found.earliest < full < found.latest
    assert abs(found.at - full) < timedelta(minutes=8)
    assert found.statement.startswith("full in 1 h 4")
    assert ", 90 %: " in found.statement
    (anomaly,) = followed.anomalies
    assert (anomaly.detector, anomaly.severity, anomaly.symptom) == ("forecast", Severity.MEDIUM, "disk")
    assert anomaly.series == "host:web1/forecast:disk.utilization"
    assert "disk.utilization is 0." in anomaly.statement
    assert ": full in " in anomaly.statement
    assert anomaly.at < full - timedelta(hours=1, minutes=45)


def test_at_first_it_says_what_is_missing() -> None:
    followed = Followed().take(line(0.6, 0.1, 0.1))

    found = followed.forecast
    assert isinstance(found, NotEnoughData)
    assert found.missing == "6 min more of samples since it was last reset"
    assert followed.condition is None


def test_it_looks_no_further_ahead_than_it_has_seen_growth() -> None:
    found = Followed().take(line(0.6, 0.1, 0.5)).forecast

    assert isinstance(found, NotEnoughData)
    assert found.missing.startswith("growth was seen for 2")


QUIET: dict[str, NDArray[np.float64]] = {
    "nothing changes": np.full(2000, 0.8),
    "noise around one level": 0.8 + np.random.default_rng(2).normal(0, 0.01, 2000),
    "it shrinks": line(0.9, -0.01, 10),
    "it grows too slowly": line(0.5, 0.005, 10, noise=0.001),
    "logs that are rotated every hour": np.tile(line(0.6, 0.1, 1.0), 24),
    "logs that are rotated every two hours": np.tile(line(0.7, 0.06, 2.0, noise=0.001), 12),
    "a collector of garbage every three minutes": np.tile(np.linspace(0.5, 0.9, 9), 300),
    "a temporary file": np.concatenate([np.full(300, 0.5), line(0.5, 1.0, 0.2), np.full(300, 0.5)]),
    "steps of a copied file now and then": np.repeat(0.3 + 0.05 * np.arange(8), 90),
    "one wild sample": np.concatenate([np.full(500, 0.5), [0.99], np.full(500, 0.5)]),
}


@pytest.mark.parametrize("values", QUIET.values(), ids=QUIET)
def test_no_exhaustion_is_told_where_none_comes(values: NDArray[np.float64]) -> None:
    followed = Followed().take(values)

    assert followed.anomalies == []
    assert followed.condition is None or followed.is_(ConditionStatus.NORMAL)


def test_a_sawtooth_that_goes_beyond_where_it_was_always_cut_is_told() -> None:
    followed = Followed().take(np.tile(line(0.5, 0.1, 1.0), 6))
    assert followed.anomalies == []

    followed.take(line(0.5, 0.1, 3.0))

    assert len(followed.anomalies) == 1


def test_a_fall_ends_a_forecast_at_the_second_low_sample() -> None:
    followed = Followed().take(line(0.6, 0.15, 1.5))
    assert followed.is_(ConditionStatus.ABNORMAL)

    followed.take([0.4])
    assert followed.is_(ConditionStatus.ABNORMAL)
    followed.take([0.4])

    assert followed.is_(ConditionStatus.NORMAL)
    assert followed.condition is not None
    assert followed.condition.statement.startswith("disk.utilization fell from 0.8")
    followed.take(np.full(20, 0.4))
    assert followed.is_(ConditionStatus.NORMAL)


def test_growth_that_stops_ends_a_forecast() -> None:
    followed = Followed().take(line(0.6, 0.15, 1.5))
    assert followed.is_(ConditionStatus.ABNORMAL)

    followed.take(np.full(int(5 * HOUR / EVERY_S), 0.825))

    assert followed.is_(ConditionStatus.NORMAL)


def test_a_jump_begins_the_fit_anew_and_ends_no_forecast() -> None:
    followed = Followed().take(line(0.3, 0.15, 2.5))
    assert followed.is_(ConditionStatus.ABNORMAL)

    followed.take(np.full(12, 0.9))

    assert isinstance(followed.forecast, NotEnoughData)
    assert followed.is_(ConditionStatus.ABNORMAL)


def test_after_a_long_gap_the_fit_begins_anew() -> None:
    followed = Followed().take(line(0.6, 0.1, 1.0)).take([0.7, 0.7], every_s=2 * HOUR)

    assert isinstance(followed.forecast, NotEnoughData)


@pytest.mark.parametrize("seconds", [0.0, -5.0])
def test_a_late_or_repeated_sample_and_one_that_is_no_number_change_nothing(seconds: float) -> None:
    followed = Followed().take(line(0.6, 0.1, 1.0))
    for late in (sample(followed.seconds + seconds, 0.1), sample(followed.seconds + 20, math.nan)):
        assert step(DISK, followed.state, late) == (followed.state, None, None)


def test_the_rhythm_of_the_day_is_taken_into_account_after_two_days() -> None:
    """Every morning it climbs steeply, and every day a little higher: it is full in days, not this morning."""
    seconds = np.arange(0, 4.2 * 86400, 180.0)
    values = 0.5 + 0.3 * np.sin(seconds / 86400 * 2 * math.pi) + 0.01 * seconds / 86400
    two_days = int(2.1 * 480)
    followed = Followed().take(values[:two_days], every_s=180.0)
    before = len(followed.anomalies)
    assert before > 0  # a climb like any other, as long as the rhythm is not known

    followed.take(values[two_days:], every_s=180.0)

    assert len(followed.anomalies) == before
    assert followed.is_(ConditionStatus.NORMAL)


def test_the_state_survives_a_restart_exactly() -> None:
    values = np.concatenate([np.tile(line(0.5, 0.2, 0.6, noise=0.003), 3), line(0.5, 0.1, 2.0, noise=0.003)])
    through = Followed().take(values)
    stopped = Followed().take(values[:400])
    assert stopped.state is not None
    stopped.state = from_json(ForecastState, to_json(stopped.state))

    stopped.take(values[400:])

    assert stopped.state == through.state


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-1e9, 1e9), max_size=400))
def test_the_state_stays_small_and_no_series_breaks_it(values: Sequence[float]) -> None:
    followed = Followed().take([*values, *values, *values], every_s=1900.0).take(values)
    if followed.state is not None:
        assert len(to_json(followed.state)) < 40_000
        assert isinstance(followed.forecast, NotEnoughData | NotExhausting | Exhaustion)


def _linear(rng: np.random.Generator, pace: float, count: int) -> NDArray[np.float64]:
    return np.asarray(pace * np.arange(count) + rng.normal(0.0, 0.002, count), dtype=np.float64)


def _walk(rng: np.random.Generator, pace: float, count: int) -> NDArray[np.float64]:
    return np.asarray(pace * np.arange(count) + np.cumsum(rng.normal(0.0, 2.0 * pace, count)), dtype=np.float64)


def _bursts(rng: np.random.Generator, pace: float, count: int) -> NDArray[np.float64]:
    return np.asarray(pace * np.cumsum(rng.poisson(0.5, count) * 2.0), dtype=np.float64)


def _after(values: NDArray[np.float64]) -> Forecast:
    """What is foreseen at the end of it, one value a minute."""
    width_s = bucket_s(DISK.horizon)
    state = begun(NOON.timestamp(), float(values[0]), width_s=width_s)
    for minute, value in enumerate(values[1:], start=1):
        state, _ = added(state, NOON.timestamp() + minute * 60.0, float(value), width_s=width_s, full_at=1.0)
    return forecast(state, full_at=1.0, horizon=DISK.horizon)


@pytest.mark.parametrize("kind", [_linear, _walk, _bursts])
def test_of_intervals_of_ninety_percent_about_nine_in_ten_hold_what_came(kind: object) -> None:
    """One forecast of each series, two and a half hours after its start, judged by when it really was full."""
    assert callable(kind)
    rng = np.random.default_rng(7)
    came: Counter[bool] = Counter()
    while came.total() < 200:
        values = 0.6 + kind(rng, rng.uniform(0.1, 0.25) / 60.0, 600)
        if not (values >= 1.0).any():
            continue
        full = NOON + timedelta(minutes=int(np.argmax(values >= 1.0)))
        found = _after(values[:150])
        if isinstance(found, Exhaustion) and full > NOON + timedelta(minutes=150):
            latest = found.latest or NOON + timedelta(days=9)
            came[found.earliest - MINUTE / 2 <= full <= latest + MINUTE / 2] += 1

    assert 0.85 <= came[True] / came.total() <= 0.99
