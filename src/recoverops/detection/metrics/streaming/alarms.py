"""When a raw score is unusual, and when that is an alarm: the budget of false alarms. Compiled, called by `kernel.py`.

The level starts at `START_LEVEL`. Every alarm raises it by a fixed share, and it sinks back at the speed of the budget
(adaptive conformal inference, Gibbs and Candès 2021, one-sided): a series that alarms more often than the budget allows
pushes its level up until it does not, whatever its distribution. It never sinks below where it started: series that
could bear that gained less than others lost.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.streaming.compiled import (
    BOOL,
    FLOAT,
    FLOATS,
    READ_FLOATS,
    REAL,
    REALS,
    VOID,
    Number,
    compiled,
)
from recoverops.detection.metrics.streaming.layout import ALARMS, DEBT, INTERVAL, POINTS, SINCE_ALARM, WATCHED
from recoverops.detection.metrics.streaming.tails import log_of

EPISODE, SINKING = 1, 2
START_LEVEL, PACE, YOUTH, SLOW_PACE, LOWEST_LEVEL = 3, 4, 5, 8, 9
"""Places in `knobs`: points of an episode, the share of the start level by which the level sinks a second, the start
level, what it gains for frequent points, and for a young series, what it loses for rare points, and its floor."""

STEP = 0.15
"""Share of the start level by which an alarm raises it."""
_USUAL_INTERVAL = 300.0
"""Five-minute points are the measure: more frequent ones need more to be alarmed, rarer ones less."""
_LONGEST_GAP = 86_400.0
"""A gap in the data forgives at most a day."""


@compiled(VOID(FLOATS, REALS, READ_FLOATS, REAL))
def account(row: NDArray[np.float32], real: NDArray[np.float64], knobs: NDArray[np.float32], elapsed: Number) -> None:
    """Time passes: the level sinks."""
    elapsed = min(elapsed, _LONGEST_GAP)
    real[WATCHED] += elapsed
    real[DEBT] = max(real[DEBT] - knobs[SINKING] * elapsed, 0.0)
    row[SINCE_ALARM] += 1.0


@compiled(FLOAT(FLOATS))
def _interval(row: NDArray[np.float32]) -> Number:
    return min(max(row[INTERVAL], np.float32(1.0)), np.float32(86_400.0))


@compiled(FLOAT(FLOATS, READ_FLOATS))
def least_level(row: NDArray[np.float32], knobs: NDArray[np.float32]) -> Number:
    """No level of this series lies below: spares most points the logarithm."""
    return knobs[START_LEVEL] if row[INTERVAL] <= np.float32(_USUAL_INTERVAL) else knobs[LOWEST_LEVEL]


@compiled(FLOAT(FLOATS, READ_FLOATS, REAL, FLOAT))
def level(row: NDArray[np.float32], knobs: NDArray[np.float32], debt: Number, weight: Number) -> Number:
    """The raw score from which on a point is unusual: higher for frequent points, for a young series, after
    alarms.

    What youth and alarms add counts `weight` times.
    """
    often = log_of(np.float32(_USUAL_INTERVAL) / _interval(row))
    start = knobs[START_LEVEL] + (knobs[PACE] if often > np.float32(0.0) else knobs[SLOW_PACE]) * often
    start = max(start, knobs[LOWEST_LEVEL])
    return start * (np.float32(1.0) + weight * (np.float32(debt) + knobs[YOUTH] / row[POINTS]))


@compiled(BOOL(FLOATS, REALS, READ_FLOATS, FLOAT))
def may_alarm(row: NDArray[np.float32], real: NDArray[np.float64], knobs: NDArray[np.float32], raw: Number) -> bool:
    """Of an unusual point: outside of an episode, and worth its price. Pays for the alarm that follows.

    The budget is one of time, and an hour of one-second points has as many chances of a false alarm as twelve days of
    five-minute points: youth and alarms raise the level of an alarm by the root of that more.
    """
    if row[ALARMS] > 0.0 and row[SINCE_ALARM] <= knobs[EPISODE]:
        return False
    weight = np.float32(math.sqrt(max(np.float32(_USUAL_INTERVAL) / _interval(row), np.float32(1.0))))
    if raw < level(row, knobs, real[DEBT], weight):
        return False
    row[ALARMS] += 1.0
    row[SINCE_ALARM] = 0.0
    real[DEBT] += STEP
    return True
