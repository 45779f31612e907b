"""Rare courses: the last eight letters of a series against the eleven courses it knows. Compiled, called by
`kernel.py`.

A letter is the mean of a block of points as a byte. A course that resembles a known one pulls it a little closer; one
that does not takes the place of the course met least often: adaptive resonance (Carpenter and Grossberg) cut down to
107 bytes. Being unknown is only a statistic here; how unusual that is for the series is decided by its tail.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.streaming.compiled import BYTES, INT, REAL, VOID, Number, compiled
from recoverops.detection.metrics.streaming.layout import PATTERN, PATTERN_LETTERS, PATTERN_USE, PATTERNS, WORD

_RESEMBLES = 13 * PATTERN_LETTERS
"""A course is known when its letters differ by less than 13 of 254 steps on average."""
_FULL = 250


@compiled(VOID(BYTES, REAL))
def append_letter(row: NDArray[np.uint8], letter: Number) -> None:
    """Moves the word on by one letter, -1..1."""
    for j in range(PATTERN_LETTERS - 1):
        row[WORD + j] = row[WORD + j + 1]
    row[WORD + PATTERN_LETTERS - 1] = np.uint8(int(128.5 + letter * 127))


@compiled(VOID(BYTES, INT))
def _count(row: NDArray[np.uint8], course: int) -> None:
    row[PATTERN_USE + course] += 1
    if row[PATTERN_USE + course] >= _FULL:
        for p in range(PATTERNS):
            row[PATTERN_USE + p] = (row[PATTERN_USE + p] + 1) // 2


@compiled(VOID(BYTES, INT))
def _pull(row: NDArray[np.uint8], known: int) -> None:
    """A tenth of the way towards the word."""
    for j in range(PATTERN_LETTERS):
        place = PATTERN + known * PATTERN_LETTERS + j
        before = np.int32(row[place])  # a plain int() of a byte stays unsigned here, and differences wrap round
        row[place] = np.uint8(before + np.int32(np.rint((np.int32(row[WORD + j]) - before) * 0.1)))


@compiled(REAL(BYTES))
def meet(row: NDArray[np.uint8]) -> Number:
    """Distance of the present word to the nearest known course, per letter, and learns it; -1 = none is known yet."""
    nearest, distance, rarest = -1, np.int32(1 << 30), 0
    for p in range(PATTERNS):
        if row[PATTERN_USE + p] < row[PATTERN_USE + rarest]:
            rarest = p
        if row[PATTERN_USE + p] == 0:
            continue
        away = np.int32(0)
        for j in range(PATTERN_LETTERS):
            away += abs(np.int32(row[PATTERN + p * PATTERN_LETTERS + j]) - np.int32(row[WORD + j]))
        if away < distance:
            nearest, distance = p, away
    if nearest >= 0 and distance < _RESEMBLES:
        _pull(row, nearest)
        _count(row, nearest)
    else:
        for j in range(PATTERN_LETTERS):
            row[PATTERN + rarest * PATTERN_LETTERS + j] = row[WORD + j]
        _count(row, rarest)  # it inherits the count, as in the space-saving sketch: newcomers do not evict each other
    return distance / PATTERN_LETTERS if nearest >= 0 else -1.0
