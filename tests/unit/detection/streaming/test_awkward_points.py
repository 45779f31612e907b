"""Gaps, NaN, late and doubled points, counters, new and silent series: each has a defined answer."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.detection.streaming.series import START, STEP_S, alarms, columns, judged, noise, times

from recoverops.detection.metrics.streaming import Reason, StreamDetector, StreamSettings
from recoverops.model.columns import Columns
from recoverops.model.errors import PermanentError


def test_a_new_series_is_not_judged_before_its_warm_up() -> None:
    scores = judged(noise(100), StreamDetector(StreamSettings(warm_up_points=40)))

    assert set(scores.reason[:39]) == {Reason.NOT_ENOUGH_DATA}
    assert np.isnan(scores.score[:39]).all()
    assert np.isnan(scores.p_value[:39]).all()
    assert not np.isnan(scores.score[39:]).any()


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 1e300])
def test_a_point_without_a_value_is_answered_and_not_learned(odd: float) -> None:
    values = noise(900)
    at = times(900)
    scores = StreamDetector().step(columns(np.insert(values, 500, odd), at=np.insert(at, 500, at[500] - 1.0)))
    clean = judged(values)

    assert scores.reason[500] == Reason.NO_VALUE
    assert np.isnan(scores.score[500])
    np.testing.assert_array_equal(np.delete(scores.score, 500), clean.score)


def test_a_doubled_point_is_ignored() -> None:
    values, at = noise(900), times(900)
    scores = StreamDetector().step(columns(np.insert(values, 500, 1e6), at=np.insert(at, 500, at[499])))

    assert scores.reason[500] == Reason.DUPLICATE
    np.testing.assert_array_equal(np.delete(scores.score, 500), judged(values).score)


def test_a_gap_is_no_anomaly() -> None:
    at = times(1500)
    at[900:] += 6 * 3600.0

    assert [row for row in alarms(StreamDetector().step(columns(noise(1500), at=at))) if 895 <= row <= 960] == []


def test_irregular_sampling_is_judged_like_any_other() -> None:
    rng = np.random.default_rng(4)
    at = START + np.cumsum(rng.uniform(60.0, 900.0, 2000))
    values = noise(2000)
    values[1500] += 80.0

    assert 1500 in alarms(StreamDetector().step(columns(values, at=at)))


def _counter(points: int, *, restart_at: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    rates = 100.0 + 5.0 * np.random.default_rng(2).standard_normal(points)
    total = np.cumsum(rates * STEP_S)
    if restart_at is not None:
        total[restart_at:] -= total[restart_at - 1]
    return total, times(points)


def test_a_counter_is_looked_at_as_a_rate_and_its_restart_is_no_anomaly() -> None:
    total, at = _counter(2000, restart_at=1200)
    scores = StreamDetector().step(columns(total, at=at))

    assert [row for row in alarms(scores) if 1190 <= row <= 1300] == []


def test_a_counter_that_suddenly_runs_faster_raises_an_alarm() -> None:
    total, at = _counter(2000)
    total[1500:] += np.arange(500) * 100.0 * STEP_S

    raised = alarms(StreamDetector().step(columns(total, at=at)))

    assert any(1500 <= row <= 1506 for row in raised)


def test_a_series_that_only_rose_by_chance_goes_back_to_being_a_gauge() -> None:
    values = np.concatenate([np.linspace(10.0, 20.0, 200), noise(1500, level=15.0, spread=1.0)])
    values[1500] = 60.0

    assert 1500 in alarms(judged(values))


def test_silence_is_told_after_some_usual_intervals_and_ends_with_the_next_point() -> None:
    detector = StreamDetector()
    detector.step(columns(noise(100), series=0))
    detector.step(columns(noise(100), series=2))
    detector.step(columns(noise(3), series=1))  # too young to have a usual interval
    last = START + 99 * STEP_S

    assert list(detector.silent(last + 4 * STEP_S)) == []
    assert list(detector.silent(last + 6 * STEP_S)) == [0, 2]
    detector.step(columns(noise(1), at=np.array([last + 6 * STEP_S]), series=2))
    assert list(detector.silent(last + 7 * STEP_S)) == [0]


def test_new_series_may_come_at_any_time() -> None:
    detector = StreamDetector()
    alone = judged(noise(800, seed=7))
    detector.step(columns(noise(500), series=3))
    scores = detector.step(columns(noise(800, seed=7), series=5000))

    assert detector.series_count == 5001
    np.testing.assert_array_equal(scores.score, alone.score)


@pytest.mark.parametrize(
    ("series", "said"),
    [(-1, "series number -1 is negative"), (100, "series number 100 is beyond max_series 100")],
)
def test_an_impossible_series_number_is_refused_and_nothing_is_learned(series: int, said: str) -> None:
    detector = StreamDetector(StreamSettings(max_series=100))

    with pytest.raises(PermanentError, match=said):
        detector.step(columns(noise(10), series=series))
    assert detector.series_count == 0


def test_columns_of_unequal_length_are_refused() -> None:
    uneven = Columns(series=np.zeros(3, dtype=np.int32), at=times(3), values=noise(2))

    with pytest.raises(PermanentError, match="3 series numbers, 3 times and 2 values"):
        StreamDetector().step(uneven)


def test_an_empty_batch_has_an_empty_answer() -> None:
    assert len(StreamDetector().step(columns(noise(0)))) == 0
