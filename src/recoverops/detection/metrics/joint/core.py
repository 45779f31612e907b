"""What a model is before calibration: rows in, raw evidence out. `model.py` makes a detector of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from recoverops.model.joint import MetricTable

Floats = NDArray[np.float64]
KERNEL_ROWS = 1024
"""The most rows that one call of a kernel takes; fewer of many metrics, so that it stays below 20 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How abnormal each row is, on the core's own scale; NaN = not enough data."""

    status: NDArray[np.int8]
    raw: Floats
    """(n,)"""
    contributions: Floats
    """(n, n_metrics) rows sum to 1"""
    missing: NDArray[np.bool_]


class Core(Protocol):
    """Immutable, causal, and the same in batches of any size."""

    @property
    def kind(self) -> str: ...

    @property
    def metrics(self) -> tuple[str, ...]: ...

    def start(self) -> bytes: ...

    def run(self, state: bytes, table: MetricTable) -> tuple[bytes, Evidence]: ...

    def started_at(self, state: bytes) -> Core:
        """The same core, beginning where that state left off; moving averages are forgotten."""

    def describe(self) -> tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]]: ...
