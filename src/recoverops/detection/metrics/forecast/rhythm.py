"""The rhythm of the day, from half-hour means of at least two days. Pure.

Known only where it helps: each day is told from the others, and unless that takes away a third of the spread there is
none.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.forecast.state import SLOT_S, SLOTS_A_DAY

LEAST_DAYS = 2
_HELPS = 2.0 / 3.0


def rhythm_of(slots: Sequence[tuple[int, float]]) -> NDArray[np.float64] | None:
    """(48,) how far each half-hour (UTC) lies above its day's line; None when no rhythm is known."""
    newest, days = _days(slots)
    if len(days) < LEAST_DAYS:
        return None
    growth = (days[-1].mean() - days[0].mean()) / ((len(days) - 1) * SLOTS_A_DAY)
    level = days - growth * np.arange(SLOTS_A_DAY)
    flat = np.roll(level - level.mean(axis=1, keepdims=True), newest + 1, axis=1)
    others = (flat.sum(axis=0) - flat) / (len(flat) - 1)
    if np.abs(flat - others).mean() > _HELPS * np.abs(flat).mean():
        return None
    usual: NDArray[np.float64] = np.median(flat, axis=0)  # of two days: their mean
    return usual


def _days(slots: Sequence[tuple[int, float]]) -> tuple[int, NDArray[np.float64]]:
    """The number of the newest slot, and the whole days that end with it: (days, 48), the oldest first."""
    by_number = dict(slots)
    newest = max(by_number, default=0)
    found: list[list[float]] = []
    while all((newest - len(found) * SLOTS_A_DAY - back) in by_number for back in range(SLOTS_A_DAY)):
        last = newest - len(found) * SLOTS_A_DAY
        found.append([by_number[number] for number in range(last - SLOTS_A_DAY + 1, last + 1)])
    return newest, np.array(found[::-1], dtype=np.float64)


def at(rhythm: NDArray[np.float64], seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rhythm at those times (since the epoch), linear between the middles of the half-hours."""
    middles = (np.arange(SLOTS_A_DAY) + 0.5) * SLOT_S
    found: NDArray[np.float64] = np.interp(seconds % 86400, middles, rhythm, period=86400)
    return found
