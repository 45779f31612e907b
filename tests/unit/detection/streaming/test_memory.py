"""A day of ticks leaves the memory of the process where it was after the first hour.

In a child process, so that what other tests hold or give back does not count.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

_DAY = """
import sys
import numpy as np
import psutil
from recoverops.detection.metrics.streaming import StreamDetector
from recoverops.model.columns import Columns

series_count, ticks = int(sys.argv[1]), int(sys.argv[2])
detector, rng, process = StreamDetector(), np.random.default_rng(5), psutil.Process()
series, level = np.arange(series_count, dtype=np.int32), rng.uniform(0.0, 1000.0, series_count)
for tick in range(ticks):
    values = level * (1.0 + 0.05 * rng.standard_normal(series_count))
    values[tick % series_count] *= 3.0
    scores = detector.step(
        Columns(series=series, at=np.full(series_count, 1_600_041_600.0 + 60.0 * tick), values=values)
    )
    detector.silent(1_600_041_600.0 + 60.0 * tick)
    if tick == ticks // 24:
        before, size = process.memory_info().rss, len(detector.to_bytes())
assert len(scores) == series_count and detector.spending().alarms.sum() > 0
assert len(detector.to_bytes()) == size
print(process.memory_info().rss - before)
"""


@pytest.mark.parametrize(
    ("series", "ticks"),
    [(200, 1440), pytest.param(10_000, 1440, marks=pytest.mark.slow)],
    ids=["200 series", "10,000 series"],
)
def test_a_day_of_ticks_a_minute_apart_keeps_memory_flat(series: int, ticks: int) -> None:
    told = subprocess.run(
        [sys.executable, "-c", _DAY, str(series), str(ticks)], check=True, capture_output=True, text=True, timeout=150
    )

    assert int(told.stdout) < 1_300_000, "a kilobyte a tick would be 1.4 MB, a byte a point of 10,000 series 14 MB"
