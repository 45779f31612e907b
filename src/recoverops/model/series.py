"""The answers of a detector of single series, as columns: one row a point, in the order of the batch.

Made by a `ports.SeriesDetector`, read by whoever raises anomalies or writes scores to a file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesScores:
    """A point that cannot be judged has the score NaN, never 0."""

    score: NDArray[np.float64]
    """(n,) 0 to 1; 0.5 = an alarm; NaN = not judged"""
    p_value: NDArray[np.float64]
    """(n,) share of this series' own points that are at least as abnormal while all is well; NaN = not judged"""
    reason: NDArray[np.int8]
    """(n,) index into `words`; 0 where nothing is unusual"""
    words: tuple[str, ...]
    """What makes a point unusual, or why it was not judged, in a few words; the first is empty"""

    def __len__(self) -> int:
        return len(self.score)

    def is_unusual(self, row: int) -> bool | None:
        """Also of points that raise no alarm of their own; None when it was not judged."""
        return None if np.isnan(self.score[row]) else int(self.reason[row]) > 0
