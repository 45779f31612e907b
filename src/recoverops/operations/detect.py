"""Scores a file of history as if it were coming in now: the very detectors of the engine, fed in the order of the file.

A row's score never depends on a later row. One column is judged by the streaming detector; several columns are judged
together, by a model that was trained on another file or else on the first rows of this one, which then have no score.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from recoverops.detection import DetectionSettings
from recoverops.detection.metrics.joint import JointModel, Trained, table_of, train
from recoverops.detection.metrics.series import StreamingKind
from recoverops.model import MisconfiguredError
from recoverops.model.columns import Columns
from recoverops.model.joint import MetricTable
from recoverops.operations.series_file import Rows, SeriesFile
from recoverops.ports import SeriesDetectorKind

ALARM = 0.5
"""The score from which on a row is an anomaly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Some rows of the file with their answers."""

    rows: Rows
    score: NDArray[np.float64]
    """(n,) 0 to 1, NaN = not judged"""
    p_value: NDArray[np.float64]
    """(n,) NaN = not judged"""
    why: tuple[str, ...]
    """What makes a row unusual, in a few words; empty when nothing does"""

    @property
    def is_anomaly(self) -> NDArray[np.bool_]:
        return np.asarray(self.score >= ALARM)


def detect(
    file: SeriesFile,
    settings: DetectionSettings,
    *,
    history: SeriesFile | None = None,
    detector: SeriesDetectorKind | None = None,
) -> Iterator[Judged]:
    """The answers to the rows of `file`, in order. `history`: normal operation to train on, of the same columns.

    `detector` of a single series: by default the bundled one.

    Raises MisconfiguredError when the two files do not fit or one is no such file, and UntrainableError when the
    history does not teach a model.
    """
    if len(file.columns) == 1:
        if history is not None:
            raise MisconfiguredError(
                f"{file.path} has one column, which is judged by its own past; history is for several columns"
            )
        return _one(file, detector or StreamingKind(settings.stream))
    if history is not None and history.columns != file.columns:
        raise MisconfiguredError(
            f"{history.path} has the columns {', '.join(history.columns)}, {file.path} has {', '.join(file.columns)}; "
            "they must be the same, in the same order"
        )
    return _together(file, settings, history)


def _one(file: SeriesFile, kind: SeriesDetectorKind) -> Iterator[Judged]:
    detector = kind.start()
    for rows in file.rows():
        series = np.zeros(len(rows.at), dtype=np.int32)
        found = detector.step(Columns(series=series, at=rows.at, values=rows.values[:, 0].copy()))
        yield Judged(
            rows=rows,
            score=found.score,
            p_value=found.p_value,
            why=tuple(found.words[int(reason)] for reason in found.reason),
        )


def _together(file: SeriesFile, settings: DetectionSettings, history: SeriesFile | None) -> Iterator[Judged]:
    if history is not None:
        yield from _scored(train_on(history, settings).model, file, file.rows())
        return
    rows = file.rows(settings.joint.minimum_points)
    first = list(islice(rows, 1))
    model = train(_table(file.columns, first), settings=settings.joint).model
    yield from map(_unjudged, first)
    yield from _scored(model, file, rows)


def train_on(file: SeriesFile, settings: DetectionSettings) -> Trained:
    """A model of the file's columns. Raises UntrainableError when the file does not teach one."""
    return train(_table(file.columns, list(file.rows())), settings=settings.joint)


def _scored(model: JointModel, file: SeriesFile, parts: Iterator[Rows]) -> Iterator[Judged]:
    state = model.start()
    for rows in parts:
        state, scores = model.step(state, MetricTable(metrics=file.columns, times=rows.at, values=rows.values))
        top = np.argmax(np.nan_to_num(scores.contributions), axis=1)
        why = (file.columns[column] if score >= ALARM else "" for column, score in zip(top, scores.score, strict=True))
        yield Judged(rows=rows, score=scores.score, p_value=scores.p_value, why=tuple(why))


def _unjudged(rows: Rows) -> Judged:
    nothing = np.full(len(rows.at), np.nan)
    return Judged(rows=rows, score=nothing, p_value=nothing, why=("not enough data",) * len(rows.at))


def _table(columns: tuple[str, ...], parts: list[Rows]) -> MetricTable:
    if not parts:
        return table_of(columns, np.empty(0), np.empty((0, len(columns))))
    return table_of(columns, np.concatenate([one.at for one in parts]), np.concatenate([one.values for one in parts]))
