"""The stored history of one resource as a table to train on: one row a minute, the mean of what was measured in it.

What RecoverOps measures itself gets the names and units of the features' inputs, so that a sender of `POST /anomaly`
and the history speak of the same thing. A minute without a value stays without one.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.joint import INPUTS, table_of
from recoverops.model import NotFoundError, Resource
from recoverops.model.joint import MetricTable
from recoverops.ports import HistoryStore, SeriesKey, SeriesPoints

STEP = timedelta(minutes=1)
AS_INPUT: Final[dict[str, tuple[str, float]]] = {
    "host.cpu.utilization": ("cpu_usage_avg", 100.0),
    "process.cpu.utilization": ("cpu_usage_avg", 100.0),
    "host.memory.utilization": ("memory_usage_pct", 100.0),
    "host.disk.utilization": ("disk_usage_pct", 100.0),
    "disk.utilization": ("disk_usage_pct", 100.0),
    "http.server.request.rate": ("request_rate", 1.0),
    "http.server.duration": ("response_time_avg", 1.0),
    "http.probe.duration": ("response_time_avg", 1.0),
    **{name: (name, 1.0) for name in INPUTS},
}
"""Metric -> input and factor; where two give one input, the first that is there."""


def history_table(
    history: HistoryStore, resource: Resource, *, start: datetime, end: datetime, step: timedelta = STEP
) -> MetricTable:
    """The rows from `start` to `end` with at least one value. Raises NotFoundError when nothing was kept."""
    keys = history.series(start=start, end=end, resource=resource)
    if not keys:
        raise NotFoundError(
            f"the history has nothing of {resource} between {start:%Y-%m-%d %H:%M} and {end:%Y-%m-%d %H:%M} UTC; name "
            "a resource of the inventory that is watched, or train from a file with `recoverops train metrics --from`"
        )
    columns = _columns(keys)
    points = history.range(list(columns), start=start, end=end)
    step_s, first = step.total_seconds(), start.timestamp()
    rows = max(1, int(np.ceil((end - start) / step)))
    values = np.column_stack([_means(one, first, step_s, rows) * columns[one.key][1] for one in points])
    times = first + step_s * (np.arange(rows) + 1)  # a minute is known when it is over
    is_there = ~np.isnan(values).all(axis=1)
    return table_of(tuple(name for name, _ in columns.values()), times[is_there], values[is_there])


def _columns(keys: Iterable[SeriesKey]) -> dict[SeriesKey, tuple[str, float]]:
    """Inputs of the features where there are any, else every metric under its own name."""
    by_metric = {key.metric: key for key in keys}
    known: dict[str, tuple[SeriesKey, float]] = {}
    for metric, (name, factor) in AS_INPUT.items():
        if metric in by_metric:
            known.setdefault(name, (by_metric[metric], factor))
    if known:
        return {key: (name, factor) for name, (key, factor) in known.items()}
    return {key: (metric, 1.0) for metric, key in by_metric.items()}


def _means(points: SeriesPoints, first: float, step_s: float, rows: int) -> NDArray[np.float64]:
    is_number = np.isfinite(points.values)
    place = np.clip(((points.at[is_number] - first) // step_s).astype(np.int64), 0, rows - 1)
    counts = np.bincount(place, minlength=rows)
    sums = np.bincount(place, weights=points.values[is_number], minlength=rows)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
