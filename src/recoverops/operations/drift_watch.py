"""Watches whether the rows that a model scores still look like the history it learned. Owned by `scoring.py`.

Rows are collected and looked at together: one alone would cost more than its score does. What is remembered is bounded
by the number of metrics, and taken over a restart by `seen` and `resume`; it changes nothing, it recommends.
"""

from __future__ import annotations

import numpy as np

from recoverops.detection.metrics.joint import JointSettings, judge, nothing_seen, observe
from recoverops.detection.metrics.joint.drift import DriftReference, DriftReport, DriftState
from recoverops.model.joint import JointScores, MetricTable

_TOGETHER = 64


class DriftWatch:
    """Of one version of a model; the caller takes turns."""

    def __init__(self, reference: DriftReference, settings: JointSettings) -> None:
        self._reference = reference
        self._settings = settings
        self._state = nothing_seen(reference)
        self._rows: list[tuple[MetricTable, JointScores]] = []

    def saw(self, row: MetricTable, scores: JointScores) -> None:
        self._rows.append((row, scores))
        if len(self._rows) >= _TOGETHER:
            self._look()

    def judged(self) -> DriftReport:
        self._look()
        return judge(self._reference, self._state, settings=self._settings)

    def seen(self) -> DriftState:
        """What the rows so far showed."""
        self._look()
        return self._state

    def resume(self, state: DriftState) -> None:
        """Go on from what a watch of the same version had seen; one of another shape is left aside."""
        if state.weights.shape == self._state.weights.shape:
            self._state, self._rows = state, []

    def _look(self) -> None:
        if not self._rows:
            return
        rows, scores = [row for row, _ in self._rows], [one for _, one in self._rows]
        table = MetricTable(
            metrics=rows[0].metrics,
            times=np.concatenate([row.times for row in rows]),
            values=np.vstack([row.values for row in rows]),
        )
        together = JointScores(
            metrics=scores[0].metrics,
            times=table.times,
            status=np.concatenate([one.status for one in scores]),
            score=np.concatenate([one.score for one in scores]),
            p_value=np.concatenate([one.p_value for one in scores]),
            p_resolution=scores[0].p_resolution,
            contributions=np.vstack([one.contributions for one in scores]),
            missing=np.vstack([one.missing for one in scores]),
        )
        self._state = observe(self._reference, self._state, table, together, settings=self._settings)
        self._rows = []
