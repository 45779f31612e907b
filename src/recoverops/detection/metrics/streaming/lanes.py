"""The statistics of a point: how far it is from usual in six ways, each as a multiple of its usual size. Compiled.

Called by `kernel.py` for every point that counts. Means and scales are exponentially weighted with a gain of 1/n at
first; distances are clipped at a multiple of the usual one before they are learned, so an incident does not become
normal at once and a lasting change does within hours (fast means) to days (the slow mean).

The loops over means and distances have no branches, so that the compiler does all of them in one vector instruction
each.
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

DISTANCES = 8
_STEP, _SHIFTED, _DRIFTED, _RESTLESS, _SEASONAL, _PLAIN, _SPREAD, _FROM_MEAN = range(DISTANCES)
"""Distances of a point, in the order of SCALES: from its neighbour; of FAST from MIDDLE; of SLOW from SLOWEST; from
MIDDLE, usual and of late; from the seasonal profile; from the slow mean as the profile's rival and for its own sake."""
_RATES = np.array([1 / 1000, 1 / 2000, 1 / 2000, 1 / 800, 1 / 2000, 1 / 2000, 1 / 20, 1 / 2000], dtype=np.float32)
"""One over the points that a scale remembers."""
_CLIPPED_AT = np.array([10, 10, 10, 10, 10, 10, 1e30, 5], dtype=np.float32)
"""Usual distances that are learned at most."""
_EARLY = np.array([8, 16, 64, 16, 16, 16, 1, 8], dtype=np.float32)
"""Points until which everything is learned and nothing said."""

_MEANS = 4
_FAST, _MIDDLE, _SLOW, _SLOWEST = of.MEANS, of.MEANS + 1, of.MEANS + 2, of.MEANS + 3
_MEAN_RATES = np.array([1 / 8, 1 / 64, 1 / 32, 1 / 500], dtype=np.float32)
_SLOW_RATE = 1 / 2000

_RESOLUTION = 1e-6
"""A millionth of the value itself is the least that counts as a distance, whatever is usual."""
_SECONDS_A_LETTER = 1800.0
_MOST_POINTS_A_LETTER = 6
_SEASON_HELPS = 0.7
"""The profile is used while its error is below this share of the error without it: any profile fits a little."""


@compiled(INT(REAL))
def hour_of(now: Number) -> int:
    """The place in the profile: hour of the day, 0..23 on workdays, 24..47 on Saturdays and Sundays, UTC."""
    day = math.floor(now / 86_400.0)
    hour = int((now - day * 86_400.0) / 3_600.0)
    return hour + 24 if (int(day) + 3) % 7 >= 5 else hour


@compiled(VOID(FLOATS, FLOAT, FLOAT))
def _move_means(row: NDArray[np.float32], value: Number, young: Number) -> None:
    for j in range(_MEANS):
        mean = row[of.MEANS + j]
        row[of.MEANS + j] = mean + (value - mean) * max(young, _MEAN_RATES[j])


@compiled(VOID(FLOATS, FLOATS, FLOATS, FLOAT, FLOAT))
def _measure(
    row: NDArray[np.float32],
    distances: NDArray[np.float32],
    multiples: NDArray[np.float32],
    young: Number,
    least: Number,
) -> None:
    """Each distance as a multiple of the usual one, which learns it; -1 = too early to say."""
    points = row[of.POINTS]
    for j in range(len(distances)):  # a constant would be unrolled before it can become one vector
        distance, usual = distances[j], row[of.SCALES + j]
        is_early = points <= _EARLY[j]
        limit = np.float32(1e30) if is_early else _CLIPPED_AT[j] * usual + least
        row[of.SCALES + j] = usual + max(young, _RATES[j]) * (min(distance, limit) - usual)
        multiple = distance / (usual + least)
        multiples[j] = np.float32(-1.0) if is_early else multiple


@compiled(VOID(FLOATS, INT, FLOAT, FLOAT))
def _learn_profile(row: NDArray[np.float32], place: Number, residual: Number, limit: Number) -> None:
    points = row[of.POINTS]
    learned = residual if points <= np.float32(150.0) else min(max(residual, -limit), limit)
    share = np.float32(of.PROFILE_BINS) / (np.float32(of.PROFILE_BINS) + points)
    row[np.uint64(place)] += max(share, np.float32(0.02)) * learned


@compiled(FLOAT(FLOATS, BYTES, FLOAT, FLOAT))
def _pattern(row: NDArray[np.float32], letters: NDArray[np.uint8], error: Number, usual: Number) -> Number:
    """Distance to the nearest known course at the end of a letter; -1 = in the middle of one, or too early."""
    row[of.BLOCK_SUM] += error / (np.float32(4.0) * usual + abs(error))
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


@compiled(VOID(FLOATS, FLOAT))
def _learn_interval(row: NDArray[np.float32], elapsed: Number) -> None:
    usual = row[of.INTERVAL]
    half = np.float32(0.5) * usual
    moved = usual + np.float32(0.02) * min(max(elapsed - usual, -half), half)
    row[of.INTERVAL] = elapsed if usual == np.float32(0.0) else moved


@compiled(FLOAT(FLOATS, BYTES, REAL, REAL, INT, FLOAT, FLOATS, FLOATS))
def follow(
    row: NDArray[np.float32],
    letters: NDArray[np.uint8],
    value: Number,
    size: Number,
    hour: int,
    elapsed: Number,
    work: NDArray[np.float32],
    statistics: NDArray[np.float32],
) -> Number:
    """Fills `statistics`, one a lane, and learns the point. `value` is relative to the origin, `size` is its magnitude.

    Returns how far the point and the mean of the last few lie from the slow mean, as multiples of the usual distance.
    `work` is room for distances and their multiples.
    """
    distances, multiples = work[:DISTANCES], work[DISTANCES : 2 * DISTANCES]
    _learn_interval(row, elapsed)
    v, least = np.float32(value), np.float32(_RESOLUTION * size + 1e-9)
    points = row[of.POINTS]
    young, error = np.float32(1.0) / points, v - row[of.MEAN]
    _move_means(row, v, young)
    place = np.uint64(of.PROFILE + hour)
    is_new_hour = math.isnan(row[place])
    if is_new_hour:
        row[place] = v
    residual = v - row[place]
    seasonal, plain = row[of.SCALES + _SEASONAL], row[of.SCALES + _PLAIN]
    usual, usual_spread = row[of.SCALES + _FROM_MEAN] + least, row[of.SCALES + _RESTLESS] + least
    distances[_STEP] = abs(v - row[of.LAST_SEEN])
    distances[_SHIFTED] = abs(row[_FAST] - row[_MIDDLE])
    distances[_DRIFTED] = abs(row[_SLOW] - row[_SLOWEST])
    distances[_RESTLESS] = distances[_SPREAD] = abs(v - row[_MIDDLE])
    distances[_SEASONAL] = seasonal if is_new_hour else abs(residual)
    distances[_PLAIN] = plain if is_new_hour else abs(error)
    distances[_FROM_MEAN] = abs(error)
    row[of.LAST_SEEN] = v
    _measure(row, distances, multiples, young, least)
    near = elapsed <= np.float32(5.0) * row[of.INTERVAL]  # otherwise the neighbour is too long ago to compare with
    has_season = seasonal < np.float32(_SEASON_HELPS) * plain and not is_new_hour
    statistics[SPIKE] = multiples[_STEP] if near else np.float32(-1.0)
    statistics[SHIFT] = multiples[_SHIFTED]
    statistics[DRIFT] = multiples[_DRIFTED]
    statistics[VARIANCE] = row[of.SCALES + _SPREAD] / usual_spread if points > 24.0 else np.float32(-1.0)
    statistics[SEASON] = multiples[_SEASONAL] if has_season else np.float32(-1.0)
    statistics[PATTERN] = _pattern(row, letters, error, usual)
    _learn_profile(row, place, residual, np.float32(3.0) * seasonal + least)
    away = (abs(error) + abs(row[_FAST] - row[of.MEAN])) / usual
    limit = np.float32(3.0) * usual
    step = error if points <= np.float32(8.0) else min(max(error, -limit), limit)
    row[of.MEAN] += max(young, np.float32(_SLOW_RATE)) * step
    return np.float32(away)
