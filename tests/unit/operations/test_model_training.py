"""Training as people ask for it: what is kept, what becomes current, and what is refused with what is missing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from tests.unit.operations.loads import BEGIN, METRICS, load

from recoverops.detection.metrics.joint import FEATURES, JointSettings, UntrainableError, table_of
from recoverops.model import MisconfiguredError, PermanentError
from recoverops.model.joint import MetricTable
from recoverops.operations.model_inputs import model_name, names_for, prepare
from recoverops.operations.model_training import (
    Activation,
    Replacing,
    TrainingOrder,
    TrainingResult,
    evaluate_stored,
    labels_of_file,
    loaded,
    may_replace,
    train_and_keep,
)
from recoverops.operations.retraining import next_due
from recoverops.operations.series_file import SeriesFile
from recoverops.storage.models import FolderModelStore

ORDER = TrainingOrder(name="web-1", kind="residual", data="the test's load", resource="service:web-1")


@pytest.fixture
def models(tmp_path: Path) -> FolderModelStore:
    return FolderModelStore(tmp_path / "models")


def learn(models: FolderModelStore, table: MetricTable, order: TrainingOrder = ORDER) -> TrainingResult:
    return train_and_keep(order, table, models, settings=JointSettings(), at=BEGIN)


def test_the_first_version_is_current_and_says_what_it_was_learned_from(models: FolderModelStore) -> None:
    result = learn(models, load())

    assert (result.version, result.is_current, result.replacing) == (1, True, Replacing.FIRST)
    assert models.current("web-1") == 1
    assert (result.origin.rows, result.origin.begins_at, result.origin.resource) == (4320, BEGIN, "service:web-1")
    assert "only the false-alarm rate was measured" in result.evaluation.statement


def test_what_is_stored_feeds_a_model_exactly_as_in_training(models: FolderModelStore) -> None:
    table = load()
    result = learn(models, table)
    model = loaded(models.load("web-1", 1))

    again = evaluate_stored(model, load(1440, seed=2, first=4320), data="the next day")
    assert model.recipe.metrics == model.trained.model.metrics
    assert model.recipe.inputs == METRICS
    assert model.origin == result.origin
    assert again.judged > 1400
    assert (again.false_alarm_ratio or 0) < 0.02


def test_only_rows_after_the_training_count_and_none_is_an_answer(models: FolderModelStore) -> None:
    learn(models, load(3000))
    model, table = loaded(models.load("web-1", 1)), load()
    assert model.origin is not None

    newer = evaluate_stored(model, table, data="its own history", since=model.origin.ends_at)
    assert (newer.rows, newer.begins_at) == (4320 - 2999, model.origin.ends_at)
    with pytest.raises(PermanentError, match="its own history has no row since"):
        evaluate_stored(model, table, data="its own history", since=BEGIN + timedelta(days=9))


def test_features_without_their_input_and_days_that_were_not_seen_are_left_out_and_named() -> None:
    prepared = prepare(load())

    assert set(prepared.table.metrics) == set(FEATURES) - {
        "response_time_p95",
        "response_time_avg",
        "network_bytes_rate",
        "disk_usage_pct",
        "disk_rolling_max",
        "day_of_week",
        "is_weekend",
    }
    assert any(told.startswith("is_weekend: the history covers 3.0 days, 14 are") for told in prepared.left_out)


def test_columns_that_are_no_inputs_are_learned_as_they_are() -> None:
    table = load()
    prepared = prepare(table_of(("a", "b", "c"), table.times, table.values))
    assert (prepared.table.metrics, prepared.recipe.is_engineered) == (("a", "b", "c"), False)


def test_too_little_history_is_refused_with_how_much_is_missing(models: FolderModelStore) -> None:
    with pytest.raises(UntrainableError, match="has 1000 normal points with a value, training needs 1440: 440"):
        learn(models, load(1000))
    assert models.versions("web-1") == ()


def test_a_worse_version_is_kept_but_does_not_replace_the_current_one(models: FolderModelStore) -> None:
    calm, order = load(), replace(ORDER, activation=Activation.IF_NOT_WORSE)
    learn(models, calm)
    kept = learn(models, calm, order)
    assert (kept.replacing, models.current("web-1")) == (Replacing.NOT_WORSE, 2)

    other = table_of(("request_rate", "disk_usage_pct"), calm.times, calm.values[:, :2])
    stranger = learn(models, other, order)
    assert (stranger.replacing, stranger.is_current) == (Replacing.NOT_COMPARABLE, False)
    assert "cpu_usage_avg" in stranger.statement
    assert models.current("web-1") == 2


def test_a_new_version_is_not_worse_within_ten_times_the_promised_rate_or_below_the_old_one(
    models: FolderModelStore,
) -> None:
    report = learn(models, load()).evaluation

    def rate(ratio: float | None, f1: float | None = None) -> object:
        return msgspec.structs.replace(report, false_alarm_ratio=ratio, f1=f1)

    def may(new: object, old: object) -> bool:
        return may_replace(new, old, alarm_probability=1e-3)  # type: ignore[arg-type]

    assert may(rate(0.009), rate(0.0))
    assert not may(rate(0.011), rate(0.0))
    assert may(rate(0.2), rate(0.3))
    assert not may(rate(None), rate(0.3))
    assert may(rate(0.2, f1=0.5), rate(0.0, f1=0.4))
    assert not may(rate(0.0, f1=0.3), rate(0.0, f1=0.4))


def test_labels_are_matched_by_time_and_a_stranger_is_refused(tmp_path: Path) -> None:
    table, path = load(10), tmp_path / "labels.csv"
    path.write_text(f"timestamp,label\n{table.times[3]},1\n{table.times[4]},0\n")
    assert labels_of_file(SeriesFile(path), table).tolist() == [number == 3 for number in range(10)]

    path.write_text("timestamp,label\n12,1\n")
    with pytest.raises(MisconfiguredError, match="no timestamp of"):
        labels_of_file(SeriesFile(path), table)


def test_names_fit_a_folder_and_never_collide() -> None:
    assert model_name("service", "web-1") == "service-web-1"
    assert model_name("service", "Web.1") != model_name("service", "web.1")
    assert list(names_for("service", "web-1", "web")) == ["service-web-1", "group-web", "default"]
    assert list(names_for("host", "db", None)) == ["host-db", "default"]


def test_a_model_is_trained_anew_when_its_time_has_come_and_not_again_at_once(models: FolderModelStore) -> None:
    learn(models, load())
    learn(models, load(), TrainingOrder(name="file", kind="residual", data="a file"))
    every, day = timedelta(days=7), timedelta(days=1)
    known = [loaded(models.load(name, 1)) for name in ("file", "web-1")]

    assert next_due(known, {}, every=every, now=BEGIN + 6 * day) is None
    due = next_due(known, {}, every=every, now=BEGIN + 7 * day)
    assert due is not None
    assert due.version.name == "web-1", "nobody knows the newest part of a file"
    assert next_due(known, {"web-1": BEGIN + 7 * day}, every=every, now=BEGIN + 13 * day) is None
    assert next_due(known, {"web-1": BEGIN + 7 * day}, every=every, now=BEGIN + 14 * day) is not None
    assert next_due(known, {}, every=timedelta(0), now=BEGIN + 900 * day) is None
