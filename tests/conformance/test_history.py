"""What every `HistoryStore` promises. A new implementation is one line in `STORES`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recoverops.model import PermanentError, Resource, ResourceKind
from recoverops.model.columns import Columns
from recoverops.ports import Clock, HistoryDrop, HistoryStore, SeriesKey
from recoverops.storage.history import HistorySettings
from recoverops.storage.history.store import open_history
from recoverops.testing.objects import MemoryObjects
from recoverops.workflows import VirtualClock

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CHECKOUT = Resource(kind=ResourceKind.SERVICE, name="checkout")
CPU = SeriesKey(resource=CHECKOUT, metric="process.cpu.utilization")
DISK = SeriesKey(resource=CHECKOUT, metric="disk.utilization", labels=(("device", "a'b"), ("mount", "/srv")))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

Open = Callable[[Path, Clock], HistoryStore]
STORES: dict[str, Open] = {
    "parquet": lambda path, clock: open_history(HistorySettings(keep=7 * DAY), path / "history", clock=clock),
    "objects": lambda path, clock: open_history(
        HistorySettings(keep=7 * DAY), path / "history", clock=clock, objects=MemoryObjects(now=clock.now)
    ),
}


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON)


@pytest.fixture(params=STORES)
def opened(request: pytest.FixtureRequest, tmp_path: Path, clock: VirtualClock) -> Iterator[HistoryStore]:
    store = STORES[request.param](tmp_path, clock)
    yield store
    store.close()


def batch(*points: tuple[int, float, float]) -> Columns:
    """Number of the series, seconds after noon, value."""
    return Columns(
        series=np.array([point[0] for point in points], dtype=np.int32),
        at=np.array([NOON.timestamp() + point[1] for point in points]),
        values=np.array([point[2] for point in points], dtype=np.float64),
    )


def read(store: HistoryStore, key: SeriesKey, start: float, end: float) -> list[tuple[float, float]]:
    (points,) = store.range([key], start=NOON + timedelta(seconds=start), end=NOON + timedelta(seconds=end))
    assert points.key == key
    return [(at - NOON.timestamp(), value) for at, value in zip(points.at, points.values, strict=True)]


@pytest.mark.parametrize("is_flushed", [False, True])
def test_what_was_appended_is_read_whether_it_is_flushed_or_not(opened: HistoryStore, is_flushed: bool) -> None:
    assert opened.append([CPU, DISK], batch((0, 0, 1.0), (1, 0.25, 2.0), (0, -1, 3.0))) == {}
    if is_flushed:
        opened.flush()

    assert read(opened, CPU, -10, 10) == [(-1, 3.0), (0, 1.0)]
    assert read(opened, DISK, -10, 10) == [(0.25, 2.0)]


@pytest.mark.parametrize("is_flushed", [False, True])
def test_a_range_has_its_start_and_not_its_end(opened: HistoryStore, is_flushed: bool) -> None:
    opened.append([CPU], batch((0, -2, 1.0), (0, -1, 2.0), (0, 0, 3.0)))
    if is_flushed:
        opened.flush()

    assert read(opened, CPU, -2, 0) == [(-2, 1.0), (-1, 2.0)]
    assert read(opened, CPU, 0, 0) == []


def test_of_two_values_at_one_time_the_later_one_counts(opened: HistoryStore) -> None:
    opened.append([CPU], batch((0, 0, 1.0), (0, 0, 2.0)))
    opened.flush()
    assert read(opened, CPU, -1, 1) == [(0, 2.0)]
    opened.append([CPU], batch((0, 0, 3.0)))
    assert read(opened, CPU, -1, 1) == [(0, 3.0)]
    opened.flush()
    opened.append([CPU], batch((0, 0, 4.0)))
    opened.flush()
    assert read(opened, CPU, -1, 1) == [(0, 4.0)]


def test_the_absence_of_a_value_is_kept_as_such(opened: HistoryStore) -> None:
    opened.append([CPU], batch((0, 0, math.nan)))
    opened.flush()

    ((_, value),) = read(opened, CPU, -1, 1)
    assert math.isnan(value)


def test_the_absence_of_a_value_replaces_a_value_as_any_other_would(opened: HistoryStore, clock: VirtualClock) -> None:
    opened.append([CPU], batch((0, 0, 1.0)))
    opened.flush()
    opened.append([CPU], batch((0, 0, math.nan)))
    opened.flush()
    clock.advance(2 * DAY)
    opened.prune()

    ((_, value),) = read(opened, CPU, -1, 1)
    assert math.isnan(value)


def test_labels_and_resources_tell_series_apart(opened: HistoryStore) -> None:
    plain = SeriesKey(resource=CHECKOUT, metric="disk.utilization")
    other = SeriesKey(resource=Resource(kind=ResourceKind.HOST, name="checkout"), metric="disk.utilization")
    opened.append([DISK, plain, other], batch((0, 0, 1.0), (1, 0, 2.0), (2, 0, 3.0)))
    opened.flush()

    assert [read(opened, key, -1, 1)[0][1] for key in (DISK, plain, other)] == [1.0, 2.0, 3.0]


def test_series_are_listed_by_resource_metric_and_time(opened: HistoryStore) -> None:
    opened.append([CPU, DISK], batch((0, -3600, 1.0), (1, 0, 2.0)))
    opened.flush()
    opened.append([CPU], batch((0, 1, 1.0)))

    assert opened.series(start=NOON - DAY, end=NOON + DAY) == (DISK, CPU)
    assert opened.series(start=NOON - DAY, end=NOON) == (CPU,)
    assert opened.series(start=NOON - DAY, end=NOON + DAY, metric="disk.utilization") == (DISK,)
    assert opened.series(start=NOON, end=NOON + DAY, resource=CHECKOUT) == (DISK, CPU)
    assert opened.series(start=NOON, end=NOON + DAY, resource=Resource(kind=ResourceKind.HOST, name="x")) == ()


def test_an_unknown_series_has_no_points(opened: HistoryStore) -> None:
    opened.append([CPU], batch((0, 0, 1.0)))

    assert read(opened, DISK, -1, 1) == []


def test_a_sample_from_the_future_or_before_all_that_is_kept_is_dropped_and_counted(opened: HistoryStore) -> None:
    dropped = opened.append([CPU], batch((0, 0, 1.0), (0, 3600, 2.0), (0, -8 * 86400, 3.0)))

    assert dropped == {HistoryDrop.OUT_OF_RANGE: 2}
    assert read(opened, CPU, -9 * 86400, 86400) == [(0, 1.0)]


def test_a_number_without_a_key_is_refused(opened: HistoryStore) -> None:
    with pytest.raises(PermanentError, match="series number 1 is none of the 1 keys"):
        opened.append([CPU], batch((1, 0, 1.0)))


def test_what_is_older_than_is_kept_goes_when_it_is_pruned_and_the_rest_stays(
    opened: HistoryStore, clock: VirtualClock
) -> None:
    opened.append([CPU], batch((0, -4 * 86400, 1.0), (0, 0, 2.0)))
    opened.flush()
    clock.advance(5 * DAY)
    opened.prune()

    assert read(opened, CPU, -9 * 86400, 86400) == [(0, 2.0)]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("name", STORES)
def test_pruning_changes_no_answer(name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever was appended, in whatever pieces and order, over three days."""
    clock = VirtualClock(NOON)
    store = STORES[name](tmp_path_factory.mktemp("history"), clock)
    expected: dict[float, float] = {}
    seconds = st.integers(-2 * 86400, 0).map(lambda one: float(one // 1800 * 1800))
    for number in range(data.draw(st.integers(1, 6))):
        points = data.draw(st.lists(st.tuples(seconds, st.floats(-1e6, 1e6)), max_size=8))
        store.append([CPU], batch(*((0, at, value) for at, value in points)))
        expected |= dict(points)
        if number % 2:
            store.flush()
        if data.draw(st.booleans()):
            store.prune()
    store.flush()
    store.prune()
    clock.advance(DAY + 2 * HOUR)
    store.prune()

    assert read(store, CPU, -3 * 86400, 1) == sorted(expected.items())
    store.close()
