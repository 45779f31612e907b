"""Several metrics of one host or service together: the rows that go in, the answers that come out.

Doors make a `MetricTable`, a `ports.JointDetector` answers it. A row that cannot be judged is `NotEnoughData`, never a
score of 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class RowStatus(StrEnum):
    """Whether a row was scored, and if not, why not."""

    SCORED = "scored"
    TOO_MUCH_MISSING = "too_much_missing"
    """fewer metrics have a value than the detector needs"""
    LATE = "late"
    """the row is not newer than the one before it; it changed nothing"""


ROW_STATUSES: tuple[RowStatus, ...] = tuple(RowStatus)
"""The order of the codes in `JointScores.status`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricTable:
    """Several metrics of one host or service, one row a point of time."""

    metrics: tuple[str, ...]
    times: NDArray[np.float64]
    """(n_points,) seconds since the Unix epoch, ascending"""
    values: NDArray[np.float64]
    """(n_points, n_metrics), NaN = missing"""

    def __len__(self) -> int:
        return len(self.times)

    def rows(self, begin: int, end: int) -> MetricTable:
        """The rows `begin` to `end`, without `end`."""
        return MetricTable(metrics=self.metrics, times=self.times[begin:end], values=self.values[begin:end])


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """How abnormal each row is on the scale of one `ports.JointCore`, before calibration."""

    status: NDArray[np.int8]
    """(n,) index into `ROW_STATUSES`"""
    raw: NDArray[np.float64]
    """(n,) larger = more abnormal; NaN where the row was not scored"""
    contributions: NDArray[np.float64]
    """(n, n_metrics) rows sum to 1, NaN where the row was not scored"""
    missing: NDArray[np.bool_]
    """(n, n_metrics)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class JointScore:
    """How abnormal one row is."""

    at: float
    """seconds since the Unix epoch"""
    score: float
    """0 to 1; 0.5 = the default alarm threshold"""
    p_value: float
    """Share of held-out normal rows that were at least as abnormal; never below `p_resolution`."""
    p_resolution: float
    """1 / (n + 1) with n held-out rows: the smallest p-value that this detector can honestly state."""
    contributions: Mapping[str, float]
    """Share of each metric in the score, largest first; they sum to 1."""
    missing: tuple[str, ...]
    """Metrics without a value in this row."""

    @property
    def is_anomaly(self) -> bool:
        return self.score >= 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class NotEnoughData:
    """The row cannot be judged. This is an answer; it does not mean normal."""

    at: float
    status: RowStatus
    missing: tuple[str, ...]
    statement: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JointScores:
    """The answers to a table, as columns; `answer` gives one of them as a record."""

    metrics: tuple[str, ...]
    times: NDArray[np.float64]
    status: NDArray[np.int8]
    """(n,) index into `ROW_STATUSES`"""
    score: NDArray[np.float64]
    """(n,) 0 to 1, NaN where the row was not scored"""
    p_value: NDArray[np.float64]
    """(n,) NaN where the row was not scored"""
    p_resolution: float
    contributions: NDArray[np.float64]
    """(n, n_metrics) rows sum to 1, NaN where the row was not scored"""
    missing: NDArray[np.bool_]
    """(n, n_metrics)"""

    def __len__(self) -> int:
        return len(self.times)

    def answer(self, row: int) -> JointScore | NotEnoughData:
        status = ROW_STATUSES[int(self.status[row])]
        at = float(self.times[row])
        missing = tuple(name for name, gone in zip(self.metrics, self.missing[row], strict=True) if gone)
        if status is not RowStatus.SCORED:
            return NotEnoughData(at=at, status=status, missing=missing, statement=_why(status, missing, self.metrics))
        shares = sorted(zip(self.contributions[row].tolist(), self.metrics, strict=True), key=lambda pair: -pair[0])
        return JointScore(
            at=at,
            score=float(self.score[row]),
            p_value=float(self.p_value[row]),
            p_resolution=self.p_resolution,
            contributions={name: share for share, name in shares},
            missing=missing,
        )


def _why(status: RowStatus, missing: tuple[str, ...], metrics: tuple[str, ...]) -> str:
    if status is RowStatus.LATE:
        return "the row is not newer than the last one; rows come in the order of their times"
    return f"{len(missing)} of {len(metrics)} metrics have no value: {', '.join(missing)}"
