"""From a given history to a model with its evaluation. Pure: the history is handed in, nothing is fetched or made up.

Called by the training operations. The history is split in the order of time. A first model learns the oldest part, is
calibrated on the next and evaluated on the newest, which it never saw. The model that is handed back was then learned
by the same recipe from everything but the newest part, and calibrated on that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.joint import drift
from recoverops.detection.metrics.joint.calibration import calibrate
from recoverops.detection.metrics.joint.drift import DriftReference
from recoverops.detection.metrics.joint.evaluation import Evaluation, evaluate
from recoverops.detection.metrics.joint.history_checks import check_history, constant_metrics
from recoverops.detection.metrics.joint.model import NO_KINDS, JointModel, Kinds, learned
from recoverops.detection.metrics.joint.refusal import Lack, UntrainableError
from recoverops.detection.metrics.joint.settings import KINDS, RESIDUAL, JointSettings
from recoverops.detection.metrics.joint.table import table_of
from recoverops.model import MisconfiguredError
from recoverops.model.joint import MetricTable

_FEWEST_CALIBRATION_ROWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A model, what it was measured to do, and what the history looked like."""

    model: JointModel
    evaluation: Evaluation
    reference: DriftReference
    constant: tuple[str, ...] = ()
    """Metrics that never moved in the history."""


def train(
    table: MetricTable,
    *,
    kind: str = RESIDUAL,
    settings: JointSettings | None = None,
    labels: NDArray[Any] | None = None,
    kinds: Kinds = NO_KINDS,
) -> Trained:
    """Learn, calibrate and evaluate. Rows labelled abnormal are not learned from, but the evaluation counts them.

    Raises `UntrainableError`, which says what the history lacks, and `MisconfiguredError` for an unknown kind or a
    missing extra.
    """
    chosen = settings or JointSettings()
    if kind not in (*KINDS, *kinds):
        raise MisconfiguredError(f"there is no kind of model {kind!r}; use one of {', '.join((*KINDS, *kinds))}")
    checked = table_of(table.metrics, table.times, table.values)
    abnormal = _labels(labels, checked)
    usable = (~np.isnan(checked.values)).any(axis=1)
    normal = _only(checked, usable & ~abnormal)
    old, middle, new = _parts(normal, chosen)
    check_history(normal, (old, middle, new), settings=chosen, abnormal=int((usable & abnormal).sum()))
    tried, state, _ = _learn(kind, old, middle, chosen, kinds)
    judged = checked.rows(int(np.searchsorted(checked.times, new.times[0])), len(checked))
    evaluation = evaluate(
        tried,
        judged,
        data="the newest part of the history, by a model that learned the parts before it",
        labels=None if labels is None else abnormal[-len(judged) :],
        state=state,
    )
    model, _, held_out = _learn(kind, normal.rows(0, len(normal) - len(new)), new, chosen, kinds)
    return Trained(
        model=model,
        evaluation=evaluation,
        reference=drift.reference_of(normal, held_out),
        constant=constant_metrics(normal),
    )


def _labels(labels: NDArray[Any] | None, table: MetricTable) -> NDArray[np.bool_]:
    if labels is None:
        return np.zeros(len(table), dtype=np.bool_)
    if labels.shape != table.times.shape:
        raise UntrainableError(Lack.BROKEN, f"there are {labels.shape} labels for {len(table)} rows; give one a row")
    return np.asarray(labels).astype(np.bool_)


def _only(table: MetricTable, rows: NDArray[np.bool_]) -> MetricTable:
    return MetricTable(metrics=table.metrics, times=table.times[rows], values=table.values[rows])


def _parts(table: MetricTable, settings: JointSettings) -> tuple[MetricTable, MetricTable, MetricTable]:
    """To learn from, to calibrate with, to evaluate on: in the order of time."""
    share = round(len(table) * settings.calibration_share)
    first, second = len(table) - 2 * share, len(table) - share
    return table.rows(0, first), table.rows(first, second), table.rows(second, len(table))


def _learn(
    kind: str, history: MetricTable, held_out: MetricTable, settings: JointSettings, kinds: Kinds
) -> tuple[JointModel, bytes, NDArray[np.float64]]:
    """The model, its state after the held-out rows, and their scores."""
    core = learned(kind, history, settings, kinds)
    state, evidence = core.run(core.start(), held_out)
    if np.sum(~np.isnan(evidence.raw)) < _FEWEST_CALIBRATION_ROWS:
        raise UntrainableError(
            Lack.TOO_FEW_POINTS,
            f"only {np.sum(~np.isnan(evidence.raw))} of the {len(held_out)} rows kept for calibration have enough "
            f"metrics, {_FEWEST_CALIBRATION_ROWS} are needed; hand in history with fewer missing values",
        )
    calibration = calibrate(evidence.raw, alarm_probability=settings.alarm_probability)
    return JointModel(core=core.started_at(state), calibration=calibration), state, calibration.scores(evidence.raw)
