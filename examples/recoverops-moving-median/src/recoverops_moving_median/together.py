"""A kind of model of several metrics: how far each metric is from its median in the history, all of them together.

The whole contract is `recoverops.ports.JointKind` and `JointCore`. It remembers nothing between rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recoverops.model import PermanentError
from recoverops.model.joint import ROW_STATUSES, Evidence, MetricTable, RowStatus

KIND = "median-distance"
_SCORED, _MISSING = ROW_STATUSES.index(RowStatus.SCORED), ROW_STATUSES.index(RowStatus.TOO_MUCH_MISSING)
_TINY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class MedianDistance:
    metrics: tuple[str, ...]
    middle: NDArray[np.float64]
    """(n_metrics,) medians of the history"""
    usual: NDArray[np.float64]
    """(n_metrics,) median absolute deviations"""
    kind: str = KIND

    def start(self) -> bytes:
        return b""

    def run(self, state: bytes, table: MetricTable) -> tuple[bytes, Evidence]:
        if state or table.metrics != self.metrics:
            raise PermanentError(f"expected rows of {', '.join(self.metrics)} and no state")
        missing = ~np.isfinite(table.values)
        distances = np.where(missing, 0.0, np.abs(table.values - self.middle) / self.usual)
        is_scored = 2 * missing.sum(axis=1) <= len(self.metrics)
        weights = np.where(missing, 0.0, distances + _TINY)
        shares = weights / np.maximum(weights.sum(axis=1), _TINY)[:, np.newaxis]
        return state, Evidence(
            status=np.where(is_scored, _SCORED, _MISSING).astype(np.int8),
            raw=np.where(is_scored, distances.sum(axis=1) / np.maximum(1, (~missing).sum(axis=1)), np.nan),
            contributions=np.where(is_scored[:, np.newaxis], shares, np.nan),
            missing=missing,
        )

    def started_at(self, state: bytes) -> MedianDistance:
        return self

    def describe(self) -> tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]]:
        return {"metrics": list(self.metrics)}, {"middle": self.middle, "usual": self.usual}


class MedianDistanceKind:
    name = KIND
    summary = "The distance of each metric from its median in the history, all of them together."

    def learn(self, history: MetricTable) -> MedianDistance:
        middle = np.nanmedian(history.values, axis=0)
        usual = np.maximum(np.nanmedian(np.abs(history.values - middle), axis=0), _TINY)
        return MedianDistance(metrics=history.metrics, middle=middle, usual=usual)

    def restore(self, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> MedianDistance:
        metrics = tuple(str(name) for name in description["metrics"])
        middle, usual = (np.asarray(arrays[name], dtype=np.float64) for name in ("middle", "usual"))
        if middle.shape != usual.shape or middle.shape != (len(metrics),):
            raise ValueError(f"arrays of the shapes {middle.shape} and {usual.shape} for {len(metrics)} metrics")
        return MedianDistance(metrics=metrics, middle=middle, usual=usual)
