"""Tables of metrics: checked once at the border, trusted inside. Pure; used by training and by every model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.joint.refusal import Lack, UntrainableError
from recoverops.model import PermanentError
from recoverops.model.joint import MetricTable

Floats = NDArray[np.float64]


def table_of(metrics: tuple[str, ...], times: NDArray[Any], values: NDArray[Any]) -> MetricTable:
    """A checked table; infinite values count as missing. Raises `UntrainableError` (`broken`)."""
    stamps = np.ascontiguousarray(times, dtype=np.float64)
    numbers = np.array(values, dtype=np.float64, order="C")
    if numbers.ndim != 2 or numbers.shape != (len(stamps), len(metrics)):
        raise UntrainableError(
            Lack.BROKEN,
            f"the values have shape {numbers.shape}, expected ({len(stamps)}, {len(metrics)}): one row a time, one "
            "column a metric",
        )
    if not metrics or len(set(metrics)) != len(metrics):
        raise UntrainableError(Lack.BROKEN, f"the metrics are {list(metrics)}; give each column its own name")
    if not np.isfinite(stamps).all() or (np.diff(stamps) <= 0).any():
        raise UntrainableError(Lack.BROKEN, "the times are not strictly ascending; sort the rows and drop duplicates")
    numbers[~np.isfinite(numbers)] = np.nan
    return MetricTable(metrics=metrics, times=stamps, values=numbers)


def fitting(table: MetricTable, metrics: tuple[str, ...]) -> tuple[Floats, Floats]:
    """Times and values of a table, as copies that a kernel may read, if a model of these metrics can score it.

    Raises `PermanentError` when it cannot.
    """
    if table.metrics != metrics:
        raise PermanentError(
            f"the table has the metrics {list(table.metrics)}, the model was trained on {list(metrics)}; hand in these "
            "columns in this order, NaN where there is no value"
        )
    shape = (len(table.times), len(metrics))
    if table.values.shape != shape:
        raise PermanentError(f"the values have shape {table.values.shape}, expected {shape}")
    values = np.array(table.values, dtype=np.float64, order="C")
    values[~np.isfinite(values)] = np.nan
    return np.array(table.times, dtype=np.float64, order="C"), values


def usual_step_s(times: Floats) -> float:
    """Seconds from one row to the next: the median, so that gaps do not count."""
    return float(np.median(np.diff(times)))
