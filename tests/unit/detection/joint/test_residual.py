"""The residual model: what it raises, what it follows, and how it treats holes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.detection.joint.histories import DAY, SETTINGS, changed, history, joined

from recoverops.detection.metrics.joint import Trained, train
from recoverops.detection.metrics.joint import residual_kernel as kernel
from recoverops.model.joint import JointScore, MetricTable, NotEnoughData, RowStatus


def last_days(whole: MetricTable) -> MetricTable:
    rows = whole.rows(14 * DAY, len(whole))
    return MetricTable(metrics=rows.metrics, times=rows.times.copy(), values=rows.values.copy())


def test_normal_days_raise_hardly_an_alarm(residual: Trained, whole: MetricTable) -> None:
    _, scores = residual.model.step(residual.model.start(), last_days(whole))
    assert np.mean(scores.score >= 0.5) < 0.01
    assert 0.2 < np.median(scores.p_value) < 0.8


def test_one_metric_that_leaves_the_others_is_an_anomaly_and_is_named(residual: Trained, whole: MetricTable) -> None:
    table = last_days(whole)
    table.values[100:130, 1] += 25  # CPU, well within its range of the day
    _, scores = residual.model.step(residual.model.start(), table)
    answer = scores.answer(110)
    assert isinstance(answer, JointScore)
    assert answer.is_anomaly
    assert answer.p_value == answer.p_resolution
    assert next(iter(answer.contributions)) == "cpu"


def test_the_usual_load_at_the_wrong_hour_is_an_anomaly(residual: Trained, whole: MetricTable) -> None:
    table = last_days(whole)
    noon_to_three = slice(72, 108)
    table.values[noon_to_three] = table.values[72 + 144 : 108 + 144]
    _, scores = residual.model.step(residual.model.start(), table)
    assert scores.score[noon_to_three].max() > 0.5


def test_a_metric_that_never_moved_is_watched(residual: Trained, whole: MetricTable) -> None:
    table = last_days(whole)
    table.values[100:110, 4] = 1
    _, scores = residual.model.step(residual.model.start(), table)
    answer = scores.answer(108)
    assert isinstance(answer, JointScore)
    assert next(iter(answer.contributions)) == "idle"


def test_an_incident_of_an_hour_is_not_learned_and_a_lasting_change_is(residual: Trained) -> None:
    table = history(24)
    later = changed(table.rows(14 * DAY, len(table)), table.values[14 * DAY :].copy())
    later.values[DAY:, 0] += 400
    _, scores = residual.model.step(residual.model.start(), later)
    assert np.all(scores.score[DAY + 3 : DAY + 15] >= 0.5)
    assert np.mean(scores.score[-DAY:] >= 0.5) < 0.02


def test_a_metric_that_stays_wilder_stops_raising_alarms(residual: Trained) -> None:
    table = history(34)
    later = changed(table.rows(14 * DAY, len(table)), table.values[14 * DAY :].copy())
    later.values[:, 2] += np.random.default_rng(3).normal(0, 4, len(later))
    _, scores = residual.model.step(residual.model.start(), later)
    first, last = np.mean(scores.score[:DAY] >= 0.5), np.mean(scores.score[-5 * DAY :] >= 0.5)
    assert first > 0.3
    assert last < 0.1


def test_a_missing_metric_is_named_and_does_not_raise_an_alarm(residual: Trained, whole: MetricTable) -> None:
    table = last_days(whole)
    table.values[:, 1] = math.nan
    _, scores = residual.model.step(residual.model.start(), table)
    answer = scores.answer(50)
    assert isinstance(answer, JointScore)
    assert answer.missing == ("cpu",)
    assert answer.contributions["cpu"] == 0
    assert np.mean(scores.score >= 0.5) < 0.02


def test_too_few_metrics_are_not_enough_data_and_say_which(residual: Trained, whole: MetricTable) -> None:
    table = last_days(whole)
    table.values[5, :3] = math.nan
    _, scores = residual.model.step(residual.model.start(), table.rows(0, 10))
    answer = scores.answer(5)
    assert isinstance(answer, NotEnoughData)
    assert answer.status is RowStatus.TOO_MUCH_MISSING
    assert answer.missing == ("requests", "cpu", "memory")
    assert "3 of 5 metrics" in answer.statement


def test_a_late_row_is_not_judged_and_changes_nothing(residual: Trained, whole: MetricTable) -> None:
    rows = last_days(whole)
    state, _ = residual.model.step(residual.model.start(), rows.rows(0, 10))
    after, scores = residual.model.step(state, rows.rows(4, 6))
    answer = scores.answer(0)
    assert isinstance(answer, NotEnoughData)
    assert answer.status is RowStatus.LATE
    assert after == state


def test_a_row_in_a_batch_that_is_late_is_told_from_one_with_holes(residual: Trained, whole: MetricTable) -> None:
    rows = last_days(whole).rows(0, 3)
    rows.values[1] = math.nan
    rows.times[2] = rows.times[0]
    _, scores = residual.model.step(residual.model.start(), rows)
    assert [type(scores.answer(row)) for row in range(3)] == [JointScore, NotEnoughData, NotEnoughData]
    assert [scores.answer(row).status for row in (1, 2)] == [  # type: ignore[union-attr]
        RowStatus.TOO_MUCH_MISSING,
        RowStatus.LATE,
    ]


def test_infinite_values_count_as_missing(residual: Trained, whole: MetricTable) -> None:
    table = last_days(whole)
    table.values[3, 0] = math.inf
    _, scores = residual.model.step(residual.model.start(), table.rows(0, 5))
    answer = scores.answer(3)
    assert isinstance(answer, JointScore)
    assert answer.missing == ("requests",)


def test_an_anomaly_before_a_long_silence_is_not_held_against_the_row_after(
    residual: Trained, whole: MetricTable
) -> None:
    table = last_days(whole)
    wild = changed(table.rows(0, 4), table.values[:4] * 3)
    state, _ = residual.model.step(residual.model.start(), wild)
    _, at_once = residual.model.step(state, table.rows(4, 5))
    _, much_later = residual.model.step(state, table.rows(60, 61))
    assert at_once.score[0] > 0.5
    assert much_later.score[0] < 0.5


def test_history_with_holes_teaches_nearly_the_same(whole: MetricTable) -> None:
    table = whole.rows(0, 14 * DAY)
    holes = np.random.default_rng(5).random(table.values.shape) < 0.1
    taught = train(changed(table, np.where(holes, np.nan, table.values)), settings=SETTINGS)
    rows = last_days(whole)
    rows.values[100:130, 1] += 25
    _, scores = taught.model.step(taught.model.start(), rows)
    assert np.mean(scores.score[:100] >= 0.5) < 0.02
    assert scores.score[110] > 0.5


def test_an_incident_in_the_history_does_not_make_the_model_deaf(whole: MetricTable) -> None:
    table = whole.rows(0, 14 * DAY)
    values = table.values.copy()
    values[3 * DAY : 3 * DAY + 100, 1] += 60
    taught = train(changed(table, values), settings=SETTINGS)
    rows = last_days(whole)
    rows.values[100:130, 1] += 25
    _, scores = taught.model.step(taught.model.start(), rows)
    assert scores.score[110] > 0.5


def test_a_day_at_one_a_minute_is_enough_to_learn_from() -> None:
    table = history(2, step_s=60.0)
    taught = train(table.rows(0, 1440), settings=SETTINGS)
    _, scores = taught.model.step(taught.model.start(), table.rows(1440, 1500))
    assert not np.isnan(scores.score).any()


@given(st.lists(st.floats(-5, 5), min_size=4, max_size=4), st.sets(st.integers(0, 3), max_size=3))
@settings(max_examples=50, deadline=None)
def test_what_is_missing_is_filled_with_the_conditional_mean(found: list[float], missing: set[int]) -> None:
    mixing = np.array([[2.0, 0, 0, 0], [1.5, 1, 0, 0], [0.5, -1, 1.2, 0], [1, 0.3, 0.2, 0.8]])
    covariance = mixing @ mixing.T
    residual = np.array(found)
    gone, there = sorted(missing), [i for i in range(4) if i not in missing]
    expected = residual.copy()
    if gone:
        weights = covariance[np.ix_(gone, there)] @ np.linalg.inv(covariance[np.ix_(there, there)])
        expected[gone] = weights @ residual[there]
        residual[gone] = math.nan
    kernel.fill_expected(residual, np.ascontiguousarray(np.linalg.inv(covariance)))
    np.testing.assert_allclose(residual, expected, atol=1e-8)


def test_joined_and_split_history_is_the_same_table(whole: MetricTable) -> None:
    again = joined(whole.rows(0, 100), whole.rows(100, len(whole)))
    np.testing.assert_array_equal(again.values, whole.values)


@pytest.mark.parametrize("row", [0, 1])
def test_the_first_rows_are_judged(residual: Trained, whole: MetricTable, row: int) -> None:
    _, scores = residual.model.step(residual.model.start(), last_days(whole).rows(0, 2))
    assert isinstance(scores.answer(row), JointScore)
