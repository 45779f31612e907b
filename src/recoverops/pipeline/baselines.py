"""Judges samples by the past of their own series: joins a detector of single series and `detection.baseline`.

The observer calls it with every poll, on its own thread. What it has learned can be taken out as bytes and put back, so
that a restart forgets nothing; what cannot be read back is learned anew.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from recoverops.detection import BaselineSettings, DetectionSettings, baseline
from recoverops.detection.metrics.series import Guarded, Streaming, StreamingKind
from recoverops.detection.metrics.streaming import Spending
from recoverops.model import Anomaly, PermanentError, Record, Sample, baseline_series
from recoverops.model.columns import Columns
from recoverops.model.series import SeriesScores
from recoverops.pipeline.conditions import Conditions
from recoverops.ports import SeriesDetector, SeriesDetectorKind

_LENGTH = struct.Struct("<Q")


class _Learned(Record, frozen=True, kw_only=True):
    """What is stored beside the detector's own state, in the order of its series numbers."""

    names: tuple[str, ...]
    usual: tuple[baseline.Usual | None, ...]


class Baselines:
    def __init__(
        self, settings: DetectionSettings, conditions: Conditions, kind: SeriesDetectorKind | None = None
    ) -> None:
        """`kind`: the detector under it, by default the bundled one."""
        self._conditions = conditions
        self._settings = {one.metric: one for one in settings.baselines}
        self._kind = kind or StreamingKind(settings.stream)
        self._detector: SeriesDetector = self._kind.start()
        self._numbers: dict[str, int] = {}
        self._usual: list[baseline.Usual | None] = []

    def take(self, samples: Iterable[Sample]) -> tuple[Anomaly, ...]:
        """Puts the conditions in place; the anomalies that have just begun."""
        asked = [(sample, of) for sample in samples if (of := self._settings.get(sample.metric)) is not None]
        if not asked:
            return ()
        numbers = [self._number(baseline_series(sample.resource, sample.metric)) for sample, _ in asked]
        scores = self._detector.step(_columns([sample for sample, _ in asked], numbers))
        judged = (
            self._judge(sample, of, number, _surprise(scores, row))
            for row, ((sample, of), number) in enumerate(zip(asked, numbers, strict=True))
        )
        return tuple(anomaly for anomaly in judged if anomaly is not None)

    def _judge(self, sample: Sample, of: BaselineSettings, number: int, surprise: baseline.Surprise) -> Anomaly | None:
        known = self._conditions.of(sample.resource, baseline_series(sample.resource, sample.metric))
        usual, condition, anomaly = baseline.step(of, self._usual[number], known, sample, surprise)
        self._usual[number] = usual
        if condition is not None:
            self._conditions.put(condition)
        return anomaly

    def _number(self, name: str) -> int:
        number = self._numbers.setdefault(name, len(self._numbers))
        if number == len(self._usual):
            self._usual.append(None)
        return number

    @property
    def problem(self) -> str:
        """Why nothing is judged; empty while all is well."""
        return self._detector.problem if isinstance(self._detector, Guarded) else ""

    def spending(self) -> tuple[tuple[str, ...], Spending] | None:
        """The names of the series, and what became of the budget of each, in that order; from any thread.

        None: the detector is a plugin's, and keeps none.
        """
        if not isinstance(self._detector, Streaming):
            return None
        names, spent = tuple(self._numbers), self._detector.spending()
        return names[: len(spent.alarms)], spent

    def to_bytes(self) -> bytes:
        """Everything learned so far; what `from_bytes` reads goes on exactly as this would."""
        told = msgspec.json.encode(_Learned(names=tuple(self._numbers), usual=tuple(self._usual)))
        return _LENGTH.pack(len(told)) + told + self._detector.to_bytes()

    def from_bytes(self, blob: bytes) -> None:
        """Take over what was learned. Raises PermanentError, and changes nothing, when it is damaged or unfit."""
        try:
            (length,) = _LENGTH.unpack_from(blob)
            learned = msgspec.json.decode(blob[_LENGTH.size : _LENGTH.size + length], type=_Learned)
        except (struct.error, msgspec.MsgspecError) as error:
            raise PermanentError(
                f"what the baselines had learned cannot be read: {error}; it is learned anew"
            ) from error
        detector = self._kind.restore(blob[_LENGTH.size + length :])
        if not len(learned.names) == len(learned.usual) >= detector.series_count:
            raise PermanentError(
                f"what the baselines had learned is of {len(learned.names)} series and {detector.series_count} states; "
                "it is learned anew"
            )
        self._detector = detector
        self._numbers = {name: number for number, name in enumerate(learned.names)}
        self._usual = list(learned.usual)


def _columns(samples: Sequence[Sample], numbers: Sequence[int]) -> Columns:
    return Columns(
        series=np.array(numbers, dtype=np.int32),
        at=np.array([sample.at.timestamp() for sample in samples]),
        values=np.array([sample.value for sample in samples]),
    )


def _surprise(scores: SeriesScores, row: int) -> baseline.Surprise:
    return baseline.Surprise(
        is_unusual=scores.is_unusual(row),
        p_value=float(scores.p_value[row]),
        why=scores.words[int(scores.reason[row])] or "usual by itself",
    )
