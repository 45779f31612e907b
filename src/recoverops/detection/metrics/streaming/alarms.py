"""When a raw score is an alarm: the budget of false alarms. Compiled, called by `kernel.py`.

The level starts at `START_LEVEL`. Every alarm raises it by a fixed share, and it sinks back at the speed of the budget
(adaptive conformal inference, Gibbs and Candès 2021, one-sided): a series that alarms more often than the budget allows
pushes its level up until it does not, whatever its distribution. It never sinks below where it started.
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
    VOID,
    Number,
    compiled,
)
from recoverops.detection.metrics.streaming.layout import ALARMS, DEBT, INTERVAL, POINTS, SINCE_ALARM, WATCHED

EPISODE, SINKING, DEEPEST = 1, 2, 3
"""Places in `knobs`: points of an episode; share of the start level that the level sinks a second; lowest debt."""
_START_LEVEL = 4
PACE, YOUTH = 5, 6

STEP = 0.2
"""Share of the start level by which an alarm raises it."""
_LONGEST_GAP = 86_400.0
"""A gap in the data forgives at most a day."""


@compiled(VOID(FLOATS, READ_FLOATS, REAL))
def account(row: NDArray[np.float32], knobs: NDArray[np.float32], elapsed: Number) -> None:
    """Time passes: the level sinks."""
    elapsed = min(elapsed, _LONGEST_GAP)
    row[WATCHED] += elapsed
    row[SINCE_ALARM] += 1.0
    row[DEBT] = max(row[DEBT] - knobs[SINKING] * elapsed, knobs[DEEPEST])


@compiled(FLOAT(FLOATS, READ_FLOATS))
def level(row: NDArray[np.float32], knobs: NDArray[np.float32]) -> Number:
    """The raw score from which on it is an alarm: higher for frequent points, for a young series, after alarms."""
    pace = np.float32(math.log(300.0 / max(row[INTERVAL], np.float32(1.0))))
    start = knobs[_START_LEVEL] + knobs[PACE] * pace
    return start * (np.float32(1.0) + row[DEBT] + knobs[YOUTH] / row[POINTS])


@compiled(BOOL(FLOATS, READ_FLOATS))
def may_alarm(row: NDArray[np.float32], knobs: NDArray[np.float32]) -> bool:
    """Outside of an episode. Pays for the alarm that follows."""
    if row[ALARMS] > 0.0 and row[SINCE_ALARM] <= knobs[EPISODE]:
        return False
    row[ALARMS] += 1.0
    row[SINCE_ALARM] = 0.0
    row[DEBT] += STEP
    return True


@compiled(FLOAT(FLOAT, FLOAT))
def abnormality(raw: Number, away: Number) -> Number:
    """0..1, without regard to what was alarmed before, so that points can be ranked.

    The raw score tires of an incident that lasts, as its tails learn; the distance from the slow mean does not.
    """
    both = raw + away
    return np.float32(both / (both + np.float32(8.0)))
