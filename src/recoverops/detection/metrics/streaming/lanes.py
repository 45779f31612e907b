"""The statistics of a point: how far it is from usual in six ways, each as a multiple of its usual size. Compiled.

Called by `kernel.py` for every point that counts. Means and scales are exponentially weighted with a gain of 1/n at
first; distances are clipped at a multiple of the usual one before they are learned, so an incident does not become
normal at once and a lasting change does within hours (fast means) to days (the slow mean).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.streaming import layout as of
from recoverops.detection.metrics.streaming.compiled import (
    BYTES,
    FLOAT,
    FLOATS,
    INT,
    REAL,
    VOID,
    Number,
    compiled,
)
from recoverops.detection.metrics.streaming.patterns import append_letter, meet

LANES = 6
SPIKE, SHIFT, DRIFT, VARIANCE, SEASON, PATTERN = range(LANES)

_CLIPPED_AT = 10.0
_RESOLUTION = 1e-6
"""A millionth of the value itself is the least that counts as a distance, whatever is usual."""
_SECONDS_A_LETTER = 1800.0
_MOST_POINTS_A_LETTER = 6
_SEASON_HELPS = 0.7
"""The profile is used while its error is below this share of the error without it: any profile fits a little."""


@compiled(FLOAT(FLOAT, FLOAT))
def _gain(young: Number, longest: Number) -> Number:
    """`young` is 1/n, computed once a point."""
    return max(young, np.float32(1.0) / longest)


@compiled(FLOAT(FLOATS, INT, FLOAT, FLOAT, FLOAT, FLOAT, FLOAT))
def _measure(
    row: NDArray[np.float32],
    scale: int,
    distance: Number,
    young: Number,
    longest: Number,
    free_until: Number,
    least: Number,
) -> Number:
    """`distance` as a multiple of the usual one, which learns it; -1 = too early to say."""
    usual = row[scale]
    is_early = young * free_until >= np.float32(1.0)
    learned = distance if is_early else min(distance, np.float32(_CLIPPED_AT) * usual + least)
    row[scale] = usual + _gain(young, longest) * (learned - usual)
    return np.float32(-1.0) if is_early else distance / (usual + least)


@compiled(FLOAT(FLOATS, INT, FLOAT, FLOAT, FLOAT))
def _move(row: NDArray[np.float32], mean: int, value: Number, young: Number, longest: Number) -> Number:
    moved = row[mean] + (value - row[mean]) * _gain(young, longest)
    row[mean] = moved
    return moved


@compiled(INT(REAL))
def hour_of(now: Number) -> int:
    """The place in the profile: hour of the day, 0..23 on workdays, 24..47 on Saturdays and Sundays, UTC."""
    day = math.floor(now / 86_400.0)
    hour = int((now - day * 86_400.0) / 3_600.0)
    return hour + 24 if (int(day) + 3) % 7 >= 5 else hour


@compiled(FLOAT(FLOATS, FLOAT, FLOAT, INT, FLOAT, FLOAT))
def _season(row: NDArray[np.float32], value: Number, error: Number, hour: int, young: Number, least: Number) -> Number:
    """Distance from the seasonal profile; -1 = there is no season, for the slow mean predicts about as well."""
    place = np.uint64(of.PROFILE + hour)
    expected = row[place]
    if math.isnan(expected):
        row[place] = value
        return np.float32(-1.0)
    helps = row[of.SEASON_SCALE] < np.float32(_SEASON_HELPS) * row[of.PLAIN_SCALE]
    usual = row[of.SEASON_SCALE]
    residual = value - expected
    seasonal = _measure(row, of.SEASON_SCALE, abs(residual), young, 2000.0, 16.0, least)
    _measure(row, of.PLAIN_SCALE, abs(error), young, 2000.0, 16.0, least)
    limit = np.float32(3.0) * usual + least
    learned = residual if row[of.POINTS] <= 150.0 else min(max(residual, -limit), limit)
    share = np.float32(48.0) * young / (np.float32(1.0) + np.float32(48.0) * young)  # 1 / (1 + n / 48)
    row[place] = expected + max(share, np.float32(0.02)) * learned
    return seasonal if helps else np.float32(-1.0)


@compiled(FLOAT(FLOATS, BYTES, FLOAT, FLOAT))
def _pattern(row: NDArray[np.float32], letters: NDArray[np.uint8], error: Number, least: Number) -> Number:
    """Distance to the nearest known course at the end of a letter; -1 = in the middle of one, or too early."""
    folded = error / (np.float32(4.0) * row[of.DEVIATION] + least)
    row[of.BLOCK_SUM] += folded / (np.float32(1.0) + abs(folded))
    row[of.BLOCK_POINTS] += 1.0
    until_next = (row[of.BLOCK_POINTS] + np.float32(0.5)) * row[of.INTERVAL]
    if row[of.BLOCK_POINTS] < np.float32(_MOST_POINTS_A_LETTER) and until_next <= np.float32(_SECONDS_A_LETTER):
        return np.float32(-1.0)
    append_letter(letters, row[of.BLOCK_SUM] / row[of.BLOCK_POINTS])
    row[of.BLOCK_SUM] = 0.0
    row[of.BLOCK_POINTS] = 0.0
    row[of.LETTERS] += 1.0
    if row[of.LETTERS] < of.PATTERN_LETTERS:
        return np.float32(-1.0)
    distance = meet(letters)
    return np.float32(distance) if row[of.LETTERS] > 24.0 else np.float32(-1.0)


@compiled(VOID(FLOATS, FLOAT, FLOAT, FLOAT))
def _move_slowly(row: NDArray[np.float32], error: Number, young: Number, least: Number) -> None:
    """The slow mean and its deviation; after eight points they take a limited step only."""
    usual = row[of.DEVIATION]
    gain = _gain(young, 2000.0)
    limit = np.float32(3.0) * usual + least
    is_early = young >= np.float32(0.125)
    row[of.MEAN] += gain * (error if is_early else min(max(error, -limit), limit))
    learned = abs(error) if is_early else min(abs(error), np.float32(5.0) * usual + least)
    row[of.DEVIATION] = usual + gain * (learned - usual)


@compiled(VOID(FLOATS, FLOAT))
def _learn_interval(row: NDArray[np.float32], elapsed: Number) -> None:
    usual = row[of.INTERVAL]
    half = np.float32(0.5) * usual
    moved = usual + np.float32(0.02) * min(max(elapsed - usual, -half), half)
    row[of.INTERVAL] = elapsed if usual == np.float32(0.0) else moved


@compiled(FLOAT(FLOATS, BYTES, REAL, REAL, INT, FLOAT, FLOATS))
def follow(
    row: NDArray[np.float32],
    letters: NDArray[np.uint8],
    value: Number,
    size: Number,
    hour: int,
    elapsed: Number,
    statistics: NDArray[np.float32],
) -> Number:
    """Fills `statistics`, one a lane, and learns the point. `value` is relative to the origin, `size` is its magnitude.

    Returns how far the point and the mean of the last few lie from the slow mean, as multiples of the usual distance.
    """
    _learn_interval(row, elapsed)
    v, least = np.float32(value), np.float32(_RESOLUTION * size + 1e-9)
    young, error = np.float32(1.0) / row[of.POINTS], v - row[of.MEAN]
    fast, middle = _move(row, of.FAST, v, young, 8.0), _move(row, of.MIDDLE, v, young, 64.0)
    slow, slowest = _move(row, of.SLOW, v, young, 32.0), _move(row, of.SLOWEST, v, young, 500.0)
    spread = _move(row, of.SPREAD, abs(v - middle), young, 20.0)
    near = elapsed <= np.float32(5.0) * row[of.INTERVAL]  # otherwise the neighbour is too long ago to compare with
    step = _measure(row, of.STEP_SCALE, abs(v - row[of.LAST_SEEN]), young, 1000.0, 8.0, least)
    row[of.LAST_SEEN] = v
    statistics[SPIKE] = step if near else np.float32(-1.0)
    statistics[SHIFT] = _measure(row, of.SHIFT_SCALE, abs(fast - middle), young, 2000.0, 16.0, least)
    statistics[DRIFT] = _measure(row, of.DRIFT_SCALE, abs(slow - slowest), young, 2000.0, 64.0, least)
    usual_spread = row[of.USUAL_SPREAD] + least
    _measure(row, of.USUAL_SPREAD, abs(v - middle), young, 800.0, 16.0, least)
    statistics[VARIANCE] = spread / usual_spread if row[of.POINTS] > 24.0 else np.float32(-1.0)
    statistics[SEASON] = _season(row, v, error, hour, young, least)
    statistics[PATTERN] = _pattern(row, letters, error, least)
    away = (abs(error) + abs(fast - row[of.MEAN])) / (row[of.DEVIATION] + least)
    _move_slowly(row, error, young, least)
    return np.float32(away)
