"""The streaming detector of single series: hand it samples as columns, get a score for each.

    detector = StreamDetector(StreamSettings())
    scores = detector.step(columns)          # in the order of `columns`, whatever the size of the batch
    quiet = detector.silent(now)             # series from which nothing comes any more
    detector = StreamDetector.from_bytes(detector.to_bytes())

Built and owned by whoever runs the stage; one thread at a time may call it. It reads no clock and no file, keeps 512
bytes a series, and what it answers depends on the points of that series only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.streaming import layout as of
from recoverops.detection.metrics.streaming.codec import decode, encode
from recoverops.detection.metrics.streaming.kernel import ROOM, step_rows
from recoverops.detection.metrics.streaming.knobs import knobs_of
from recoverops.detection.metrics.streaming.scores import Scores
from recoverops.detection.metrics.streaming.settings import StreamSettings
from recoverops.model.columns import Columns
from recoverops.model.errors import PermanentError

_WEEK_S = 604_800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What became of the budget of false alarms."""

    alarms: NDArray[np.int64]
    """(n_series,) alarms so far, true and false"""
    weeks: NDArray[np.float64]
    """(n_series,) judged history, in weeks"""
    level: NDArray[np.float64]
    """(n_series,) the alarm level as a multiple of the one a new series has"""
    per_week: float
    """the budget: false alarms per series and week"""


class StreamDetector:
    """Judges points as they come. See the file's docstring."""

    def __init__(self, settings: StreamSettings | None = None) -> None:
        self.settings = settings or StreamSettings()
        self._knobs = knobs_of(self.settings)
        self._room = np.zeros(ROOM, dtype=np.float32)
        self._count = 0
        self._use(_aligned(0), count=0)

    @property
    def series_count(self) -> int:
        """The highest series number seen, plus one."""
        return self._count

    def step(self, columns: Columns) -> Scores:
        """Judges every row, then learns it. The columns are not changed.

        Raises PermanentError for columns of unequal length, a negative series number, or one beyond `max_series`;
        nothing is learned then.
        """
        series = np.ascontiguousarray(columns.series, dtype=np.int32)
        at = np.ascontiguousarray(columns.at, dtype=np.float64)
        values = np.ascontiguousarray(columns.values, dtype=np.float64)
        if not len(series) == len(at) == len(values):
            raise PermanentError(
                f"columns have {len(series)} series numbers, {len(at)} times and {len(values)} values; "
                "expected as many of each"
            )
        self._make_room(series)
        answers, reasons = np.empty((3, len(series)), dtype=np.float32), np.empty(len(series), dtype=np.int8)
        step_rows(self._views, series, at, values, self._knobs, self._room, answers, reasons)
        score, p_value, degree = answers
        return Scores(score=score, p_value=p_value, degree=degree, reason=reasons)

    def silent(self, now: float) -> NDArray[np.int32]:
        """Series whose newest point lies more than `silent_after` of their usual intervals before `now`, epoch seconds.

        A series with less than `warm_up_points` has no usual interval and is never among them.
        """
        rows, last = self._floats[: self._count], self._reals[: self._count, of.LAST_AT]
        is_known = rows[:, of.POINTS] >= self.settings.warm_up_points
        is_late = now - last > self.settings.silent_after * rows[:, of.INTERVAL].astype(np.float64)
        return np.flatnonzero(is_known & is_late).astype(np.int32)

    def spending(self) -> Spending:
        """How many alarms each series has raised, over how long, and where its alarm level stands now."""
        reals = self._reals[: self._count]
        return Spending(
            alarms=self._floats[: self._count, of.ALARMS].astype(np.int64),
            weeks=reals[:, of.WATCHED] / _WEEK_S,
            level=1.0 + reals[:, of.DEBT],
            per_week=self.settings.false_alarms_per_week,
        )

    def to_bytes(self) -> bytes:
        """Settings and state; a detector read from it goes on exactly as this one would."""
        return encode(self.settings, self._rows[: self._count])

    @classmethod
    def from_bytes(cls, blob: bytes, settings: StreamSettings | None = None) -> StreamDetector:
        """The detector that was saved; `settings` replace the saved ones, so that a budget can be changed.

        Raises PermanentError when the bytes are damaged or of another version.
        """
        saved, rows = decode(blob)
        detector = cls(settings or saved)
        own = _aligned(len(rows))
        own[:] = rows
        detector._use(own, count=len(rows))
        return detector

    def _make_room(self, series: NDArray[np.int32]) -> None:
        if not len(series):
            return
        if (lowest := int(series.min())) < 0:
            raise PermanentError(f"series number {lowest} is negative; numbers begin at 0")
        count = int(series.max()) + 1
        if count > self.settings.max_series:
            raise PermanentError(
                f"series number {count - 1} is beyond max_series {self.settings.max_series}; raise it or drop series"
            )
        if count > len(self._rows):
            capacity = min(max(count, 2 * len(self._rows), 64), self.settings.max_series)
            rows = _aligned(capacity)
            rows[: self._count] = self._rows[: self._count]
            self._use(rows, count=count)
        self._count = max(self._count, count)

    def _use(self, rows: NDArray[np.uint8], *, count: int) -> None:
        """One memory, several views: see `layout.py`."""
        self._rows, self._count = rows, count
        self._floats, self._reals = rows.view(np.float32), rows.view(np.float64)
        self._views = rows, self._floats, self._reals


def _aligned(count: int) -> NDArray[np.uint8]:
    """Rows of zeros that begin where a cache line begins."""
    room = np.zeros(count * of.BYTES_PER_SERIES + of.CACHE_LINE, dtype=np.uint8)
    begin = -room.ctypes.data % of.CACHE_LINE
    return room[begin : begin + count * of.BYTES_PER_SERIES].reshape(count, of.BYTES_PER_SERIES)
