"""The residual model: what the season, the level and the row before let expect, against what came.

Runs unattended: the level follows lasting changes, an incident is followed too slowly to hide it. `residual_kernel`
does the arithmetic, `residual_fit` learns it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.joint import residual_fit
from recoverops.detection.metrics.joint import residual_kernel as kernel
from recoverops.detection.metrics.joint.core import KERNEL_ROWS, Floats
from recoverops.detection.metrics.joint.residual_fit import Fitted
from recoverops.detection.metrics.joint.settings import RESIDUAL, JointSettings
from recoverops.detection.metrics.joint.table import fitting
from recoverops.model import PermanentError
from recoverops.model.joint import ROW_STATUSES, Evidence, MetricTable, RowStatus

KIND = RESIDUAL
_STATE_ROWS = 7
_PRODUCTS_AT_ONCE = 2_000_000
_KEPT = (kernel.LEVEL, kernel.SEASON_RECENT, kernel.STEP_RECENT)
"""What a model takes over from the history's end; the rest belongs to single rows."""
_SCORED, _LATE, _MISSING = (
    ROW_STATUSES.index(status) for status in (RowStatus.SCORED, RowStatus.LATE, RowStatus.TOO_MUCH_MISSING)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualCore:
    """Two views of each row, season and step; see `residual_kernel`."""

    metrics: tuple[str, ...]
    fitted: Fitted
    beginning: Floats
    """(3, n_metrics) level and recent evidence of both views, where they stood when the history ended"""
    kind: str = KIND

    def start(self) -> bytes:
        state = np.full((_STATE_ROWS, len(self.metrics)), math.nan)
        state[_KEPT, :] = self.beginning
        return state.tobytes()

    def run(self, state: bytes, table: MetricTable) -> tuple[bytes, Evidence]:
        times, values = fitting(table, self.metrics)
        moving = self._state(state)
        out = np.empty((len(times), kernel.FIRST_SHARE + len(self.metrics)))
        seen = _newest_seen(times, values, moving[kernel.TIME, 0], self.fitted.numbers[kernel.NEEDED])
        at_once = max(1, min(KERNEL_ROWS, _PRODUCTS_AT_ONCE // len(self.metrics) ** 2))
        for begin in range(0, len(times), at_once):
            rows = slice(begin, begin + at_once)
            kernel.score_rows(
                times[rows],
                values[rows],
                self.fitted.vectors,
                self.fitted.matrices,
                self.fitted.seasonal,
                self.fitted.numbers,
                moving,
                out[rows],
            )
        raw = out[:, kernel.EVIDENCE].copy()
        status = np.where(~np.isnan(raw), _SCORED, np.where(times <= seen, _LATE, _MISSING)).astype(np.int8)
        shares = out[:, kernel.FIRST_SHARE :].copy()
        return moving.tobytes(), Evidence(status=status, raw=raw, contributions=shares, missing=np.isnan(values))

    def _state(self, state: bytes) -> Floats:
        expected = _STATE_ROWS * len(self.metrics) * 8
        if len(state) != expected:
            raise PermanentError(
                f"the state has {len(state)} bytes, this model's has {expected}; it belongs to another model, "
                "begin anew with start()"
            )
        return np.frombuffer(state, dtype=np.float64).reshape(_STATE_ROWS, -1).copy()

    def started_at(self, state: bytes) -> ResidualCore:
        return replace(self, beginning=self._state(state)[_KEPT, :])

    def describe(self) -> tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]]:
        arrays = {
            "vectors": self.fitted.vectors,
            "matrices": self.fitted.matrices,
            "seasonal": self.fitted.seasonal,
            "numbers": self.fitted.numbers,
            "beginning": self.beginning,
        }
        return {"metrics": list(self.metrics)}, arrays


def _newest_seen(times: Floats, values: Floats, last: float, needed: float) -> Floats:
    """(n,) the time of the newest row that was scored before each row; -inf when there is none."""
    scored = np.sum(~np.isnan(values), axis=1) >= needed * values.shape[1]
    own = np.where(scored, times, -math.inf)
    before = np.concatenate([[-math.inf if math.isnan(last) else last], own])
    return np.maximum.accumulate(before)[:-1]


def learn(table: MetricTable, settings: JointSettings) -> ResidualCore:
    """From history that `training` has looked at; it begins where the last row left off."""
    fitted = residual_fit.fit(table, settings)
    beginning = np.vstack(
        [np.zeros(len(table.metrics)), fitted.vectors[kernel.SEASON_USUAL], fitted.vectors[kernel.STEP_USUAL]]
    )
    core = ResidualCore(metrics=table.metrics, fitted=fitted, beginning=beginning)
    state, _ = core.run(core.start(), table)
    return core.started_at(state)


def restore(description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> ResidualCore:
    """The core that `describe` wrote. Raises KeyError, ValueError or TypeError otherwise; the caller words it."""
    metrics = tuple(str(name) for name in description["metrics"])
    n = len(metrics)
    fitted = Fitted(
        vectors=_shaped(arrays["vectors"], 7, n),
        matrices=_shaped(arrays["matrices"], 5, n, n),
        seasonal=_shaped(arrays["seasonal"], 2, n, _basis_size(arrays["numbers"])),
        numbers=_shaped(arrays["numbers"], 11),
    )
    return ResidualCore(metrics=metrics, fitted=fitted, beginning=_shaped(arrays["beginning"], 3, n))


def _basis_size(numbers: NDArray[Any]) -> int:
    return 1 + 2 * int(numbers[kernel.DAILY]) + 2 * int(numbers[kernel.WEEKLY])


def _shaped(array: NDArray[Any], *shape: int) -> Floats:
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"an array has shape {array.shape}, expected {shape} of finite numbers")
    return np.array(array, dtype=np.float64, order="C")
