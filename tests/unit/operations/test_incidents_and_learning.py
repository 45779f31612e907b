"""What was an incident is not learned as normal, and what lasts for days is."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests.unit.operations.loads import BEGIN, load

from recoverops.detection.metrics.joint import JointSettings, UntrainableError
from recoverops.incidents import finished, opened
from recoverops.model import (
    Anomaly,
    Incident,
    IncidentState,
    Resource,
    ResourceKind,
    RunRequest,
    Severity,
    forecast_series,
    new_incident_id,
    series_name,
)
from recoverops.model.joint import MetricTable
from recoverops.operations.incident_windows import LEAD, LONGEST, Stretch, incident_stretches, stretch_of, within
from recoverops.operations.model_training import TrainingOrder, evaluate_stored, loaded, train_and_keep
from recoverops.ports import Tx
from recoverops.storage import SqlStore, StorageSettings, open_store
from recoverops.storage.models import FolderModelStore
from recoverops.testing.doubles import ManualClock

WEB, DB = (Resource(kind=ResourceKind.HOST, name=name) for name in ("web", "db"))
HOUR = timedelta(hours=1)
ILL = Stretch(begins_at=BEGIN + timedelta(hours=60), ends_at=BEGIN + timedelta(hours=66))
"""Within the newest part of three days, which calibrates the p-values."""


def with_an_incident() -> MetricTable:
    table = load()
    is_ill = within(table.times, (ILL,), trail=timedelta(0))
    values = table.values.copy()
    values[is_ill, 1] += 25.0
    return MetricTable(metrics=table.metrics, times=table.times, values=values)


def trained(folder: Path, table: MetricTable, *incidents: Stretch) -> FolderModelStore:
    models = FolderModelStore(folder)
    order = TrainingOrder(name="default", kind="residual", data="the test's load", incidents=incidents)
    train_and_keep(order, table, models, settings=JointSettings(), at=BEGIN)
    return models


def p_of_trouble(models: FolderModelStore) -> float:
    """What the model says of the same trouble when it comes again on the next day."""
    model = loaded(models.load("default", 1))
    table = load(240, seed=5, first=4320)
    values = table.values.copy()
    values[200:, 1] += 25.0
    rows = model.recipe.rows(MetricTable(metrics=table.metrics, times=table.times, values=values))
    _, scores = model.trained.model.step(model.trained.model.start(), rows)
    return float(np.median(scores.p_value[205:215]))


def test_trouble_that_was_an_incident_keeps_its_small_p_value_when_it_comes_again(tmp_path: Path) -> None:
    innocent = p_of_trouble(trained(tmp_path / "a", load()))
    taught = p_of_trouble(trained(tmp_path / "b", with_an_incident()))
    kept_out = p_of_trouble(trained(tmp_path / "c", with_an_incident(), ILL))

    assert taught > 10 * innocent, "learned as normal, it makes the detector deaf"
    assert kept_out <= 2 * innocent, "left out, it does not"


def test_what_was_left_out_is_told_with_the_model_and_when_too_little_is_left(tmp_path: Path) -> None:
    origin = loaded(trained(tmp_path / "a", with_an_incident(), ILL).load("default", 1)).origin
    assert origin is not None
    rows = 6 * 60 + 1 + 60  # and an hour in which the engineered features still look back on it
    assert f"{rows} rows inside 1 incidents" in origin.left_out

    whole = Stretch(begins_at=BEGIN, ends_at=BEGIN + timedelta(days=2, hours=12))
    with pytest.raises(UntrainableError, match=r"are missing.*\(3661 rows inside 1 incidents were left out\)"):
        trained(tmp_path / "b", load(), whole)


def test_an_incident_is_no_false_alarm_of_the_evaluation(tmp_path: Path) -> None:
    model = loaded(trained(tmp_path, load()).load("default", 1))

    with_it = evaluate_stored(model, with_an_incident(), data="three days")
    without = evaluate_stored(model, with_an_incident(), data="three days", incidents=(ILL,))

    assert (without.false_alarm_ratio or 0.0) < 0.2 * (with_it.false_alarm_ratio or 0.0)


# which stretches count


def incident(resource: Resource, at: datetime, *, ended: datetime | None = None, series: str = "cpu") -> Incident:
    name = forecast_series(resource, "disk") if series == "forecast" else series_name(resource, series)
    anomaly = Anomaly(
        series=name,
        resource=resource,
        symptom=f"{series}-{at:%H%M%S%f}",
        severity=Severity.HIGH,
        since=at,
        at=at,
        value=1.0,
        statement="it is ill",
        detector="test",
    )
    found = opened(anomaly, incident_id=new_incident_id(at), now=at)
    return found if ended is None else finished(found, state=IncidentState.RESOLVED, reason="recovered", now=ended)


@pytest.fixture
def store(tmp_path: Path) -> SqlStore:
    return open_store(StorageSettings(), data_dir=tmp_path, clock=ManualClock(BEGIN))


def test_the_incidents_of_a_resource_are_found_over_all_pages(store: SqlStore) -> None:
    found_then = [incident(WEB if at in {3, 700} else DB, BEGIN + timedelta(minutes=at)) for at in range(1100)]

    def insert(tx: Tx) -> None:
        for one in found_then:
            tx.incidents.insert(one)

    store.write(insert)
    now = BEGIN + timedelta(days=9)

    found = store.read(lambda tx: incident_stretches(tx, WEB, start=BEGIN, end=now))

    assert [one.begins_at for one in found] == [
        BEGIN + timedelta(minutes=700) - LEAD,
        BEGIN + timedelta(minutes=3) - LEAD,
    ]
    assert store.read(lambda tx: incident_stretches(tx, WEB, start=now - HOUR, end=now)) == ()


def test_an_incident_counts_to_its_end_and_not_longer_than_a_day() -> None:
    over = stretch_of(incident(WEB, BEGIN, ended=BEGIN + HOUR), now=BEGIN + 9 * HOUR)
    assert over == Stretch(begins_at=BEGIN - LEAD, ends_at=BEGIN + HOUR)
    running = stretch_of(incident(WEB, BEGIN), now=BEGIN + 9 * HOUR)
    assert running is not None
    assert running.ends_at == BEGIN + 9 * HOUR
    lasting = stretch_of(incident(WEB, BEGIN), now=BEGIN + timedelta(days=30))
    assert lasting is not None
    assert lasting.ends_at == BEGIN + LONGEST, "what lasts longer is how things are now"


def test_what_was_only_foreseen_and_what_a_person_asked_for_was_not_wrong() -> None:
    assert stretch_of(incident(WEB, BEGIN, series="forecast"), now=BEGIN + HOUR) is None
    asked = msgspec.structs.replace(
        incident(WEB, BEGIN), series=(), request=RunRequest(runbook="r", by="ada", reason="a test")
    )
    assert stretch_of(asked, now=BEGIN + HOUR) is None
