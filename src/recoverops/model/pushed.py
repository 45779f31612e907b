"""What somebody pushed, as columns: the fast intakes make it, the sample sink takes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from recoverops.model.columns import Columns


class Kind(IntEnum):
    """How the values of a series are to be read."""

    GAUGE = 0
    """a level, as it is"""
    COUNTER = 1
    """a running total that starts again at zero when its process does; only its growth says something"""
    RATE = 2
    """growth per second, as the sender reckoned it"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """The samples of one delivery, in its order."""

    columns: Columns
    stale: NDArray[np.bool_]
    """(n,) True = the sender says that the series has ended; the value is NaN"""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """What was in the delivery and is not in the columns, by kind: "metadata", "exemplars", "histograms"."""
    refused: int = 0
    """Samples that were not taken although they were samples."""
    why: str = ""
    """A sentence about the refused ones."""
