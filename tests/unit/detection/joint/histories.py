"""Histories for the tests of joint detection: a day-shaped load that several metrics share, made from a fixed seed."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.joint import JointSettings, table_of
from recoverops.model.joint import MetricTable

METRICS = ("requests", "cpu", "memory", "latency", "idle")
STEP_S = 300.0
DAY = 288
MONDAY = 1_750_636_800.0
"""2025-06-23 00:00 UTC"""
SETTINGS = JointSettings(trees=20)


def history(days: int = 16, *, seed: int = 1, begins_at: float = MONDAY, step_s: float = STEP_S) -> MetricTable:
    """Five metrics that follow one load; `idle` never moves."""
    noise = np.random.default_rng(seed)
    n = round(days * 86400 / step_s)
    times = begins_at + np.arange(n) * step_s
    load = 50 + 30 * np.sin(2 * math.pi * times / 86400) + noise.normal(0, 2, n)
    values = np.column_stack(
        [
            load * 10 + noise.normal(0, 5, n),
            load + noise.normal(0, 1, n),
            60 + 0.1 * load + noise.normal(0, 0.5, n),
            0.02 + load / 5000 + noise.normal(0, 0.001, n),
            np.zeros(n),
        ]
    )
    return table_of(METRICS, times, values)


def changed(table: MetricTable, values: NDArray[np.float64]) -> MetricTable:
    return MetricTable(metrics=table.metrics, times=table.times, values=values)


def joined(one: MetricTable, other: MetricTable) -> MetricTable:
    return MetricTable(
        metrics=one.metrics,
        times=np.concatenate([one.times, other.times]),
        values=np.vstack([one.values, other.values]),
    )
