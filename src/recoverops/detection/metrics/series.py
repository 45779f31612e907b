"""The bundled streaming detector as a `ports.SeriesDetectorKind`, and a guard around one that a plugin brings.

Loads the compiled kernel, so it is imported where a detector is needed, not where one is configured.
"""

from __future__ import annotations

import logging

import numpy as np

from recoverops.detection.metrics.settings import STREAMING
from recoverops.detection.metrics.streaming import Reason, Spending, StreamDetector, StreamSettings
from recoverops.model import PermanentError
from recoverops.model.columns import Columns
from recoverops.model.series import SeriesScores
from recoverops.ports import SeriesDetector, SeriesDetectorKind

_LOG = logging.getLogger("recoverops.detector")
_WORDS = tuple("" if reason is Reason.NORMAL else reason.name.lower().replace("_", " ") for reason in Reason)
"""By number, which is what `Reason` promises."""
_NOT_JUDGED = ("", "not judged: the detector failed")


class Streaming:
    """`ports.SeriesDetector`, and what became of its budget."""

    def __init__(self, detector: StreamDetector) -> None:
        self._detector = detector

    @property
    def series_count(self) -> int:
        return self._detector.series_count

    def step(self, columns: Columns) -> SeriesScores:
        found = self._detector.step(columns)
        return SeriesScores(
            score=found.score.astype(np.float64),
            p_value=found.p_value.astype(np.float64),
            reason=found.reason,
            words=_WORDS,
        )

    def to_bytes(self) -> bytes:
        return self._detector.to_bytes()

    def spending(self) -> Spending:
        """From any thread."""
        return self._detector.spending()


class StreamingKind:
    """`ports.SeriesDetectorKind`."""

    name = STREAMING
    summary = "Level, trend, spread, rhythm and rare patterns of each series, with a budget of false alarms."

    def __init__(self, settings: StreamSettings) -> None:
        self._settings = settings

    def start(self) -> Streaming:
        return Streaming(StreamDetector(self._settings))

    def restore(self, blob: bytes) -> Streaming:
        return Streaming(StreamDetector.from_bytes(blob, self._settings))


class Guarded:
    """A plugin's detector: when it breaks it is set aside and told of; nothing is judged by it until the next start."""

    def __init__(self, detector: SeriesDetector, name: str) -> None:
        self._detector = detector
        self._name = name
        self.problem = ""
        """Why it was set aside; empty while it works."""

    @property
    def series_count(self) -> int:
        return self._detector.series_count

    def step(self, columns: Columns) -> SeriesScores:
        if self.problem:
            return _nothing(len(columns))
        try:
            found = self._detector.step(columns)
            misfit = _misfit(found, len(columns))
        except Exception as error:  # noqa: BLE001 - a plugin call: its failure is recorded as data
            return self._set_aside(f"{type(error).__name__}: {error}", len(columns))
        return self._set_aside(misfit, len(columns)) if misfit else found

    def _set_aside(self, why: str, rows: int) -> SeriesScores:
        self.problem = f"the detector {self._name} failed and was set aside: {why}"
        _LOG.error("detector_failed", extra={"detector": self._name, "error": why})
        return _nothing(rows)

    def to_bytes(self) -> bytes:
        """Nothing of one that was set aside: the next start begins anew."""
        return b"" if self.problem else self._detector.to_bytes()


class GuardedKind:
    """`ports.SeriesDetectorKind` around a plugin's one."""

    def __init__(self, kind: SeriesDetectorKind) -> None:
        self._kind = kind
        self.name = kind.name
        self.summary = kind.summary

    def start(self) -> Guarded:
        return Guarded(self._kind.start(), self.name)

    def restore(self, blob: bytes) -> Guarded:
        if not blob:
            return self.start()
        try:
            return Guarded(self._kind.restore(blob), self.name)
        except Exception as error:
            raise PermanentError(f"the detector {self.name} cannot read what it had learned: {error}") from error


def _misfit(found: SeriesScores, rows: int) -> str:
    shapes = (np.shape(found.score), np.shape(found.p_value), np.shape(found.reason))
    if shapes != ((rows,),) * 3:
        return f"it gave answers of the shapes {shapes} to {rows} points"
    if (~np.isnan(found.score) & ~((found.score >= 0) & (found.score <= 1))).any():
        return "it gave a score beyond 0 to 1"
    if rows and (found.reason.min() < 0 or found.reason.max() >= len(found.words)):
        return f"it gave a reason that is none of its {len(found.words)} words"
    return ""


def _nothing(rows: int) -> SeriesScores:
    gone = np.full(rows, np.nan)
    return SeriesScores(score=gone, p_value=gone.copy(), reason=np.ones(rows, dtype=np.int8), words=_NOT_JUDGED)
