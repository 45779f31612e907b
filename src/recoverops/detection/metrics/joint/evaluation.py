"""What a model was measured to do, and on which data. Pure; made with every training, shown with every model.

Rows are counted one by one, at the threshold fixed in advance; nothing is point-adjusted. Without labels no precision
and no recall is stated.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recoverops.model import Record
from recoverops.model.joint import JointScores, MetricTable
from recoverops.ports import JointDetector

_WEEK = timedelta(weeks=1)


class Evaluation(Record, frozen=True, kw_only=True):
    """One model on one stretch of data."""

    data: str
    """Which data, in words."""
    begins_at: datetime
    ends_at: datetime
    rows: int
    judged: int
    """rows that were scored; the others had not enough data"""
    alarms: int
    """scored rows at or above 0.5"""
    episodes: int
    """runs of neighbouring alarm rows"""
    episodes_per_week: float | None
    """None when no time passed"""
    abnormal: int | None
    """judged rows that are labelled abnormal; None without labels"""
    precision: float | None = None
    """None without labels, or without an alarm"""
    recall: float | None = None
    """None without a row that is labelled abnormal"""
    f1: float | None = None
    average_precision: float | None = None
    false_alarm_ratio: float | None
    """alarms among the judged rows that are not labelled abnormal; None when there are none"""
    statement: str


def evaluate(
    model: JointDetector,
    table: MetricTable,
    *,
    data: str,
    labels: NDArray[Any] | None = None,
    state: bytes | None = None,
) -> Evaluation:
    """Stream the table through the model and count.

    `labels`: (n,) true where a person says that the row was abnormal. `state`: where the model stands before the first
    row, by default at its start.
    """
    _, scores = model.step(model.start() if state is None else state, table)
    return count(scores, data=data, labels=None if labels is None else np.asarray(labels).astype(np.bool_))


def count(scores: JointScores, *, data: str, labels: NDArray[np.bool_] | None = None) -> Evaluation:
    """The same for answers that are there already; at least one row."""
    judged = ~np.isnan(scores.score)
    alarms = judged & (scores.score >= 0.5)
    normal = judged if labels is None else judged & ~labels
    episodes = int(np.sum(alarms & ~np.concatenate([[False], alarms[:-1]])))
    begins_at, ends_at = (datetime.fromtimestamp(float(at), UTC) for at in (scores.times[0], scores.times[-1]))
    ratio = float(alarms[normal].mean()) if normal.any() else None
    told = _told(scores, judged, alarms, labels)
    return Evaluation(
        data=data,
        begins_at=begins_at,
        ends_at=ends_at,
        rows=len(scores),
        judged=int(judged.sum()),
        alarms=int(alarms.sum()),
        episodes=episodes,
        episodes_per_week=episodes / ((ends_at - begins_at) / _WEEK) if ends_at > begins_at else None,
        abnormal=None if labels is None else int((labels & judged).sum()),
        false_alarm_ratio=ratio,
        statement=_statement(told, ratio, labels is not None),
        **told,
    )


def _told(
    scores: JointScores, judged: NDArray[np.bool_], alarms: NDArray[np.bool_], labels: NDArray[np.bool_] | None
) -> dict[str, float | None]:
    if labels is None:
        return {}
    abnormal = labels & judged
    hits = int((alarms & abnormal).sum())
    precision = hits / int(alarms.sum()) if alarms.any() else None
    recall = hits / int(abnormal.sum()) if abnormal.any() else None
    both = precision is not None and recall is not None and precision + recall > 0
    f1 = 2 * precision * recall / (precision + recall) if both and precision and recall else None
    if f1 is None and recall is not None:
        f1 = 0.0
    average = average_precision(scores.score[judged], labels[judged]) if abnormal.any() else None
    return {"precision": precision, "recall": recall, "f1": f1, "average_precision": average}


def average_precision(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    """Area under the steps of precision over recall; rows of one score enter together. At least one label is true."""
    order = np.argsort(-scores, kind="stable")
    ordered, hit = scores[order], labels[order].astype(np.float64)
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    hits = np.cumsum(hit)[last]
    gained = np.diff(np.concatenate([[0.0], hits])) / hit.sum()
    return float(np.sum(gained * hits / (last + 1)))


def _statement(told: dict[str, float | None], ratio: float | None, labelled: bool) -> str:
    alarms = "no row could be judged" if ratio is None else f"{ratio:.2%} of the rows raised an alarm"
    if not labelled:
        return (
            f"There are no labels, so only the false-alarm rate was measured, taking the stretch as normal: {alarms}."
        )
    if told["recall"] is None:
        return f"No judged row is labelled abnormal, so recall was not measured; of the normal rows, {alarms}."
    shown = {name: "none" if value is None else f"{value:.2f}" for name, value in told.items()}
    return f"Against labels, row by row: F1 {shown['f1']}, precision {shown['precision']}, recall {shown['recall']}."
