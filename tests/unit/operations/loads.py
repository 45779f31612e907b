"""Three days of one host, a row a minute, made from a fixed seed: CPU, memory and requests follow one load."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import numpy as np

from recoverops.detection.metrics.joint import table_of
from recoverops.model.joint import MetricTable

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
METRICS = ("request_rate", "cpu_usage_avg", "memory_usage_pct")


def load(rows: int = 4320, *, seed: int = 1, first: int = 0) -> MetricTable:
    noise = np.random.default_rng(seed)
    times = BEGIN.timestamp() + 60.0 * (first + np.arange(rows))
    level = 50 + 20 * np.sin(2 * math.pi * times / 86400) + noise.normal(0, 2, rows)
    memory = 60 + level / 10 + noise.normal(0, 0.5, rows)
    return table_of(METRICS, times, np.column_stack([level * 10 + noise.normal(0, 5, rows), level, memory]))


def row_of(table: MetricTable, number: int) -> tuple[datetime, dict[str, float]]:
    values = dict(zip(table.metrics, table.values[number].tolist(), strict=True))
    return datetime.fromtimestamp(float(table.times[number]), UTC), values
