"""From raw evidence to a score of 0..1 and an honest p-value. Pure; every model of this folder ends here.

The p-value is conformal: how many of the held-out rows were at least as abnormal. It never claims more than those rows
can show. Only the place of the alarm threshold is extrapolated, by an exponential tail.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_TAIL_SHARE = 0.1
_STEEPNESS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """What held-out rows taught."""

    reference: Floats
    """(n,) evidence of the held-out rows, ascending"""
    usual: float
    """their median"""
    threshold: float
    """the evidence that is scored 0.5"""

    @property
    def resolution(self) -> float:
        return 1.0 / (len(self.reference) + 1)

    def p_values(self, evidence: Floats) -> Floats:
        """(1 + rows at least as abnormal) / (1 + rows); NaN stays NaN."""
        at_least = len(self.reference) - np.searchsorted(self.reference, evidence, side="left")
        return np.where(np.isnan(evidence), math.nan, (1.0 + at_least) / (len(self.reference) + 1))

    def scores(self, evidence: Floats) -> Floats:
        """Strictly rising with the evidence, 0.5 at the threshold; NaN stays NaN."""
        beyond = _STEEPNESS * ((evidence - self.usual) / (self.threshold - self.usual) - 1.0)
        below = 0.5 * np.exp(np.minimum(beyond, 0.0))
        return np.where(beyond <= 0, below, 1.0 - 0.5 / (1.0 + np.maximum(beyond, 0.0)))


def calibrate(evidence: Floats, *, alarm_probability: float) -> Calibration:
    """From the evidence of held-out rows; at least 20 of them were scored.

    The threshold is where an exponential tail, put on the largest tenth with their median excess, leaves
    `alarm_probability`. The median, not the mean: an incident among the rows does not make the detector deaf.
    """
    reference = np.sort(evidence[~np.isnan(evidence)])
    usual = float(np.median(reference))
    start = float(np.quantile(reference, 1 - _TAIL_SHARE))
    rate = max(float(np.median(reference[reference >= start] - start)) / math.log(2), 1e-9)
    threshold = start + rate * math.log(_TAIL_SHARE / min(alarm_probability, _TAIL_SHARE))
    return Calibration(reference=reference, usual=usual, threshold=max(threshold, usual + 1e-9))
