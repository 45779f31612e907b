"""The models in a running engine: trained in a child process from kept samples, taken into use, switched back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.unit.operations.loads import BEGIN, load, row_of

from recoverops.api.telemetry import Metrics
from recoverops.app.anomaly import AnomalyWorker
from recoverops.app.desk import Brought, Desk
from recoverops.app.load import load_settings
from recoverops.detection.metrics.joint import JointSettings, UntrainableError
from recoverops.model import ConflictError, MisconfiguredError, NotFoundError, Resource, ResourceKind, UnreachableError
from recoverops.model.columns import Columns
from recoverops.operations.anomaly_answers import Lacking, Question, Scored, TrainingWish, UnfitQuestionError, Unscored
from recoverops.operations.anomaly_status import JobState, TrainingJob
from recoverops.operations.model_training import TrainingOrder, train_and_keep
from recoverops.ports import ModelStore, SeriesKey
from recoverops.storage.history import HistorySettings
from recoverops.storage.history.store import ParquetHistory, open_history
from recoverops.storage.models import FolderModelStore, ObjectModelStore
from recoverops.testing.doubles import ManualClock
from recoverops.testing.objects import MemoryObjects

WEB = Resource(kind=ResourceKind.HOST, name="web")
AS_KEPT = {
    "cpu_usage_avg": ("host.cpu.utilization", 0.01),
    "memory_usage_pct": ("host.memory.utilization", 0.01),
    "request_rate": ("http.server.request.rate", 1.0),
}


class Kept:
    """A double of `ports.RangeReader`: a system that has kept the same load, of which the newest day is missing."""

    name = "elsewhere"
    queries: Mapping[str, str] = {}

    def at(self, url: str) -> Kept:
        return self

    def read(
        self, query: str, *, start: datetime, end: datetime, step: timedelta, service: str = ""
    ) -> NDArray[np.float64]:
        if query == "refused":
            raise MisconfiguredError("parse error")
        table = load()
        values = np.full((end - start) // step + 1, np.nan)
        place = ((table.times - start.timestamp()) // step.total_seconds()).astype(int)
        is_there = place < len(values) - (1440 if query == "old" else 0)
        values[place[is_there]] = table.values[is_there, 1]
        return values


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
        self._settings = settings
        self.brought = Brought(readers={"elsewhere": Kept()})
        self.desk = self.another_desk()

    def another_desk(self) -> Desk:
        """As the next start makes it."""
        return Desk(
            self._settings,
            self.clock,
            self.metrics,
            audit=lambda event, actor, subject, detail: self.audited.append(f"{actor} {event} {subject}"),
            changed=lambda: None,
            brought=self.brought,
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


def asked(house: House, **how: Any) -> TrainingJob:
    return house.desk.train(TrainingWish(resource=WEB, by="key:ada", **how), lambda: house.history)


def counted(house: House, outcome: str) -> bool:
    return f'ml_training_runs_total{{outcome="{outcome}"}} 1.0' in house.metrics.page().decode()


def test_a_model_is_trained_from_what_was_kept_and_taken_into_use(house: House) -> None:
    house.keep(4000)
    job = asked(house)
    assert job.state is JobState.RUNNING
    with pytest.raises(ConflictError, match="one at a time"):
        asked(house)

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


def test_a_model_is_trained_from_what_another_system_kept(house: House) -> None:
    job = asked(house, source="elsewhere", queries={"cpu_usage_avg": "cpu"})

    assert (job.resource, house.waited()) == ("host:web", JobState.ACTIVATED), house.desk.trainer.jobs[0].statement
    house.desk.refresh()
    model = house.desk.scoring.models["host-web"]
    assert model.origin is not None
    assert (model.origin.data, model.origin.resource) == ("the history of elsewhere for host:web", None)
    assert house.history.series(start=BEGIN, end=BEGIN + timedelta(days=3)) == (), "nothing was kept here"


def test_what_another_system_cannot_be_asked_is_refused_with_the_reason(house: House) -> None:
    with pytest.raises(UnfitQuestionError, match='from is "moon", expected one of history, elsewhere'):
        asked(house, source="moon")
    with pytest.raises(UnfitQuestionError, match="queries are asked of another system"):
        asked(house, queries={"cpu": "cpu"})
    with pytest.raises(UnfitQuestionError, match="parse error"):
        asked(house, source="elsewhere", queries={"cpu": "refused"})
    with pytest.raises(UnfitQuestionError, match="say what to ask elsewhere for"):
        asked(house, source="elsewhere")
    assert house.audited == []


def test_what_is_missing_is_said_before_anything_is_started(house: House) -> None:
    with pytest.raises(NotFoundError, match="the history has nothing of host:web"):
        asked(house)
    house.keep(1000)
    with pytest.raises(UntrainableError, match=r"training needs 1440: 440 are missing; collect for 7:20:00 h more"):
        asked(house)
    with pytest.raises(UnfitQuestionError, match='kind is "moon", expected one of residual, isolation_forest'):
        asked(house, kind="moon")
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


def test_after_a_kill_the_windows_and_the_drift_watch_are_those_of_the_last_save(house: House) -> None:
    order = TrainingOrder(name="default", kind="residual", data="a file")
    train_and_keep(order, load(1500), house.models, settings=JointSettings(), at=BEGIN)
    house.desk.refresh()
    rows = [Question(resource=WEB, at=at, metrics=metrics) for at, metrics in map(partial(row_of, load(90)), range(90))]
    for question in rows[:60]:
        house.desk.scoring.answer(question)
    house.clock.advance(timedelta(seconds=5))
    house.desk.save_sometimes()
    for question in rows[60:70]:
        house.desk.scoring.answer(question)

    again = house.another_desk()  # the first one is not closed: it was killed
    again.refresh()

    for question in rows[60:70]:
        again.scoring.answer(question)
    assert again.scoring.answer(rows[70]) == house.desk.scoring.answer(rows[70])
    assert isinstance(again.scoring.answer(rows[71]), Scored)
    house.desk.scoring.answer(rows[71])
    assert again.scoring.drift() == house.desk.scoring.drift()


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


def test_a_model_is_trained_and_switched_on_an_object_store_and_stays_in_use_while_that_is_away(house: House) -> None:
    objects = MemoryObjects()
    house.brought = Brought(models=ObjectModelStore(objects))
    house.desk = house.another_desk()
    house.keep(4000)
    for _ in range(2):
        asked(house)
        assert house.waited() is JobState.ACTIVATED, house.desk.trainer.jobs[0].statement
    assert house.desk.activate("host-web", to=1, by="key:ada").version == 1
    assert "host-web/2/manifest.json" in objects.kept

    def away(call: str, key: str) -> None:
        raise UnreachableError("s3 does not answer")

    before = house.desk.status(history="", is_history_available=True, baselines=None)
    objects.before = away
    with pytest.raises(UnreachableError):
        house.desk.refresh()
    status = house.desk.status(history="", is_history_available=True, baselines=None)
    assert (status.models, status.problem) == (before.models, "s3 does not answer")
    assert house.desk.scoring.models["host-web"].version.version == 1


def test_why_models_cannot_be_opened_is_answered(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("data_dir: data\ndetection: {model_place: 's3://bucket/models'}\n")
    worker = AnomalyWorker(
        load_settings(tmp_path / "r.yaml", {}),
        ManualClock(BEGIN),
        Metrics(),
        history=None,
        audit=lambda event, actor, subject, detail: None,
        incidents=lambda resource: (),
    )
    worker.ask_to_stop()  # so that a round does not wait

    def refused() -> ModelStore:
        raise MisconfiguredError("no plugin opens s3://")

    worker.open_models = refused
    with pytest.raises(MisconfiguredError):
        worker.round()
    with pytest.raises(UnreachableError, match="no plugin opens s3://"):
        worker.status()
