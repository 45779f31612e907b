"""The 18 engineered features of a host or service. Pure; one kernel serves whole tables and single rows alike.

Inputs are the columns of `INPUTS`, NaN = missing. A feature whose inputs are missing is missing (NaN), never 0; the
time features always exist. Rolling features look at the last hour, the present row included, and need two values.

| feature | meaning | unit |
|---|---|---|
| `request_rate` | requests | 1/s |
| `response_time_p95`, `response_time_avg` | as measured | the source's |
| `network_bytes_rate` | increase of the counter `network_bytes_total`; missing at first and after a reset | bytes/s |
| `cpu_usage_avg`, `memory_usage_pct`, `disk_usage_pct` | as measured | percent |
| `hour` | hour of the day, UTC | 0-23 |
| `day_of_week` | Monday is 0, UTC | 0-6 |
| `is_weekend` | Saturday or Sunday, UTC | 0, 1 |
| `cpu_rolling_mean`, `cpu_rolling_std`, `cpu_rolling_max` | of `cpu_usage_avg`; std of the population | percent |
| `memory_rolling_mean`, `memory_rolling_std` | of `memory_usage_pct` | percent |
| `disk_rolling_max` | of `disk_usage_pct` | percent |
| `cpu_rate_of_change`, `memory_rate_of_change` | against the newest earlier value of the last hour | percent/s |
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.joint.compiled import compiled
from recoverops.detection.metrics.joint.table import fitting
from recoverops.model import PermanentError
from recoverops.model.joint import MetricTable

Floats = NDArray[np.float64]
INPUTS: Final = (
    "request_rate",
    "response_time_p95",
    "response_time_avg",
    "network_bytes_total",
    "cpu_usage_avg",
    "memory_usage_pct",
    "disk_usage_pct",
)
FEATURES: Final = (
    "request_rate",
    "response_time_p95",
    "response_time_avg",
    "network_bytes_rate",
    "cpu_usage_avg",
    "memory_usage_pct",
    "disk_usage_pct",
    "hour",
    "day_of_week",
    "is_weekend",
    "cpu_rolling_mean",
    "cpu_rolling_std",
    "cpu_rolling_max",
    "memory_rolling_mean",
    "memory_rolling_std",
    "disk_rolling_max",
    "cpu_rate_of_change",
    "memory_rate_of_change",
)
WINDOW_S = 3600.0
WINDOW_ROWS = 3600
"""The most rows that are remembered: an hour at one a second. Of faster rows the newest are used."""
_NETWORK, _CPU, _MEMORY, _DISK = 3, 4, 5, 6
_EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday
_NEWEST = 5  # row of the state: [0] index of the newest remembered row, [1] how many there are


@compiled("float64(float64[:, ::1], int64, float64, float64)")
def newest_change(state: Floats, column: int, at: float, value: float) -> float:
    """Change a second since the newest earlier value in the window; NaN without both."""
    newest, count = int(state[_NEWEST, 0]), int(state[_NEWEST, 1])
    for back in range(1, count):
        row = (newest - back) % state.shape[1]
        if at - state[0, row] > WINDOW_S:
            break
        if not math.isnan(state[column, row]):
            return float((value - state[column, row]) / (at - state[0, row]))
    return math.nan


@compiled("void(float64[:, ::1], int64, float64, float64[::1])")
def rolling(state: Floats, column: int, at: float, out: Floats) -> None:
    """Mean, standard deviation and maximum of the window; NaN with fewer than two values."""
    newest, count = int(state[_NEWEST, 0]), int(state[_NEWEST, 1])
    values = 0
    total, highest = 0.0, -math.inf
    for back in range(count):
        row = (newest - back) % state.shape[1]
        if at - state[0, row] > WINDOW_S:
            break
        if not math.isnan(state[column, row]):
            values += 1
            total += state[column, row]
            highest = max(highest, state[column, row])
    out[:] = math.nan
    if values < 2:
        return
    mean = total / values
    squares = 0.0
    for back in range(count):
        row = (newest - back) % state.shape[1]
        if at - state[0, row] > WINDOW_S:
            break
        if not math.isnan(state[column, row]):
            squares += (state[column, row] - mean) ** 2
    out[0], out[1], out[2] = mean, math.sqrt(squares / values), highest


@compiled("void(float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1])")
def feature_rows(times: Floats, inputs: Floats, state: Floats, out: Floats) -> None:
    """Fill `out`, (n, 18), and move `state`, (6, WINDOW_ROWS): time, network, CPU, memory, disk, position."""
    window = np.empty(3)
    for i in range(len(times)):
        newest = (int(state[_NEWEST, 0]) + 1) % state.shape[1]
        state[_NEWEST, 0] = newest
        state[_NEWEST, 1] = min(state[_NEWEST, 1] + 1, state.shape[1])
        state[0, newest] = times[i]
        for column in range(4):
            state[1 + column, newest] = inputs[i, _NETWORK + column]
        for column in range(7):
            out[i, column] = inputs[i, column]
        rate = newest_change(state, 1, times[i], inputs[i, _NETWORK])
        out[i, _NETWORK] = rate if rate >= 0 else math.nan
        day = math.floor(times[i] / 86400.0)
        weekday = (day + _EPOCH_WEEKDAY) % 7
        out[i, 7] = math.floor((times[i] - day * 86400.0) / 3600.0)
        out[i, 8] = weekday
        out[i, 9] = 1.0 if weekday >= 5 else 0.0
        rolling(state, 2, times[i], window)
        out[i, 10:13] = window
        rolling(state, 3, times[i], window)
        out[i, 13:15] = window[:2]
        rolling(state, 4, times[i], window)
        out[i, 15] = window[2]
        out[i, 16] = newest_change(state, 2, times[i], inputs[i, _CPU])
        out[i, 17] = newest_change(state, 3, times[i], inputs[i, _MEMORY])


class FeatureStream:
    """The features of one host or service, row after row. Remembers one hour, at most `WINDOW_ROWS` rows."""

    def __init__(self) -> None:
        self._state = _nothing()
        self._last = -math.inf

    def step(self, at: float, inputs: Mapping[str, float]) -> MetricTable:
        """One row of features; `missing_features` names those that it lacks.

        `at`: seconds since the epoch, later than the row before. `inputs`: by name; absent = missing.
        """
        if not math.isfinite(at) or at <= self._last:
            raise PermanentError(f"the row at {at} is not later than the one at {self._last}; send rows in order")
        unknown = sorted(set(inputs) - set(INPUTS))
        if unknown:
            raise PermanentError(f"{unknown[0]!r} is no input of the features; known are {', '.join(INPUTS)}")
        row = np.array([[inputs.get(name, math.nan) for name in INPUTS]], dtype=np.float64)
        row[~np.isfinite(row)] = math.nan
        self._last = at
        return _computed(np.array([at]), row, self._state)

    def to_bytes(self) -> bytes:
        """The rows that later features can still look at; `from_bytes` goes on exactly as this would."""
        newest, count = int(self._state[_NEWEST, 0]), int(self._state[_NEWEST, 1])
        rows = self._state[:_NEWEST, (newest - np.arange(count)[::-1]) % WINDOW_ROWS]
        return np.ascontiguousarray(rows[:, self._last - rows[0] <= WINDOW_S]).tobytes()

    @classmethod
    def from_bytes(cls, blob: bytes) -> FeatureStream:
        """Raises PermanentError when it cannot be such rows."""
        row_bytes = _NEWEST * 8
        count = len(blob) // row_bytes
        if len(blob) != count * row_bytes or count > WINDOW_ROWS:
            raise PermanentError(f"{len(blob)} bytes are no rolling window of at most {WINDOW_ROWS} rows")
        stream = cls()
        if count:
            rows = np.frombuffer(blob, dtype=np.float64).reshape(_NEWEST, count)
            stream._state[:_NEWEST, :count] = rows
            stream._state[_NEWEST, :2] = count - 1, count
            stream._last = float(rows[0, -1])
        return stream


def features(table: MetricTable) -> MetricTable:
    """The features of a whole table with the columns `INPUTS`; row by row what `FeatureStream` gives."""
    times, inputs = fitting(table, INPUTS)
    return _computed(times, inputs, _nothing())


def missing_features(table: MetricTable, row: int) -> tuple[str, ...]:
    """The features without a value in that row."""
    return tuple(name for name, value in zip(table.metrics, table.values[row], strict=True) if math.isnan(value))


def _nothing() -> Floats:
    return np.zeros((6, WINDOW_ROWS))


def _computed(times: Floats, inputs: Floats, state: Floats) -> MetricTable:
    out = np.empty((len(times), len(FEATURES)))
    feature_rows(times, inputs, state, out)
    return MetricTable(metrics=FEATURES, times=times, values=out)
