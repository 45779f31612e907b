"""The detector: a window of points for each series. The whole contract is `recoverops.ports.SeriesDetector`."""

from __future__ import annotations

import math
from collections import deque
from statistics import median

import msgspec
import numpy as np

from recoverops.model import PermanentError
from recoverops.model.columns import Columns
from recoverops.model.series import SeriesScores
from recoverops_moving_median.settings import MovingMedianSettings

LEAST = 20
"""Points without which nothing is said of a series."""
_WORDS = ("", "far from the median", "not enough data", "no new value")
_USUAL, _FAR, _TOO_FEW, _NO_VALUE = range(len(_WORDS))
_TINY = 1e-9
_NORMAL = 1.4826
"""The median absolute deviation of a normal distribution, times this, is its standard deviation."""


class MovingMedianKind:
    """`ports.SeriesDetectorKind`."""

    name = "moving-median"
    summary = "Each point against the median of the last ones, measured in their median absolute deviation."

    def __init__(self, settings: MovingMedianSettings) -> None:
        self._settings = settings

    def start(self) -> MovingMedian:
        return MovingMedian(self._settings)

    def restore(self, blob: bytes) -> MovingMedian:
        try:
            saved = msgspec.msgpack.decode(blob, type=_Saved)
        except msgspec.MsgspecError as error:
            raise PermanentError(f"it is no state of {self.name}: {error}; start anew") from error
        detector = MovingMedian(self._settings)
        detector.series = [_Series(one.last_at, deque(one.points, self._settings.window)) for one in saved.series]
        return detector


class MovingMedian:
    """`ports.SeriesDetector`."""

    def __init__(self, settings: MovingMedianSettings) -> None:
        self._settings = settings
        self.series: list[_Series] = []

    @property
    def series_count(self) -> int:
        return len(self.series)

    def step(self, columns: Columns) -> SeriesScores:
        answers = [
            self._judged(number, at, value)
            for number, at, value in zip(
                columns.series.tolist(), columns.at.tolist(), columns.values.tolist(), strict=True
            )
        ]
        return SeriesScores(
            score=np.array([score for score, _, _ in answers], dtype=np.float64),
            p_value=np.array([p for _, p, _ in answers], dtype=np.float64),
            reason=np.array([reason for _, _, reason in answers], dtype=np.int8),
            words=_WORDS,
        )

    def to_bytes(self) -> bytes:
        saved = [_SavedSeries(last_at=one.last_at, points=tuple(one.points)) for one in self.series]
        return msgspec.msgpack.encode(_Saved(series=tuple(saved)))

    def _judged(self, number: int, at: float, value: float) -> tuple[float, float, int]:
        """Score, p-value and reason of one point, which is learned afterwards."""
        while len(self.series) <= number:
            self.series.append(_Series(-math.inf, deque(maxlen=self._settings.window)))
        one = self.series[number]
        if not math.isfinite(value) or at <= one.last_at:
            return math.nan, math.nan, _NO_VALUE
        known = list(one.points)
        one.last_at = at
        one.points.append(value)
        if len(known) < LEAST:
            return math.nan, math.nan, _TOO_FEW
        return self._compared(known, value)

    def _compared(self, known: list[float], value: float) -> tuple[float, float, int]:
        middle = median(known)
        distances = [abs(point - middle) for point in known]
        usual = max(_NORMAL * median(distances), _TINY * max(1.0, abs(middle)))
        distance = abs(value - middle)
        deviations = distance / usual
        score = deviations / (deviations + self._settings.limit)
        at_least = sum(one >= distance for one in distances)
        return score, (1 + at_least) / (len(known) + 1), _FAR if score >= 0.5 else _USUAL


class _Series:
    __slots__ = ("last_at", "points")

    def __init__(self, last_at: float, points: deque[float]) -> None:
        self.last_at = last_at
        self.points = points


class _SavedSeries(msgspec.Struct, frozen=True, kw_only=True):
    last_at: float
    points: tuple[float, ...]


class _Saved(msgspec.Struct, frozen=True, kw_only=True):
    series: tuple[_SavedSeries, ...]
