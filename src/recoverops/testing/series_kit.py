"""The conformance kit for detectors of single series. The author of one calls `check_series_detector` from a test."""

from __future__ import annotations

import numpy as np

from recoverops.model import PermanentError
from recoverops.model.columns import Columns
from recoverops.model.series import SeriesScores
from recoverops.ports import SeriesDetectorKind
from recoverops.testing.claims import claim

_SERIES, _POINTS = 3, 400
_BEGIN = 1_770_000_000.0
_GROWTH = 1.02


def check_series_detector(kind: SeriesDetectorKind, columns: Columns | None = None) -> SeriesScores:
    """Checks a kind of detector, on points of its own making or on yours, and returns the answers to them.

    Yours: at least 600 rows of at least two series, each in the order of its times. Raises `ConformanceError` with the
    sentence that does not hold.
    """
    claim(bool(kind.name), "it has no name")
    claim(bool(kind.summary), "it has no summary")
    columns = columns if columns is not None else usual_columns()
    claim(len(columns) >= 600 and int(columns.series.max()) >= 1, "the kit needs 600 rows of two series or more")
    scores = _claim_unmoved(kind, columns)
    _claim_answers(scores, len(columns))
    _claim_before_learning(kind, columns)
    _claim_batches(kind, columns, scores)
    _claim_apart(kind, columns, scores)
    _claim_causal(kind, columns, scores)
    _claim_bounded(kind, columns)
    _claim_survives(kind, columns, scores)
    _claim_awkward(kind, columns)
    return scores


def usual_columns() -> Columns:
    """Three series, a point a minute each in turn: noise around a level, a wave, and one with a burst near its end."""
    random = np.random.default_rng(11)
    number = np.arange(_SERIES * _POINTS)
    series, point = (number % _SERIES).astype(np.int32), number // _SERIES
    values = random.normal(10.0, 1.0, len(number))
    values += np.where(series == 1, 5.0 * np.sin(point / 20.0), 0.0)
    values += np.where((series == 2) & (point > _POINTS - 20) & (point < _POINTS - 10), 60.0, 0.0)
    return Columns(series=series, at=np.asarray(_BEGIN + 60.0 * point, dtype=np.float64), values=values)


def _claim_unmoved(kind: SeriesDetectorKind, columns: Columns) -> SeriesScores:
    before = (columns.series.copy(), columns.at.copy(), columns.values.copy())
    detector, other = kind.start(), kind.start()
    claim(detector.series_count == 0, "a new detector knows series already")
    scores = detector.step(columns)
    same = np.array_equal(before[0], columns.series) and np.array_equal(before[1], columns.at)
    claim(same and np.array_equal(before[2], columns.values, equal_nan=True), "scoring changes the columns")
    claim(detector.series_count == int(columns.series.max()) + 1, f"it counts {detector.series_count} series")
    claim(other.series_count == 0, "two detectors of this kind share what they learn")
    claim(_equal(other.step(columns), scores), "the same points give another detector of this kind other answers")
    saved = detector.to_bytes()
    claim(isinstance(saved, bytes), f"its state is a {type(saved).__name__}, expected bytes")
    claim(detector.to_bytes() == saved, "taking its state out twice gives two states")
    return scores


def _claim_answers(scores: SeriesScores, rows: int) -> None:
    shapes = {np.shape(scores.score), np.shape(scores.p_value), np.shape(scores.reason)}
    claim(shapes == {(rows,)}, f"it gives answers of the shapes {shapes} to {rows} points")
    judged = ~np.isnan(scores.score)
    claim(bool(judged.any()), "it judges no point at all")
    claim(bool(((scores.score[judged] >= 0) & (scores.score[judged] <= 1)).all()), "a score lies beyond 0 to 1")
    honest = (scores.p_value[judged] > 0) & (scores.p_value[judged] <= 1)
    claim(bool(honest.all()), "a judged point has a p-value beyond 0 to 1, or of 0, or none")
    claim(bool(np.isnan(scores.p_value[~judged]).all()), "a point that was not judged has a p-value")
    claim(bool(scores.words) and scores.words[0] == "", "the first of its words is not empty")
    in_words = (scores.reason >= 0) & (scores.reason < len(scores.words))
    claim(bool(in_words.all()), "a reason is none of its words")
    told = [scores.words[number] for number in np.unique(scores.reason[~judged])]
    claim(all(told), "a point is not judged without a word")
    alarmed = judged & (scores.score >= 0.5)
    claim(bool((scores.reason[alarmed] > 0).all()), "it raises an alarm without a word")


def _claim_before_learning(kind: SeriesDetectorKind, columns: Columns) -> None:
    first = kind.start().step(_rows(columns, 0, 1))
    claim(bool(np.isnan(first.score[0])), "the first point of a series is judged although nothing is known of it")
    nothing = kind.start().step(_rows(columns, 0, 0))
    claim(len(nothing) == 0, "no point gives an answer")


def _claim_batches(kind: SeriesDetectorKind, columns: Columns, expected: SeriesScores) -> None:
    for size in (1, 7, 250):
        detector = kind.start()
        for begin in range(0, len(columns), size):
            scores = detector.step(_rows(columns, begin, begin + size))
            claim(_equal(scores, _part(expected, begin, begin + size)), f"batches of {size} points give other answers")


def _claim_apart(kind: SeriesDetectorKind, columns: Columns, expected: SeriesScores) -> None:
    for number in np.unique(columns.series).tolist():
        mine = columns.series == number
        alone = kind.start().step(
            Columns(series=columns.series[mine], at=columns.at[mine], values=columns.values[mine])
        )
        same = np.array_equal(alone.score, expected.score[mine], equal_nan=True)
        claim(same, f"series {number} gets other answers when the others are not there")


def _claim_causal(kind: SeriesDetectorKind, columns: Columns, expected: SeriesScores) -> None:
    half = len(columns) // 2
    values = columns.values.copy()
    values[half:] = values[half:] * 3 + 1
    scores = kind.start().step(Columns(series=columns.series, at=columns.at, values=values))
    claim(_equal(_part(scores, 0, half), _part(expected, 0, half)), "later points change the answers to earlier ones")


def _claim_bounded(kind: SeriesDetectorKind, columns: Columns) -> None:
    detector, sizes = kind.start(), []
    span = float(columns.at.max() - columns.at.min()) + 60.0
    for again in range(12):
        detector.step(Columns(series=columns.series, at=columns.at + again * span, values=columns.values))
        sizes.append(len(detector.to_bytes()))
    grown = sizes[-1] > _GROWTH * sizes[5]
    claim(not grown, f"its state grows with the points: {sizes[5]} bytes, with twice as many points {sizes[-1]}")


def _claim_survives(kind: SeriesDetectorKind, columns: Columns, expected: SeriesScores) -> None:
    half = len(columns) // 2
    detector = kind.start()
    detector.step(_rows(columns, 0, half))
    saved = detector.to_bytes()
    again = kind.restore(saved)
    claim(again.series_count == detector.series_count, "it forgets series over a restart")
    rest = again.step(_rows(columns, half, len(columns)))
    claim(_equal(rest, _part(expected, half, len(columns))), "after a restart it gives other answers")
    for damaged in (b"", saved[:-1], b"nonsense"):
        try:
            kind.restore(damaged)
        except PermanentError as error:
            claim(bool(str(error)), "a damaged state is refused without a word")
        else:
            claim(False, f"it takes {len(damaged)} damaged bytes for its state")


def _claim_awkward(kind: SeriesDetectorKind, columns: Columns) -> None:
    detector, twin = kind.start(), kind.start()
    for one in (detector, twin):
        one.step(columns)
    mine = columns.series == 0
    newest = float(columns.at[mine].max())
    times = np.array([newest + 60.0, newest + 60.0, newest - 600.0, newest])
    values = np.array([np.nan, np.inf, 10.0, 10.0])
    odd = detector.step(Columns(series=np.zeros(4, dtype=np.int32), at=times, values=values))
    claim(bool(np.isnan(odd.score).all()), "it judges a point that is NaN, infinite, late or a repetition")
    later = np.array([newest + 120.0, newest + 180.0, newest + 240.0])
    following = Columns(series=np.zeros(3, dtype=np.int32), at=later, values=np.full(3, 10.0))
    claim(_equal(detector.step(following), twin.step(following)), "it learns from a point that is none")


def _rows(columns: Columns, begin: int, end: int) -> Columns:
    return Columns(series=columns.series[begin:end], at=columns.at[begin:end], values=columns.values[begin:end])


def _part(scores: SeriesScores, begin: int, end: int) -> SeriesScores:
    return SeriesScores(
        score=scores.score[begin:end],
        p_value=scores.p_value[begin:end],
        reason=scores.reason[begin:end],
        words=scores.words,
    )


def _equal(one: SeriesScores, other: SeriesScores) -> bool:
    return (
        np.array_equal(one.score, other.score, equal_nan=True)
        and np.array_equal(one.p_value, other.p_value, equal_nan=True)
        and np.array_equal(one.reason, other.reason)
    )
