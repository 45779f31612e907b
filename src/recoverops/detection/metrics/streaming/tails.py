"""How surprising a statistic is for its own series: streaming Pareto tails, eight at a time. Compiled, called by
`kernel.py`.

Two floats a lane: the 98 % quantile of the logarithm (stochastic approximation, so it follows a drift) and the mean
excess over it (Hill's estimator with a prior worth 20 excesses). An excess counts at most four times the usual one:
an incident must not widen the tail that has to judge it.

The loops have no branches and no calls, so that the compiler does all eight lanes in one vector instruction each.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.streaming.compiled import FLOAT, FLOATS, VOID, Number, compiled
from recoverops.detection.metrics.streaming.layout import POINTS, TAIL_SCALE, TAIL_START

TAILS = 8
RAW_TAIL = 7
"""The last tail is that of the raw score."""
TAIL_SHARE = 0.02
PRIOR_SCALE = 0.5
_PRIOR_COUNT = 20.0
_MOST_COUNTED = 300.0
_CLIPPED_AT = 4.0
AT_START = -math.log(TAIL_SHARE)
_NOTHING = 0.02
"""A fiftieth of the usual size is never a surprise, not even for a series that never moves."""
_LOG_NOTHING = math.log(_NOTHING)
_LEAST_SCALE = 0.1
"""A normal distribution has about 0.15. To a series that hardly ever moves anything would be a surprise otherwise."""
_SLOWEST = 0.02
_SETTLED = 522.8
"""From here on points ** -0.625 is below `_SLOWEST`."""


@compiled(FLOAT(FLOAT))
def log_of(value: Number) -> Number:
    """Natural logarithm, to 1e-4, of a positive, normal number: exponent from the bits, mantissa by a polynomial."""
    bits = np.float32(value).view(np.int32)
    exponent = np.float32((bits >> np.int32(23)) - np.int32(127))
    m = np.int32((bits & np.int32(0x7FFFFF)) | np.int32(0x3F800000)).view(np.float32)
    t = (m - np.float32(1.0)) / (m + np.float32(1.0))
    square = t * t
    series = np.float32(2.0) + square * (np.float32(0.6666667) + square * np.float32(0.41))
    return exponent * np.float32(0.6931472) + t * series


@compiled(FLOAT(FLOAT))
def exp_of_minus(value: Number) -> Number:
    """exp(-value) for a value that is not negative, to 1e-6 of it; 0 from 87 on."""
    halvings = min(value * np.float32(1.442695), np.float32(126.0))
    whole = np.int32(halvings)
    f = np.float32(1.0) - (halvings - np.float32(whole))
    high = np.float32(0.0558263) + f * (np.float32(0.0089893) + f * np.float32(0.0018776))
    mantissa = np.float32(1.0) + f * (np.float32(0.6931531) + f * (np.float32(0.2401536) + f * high))
    scale = np.int32((np.int32(126) - whole) << np.int32(23)).view(np.float32)
    return mantissa * scale if value < np.float32(87.0) else np.float32(0.0)


@compiled(FLOAT(FLOATS))
def tail_gain(row: NDArray[np.float32]) -> Number:
    points = row[POINTS]
    if points > np.float32(_SETTLED):
        return np.float32(_SLOWEST)
    half = np.float32(1.0) / np.float32(math.sqrt(points))
    return half * np.float32(math.sqrt(np.float32(math.sqrt(half))))


@compiled(VOID(FLOATS, FLOATS, FLOATS))
def weigh(row: NDArray[np.float32], statistics: NDArray[np.float32], surprises: NDArray[np.float32]) -> None:
    """-ln of the share of points with at least such a statistic into `surprises`, and learns it.

    A negative statistic is none: surprise 0, nothing learned. A tiny one is never a surprise.
    """
    counted = min(row[POINTS] * np.float32(1.5 * TAIL_SHARE), np.float32(_MOST_COUNTED)) + np.float32(_PRIOR_COUNT)
    share, step = np.float32(1.0) / counted, tail_gain(row)
    for lane in range(len(statistics)):  # a constant would be unrolled before it can become one vector
        statistic, start, scale = statistics[lane], row[TAIL_START + lane], row[TAIL_SCALE + lane]
        log = log_of(max(statistic, np.float32(0.0)) + np.float32(1e-3))
        is_there, is_new = statistic >= np.float32(0.0), start == np.float32(0.0)
        excess = np.float32(0.0) if is_new else log - start
        over, under = max(excess, np.float32(0.0)), min(excess, np.float32(0.0))
        is_over = excess > np.float32(0.0)
        # behind the quantile the surprise falls like exp(excess); this is close to it, and costs no call
        below = np.float32(AT_START) / (np.float32(1.0) - under + np.float32(0.6) * under * under)
        said = below + over / scale
        surprises[lane] = said if (statistic >= np.float32(_NOTHING)) & (not is_new) else np.float32(0.0)
        gain = step * max(scale, np.float32(0.1))
        moved = start + gain * (np.float32(1.0 - TAIL_SHARE) if is_over else np.float32(-TAIL_SHARE))
        moved = log if is_new else moved
        # where nothing is usual, as in a count that is 0 most of the time, a rise is all there is to learn from
        limit = np.float32(20.0) if start < np.float32(_LOG_NOTHING) else np.float32(_CLIPPED_AT) * scale
        wider = max(scale + (min(over, limit) - scale) * share, np.float32(_LEAST_SCALE))
        row[TAIL_START + lane] = moved if is_there else start
        row[TAIL_SCALE + lane] = wider if is_there & is_over else scale
