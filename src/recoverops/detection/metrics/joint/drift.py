"""Whether the world still looks like the history that a model learned. Pure; the door shows it and proposes training.

Compares the scores and each metric with the history by the population stability index over ten bins of equal share and
one for missing values. Recent rows weigh more than older ones (exponential forgetting), so memory is bounded by the
number of metrics. No clock, no I/O.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recoverops.detection.metrics.joint.settings import JointSettings
from recoverops.detection.metrics.joint.table import usual_step_s
from recoverops.model import PermanentError, Record
from recoverops.model.joint import JointScores, MetricTable

Floats = NDArray[np.float64]
SCORE = "score"
_BINS = 10
_FLOOR = 1e-3
"""Smallest share of a bin, so that an empty one counts as rare and not as infinitely rare."""


class DriftVerdict(StrEnum):
    STABLE = "stable"
    DRIFTED = "drifted"
    NOT_ENOUGH_DATA = "not_enough_data"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReference:
    """How scores and metrics were spread in the history."""

    names: tuple[str, ...]
    """`score`, then the metrics"""
    edges: Floats
    """(n_names, 9) inner borders of the bins"""
    shares: Floats
    """(n_names, 11) share of each bin, the last for missing values"""
    step_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftState:
    """What recent rows showed; weights, not rows."""

    weights: Floats
    """(n_names, 11)"""
    rows: int


class DriftReport(Record, frozen=True, kw_only=True):
    """What the watch says now, and whether to train anew."""

    verdict: DriftVerdict
    retrain: bool
    """A recommendation; nothing is trained by it."""
    rows: int
    needed_rows: int
    index: Mapping[str, float]
    """Population stability index by name, largest first; empty while there is not enough data."""
    statement: str


def reference_of(table: MetricTable, held_out: Floats) -> DriftReference:
    """From the history's rows and the scores of held-out ones."""
    columns = [held_out, *table.values.T]
    edges = np.array([np.nanquantile(column, np.arange(1, _BINS) / _BINS) for column in columns])
    shares = np.array([_counts(column, edge).mean(axis=0) for column, edge in zip(columns, edges, strict=True)])
    return DriftReference(names=(SCORE, *table.metrics), edges=edges, shares=shares, step_s=usual_step_s(table.times))


def nothing_seen(reference: DriftReference) -> DriftState:
    return DriftState(weights=np.zeros_like(reference.shares), rows=0)


def observe(
    reference: DriftReference, state: DriftState, table: MetricTable, scores: JointScores, *, settings: JointSettings
) -> DriftState:
    """The state after these rows and their scores; earlier rows are forgotten over `drift_window`.

    Row after row, so that the state is the same, bit for bit, however the rows were handed in.
    """
    if (SCORE, *table.metrics) != reference.names or len(scores) != len(table):
        raise PermanentError(
            f"the rows have the metrics {list(table.metrics)}, the reference {list(reference.names[1:])}; watch the "
            "rows that the model scored"
        )
    keep = math.exp(-1.0 / _needed_rows(reference, settings))
    columns = zip([scores.score, *table.values.T], reference.edges, strict=True)
    newest = np.array([_counts(column, edge) for column, edge in columns])
    weights = state.weights.copy()
    for row in range(len(table)):
        weights *= keep
        weights += newest[:, row]
    return DriftState(weights=weights, rows=state.rows + len(table))


def judge(reference: DriftReference, state: DriftState, *, settings: JointSettings) -> DriftReport:
    """Drifted when the scores, or a third of the metrics, are no longer spread as they were."""
    needed = _needed_rows(reference, settings)
    if state.rows < needed:
        return DriftReport(
            verdict=DriftVerdict.NOT_ENOUGH_DATA,
            retrain=False,
            rows=state.rows,
            needed_rows=needed,
            index={},
            statement=f"{state.rows} rows were seen since the model was taken into use, {needed} are needed.",
        )
    recent = state.weights / state.weights.sum(axis=1, keepdims=True)
    index = _stability_index(reference.shares, recent)
    ordered = sorted(zip(index.tolist(), reference.names, strict=True), key=lambda pair: -pair[0])
    moved = [name for value, name in ordered if value > settings.drift_limit]
    drifted = SCORE in moved or len(moved) * 3 >= len(reference.names) - 1
    named = ", ".join(moved) or "none"
    return DriftReport(
        verdict=DriftVerdict.DRIFTED if drifted else DriftVerdict.STABLE,
        retrain=drifted,
        rows=state.rows,
        needed_rows=needed,
        index={name: round(value, 4) for value, name in ordered},
        statement=f"Beyond a stability index of {settings.drift_limit:g}: {named}."
        + (" Train a new version on recent history." if drifted else ""),
    )


def _needed_rows(reference: DriftReference, settings: JointSettings) -> int:
    return max(1, math.ceil(settings.drift_window.total_seconds() / reference.step_s))


def _counts(column: Floats, edges: Floats) -> Floats:
    """(n, 11) one 1 a row: its bin."""
    bins = np.where(np.isnan(column), _BINS, np.searchsorted(edges, column, side="right"))
    return np.eye(_BINS + 1)[bins]


def _stability_index(expected: Floats, seen: Floats) -> Floats:
    """Sum of (seen - expected) · log(seen / expected) over the bins."""
    expected, seen = np.maximum(expected, _FLOOR), np.maximum(seen, _FLOOR)
    return np.asarray(np.sum((seen - expected) * np.log(seen / expected), axis=1))


def describe(reference: DriftReference) -> tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]]:
    """Plain JSON values and arrays."""
    return (
        {"names": list(reference.names), "step_s": reference.step_s},
        {"drift_edges": reference.edges, "drift_shares": reference.shares},
    )


def restore(description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> DriftReference:
    """The reference that `describe` wrote. Raises `PermanentError` for anything else."""
    try:
        names = tuple(str(name) for name in description["names"])
        edges = np.asarray(arrays["drift_edges"], dtype=np.float64)
        shares = np.asarray(arrays["drift_shares"], dtype=np.float64)
        step_s = float(description["step_s"])
        if edges.shape != (len(names), _BINS - 1) or shares.shape != (len(names), _BINS + 1) or step_s <= 0:
            raise ValueError(f"arrays of the shapes {edges.shape} and {shares.shape} for {len(names)} names")
    except (KeyError, ValueError, TypeError) as error:
        raise PermanentError(f"the drift reference does not fit its format: {error}; train a new model") from error
    return DriftReference(names=names, edges=edges, shares=shares, step_s=step_s)
