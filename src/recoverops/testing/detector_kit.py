"""The conformance kit for detectors of several metrics. The author of one calls `check_joint_detector` from a test."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recoverops.model import PermanentError
from recoverops.model.joint import JointScore, JointScores, MetricTable, NotEnoughData
from recoverops.ports import JointDetector
from recoverops.testing.claims import ConformanceError, claim

Restore = Callable[[str, Mapping[str, Any], Mapping[str, NDArray[Any]]], JointDetector]

_SUM_TOLERANCE = 1e-9


def check_joint_detector(detector: JointDetector, table: MetricTable, *, restore: Restore) -> JointScores:
    """Checks a trained detector on rows of its metrics, at least 60 of them, and returns its answers.

    `restore` takes what `kind` and `describe` say and gives the detector back. Raises `ConformanceError` with the
    sentence that does not hold.
    """
    claim(bool(detector.kind), "it has no kind")
    claim(detector.metrics == table.metrics, f"it wants {detector.metrics}, the table has {table.metrics}")
    claim(len(table) >= 60, f"the kit needs 60 rows, it was given {len(table)}")
    scores = _claim_unmoved(detector, table)
    _claim_answers(scores)
    _claim_batches(detector, table, scores)
    _claim_causal(detector, table, scores)
    _claim_bounded(detector, table)
    _claim_survives(detector, table, scores, restore)
    _claim_missing(detector, table)
    _claim_refuses(detector, table)
    return scores


def check_unlearned(train: Callable[[MetricTable], object], table: MetricTable) -> str:
    """Training on no more than `table` is refused; returns the sentence that says what is missing."""
    try:
        train(table)
    except PermanentError as error:
        claim(bool(str(error)), "training is refused without a word")
        return str(error)
    raise ConformanceError(f"training accepts {len(table)} rows although that is too little")


def _claim_unmoved(detector: JointDetector, table: MetricTable) -> JointScores:
    before = (table.values.copy(), table.times.copy())
    parts = {name: array.copy() for name, array in detector.describe()[1].items()}
    start = detector.start()
    claim(isinstance(start, bytes), f"its state is a {type(start).__name__}, expected bytes")
    _, scores = detector.step(start, table)
    same = np.array_equal(before[0], table.values, equal_nan=True) and np.array_equal(before[1], table.times)
    claim(same, "scoring changes the table")
    for name, array in detector.describe()[1].items():
        claim(np.array_equal(parts[name], array, equal_nan=array.dtype.kind == "f"), f"scoring changes its {name}")
    claim(detector.start() == start, "scoring changes its start")
    claim(_equal(detector.step(start, table)[1], scores), "the same rows and state give other answers the second time")
    return scores


def _claim_answers(scores: JointScores) -> None:
    for row in range(len(scores)):
        answer = scores.answer(row)
        if isinstance(answer, NotEnoughData):
            claim(bool(answer.statement), f"row {row} is not judged, without a word")
            continue
        _claim_score(row, answer)


def _claim_score(row: int, answer: JointScore) -> None:
    claim(0 <= answer.score <= 1, f"row {row} has the score {answer.score}, expected 0 to 1")
    honest = 0 < answer.p_resolution <= answer.p_value <= 1
    claim(honest, f"row {row} has the p-value {answer.p_value} with a resolution of {answer.p_resolution}")
    total = math.fsum(answer.contributions.values())
    claim(abs(total - 1) < _SUM_TOLERANCE, f"row {row}: the contributions sum to {total}, expected 1")
    claim(min(answer.contributions.values()) >= 0, f"row {row}: a contribution is negative")
    for name in answer.missing:
        claim(answer.contributions[name] == 0, f"row {row}: {name} has no value but contributes")


def _claim_batches(detector: JointDetector, table: MetricTable, expected: JointScores) -> None:
    for size in (1, 7, 50):
        state = detector.start()
        for begin in range(0, len(table), size):
            batch = table.rows(begin, begin + size)
            state, scores = detector.step(state, batch)
            same = _equal(scores, _rows(expected, begin, begin + size))
            claim(same, f"batches of {size} rows give other answers than one batch (rows {begin} to {begin + size})")


def _claim_causal(detector: JointDetector, table: MetricTable, expected: JointScores) -> None:
    half = len(table) // 2
    changed = table.values.copy()
    changed[half:] = changed[half:] * 3 + 1
    other = MetricTable(metrics=table.metrics, times=table.times, values=changed)
    _, scores = detector.step(detector.start(), other)
    same = _equal(_rows(scores, 0, half), _rows(expected, 0, half))
    claim(same, "later rows change the answers to earlier ones")


def _claim_bounded(detector: JointDetector, table: MetricTable) -> None:
    state, _ = detector.step(detector.start(), table.rows(0, len(table) // 2))
    later, _ = detector.step(state, table.rows(len(table) // 2, len(table)))
    claim(len(later) == len(state), f"its state grows from {len(state)} to {len(later)} bytes")


def _claim_survives(detector: JointDetector, table: MetricTable, expected: JointScores, restore: Restore) -> None:
    description, arrays = detector.describe()
    for name, array in arrays.items():
        claim(array.dtype.kind in "biuf", f"its {name} holds {array.dtype}, expected numbers")
    again = restore(detector.kind, description, arrays)
    half = len(table) // 2
    state, _ = detector.step(detector.start(), table.rows(0, half))
    _, scores = again.step(state, table.rows(half, len(table)))
    claim(_equal(scores, _rows(expected, half, len(table))), "saved and restored, it gives other answers")


def _claim_missing(detector: JointDetector, table: MetricTable) -> None:
    empty = MetricTable(metrics=table.metrics, times=table.times[:1], values=np.full((1, len(table.metrics)), np.nan))
    _, scores = detector.step(detector.start(), empty)
    answer = scores.answer(0)
    claim(isinstance(answer, NotEnoughData), f"a row without any value is answered by {answer}")
    claim(set(answer.missing) == set(table.metrics), "a row without any value does not name what is missing")


def _claim_refuses(detector: JointDetector, table: MetricTable) -> None:
    other = MetricTable(metrics=(*table.metrics[:-1], "unheard-of"), times=table.times, values=table.values)
    strange: tuple[tuple[str, bytes, MetricTable], ...] = (
        ("rows of other metrics", detector.start(), other),
        ("a state that is not its own", b"not a state", table),
    )
    for what, state, rows in strange:
        try:
            detector.step(state, rows)
        except PermanentError:
            continue
        raise ConformanceError(f"{what} is accepted, expected PermanentError")


def _rows(scores: JointScores, begin: int, end: int) -> JointScores:
    return JointScores(
        metrics=scores.metrics,
        times=scores.times[begin:end],
        status=scores.status[begin:end],
        score=scores.score[begin:end],
        p_value=scores.p_value[begin:end],
        p_resolution=scores.p_resolution,
        contributions=scores.contributions[begin:end],
        missing=scores.missing[begin:end],
    )


def _equal(one: JointScores, other: JointScores) -> bool:
    """Bit for bit."""
    return (
        np.array_equal(one.status, other.status)
        and np.array_equal(one.score, other.score, equal_nan=True)
        and np.array_equal(one.p_value, other.p_value, equal_nan=True)
        and np.array_equal(one.contributions, other.contributions, equal_nan=True)
        and np.array_equal(one.missing, other.missing)
        and one.p_resolution == other.p_resolution
    )
