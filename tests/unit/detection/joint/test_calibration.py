"""P-values that claim no more than was seen, and a score with 0.5 at the threshold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoverops.detection.metrics.joint import severity_of
from recoverops.detection.metrics.joint.calibration import calibrate
from recoverops.model import Severity

EVIDENCE = st.lists(st.floats(-100, 100), min_size=20, max_size=200)


@given(EVIDENCE, st.floats(-1e6, 1e6))
def test_a_p_value_is_never_below_the_resolution_nor_above_one(seen: list[float], found: float) -> None:
    calibration = calibrate(np.array(seen), alarm_probability=1e-3)
    (p_value,) = calibration.p_values(np.array([found]))
    assert 1 / (len(seen) + 1) == calibration.resolution <= p_value <= 1
    at_least = sum(one >= found for one in seen)
    assert p_value == pytest.approx((1 + at_least) / (1 + len(seen)))


@given(EVIDENCE)
def test_the_score_is_a_half_at_the_threshold_and_rises(seen: list[float]) -> None:
    calibration = calibrate(np.array(seen), alarm_probability=1e-3)
    grid = calibration.usual + np.linspace(-2, 4, 50) * (calibration.threshold - calibration.usual)
    scores = calibration.scores(np.unique(np.append(grid, calibration.threshold)))
    assert ((scores >= 0) & (scores <= 1)).all()
    assert (np.diff(scores) >= 0).all()
    assert calibration.scores(np.array([calibration.threshold]))[0] == pytest.approx(0.5)


def test_very_far_off_is_still_told_from_farther_off() -> None:
    calibration = calibrate(np.random.default_rng(0).normal(size=500), alarm_probability=1e-3)
    scores = calibration.scores(np.array([50.0, 100.0, 1000.0]))
    assert scores[0] < scores[1] < scores[2] < 1


def test_on_exchangeable_rows_p_values_are_uniform_and_alarms_as_rare_as_set() -> None:
    noise = np.random.default_rng(1)
    calibration = calibrate(noise.exponential(size=2000), alarm_probability=1e-2)
    fresh = noise.exponential(size=20000)
    p_values = calibration.p_values(fresh)
    for level in (0.5, 0.1, 0.02):
        assert np.mean(p_values <= level) == pytest.approx(level, rel=0.3)
    assert np.mean(calibration.scores(fresh) >= 0.5) == pytest.approx(1e-2, rel=0.6)


def test_an_incident_among_the_held_out_rows_moves_the_threshold_little() -> None:
    rows = np.random.default_rng(2).exponential(size=1000)
    clean = calibrate(rows, alarm_probability=1e-3).threshold
    dirty = calibrate(np.append(rows, np.full(20, 1000.0)), alarm_probability=1e-3).threshold
    assert dirty < 1.5 * clean


def test_rows_that_were_not_judged_stay_so_and_do_not_calibrate() -> None:
    calibration = calibrate(np.append(np.arange(50.0), math.nan), alarm_probability=1e-3)
    assert len(calibration.reference) == 50
    assert np.isnan(calibration.scores(np.array([math.nan]))).all()
    assert np.isnan(calibration.p_values(np.array([math.nan]))).all()


def test_held_out_rows_that_are_all_alike_give_finite_scores() -> None:
    calibration = calibrate(np.full(30, 2.0), alarm_probability=1e-3)
    assert np.isfinite(calibration.scores(np.array([1.0, 2.0, 3.0]))).all()


@pytest.mark.parametrize(
    ("score", "severity"),
    [
        (0.0, Severity.NORMAL),
        (0.499, Severity.NORMAL),
        (0.5, Severity.LOW),
        (0.7, Severity.MEDIUM),
        (0.85, Severity.HIGH),
        (0.95, Severity.CRITICAL),
        (1.0, Severity.CRITICAL),
    ],
)
def test_severity_starts_at_the_alarm_threshold(score: float, severity: Severity) -> None:
    assert severity_of(score) is severity
