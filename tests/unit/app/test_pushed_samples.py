"""The bridge from pushed columns to the pipeline: who speaks for a metric, and what becomes of every sample."""

from __future__ import annotations

import math
from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from tests.conftest import NOON, ManualClock

from recoverops.app import pushed_samples
from recoverops.app.pushed_samples import PipelineSink
from recoverops.model import Sample, Service
from recoverops.model.columns import Columns
from recoverops.model.pushed import Kind, Pushed
from recoverops.sources import IntakeSettings
from recoverops.sources.series_table import SeriesTable
from recoverops.topology import Inventory

NOW = NOON.timestamp()
INVENTORY = Inventory([Service(name="checkout", group="checkout", match={"service": "checkout"})])


class Desk:
    """A sink, and everything that came out of it."""

    def __init__(self) -> None:
        self.table = SeriesTable(limit=1000, seed=5)
        self.samples: list[Sample] = []
        self.told: Counter[str] = Counter()
        self.has_room = True
        self.sink = PipelineSink(
            IntakeSettings(max_series=1000),
            INVENTORY,
            ManualClock(),
            has_room=lambda count: self.has_room,
            push=self.samples.extend,
            tell=lambda source, outcome, count: self.told.update({outcome: count}),
        )

    def push(self, name: str, value: float, *, at: float = NOW, kind: Kind = Kind.GAUGE, **labels: str) -> int:
        number = self.table.number_of({"__name__": name, "service": "checkout", **labels}, kind, now=at)
        assert number is not None
        columns = Columns(series=np.array([number], np.int32), at=np.array([at]), values=np.array([value]))
        stale = np.array([math.isnan(value)])
        assert self.sink.offer(Pushed(columns=columns, stale=stale), self.table, source="otlp") is self.has_room
        return number

    @property
    def values(self) -> list[tuple[str, float]]:
        return [(sample.metric, sample.value) for sample in self.samples]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_series_of_a_known_service_becomes_a_sample(desk: Desk) -> None:
    desk.push("depth", 7.0, queue="mail")
    (sample,) = desk.samples
    assert (str(sample.resource), sample.metric, sample.value) == ("service:checkout", 'depth{queue="mail"}', 7.0)
    assert (sample.at, sample.source) == (NOON, "otlp")
    assert desk.told == {"used": 1}


def test_a_counter_becomes_a_rate_from_its_second_sample_on(desk: Desk) -> None:
    desk.push("jobs", 10.0, at=NOW - 10, kind=Kind.COUNTER)
    desk.push("jobs", 30.0, kind=Kind.COUNTER)
    assert desk.values == [("rate(jobs)", 2.0)]
    assert desk.told == {"no_value": 1, "used": 1}


@pytest.mark.parametrize(
    ("at", "service", "outcome"),
    [
        (-301, "checkout", "too_old"),
        (11, "checkout", "too_new"),
        (0, "nobody", "unlisted"),
        (-301, "nobody", "unlisted"),
    ],
)
def test_what_is_not_used_is_counted_by_why(desk: Desk, at: float, service: str, outcome: str) -> None:
    desk.push("depth", 1.0, at=NOW + at, service=service)
    assert desk.samples == []
    assert desk.told == {outcome: 1}


def test_without_room_nothing_is_taken_and_the_repetition_is_as_the_first(desk: Desk) -> None:
    desk.push("jobs", 10.0, at=NOW - 10, kind=Kind.COUNTER)
    desk.has_room = False
    desk.push("jobs", 30.0, kind=Kind.COUNTER)
    assert desk.told == {"no_value": 1}
    desk.has_room = True
    desk.push("jobs", 30.0, kind=Kind.COUNTER)
    assert desk.values == [("rate(jobs)", 2.0)]


def test_one_series_speaks_for_a_metric_until_it_ends(desk: Desk) -> None:
    desk.push("depth", 1.0, instance="a")
    desk.push("depth", 2.0, instance="b")
    assert desk.told == {"used": 1, "conflicting": 1}
    desk.push("depth", math.nan, instance="a")
    desk.push("depth", 3.0, instance="b")
    assert desk.values == [("depth", 1.0), ("depth", 3.0)]


def test_a_series_that_fell_silent_no_longer_speaks(desk: Desk) -> None:
    desk.push("depth", 1.0, at=NOW - 100, instance="a")
    desk.push("depth", 2.0, instance="b")
    desk.sink.release_silent(desk.table, before=NOW - 60)
    desk.push("depth", 3.0, instance="b")
    assert desk.values == [("depth", 1.0), ("depth", 3.0)]


def test_a_number_that_was_given_to_another_series_means_that_one(desk: Desk) -> None:
    first = desk.push("old", 1.0, at=NOW - 100)
    desk.sink.forget(desk.table.drop_idle(before=NOW - 60))
    assert desk.push("new", 2.0) == first
    assert desk.values == [("old", 1.0), ("new", 2.0)]


def test_the_pipeline_is_told_of_so_many_metrics_and_no_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushed_samples, "MOST_METRICS", 2)
    for name in "abc":
        desk.push(name, 1.0)
    assert desk.told == {"used": 2, "too_many_metrics": 1}


def test_nothing_of_a_pause_longer_than_the_gap_becomes_a_rate(desk: Desk) -> None:
    desk.push("jobs", 10.0, at=NOW - timedelta(minutes=6).total_seconds(), kind=Kind.COUNTER)
    desk.push("jobs", 30.0, kind=Kind.COUNTER)
    assert desk.values == []
