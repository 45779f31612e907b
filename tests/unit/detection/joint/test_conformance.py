"""Every kind of model keeps the contract of `JointDetector`, and the kit notices one that does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.unit.detection.joint.histories import DAY, SETTINGS, changed, history

from recoverops.detection.metrics.joint import KINDS, JointModel, Trained, pack, train, unpack
from recoverops.detection.metrics.joint.model import restore
from recoverops.model import PermanentError
from recoverops.model.joint import JointScores, MetricTable
from recoverops.testing import ConformanceError
from recoverops.testing.detector_kit import check_joint_detector, check_unlearned


def with_holes(table: MetricTable) -> MetricTable:
    """Missing values, a wild stretch, and a gap in time."""
    values = table.values.copy()
    values[10:20, 1] = np.nan
    values[30:33, :3] = np.nan
    values[60:70] *= 3
    times = table.times.copy()
    times[100:] += 7200
    return MetricTable(metrics=table.metrics, times=times, values=values)


def test_every_kind_keeps_the_contract(trained: Trained, whole: MetricTable) -> None:
    table = with_holes(whole.rows(14 * DAY, 14 * DAY + 150))
    scores = check_joint_detector(trained.model, table, restore=restore)
    assert np.isnan(scores.score[30:33]).all()
    assert not np.isnan(scores.score[10:20]).any()


@pytest.mark.parametrize("kind", KINDS)
def test_before_it_has_learned_enough_it_says_what_is_missing(kind: str) -> None:
    sentence = check_unlearned(lambda table: train(table, kind=kind, settings=SETTINGS), history(2))
    assert "864 are missing" in sentence


def test_packed_and_unpacked_it_scores_the_same(trained: Trained, whole: MetricTable) -> None:
    table = whole.rows(14 * DAY, len(whole))
    again = unpack(pack(trained))
    assert again.evaluation == trained.evaluation
    assert again.constant == trained.constant == ("idle",)
    _, expected = trained.model.step(trained.model.start(), table)
    _, scores = again.model.step(again.model.start(), table)
    np.testing.assert_array_equal(scores.score, expected.score)
    np.testing.assert_array_equal(scores.contributions, expected.contributions)


@pytest.mark.parametrize("lost", ["reference", "drift_edges"])
def test_parts_that_lack_an_array_are_refused(trained: Trained, lost: str) -> None:
    parts = pack(trained)
    without = {name: array for name, array in parts.arrays.items() if name != lost}
    with pytest.raises(PermanentError, match="train a new"):
        unpack(replace(parts, arrays=without))


def test_a_forest_whose_nodes_point_in_a_circle_is_refused(whole: MetricTable) -> None:
    parts = pack(train(whole, kind="isolation_forest", settings=SETTINGS))
    links = parts.arrays["links"].copy()
    links[0, 1] = 0
    with pytest.raises(PermanentError, match="backwards"):
        unpack(replace(parts, arrays={**parts.arrays, "links": links}))


def test_a_newer_format_and_an_unknown_kind_are_refused(trained: Trained) -> None:
    description, arrays = trained.model.describe()
    with pytest.raises(PermanentError, match="format 2, this release reads 1"):
        restore(trained.model.kind, {**description, "format": 2}, arrays)
    with pytest.raises(PermanentError, match="'oracle'"):
        restore("oracle", description, arrays)


class _Broken(JointModel):
    """A base for detectors that break one promise each."""


class _Mutates(_Broken):
    def step(self, state: bytes, table: MetricTable) -> tuple[bytes, JointScores]:
        answer = super().step(state, table)
        table.values[0, 0] += 1
        return answer


class _Forgets(_Broken):
    def step(self, state: bytes, table: MetricTable) -> tuple[bytes, JointScores]:
        after, scores = super().step(self.start(), table)
        return after, scores


class _LooksAhead(_Broken):
    def step(self, state: bytes, table: MetricTable) -> tuple[bytes, JointScores]:
        centered = changed(table, table.values - np.nanmean(table.values, axis=0))
        return super().step(state, centered)


class _Grows(_Broken):
    def step(self, state: bytes, table: MetricTable) -> tuple[bytes, JointScores]:
        after, scores = super().step(state[: len(self.start())], table)
        return after + state[len(self.start()) :] + bytes(len(table)), scores


class _Boasts(_Broken):
    def step(self, state: bytes, table: MetricTable) -> tuple[bytes, JointScores]:
        after, scores = super().step(state, table)
        return after, replace(scores, p_value=scores.p_value * 1e-6)


class _Guesses(_Broken):
    def step(self, state: bytes, table: MetricTable) -> tuple[bytes, JointScores]:
        after, scores = super().step(state, table)
        shares = np.full_like(scores.contributions, 0.3)
        return after, replace(scores, contributions=shares)


@pytest.mark.parametrize(
    ("broken", "sentence"),
    [
        (_Mutates, "changes the table"),
        (_Forgets, "batches of 1 rows give other answers"),
        (_LooksAhead, "batches of 1 rows give other answers"),
        (_Grows, "state grows"),
        (_Boasts, "p-value"),
        (_Guesses, "sum to"),
    ],
)
def test_the_kit_names_the_broken_promise(
    broken: type[_Broken], sentence: str, residual: Trained, whole: MetricTable
) -> None:
    detector = broken(core=residual.model.core, calibration=residual.model.calibration)
    table = whole.rows(14 * DAY, 14 * DAY + 100)
    mine = MetricTable(metrics=table.metrics, times=table.times.copy(), values=table.values.copy())
    with pytest.raises(ConformanceError, match=sentence):
        check_joint_detector(detector, mine, restore=restore)


def test_the_kit_notices_a_model_that_is_restored_as_another(residual: Trained, whole: MetricTable) -> None:
    def other(kind: str, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> JointModel:
        return restore(kind, description, {**arrays, "seasonal": arrays["seasonal"] * 1.01})

    with pytest.raises(ConformanceError, match="saved and restored"):
        check_joint_detector(residual.model, whole.rows(14 * DAY, 14 * DAY + 100), restore=other)
