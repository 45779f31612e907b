"""How the bundled cores run: in bounded pieces. What a core is, says `ports.JointCore`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
KERNEL_ROWS = 1024
"""The most rows that one call of a kernel takes; fewer of many metrics, so that it stays below 20 ms."""
