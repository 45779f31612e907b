"""Cost of a point, one core, in one run: this detector beside river's HalfSpaceTrees, NAB's windowed Gaussian and
scikit-learn's IsolationForest.

Processor time, not wall time, the best of several rounds: other work on the machine should not decide it, though a
shared cache still does. Every detector scores each point and learns it (the forest, which cannot learn, only scores).
"""

from __future__ import annotations

import importlib.util
import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from recoverops.detection.metrics.streaming import StreamDetector, StreamSettings
from recoverops.detection.metrics.streaming.layout import BYTES_PER_SERIES
from recoverops.model.columns import Columns

SERIES = 100_000
_WARM, _ROUNDS, _TIMES = 60, 12, 10
"""Twelve rounds in a row hold two letters of the pattern: what does not come with every point counts as well."""
_FEW = 3_000


def measure(settings: StreamSettings) -> list[dict[str, Any]]:
    mine = ours_s(settings)
    told = [_row(f"RecoverOps, {SERIES:,} series, all components", mine, mine)]
    if importlib.util.find_spec("river"):
        told.append(_row("river HalfSpaceTrees, defaults, one series", _river_s(), mine))
    told.append(_row("NAB windowed Gaussian (window 6400, step 100), one series", _gaussian_s(), mine))
    if importlib.util.find_spec("sklearn"):
        told.append(
            _row("scikit-learn IsolationForest, 100 trees, score only, 100,000 rows at once", _forest_s(), mine)
        )
    return told


def ours_s(settings: StreamSettings) -> float:
    """Seconds a point, every series one point a round, as a scrape brings them."""
    detector, rng = StreamDetector(settings), np.random.default_rng(0)
    values = [50.0 + 5.0 * rng.standard_normal(SERIES) for _ in range(8)]
    series, times = np.arange(SERIES, dtype=np.int32), [0.0] * _TIMES
    for turn in range(-_WARM, _ROUNDS * _TIMES):
        columns = Columns(series=series, at=np.full(SERIES, 1.6e9 + 300.0 * turn), values=values[turn % 8])
        began = time.process_time()
        detector.step(columns)
        if turn >= 0:
            times[turn // _ROUNDS] += time.process_time() - began
    assert detector.series_count == SERIES
    return min(times) / (_ROUNDS * SERIES)


def _row(name: str, point_s: float, mine_s: float) -> dict[str, Any]:
    return {
        "detector": name,
        "ns a point": round(point_s * 1e9, 1),
        "points a second": f"{1.0 / point_s:,.0f}",
        "times slower": round(point_s / mine_s, 1),
        "bytes a series": BYTES_PER_SERIES if point_s == mine_s else "",
    }


def _each_s(look: Callable[[float], object]) -> float:
    values = 50.0 + 5.0 * np.random.default_rng(0).standard_normal(_FEW)
    best = math.inf
    for _ in range(3):
        began = time.process_time()
        for value in values.tolist():
            look(value)
        best = min(best, time.process_time() - began)
    return best / _FEW


def _river_s() -> float:
    from river.anomaly import HalfSpaceTrees

    trees = HalfSpaceTrees(seed=1)

    def look(value: float) -> None:
        told = {"value": value / 100.0}
        trees.score_one(told)
        trees.learn_one(told)

    return _each_s(look)


def _gaussian_s() -> float:
    """NAB's baseline: the normal tail under mean and deviation of a window that is measured anew every 100 points."""
    window: deque[float] = deque(maxlen=6400)
    normal = [0.0, 1.0]
    seen = [0]

    def look(value: float) -> float:
        told = 0.5 * math.erfc(abs(value - normal[0]) / normal[1] / math.sqrt(2.0))
        window.append(value)
        seen[0] += 1
        if seen[0] % 100 == 0:
            held = np.array(window)
            normal[:] = [float(held.mean()), float(held.std()) or 1e-6]
        return 1.0 - told

    return _each_s(look)


def _forest_s() -> float:
    from sklearn.ensemble import IsolationForest

    values = 50.0 + 5.0 * np.random.default_rng(0).standard_normal((SERIES, 1))
    forest = IsolationForest(random_state=0, n_jobs=1).fit(values[:10_000])
    began = time.process_time()
    forest.score_samples(values)
    return (time.process_time() - began) / SERIES
