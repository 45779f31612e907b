"""What is told of a point: score, p-value, degree. Compiled, called by `kernel.py` for many points at once.

Nothing in here changes a series, so it waits until a chunk of points has been learned: then logarithm, roots and
exponential are done for eight points in one vector instruction each.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.streaming.compiled import FLOATS, VOID, compiled
from recoverops.detection.metrics.streaming.tails import AT_START, exp_of_minus, log_of

CHUNK = 128
RAW, SQUARES, AWAY, START, SCALE, ALARM = (CHUNK * place for place in range(6))
"""Where the facts of a chunk begin: raw score (NaN = not judged), mean square of the surprises, distance from the slow
mean, start and scale of the raw score's tail, 1 for an alarm."""
FACTS = 6 * CHUNK
SCORE, P_VALUE, DEGREE = RAW, SQUARES, AWAY
"""What takes their place."""

_HALF_ABNORMAL = 8.0
"""Surprise and distance together that make a degree of a half."""


@compiled(VOID(FLOATS))
def tell(facts: NDArray[np.float32]) -> None:
    """Score, p-value and degree of a chunk in the places of what they were made of.

    Always of a whole chunk: the end of a shorter one would be computed by other instructions, which may round
    otherwise, and batches of any size have to give one result.

    The degree is without regard to what was alarmed before, so that points can be ranked. The raw score tires of an
    incident that lasts, as its tails learn; the distance from the slow mean does not.
    """
    for j in range(CHUNK):
        raw, start = facts[RAW + j], facts[START + j]
        both = np.float32(math.sqrt(facts[SQUARES + j])) + facts[AWAY + j]
        degree = both / (both + np.float32(_HALF_ABNORMAL))
        excess = log_of(raw + np.float32(1e-3)) - start
        over, under = max(excess, np.float32(0.0)), min(excess, np.float32(0.0))
        below = np.float32(AT_START) / (np.float32(1.0) - under + np.float32(0.6) * under * under)
        p_value = exp_of_minus(below + over / facts[SCALE + j])
        p_value = np.float32(1.0) if start == np.float32(0.0) else p_value
        facts[SCORE + j] = np.float32(0.5) * (degree + facts[ALARM + j])
        facts[P_VALUE + j] = p_value if raw == raw else np.float32(math.nan)  # noqa: PLR0124 - false for NaN only
        facts[DEGREE + j] = degree
