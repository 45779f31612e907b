"""What was measured: every sample that passed the pipeline, kept for charts, baselines, training and backtests.

`storage` implements it; the history worker in `app` writes it. It is not the truth about incidents: a crash may lose
what was not flushed yet, and nothing may be acted on because of what is missing here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from recoverops.model import Resource

if TYPE_CHECKING:  # numpy is not imported for everybody who looks at a contract
    import numpy as np
    from numpy.typing import NDArray

    from recoverops.model.columns import Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesKey:
    """Which series: the resource, the metric's name, and the labels that tell apart series of one metric."""

    resource: Resource
    metric: str
    labels: tuple[tuple[str, str], ...] = ()
    """Name and value, sorted by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPoints:
    """One series of a range, in the order of time."""

    key: SeriesKey
    at: NDArray[np.float64]
    """(n,) seconds since the Unix epoch, strictly rising"""
    values: NDArray[np.float64]
    """(n,) NaN = the source said that there is no value"""


class HistoryDrop(StrEnum):
    """Why a sample was not kept."""

    BUFFER_FULL = "buffer_full"
    """the disk did not take what waits in memory, and no more may wait"""
    OUT_OF_RANGE = "out_of_range"
    """older than what is kept, or from the future"""
    QUEUE_FULL = "queue_full"
    """more came than the history could take, or was told to take"""


class HistoryStore(Protocol):
    """Thread-safe. Two values of one series at one time are one: the one appended later counts."""

    def append(self, keys: Sequence[SeriesKey], columns: Columns) -> Mapping[HistoryDrop, int]:
        """Into memory only; `columns.series` are positions in `keys`. Returns what was not kept, by reason.

        Raises PermanentError for a number that is no position in `keys`.
        """

    def flush(self) -> None:
        """What waits in memory becomes durable. Raises RetryableError, and keeps it waiting, when that fails."""

    def range(self, keys: Sequence[SeriesKey], *, start: datetime, end: datetime) -> tuple[SeriesPoints, ...]:
        """The points with start <= at < end, in the order of `keys`; a series without any has empty columns.

        Also what is not flushed yet. Raises RetryableError when the files cannot be read now.
        """

    def series(
        self, *, start: datetime, end: datetime, resource: Resource | None = None, metric: str | None = None
    ) -> tuple[SeriesKey, ...]:
        """What has a point in that time, sorted."""

    def prune(self) -> None:
        """Removes what is too old or too much, and puts small files together. Raises RetryableError."""

    def close(self) -> None:
        """Flushes and lets go. Raises nothing: what could not be flushed is counted as lost in the log."""
