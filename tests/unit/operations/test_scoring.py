"""What `POST /anomaly` answers: with a model, without one, with too little, too late, and for too many resources."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.operations.loads import BEGIN, load, row_of

from recoverops.api.telemetry import Metrics
from recoverops.detection import DetectionSettings
from recoverops.detection.metrics.joint import JointSettings
from recoverops.model import Resource, ResourceKind, Service, Severity
from recoverops.operations.anomaly_answers import Answer, Lacking, Question, Scored, UnfitQuestionError, Unscored
from recoverops.operations.drift_watch import DriftWatch
from recoverops.operations.model_training import LoadedModel, TrainingOrder, loaded, train_and_keep
from recoverops.operations.scoring import Scoring
from recoverops.storage.models import FolderModelStore
from recoverops.testing.doubles import ManualClock
from recoverops.topology import Inventory

WEB = Resource(kind=ResourceKind.SERVICE, name="web-1")
SETTINGS = DetectionSettings(live_resources=3)
INVENTORY = Inventory([Service(name="web-1", group="web"), Service(name="web-2", group="web")])
NEXT_DAY = load(1440, seed=2, first=4320)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    models = FolderModelStore(tmp_path_factory.mktemp("models"))
    order = TrainingOrder(name="group-web", kind="residual", data="the test's load")
    train_and_keep(order, load(), models, settings=JointSettings(), at=BEGIN)
    return loaded(models.load("group-web", 1))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def scoring(model: LoadedModel, metrics: Metrics) -> Scoring:
    made = Scoring(INVENTORY, ManualClock(BEGIN + timedelta(days=30)), metrics, SETTINGS)
    made.use({"group-web": model}, {"group-web": DriftWatch(model.trained.reference, JointSettings())})
    return made


def ask(scoring: Scoring, number: int, resource: Resource = WEB, **changes: float) -> Answer:
    at, values = row_of(NEXT_DAY, number)
    return scoring.answer(Question(resource=resource, at=at, metrics={**values, **changes}))


def warm(scoring: Scoring, resource: Resource = WEB) -> None:
    for number in range(35):
        ask(scoring, number, resource)


def unscored(answer: Answer) -> Unscored:
    assert isinstance(answer, Unscored)
    return answer


def counted(metrics: Metrics, line: str) -> float:
    found = [one for one in metrics.page().decode().splitlines() if one.startswith(line)]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


def test_a_normal_row_is_normal_and_an_abnormal_one_names_the_metric_that_makes_it_so(
    scoring: Scoring, metrics: Metrics
) -> None:
    warm(scoring)
    calm = ask(scoring, 35)
    assert isinstance(calm, Scored)
    assert (calm.severity, calm.is_anomaly, calm.model.name) == (Severity.NORMAL, False, "group-web")
    loud = [ask(scoring, number, cpu_usage_avg=99.0) for number in range(36, 40)][-1]
    assert isinstance(loud, Scored)
    assert loud.is_anomaly
    assert loud.p_resolution <= loud.p_value < calm.p_value
    assert next(iter(loud.contributions)).startswith("cpu")
    assert sum(loud.contributions.values()) == pytest.approx(1.0)
    assert counted(metrics, 'ml_predictions_total{model="residual"}') == 10
    assert sum(scoring.anomalies.values()) >= 1


def test_without_a_model_the_answer_says_where_one_was_looked_for(scoring: Scoring, metrics: Metrics) -> None:
    told = unscored(ask(scoring, 0, Resource(kind=ResourceKind.HOST, name="db")))
    assert told.reason is Lacking.NO_MODEL
    assert "looked for host-db, default" in told.statement
    assert counted(metrics, 'recoverops_anomaly_unscored_total{reason="no_model"}') == 1


def test_a_short_window_is_not_judged_and_says_how_much_is_needed(scoring: Scoring) -> None:
    told = unscored(ask(scoring, 0))
    assert told.reason is Lacking.WINDOW_TOO_SHORT
    assert "covers 0 s, 1800 s are needed" in told.statement
    warm(scoring)
    assert isinstance(ask(scoring, 36), Scored)
    assert unscored(ask(scoring, 100)).reason is Lacking.WINDOW_TOO_SHORT, "after an hour of silence it begins anew"


def test_missing_metrics_are_named_and_strange_ones_too(scoring: Scoring) -> None:
    warm(scoring)
    at, _ = row_of(NEXT_DAY, 35)
    told = unscored(scoring.answer(Question(resource=WEB, at=at, metrics={"cpu": 3.0})))
    assert told.reason is Lacking.METRICS_MISSING
    assert set(told.missing) == {"request_rate", "cpu_usage_avg", "memory_usage_pct"}
    assert told.ignored == ("cpu",)


def test_a_row_that_is_not_newer_changes_nothing(scoring: Scoring, model: LoadedModel, metrics: Metrics) -> None:
    warm(scoring)
    assert unscored(ask(scoring, 34)).reason is Lacking.LATE
    other = Scoring(INVENTORY, ManualClock(BEGIN + timedelta(days=30)), metrics, SETTINGS)
    other.use({"group-web": model}, {})
    warm(other)
    assert ask(scoring, 35) == ask(other, 35)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_and_what_is_far_ahead_is_refused(scoring: Scoring, value: float) -> None:
    with pytest.raises(UnfitQuestionError, match=r"metrics\.cpu_usage_avg is"):
        ask(scoring, 0, cpu_usage_avg=value)
    ahead = datetime(2099, 1, 1, tzinfo=UTC)
    with pytest.raises(UnfitQuestionError, match="timestamp is 2099-01-01T00:00:00"):
        scoring.answer(Question(resource=WEB, at=ahead, metrics={}))


def test_only_so_many_resources_are_remembered_and_the_longest_silent_goes_first(
    scoring: Scoring, model: LoadedModel, metrics: Metrics
) -> None:
    scoring.use({"default": model}, {})
    for name in ("a", "b", "c", "a", "d"):
        number = 1 if name == "a" and scoring.remembered == 3 else 0
        ask(scoring, number, Resource(kind=ResourceKind.HOST, name=name))
    assert scoring.remembered == 3
    assert counted(metrics, "recoverops_anomaly_resources_evicted_total") == 1
    late = ask(scoring, 1, Resource(kind=ResourceKind.HOST, name="a"))
    assert unscored(late).reason is Lacking.LATE, "a is still remembered, b is not"


def test_the_own_model_comes_before_the_groups_and_the_default(scoring: Scoring, model: LoadedModel) -> None:
    named = {
        name: replace(model, version=replace(model.version, name=name))
        for name in ("default", "group-web", "service-web-1")
    }

    def used(*names: str) -> str:
        scoring.use({name: named[name] for name in names}, {})
        answer = unscored(ask(scoring, scoring.remembered))
        return answer.model.name if answer.model is not None else ""

    assert used("default", "group-web", "service-web-1") == "service-web-1"
    assert used("default", "group-web") == "group-web"


def test_drift_is_watched_and_nothing_is_recommended_before_enough_was_seen(scoring: Scoring) -> None:
    warm(scoring)
    for number in range(35, 135):
        ask(scoring, number)
    report = scoring.drift()["group-web"]
    assert (report.verdict, report.retrain) == ("not_enough_data", False)
    assert report.rows > 64
