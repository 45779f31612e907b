"""The isolation forest gives scikit-learn's scores without scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from tests.unit.detection.joint.histories import DAY, SETTINGS, changed

from recoverops.detection.metrics.joint import forest
from recoverops.detection.metrics.joint.forest import path_length
from recoverops.model.joint import MetricTable


def test_scores_are_those_of_scikit_learn(whole: MetricTable) -> None:
    ensemble = pytest.importorskip("sklearn.ensemble", reason="the extra ml is not installed")
    learned = whole.rows(0, 10 * DAY)
    core = forest.learn(learned, SETTINGS)
    theirs = ensemble.IsolationForest(n_estimators=SETTINGS.trees, max_samples=256, random_state=SETTINGS.seed)
    theirs.fit(learned.values)
    _, evidence = core.run(b"", whole)
    np.testing.assert_allclose(evidence.raw, -theirs.score_samples(whole.values), rtol=1e-12)


def test_the_metric_that_sets_a_row_apart_contributes_most(whole: MetricTable) -> None:
    core = forest.learn(whole, SETTINGS)
    values = whole.values[:1].copy()
    values[0, 2] = 500
    _, evidence = core.run(b"", changed(whole.rows(0, 1), values))
    assert evidence.contributions[0].argmax() == 2


@pytest.mark.parametrize(("rows", "expected"), [(0, 0.0), (1, 0.0), (2, 1.0), (256, 10.244770920116851)])
def test_the_mean_path_length_is_that_of_the_paper(rows: int, expected: float) -> None:
    assert path_length(rows) == pytest.approx(expected)
