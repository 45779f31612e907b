"""The answer of the streaming detector: one row a point, as columns. No logic.

Made by `StreamDetector.step`, read by whoever raises anomalies, writes scores to a file or combines series.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Reason(IntEnum):
    """Why a point got its score. Stored as int8: numbers are never reused."""

    NORMAL = 0
    NOT_ENOUGH_DATA = 1
    """The series is too young to be judged. Not the same as normal."""
    SPIKE = 2
    """Unusually far from the point before."""
    LEVEL_SHIFT = 3
    """The last few points lie unusually far from the last hour or so."""
    DRIFT = 4
    """The recent mean has crept away from the long one."""
    VARIANCE_SHIFT = 5
    """Unusually restless."""
    OUT_OF_SEASON = 6
    """Unusual for this hour of this kind of day. Only of series that have a season."""
    RARE_PATTERN = 7
    """The course of the last points resembles none that was seen before."""
    OUT_OF_RANGE = 8
    """After an alarm: the last few points still lie far from everything usual."""
    FLAT_LINE = 9
    """A series that always moves has stopped moving."""
    LATE = 10
    """Older than a point that was judged already; ignored."""
    DUPLICATE = 11
    """The same time as the point before; ignored."""
    NO_VALUE = 12
    """NaN, infinite, or beyond 1e30; ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """One row a point, in the order of the batch."""

    score: NDArray[np.float32]
    """(n,) 0..1; 0.5 and above = an alarm is raised at this point, once an episode; otherwise half of `degree`.
    NaN = not judged; `reason` says why."""
    p_value: NDArray[np.float32]
    """(n,) share of this series' points that are at least as abnormal while all is well; NaN = not judged"""
    degree: NDArray[np.float32]
    """(n,) 0..1, how abnormal the point is whatever was alarmed before: to rank points and to combine series"""
    reason: NDArray[np.int8]
    """(n,) a `Reason`; another one than NORMAL on every unusual point, also on those that are no alarm"""

    def __len__(self) -> int:
        return len(self.score)
