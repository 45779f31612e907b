"""One-second series: the budget is one of time, so many points are no excuse for many alarms, and nothing is missed."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.detection.streaming.series import Values, alarms, columns, times

from recoverops.detection.metrics.streaming import Reason, Scores, StreamDetector

_FAULT_AT = 900
_SEEDS = range(20)


def _rare_errors(rng: np.random.Generator, points: int) -> Values:
    return np.where(rng.random(points) < 0.02, rng.random(points), 0.0)


def _counts(rng: np.random.Generator, points: int) -> Values:
    return rng.poisson(0.02, points).astype(np.float64)


def _durations(rng: np.random.Generator, points: int) -> Values:
    return 0.02 * np.exp(0.4 * rng.standard_normal(points))


def _scores(values: Values) -> Scores:
    return StreamDetector().step(columns(values, at=times(len(values), step_s=1.0)))


@pytest.mark.parametrize("course", [_rare_errors, _counts, _durations])
def test_twenty_minutes_of_healthy_seconds_hardly_ever_raise_an_alarm(course: object) -> None:
    assert callable(course)
    raised = [alarms(_scores(course(np.random.default_rng(seed), 1200))) for seed in _SEEDS]

    assert sum(map(len, raised)) <= len(_SEEDS) * 0.15


def test_a_fault_is_unusual_within_seconds_even_where_no_alarm_is_paid_for_yet() -> None:
    waited = []
    for seed in _SEEDS:
        values = _durations(np.random.default_rng(seed), _FAULT_AT + 30)
        values[_FAULT_AT:] *= 10.0
        unusual = _scores(values).reason[_FAULT_AT:] != Reason.NORMAL
        waited.append(int(np.argmax(unusual)) if unusual.any() else 30)

    assert np.median(waited) <= 2
