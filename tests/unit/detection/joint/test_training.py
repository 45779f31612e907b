"""What training accepts, what it refuses, and how it splits."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.unit.detection.joint.histories import DAY, METRICS, MONDAY, SETTINGS, changed, history

from recoverops.detection.metrics.joint import KINDS, JointSettings, Lack, UntrainableError, table_of, train
from recoverops.model import MisconfiguredError
from recoverops.model.joint import MetricTable


def stuck(table: MetricTable) -> MetricTable:
    return changed(table, np.full_like(table.values, 7.0))


def one_metric_came_late(table: MetricTable) -> MetricTable:
    values = table.values.copy()
    values[: 9 * DAY, 2] = np.nan
    return changed(table, values)


def one_metric_is_sparse(table: MetricTable) -> MetricTable:
    values = table.values.copy()
    values[np.arange(len(table)) % 4 != 0, 2] = np.nan
    return changed(table, values)


def nights_only(table: MetricTable) -> MetricTable:
    night = (table.times % 86400) < 8 * 3600
    return MetricTable(metrics=table.metrics, times=table.times[night], values=table.values[night])


def two_days(table: MetricTable) -> MetricTable:
    return table.rows(0, 2 * DAY)


def mostly_empty(table: MetricTable) -> MetricTable:
    values = table.values.copy()
    values[1000:] = np.nan
    return changed(table, values)


REFUSED: dict[str, tuple[Callable[[MetricTable], MetricTable], Lack, str]] = {
    "too few points": (two_days, Lack.TOO_FEW_POINTS, "576 normal points with a value, training needs 1440: 864"),
    "rows without a value do not count": (mostly_empty, Lack.TOO_FEW_POINTS, "has 1000 normal points"),
    "nothing moves": (stuck, Lack.CONSTANT, "no metric moves in 4608 points"),
    "a metric that came late": (one_metric_came_late, Lack.ONE_SIDED, "metric 'memory' has a value in 6%, 100%, 100%"),
    "a metric that is hardly there": (one_metric_is_sparse, Lack.TOO_FEW_POINTS, "metric 'memory' has a value in 25%"),
    "nights only": (nights_only, Lack.ONE_SIDED, "8 of the 24 hours"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", REFUSED)
def test_history_that_does_not_teach_is_refused_with_what_is_missing(case: str, kind: str, whole: MetricTable) -> None:
    spoil, lack, sentence = REFUSED[case]
    with pytest.raises(UntrainableError, match=sentence) as refusal:
        train(spoil(whole), kind=kind, settings=SETTINGS)
    assert refusal.value.lack is lack


def test_history_that_is_mostly_labelled_abnormal_is_one_sided(whole: MetricTable) -> None:
    labels = np.ones(len(whole), dtype=np.bool_)
    labels[:1000] = False
    with pytest.raises(UntrainableError, match="440 normal rows are missing") as refusal:
        train(whole, settings=SETTINGS, labels=labels)
    assert refusal.value.lack is Lack.ONE_SIDED


@pytest.mark.parametrize(
    ("metrics", "times", "values"),
    [
        (METRICS, np.arange(3.0), np.zeros((3, 4))),
        (("a", "a"), np.arange(3.0), np.zeros((3, 2))),
        ((), np.arange(3.0), np.zeros((3, 0))),
        (("a",), np.array([0.0, 2.0, 1.0]), np.zeros((3, 1))),
        (("a",), np.array([0.0, 1.0, 1.0]), np.zeros((3, 1))),
        (("a",), np.array([0.0, np.nan, 1.0]), np.zeros((3, 1))),
    ],
    ids=["other shape", "two of a name", "no metric", "back in time", "twice the same time", "no time"],
)
def test_what_is_no_table_is_refused(metrics: tuple[str, ...], times: Any, values: Any) -> None:
    with pytest.raises(UntrainableError) as refusal:
        table_of(metrics, times, values)
    assert refusal.value.lack is Lack.BROKEN


def test_without_labels_only_the_false_alarm_rate_is_stated(whole: MetricTable) -> None:
    told = train(whole, settings=SETTINGS).evaluation
    assert (told.precision, told.recall, told.f1, told.average_precision, told.abnormal) == (None,) * 5
    assert told.false_alarm_ratio is not None
    assert told.false_alarm_ratio < 0.02
    assert "no labels" in told.statement


def test_the_newest_part_is_evaluated_by_a_model_that_never_saw_it(whole: MetricTable) -> None:
    told = train(whole, settings=SETTINGS).evaluation
    share = round(len(whole) * 0.2)
    assert told.rows == share
    assert told.begins_at.timestamp() == whole.times[-share]
    assert told.ends_at.timestamp() == whole.times[-1]
    other = whole.values.copy()
    other[-share:] = whole.values[-share:][::-1]
    assert train(changed(whole, other), settings=SETTINGS).evaluation.alarms != told.alarms


def test_labels_are_evaluated_and_not_learned_from(whole: MetricTable) -> None:
    values = whole.values.copy()
    bad = np.zeros(len(whole), dtype=np.bool_)
    for begin in (2000, len(whole) - 300):
        values[begin : begin + 20, 1] += 40
        bad[begin : begin + 20] = True
    trained = train(changed(whole, values), settings=SETTINGS, labels=bad)
    assert trained.evaluation.abnormal == 20
    assert trained.evaluation.recall is not None
    assert trained.evaluation.recall > 0.7
    assert trained.evaluation.average_precision is not None
    assert trained.evaluation.average_precision > 0.7
    assert "row by row" in trained.evaluation.statement


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_history_gives_the_same_model(kind: str, whole: MetricTable) -> None:
    one, two = (train(whole, kind=kind, settings=SETTINGS).model.describe() for _ in range(2))
    assert one[0] == two[0]
    for name, array in one[1].items():
        np.testing.assert_array_equal(array, two[1][name])


def test_the_given_history_is_left_as_it_was(whole: MetricTable) -> None:
    before = whole.values.copy()
    train(whole, settings=SETTINGS)
    np.testing.assert_array_equal(before, whole.values)


def test_an_unknown_kind_is_refused_with_those_that_exist(whole: MetricTable) -> None:
    with pytest.raises(MisconfiguredError, match="use one of residual, isolation_forest"):
        train(whole, kind="oracle")


def test_without_scikit_learn_the_forest_says_what_to_install(
    whole: MetricTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("sklearn"):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MisconfiguredError, match=r"recoverops\[ml\]"):
        train(whole, kind="isolation_forest", settings=SETTINGS)
    assert train(whole, kind="residual", settings=SETTINGS).model.kind == "residual"


def test_a_smaller_minimum_may_be_set() -> None:
    table = history(6, begins_at=MONDAY, step_s=600.0)
    trained = train(table, settings=JointSettings(minimum_points=800))
    assert trained.evaluation.judged == trained.evaluation.rows
