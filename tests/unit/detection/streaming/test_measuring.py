"""The arithmetic of the benchmark: what it calls precise and what it calls calibrated."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.detection.calibration import Calibration
from benchmarks.detection.quality import average_precision


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([0.9, 0.8, 0.1, 0.2], 1.0), ([0.1, 0.2, 0.8, 0.9], (1 / 3 + 2 / 4) / 2), ([0.5, 0.5, 0.5, 0.5], 0.5)],
    ids=["best first", "best last", "all alike"],
)
def test_average_precision_of_known_rankings(scores: list[float], expected: float) -> None:
    is_labelled = np.array([True, True, False, False])

    assert average_precision(is_labelled, np.array(scores, dtype=np.float32)) == pytest.approx(expected)


def test_a_row_that_was_not_judged_ranks_last() -> None:
    is_labelled = np.array([True, False])

    assert average_precision(is_labelled, np.array([np.nan, 0.1], dtype=np.float32)) == 0.5


def test_the_interval_of_a_count_is_that_of_poisson() -> None:
    low, high = Calibration(series="any", budget=1.0, alarms=20, weeks=20.0).interval

    assert low == pytest.approx(0.61, abs=0.01)
    assert high == pytest.approx(1.54, abs=0.01)


@pytest.mark.parametrize(
    ("alarms", "is_met"), [(0, False), (30, False), (45, True), (100, True), (170, True), (250, False)]
)
def test_a_budget_is_met_when_its_interval_reaches_into_the_band(alarms: int, is_met: bool) -> None:
    assert Calibration(series="any", budget=1.0, alarms=alarms, weeks=100.0).is_met is is_met
