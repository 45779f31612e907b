"""The watch over drifting data: its verdicts, and that it judges nothing too early."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.detection.joint.histories import DAY, SETTINGS, changed, history

from recoverops.detection.metrics.joint import (
    DriftReport,
    DriftState,
    DriftVerdict,
    Trained,
    judge,
    nothing_seen,
    observe,
)
from recoverops.detection.metrics.joint.drift import reference_of
from recoverops.model import PermanentError
from recoverops.model.joint import JointScores, MetricTable


def later(days: int) -> MetricTable:
    """The days behind those that the model was trained on."""
    return history(14 + days).rows(14 * DAY, (14 + days) * DAY)


def watched(trained: Trained, table: MetricTable, *, batch: int = DAY) -> tuple[DriftState, DriftReport]:
    drift, state = nothing_seen(trained.reference), trained.model.start()
    for begin in range(0, len(table), batch):
        rows = table.rows(begin, begin + batch)
        state, scores = trained.model.step(state, rows)
        drift = observe(trained.reference, drift, rows, scores, settings=SETTINGS)
    return drift, judge(trained.reference, drift, settings=SETTINGS)


def test_before_a_week_was_seen_there_is_not_enough_data(residual: Trained) -> None:
    _, report = watched(residual, later(6))
    assert report.verdict is DriftVerdict.NOT_ENOUGH_DATA
    assert (report.rows, report.needed_rows) == (6 * DAY, 7 * DAY)
    assert not report.retrain
    assert not report.index


def test_days_like_those_of_the_history_are_stable(residual: Trained) -> None:
    _, report = watched(residual, later(14))
    assert report.verdict is DriftVerdict.STABLE, report.statement
    assert not report.retrain
    assert set(report.index) == {"score", *residual.model.metrics}


def test_a_new_load_is_a_drift_that_names_the_metrics_and_asks_for_training(residual: Trained) -> None:
    table = later(14)
    _, report = watched(residual, changed(table, table.values * 2))
    assert report.verdict is DriftVerdict.DRIFTED
    assert report.retrain
    assert "requests" in report.statement
    assert "Train a new version" in report.statement
    assert list(report.index.values()) == sorted(report.index.values(), reverse=True)


def test_one_metric_of_many_that_moves_is_told_but_is_no_drift() -> None:
    table = history(14)
    wide = MetricTable(
        metrics=tuple(f"m{number}" for number in range(9)), times=table.times, values=np.tile(table.values, 2)[:, :9]
    )
    scores = np.random.default_rng(0).random(len(wide))
    reference = reference_of(wide, scores)
    moved = wide.values.copy()
    moved[:, 0] += 1000
    answers = _answers(wide, scores)
    state = observe(reference, nothing_seen(reference), changed(wide, moved), answers, settings=SETTINGS)
    report = judge(reference, state, settings=SETTINGS)
    assert report.verdict is DriftVerdict.STABLE
    assert "m0" in report.statement


def test_a_metric_that_goes_missing_is_a_change(residual: Trained) -> None:
    table = later(14)
    values = table.values.copy()
    values[:, :2] = np.nan
    _, report = watched(residual, changed(table, values))
    assert report.index["cpu"] > SETTINGS.drift_limit
    assert report.verdict is DriftVerdict.DRIFTED


def test_its_memory_is_bounded_and_batches_do_not_matter(residual: Trained) -> None:
    table = later(8)
    one, _ = watched(residual, table)
    other, _ = watched(residual, table, batch=7)
    assert one.weights.shape == nothing_seen(residual.reference).weights.shape
    np.testing.assert_array_equal(one.weights, other.weights)
    assert one.rows == other.rows


def test_rows_of_other_metrics_are_refused(residual: Trained) -> None:
    table = later(1)
    _, scores = residual.model.step(residual.model.start(), table)
    other = MetricTable(metrics=table.metrics[::-1], times=table.times, values=table.values)
    with pytest.raises(PermanentError, match="watch the rows"):
        observe(residual.reference, nothing_seen(residual.reference), other, scores, settings=SETTINGS)


def _answers(table: MetricTable, scores: np.ndarray[tuple[int], np.dtype[np.float64]]) -> JointScores:
    n, m = table.values.shape
    return JointScores(
        metrics=table.metrics,
        times=table.times,
        status=np.zeros(n, dtype=np.int8),
        score=scores,
        p_value=np.full(n, 0.5),
        p_resolution=0.1,
        contributions=np.full((n, m), 1 / m),
        missing=np.zeros((n, m), dtype=np.bool_),
    )
