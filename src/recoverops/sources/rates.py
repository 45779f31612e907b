"""Counters to rates, as a stream. Called once a delivery by whoever takes pushed columns; gauges pass.

The rate of a counter is its growth since its last sample, per second. A value below the last is a reset: the process
began again at zero, so all of the new value is growth (as Prometheus' `rate` has it). There is no rate, NaN, for the
first sample of a series, for one that is not newer than the last (late or twice), for one without a value, and for the
first after a pause of more than `longest_gap_s` or after the series ended: growth over a hole says nothing of now.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from recoverops.model.columns import Columns
from recoverops.model.pushed import Kind, Pushed
from recoverops.sources.compiled import compiled

LONGEST_GAP_S = 300.0
"""Prometheus calls a series stale after the same five minutes."""
_COUNTER = int(Kind.COUNTER)
_f8 = numba.types.float64[::1]


@compiled(
    numba.types.void(
        numba.types.int32[::1],
        _f8,
        numba.types.boolean[::1],
        numba.types.uint8[::1],
        _f8,
        _f8,
        numba.types.float64,
        _f8,
    )
)
def _step(
    series: NDArray[np.int32],
    at: NDArray[np.float64],
    stale: NDArray[np.bool_],
    kinds: NDArray[np.uint8],
    last_at: NDArray[np.float64],
    last_value: NDArray[np.float64],
    longest_gap_s: float,
    values: NDArray[np.float64],
) -> None:
    """`values` are totals before and rates after."""
    for row in range(len(series)):
        number = series[row]
        if kinds[number] != _COUNTER:
            continue
        total, values[row] = values[row], np.nan
        if stale[row]:
            last_at[number] = np.nan
        if np.isnan(total) or at[row] <= last_at[number]:
            continue
        passed = at[row] - last_at[number]
        if passed <= longest_gap_s:  # false for NaN: nothing was before
            growth = total - last_value[number]
            values[row] = (growth if growth >= 0 else total) / passed
        last_at[number] = at[row]
        last_value[number] = total


class Rates:
    """The last sample of every counter, by series number. 16 bytes a series."""

    def __init__(self, *, limit: int, longest_gap_s: float = LONGEST_GAP_S) -> None:
        self._last_at = np.full(limit, np.nan)
        self._last_value = np.zeros(limit)
        self._longest_gap_s = longest_gap_s

    def step(self, pushed: Pushed, kinds: NDArray[np.uint8]) -> Columns:
        """The same rows with the rates of counters in place of their totals. `kinds`: (limit,) `Kind` by number."""
        columns = pushed.columns
        values = columns.values.copy()
        _step(
            columns.series,
            columns.at,
            pushed.stale,
            kinds,
            self._last_at,
            self._last_value,
            self._longest_gap_s,
            values,
        )
        return Columns(series=columns.series, at=columns.at, values=values)

    def forget(self, series: NDArray[np.int32]) -> None:
        """These numbers will mean other series."""
        self._last_at[series] = np.nan
