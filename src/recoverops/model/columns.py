"""Samples as columns: what the fast intakes hand to the detection kernels.

A batch never mixes clocks: times are seconds since the Unix epoch, UTC. Who makes one decides what a series number
means and keeps the table of names; a kernel sees numbers only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """One row a sample, in the order in which they came."""

    series: NDArray[np.int32]
    """(n,) number of the series, 0 or more"""
    at: NDArray[np.float64]
    """(n,) seconds since the Unix epoch"""
    values: NDArray[np.float64]
    """(n,) NaN = the source said that there is no value"""

    def __len__(self) -> int:
        return len(self.values)
