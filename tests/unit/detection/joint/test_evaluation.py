"""Counting: rows one by one, and nothing stated that was not measured."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.detection.joint.histories import MONDAY

from recoverops.detection.metrics.joint.evaluation import average_precision, count
from recoverops.model.joint import JointScores


def scores_of(*scores: float) -> JointScores:
    n = len(scores)
    return JointScores(
        metrics=("cpu",),
        times=np.array([MONDAY + 60.0 * row for row in range(n)]),
        status=np.zeros(n, dtype=np.int8),
        score=np.array(scores),
        p_value=np.full(n, 0.5),
        p_resolution=0.1,
        contributions=np.ones((n, 1)),
        missing=np.zeros((n, 1), dtype=np.bool_),
    )


NAN = float("nan")


def test_rows_are_counted_one_by_one_against_the_labels() -> None:
    labels = np.array([False, True, True, True, False, False])
    told = count(scores_of(0.1, 0.6, 0.2, 0.9, 0.7, NAN), data="six rows", labels=labels)
    assert (told.rows, told.judged, told.alarms, told.abnormal) == (6, 5, 3, 3)
    assert told.precision == pytest.approx(2 / 3)
    assert told.recall == pytest.approx(2 / 3)
    assert told.f1 == pytest.approx(2 / 3)
    assert told.false_alarm_ratio == 0.5
    assert told.episodes == 2


def test_without_an_alarm_there_is_no_precision() -> None:
    told = count(scores_of(0.1, 0.2), data="x", labels=np.array([True, False]))
    assert (told.precision, told.recall, told.f1) == (None, 0.0, 0.0)
    assert "precision none" in told.statement


def test_without_an_abnormal_row_there_is_no_recall() -> None:
    told = count(scores_of(0.1, 0.6), data="x", labels=np.array([False, False]))
    assert (told.precision, told.recall, told.f1, told.average_precision) == (0.0, None, None, None)
    assert "recall was not measured" in told.statement


def test_a_stretch_without_a_judged_row_has_no_rate() -> None:
    told = count(scores_of(NAN, NAN), data="x")
    assert told.false_alarm_ratio is None
    assert "no row could be judged" in told.statement


def test_one_row_lasts_no_time_so_there_are_no_episodes_a_week() -> None:
    assert count(scores_of(0.9), data="x").episodes_per_week is None


def test_episodes_are_counted_by_the_week() -> None:
    told = count(scores_of(0.9, 0.1, *[0.1] * 10079), data="a week")
    assert told.episodes_per_week == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("scores", "labels", "expected"),
    [
        ([0.9, 0.8, 0.7], [True, True, False], 1.0),
        ([0.9, 0.8, 0.7], [False, True, True], (1 / 2 + 2 / 3) / 2),
        ([0.5, 0.5, 0.5, 0.5], [True, False, False, False], 0.25),
    ],
)
def test_average_precision_by_hand(scores: list[float], labels: list[bool], expected: float) -> None:
    assert average_precision(np.array(scores), np.array(labels)) == pytest.approx(expected)


def test_average_precision_is_that_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="the extra ml is not installed")
    noise = np.random.default_rng(0)
    scores, labels = np.round(noise.random(500), 2), noise.random(500) < 0.2
    assert average_precision(scores, labels) == pytest.approx(metrics.average_precision_score(labels, scores))
