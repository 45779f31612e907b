"""Made-up series for the tests of the streaming detector: five-minute points, fixed seeds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.streaming import Scores, StreamDetector
from recoverops.model.columns import Columns

START = 1_600_041_600.0
"""A Monday, 00:00 UTC."""
STEP_S = 300.0
DAY = 288

Values = NDArray[np.float64]


def noise(points: int, *, seed: int = 1, level: float = 50.0, spread: float = 2.0) -> Values:
    return level + spread * np.random.default_rng(seed).standard_normal(points)


def times(points: int, *, step_s: float = STEP_S) -> Values:
    return START + step_s * np.arange(points, dtype=np.float64)


def columns(values: Values, *, at: Values | None = None, series: int = 0) -> Columns:
    return Columns(
        series=np.full(len(values), series, dtype=np.int32),
        at=times(len(values)) if at is None else at,
        values=np.asarray(values, dtype=np.float64),
    )


def fleet(points: int, count: int, *, seed: int = 3) -> Columns:
    """`count` series, one point of each a round."""
    values = np.random.default_rng(seed).standard_normal((points, count)) * 3.0 + np.arange(count) * 10.0
    return Columns(
        series=np.tile(np.arange(count, dtype=np.int32), points),
        at=np.repeat(times(points), count),
        values=values.ravel(),
    )


def part(whole: Columns, begin: int, end: int) -> Columns:
    return Columns(series=whole.series[begin:end], at=whole.at[begin:end], values=whole.values[begin:end])


def judged(values: Values, detector: StreamDetector | None = None) -> Scores:
    return (detector or StreamDetector()).step(columns(values))


def alarms(scores: Scores) -> list[int]:
    """Rows at which an alarm is raised."""
    return [int(row) for row in np.flatnonzero(scores.score >= 0.5)]
