"""The models in a running engine: trained in a child process from kept samples, taken into use, switched back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from tests.unit.operations.loads import BEGIN, load, row_of

from recoverops.api.telemetry import Metrics
from recoverops.app.desk import Desk
from recoverops.app.load import load_settings
from recoverops.detection.metrics.joint import JointSettings, UntrainableError
from recoverops.model import ConflictError, NotFoundError, Resource, ResourceKind
from recoverops.model.columns import Columns
from recoverops.operations.anomaly_answers import Lacking, Question, UnfitQuestionError, Unscored
from recoverops.operations.anomaly_status import JobState
from recoverops.operations.model_training import TrainingOrder, train_and_keep
from recoverops.ports import SeriesKey
from recoverops.storage.history import HistorySettings
from recoverops.storage.history.store import ParquetHistory, open_history
from recoverops.storage.models import FolderModelStore
from recoverops.testing.doubles import ManualClock

WEB = Resource(kind=ResourceKind.HOST, name="web")
AS_KEPT = {
    "cpu_usage_avg": ("host.cpu.utilization", 0.01),
    "memory_usage_pct": ("host.memory.utilization", 0.01),
    "request_rate": ("http.server.request.rate", 1.0),
}


class House:
    """A desk with its history; `audited` has what was written into the audit log."""

    def __init__(self, folder: Path, *, retrain_every: str = "0s") -> None:
        (folder / "r.yaml").write_text(f"data_dir: data\ndetection: {{retrain_every: {retrain_every}}}\n")
        settings = load_settings(folder / "r.yaml", {})
        self.clock = ManualClock(BEGIN + timedelta(days=3))
        self.history: ParquetHistory = open_history(HistorySettings(), folder / "history", clock=self.clock)
        self.audited: list[str] = []
        self.metrics = Metrics()
        self.models = FolderModelStore(settings.data_dir / "models")
        self.desk = Desk(
            settings,
            self.clock,
            self.metrics,
            audit=lambda event, actor, subject, detail: self.audited.append(f"{actor} {event} {subject}"),
            changed=lambda: None,
        )

    def keep(self, rows: int) -> None:
        """A load as the sources would have measured it."""
        table = load(rows, first=4320 - rows)
        keys = [SeriesKey(resource=WEB, metric=AS_KEPT[name][0]) for name in table.metrics]
        for number, name in enumerate(table.metrics):
            series = np.full(len(table), number, dtype=np.int32)
            values = table.values[:, number] * AS_KEPT[name][1]
            self.history.append(keys, Columns(series=series, at=table.times, values=values))

    def waited(self) -> JobState:
        thread = self.desk.trainer._thread
        assert thread is not None
        thread.join(120)
        return self.desk.trainer.jobs[0].state


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.desk.close()
    made.history.close()


def counted(house: House, outcome: str) -> bool:
    return f'ml_training_runs_total{{outcome="{outcome}"}} 1.0' in house.metrics.page().decode()


def test_a_model_is_trained_from_what_was_kept_and_taken_into_use(house: House) -> None:
    house.keep(4000)
    job = house.desk.train(house.history, WEB, kind="", name="", by="key:ada")
    assert job.state is JobState.RUNNING
    with pytest.raises(ConflictError, match="one at a time"):
        house.desk.train(house.history, WEB, kind="", name="", by="key:ada")

    assert house.waited() is JobState.ACTIVATED, house.desk.trainer.jobs[0].statement
    house.desk.refresh()

    at, values = row_of(load(1440, seed=2, first=4320), 0)
    answer = house.desk.scoring.answer(Question(resource=WEB, at=at, metrics=values))
    assert isinstance(answer, Unscored)
    assert answer.reason is Lacking.WINDOW_TOO_SHORT
    status = house.desk.status(history="is kept", is_history_available=True, baselines=None)
    (model,) = status.models
    assert (model.name, model.version, model.origin and model.origin.resource) == ("host-web", 1, "host:web")
    assert model.evaluation is not None
    assert model.evaluation.f1 is None
    assert "only the false-alarm rate was measured" in model.evaluation.statement
    assert (model.drift and model.drift.verdict) == "not_enough_data"
    assert house.audited == ["key:ada model.training_started host-web"]
    assert counted(house, "activated")


def test_what_is_missing_is_said_before_anything_is_started(house: House) -> None:
    with pytest.raises(NotFoundError, match="the history has nothing of host:web"):
        house.desk.train(house.history, WEB, kind="", name="", by="key:ada")
    house.keep(1000)
    with pytest.raises(UntrainableError, match=r"training needs 1440: 440 are missing; collect for 7:20:00 h more"):
        house.desk.train(house.history, WEB, kind="", name="", by="key:ada")
    with pytest.raises(UnfitQuestionError, match='kind is "moon", expected one of residual, isolation_forest'):
        house.desk.train(house.history, WEB, kind="moon", name="", by="key:ada")
    assert house.desk.trainer.jobs == ()
    assert house.audited == []


def test_a_version_that_somebody_trained_beside_the_engine_counts_and_one_can_go_back(house: House) -> None:
    order = TrainingOrder(name="default", kind="residual", data="a file")
    for _ in range(2):
        train_and_keep(order, load(1500), house.models, settings=JointSettings(), at=BEGIN)
    house.desk.refresh()
    assert house.desk.scoring.models["default"].version.version == 2

    house.desk.activate("default", to=1, by="key:ada")

    assert house.desk.scoring.models["default"].version.version == 1
    assert house.audited == ["key:ada model.activated default"]
    with pytest.raises(NotFoundError, match="no version 7"):
        house.desk.activate("default", to=7, by="key:ada")
    assert house.audited == ["key:ada model.activated default"]


def test_a_damaged_model_is_told_of_and_does_not_stop_the_others(house: House, tmp_path: Path) -> None:
    for name in ("default", "host-web"):
        order = TrainingOrder(name=name, kind="residual", data="a file")
        train_and_keep(order, load(1500), house.models, settings=JointSettings(), at=BEGIN)
    (tmp_path / "data" / "models" / "host-web" / "1" / "arrays.npz").write_bytes(b"not numbers")
    house.desk.refresh()

    assert set(house.desk.scoring.models) == {"default"}
    status = house.desk.status(history="", is_history_available=False, baselines=None)
    assert "host-web" in status.problem
    assert "is damaged" in status.models[1].damaged[0]


def test_a_model_is_trained_anew_by_itself_when_its_time_has_come(tmp_path: Path) -> None:
    house = House(tmp_path, retrain_every="1d")
    house.keep(4320)
    order = TrainingOrder(name="host-web", kind="residual", data="history", resource="host:web")
    train_and_keep(order, load(3000), house.models, settings=JointSettings(), at=BEGIN + timedelta(days=2, hours=12))
    house.desk.refresh()
    house.desk.retrain_due(lambda: house.history)
    assert not house.desk.trainer.jobs, "half a day is not a day"

    house.clock.advance(timedelta(hours=12))
    house.desk.retrain_due(lambda: house.history)

    assert house.waited() is JobState.ACTIVATED, house.desk.trainer.jobs[0].statement
    assert "not worse on the newest part" in house.desk.trainer.jobs[0].statement
    assert house.audited == ["recoverops model.training_started host-web"]
    house.desk.retrain_due(lambda: house.history)
    assert len(house.desk.trainer.jobs) == 1
    house.desk.close()
    house.history.close()
