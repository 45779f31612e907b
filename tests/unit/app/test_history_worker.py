"""The thread that keeps samples: what it writes, what it says, and that it never stops or slows anybody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from recoverops.api.telemetry import Metrics
from recoverops.app.history import QUEUED_SAMPLES, HistoryWorker
from recoverops.model import ComponentState, Resource, ResourceKind, Sample, UnreachableError
from recoverops.ports import SeriesKey
from recoverops.storage.history import HistorySettings
from recoverops.storage.history.store import open_history
from recoverops.workflows import VirtualClock

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WEB = Resource(kind=ResourceKind.HOST, name="web1")
KEY = SeriesKey(resource=WEB, metric="host.cpu.utilization")


def sample(second: int) -> Sample:
    return Sample(resource=WEB, metric=KEY.metric, value=float(second), at=NOON + timedelta(seconds=second), source="x")


def worker(root: Path, clock: VirtualClock, metrics: Metrics) -> HistoryWorker:
    made = HistoryWorker(HistorySettings(), root, clock, metrics)
    made.ask_to_stop()  # so that a round does not wait
    return made


def state_of(working: HistoryWorker) -> ComponentState:
    return working.status.state


def dropped(metrics: Metrics, reason: str) -> float:
    lines = metrics.page().decode().splitlines()
    found = [line for line in lines if line.startswith(f'recoverops_history_dropped_total{{reason="{reason}"}}')]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


def test_what_it_was_given_is_in_the_files_when_it_is_closed(tmp_path: Path) -> None:
    clock = VirtualClock(NOON)
    working = worker(tmp_path / "history", clock, Metrics())
    working.round()
    assert state_of(working) is ComponentState.UP
    working.take([sample(0), sample(1)])
    working.close()

    again = open_history(HistorySettings(), tmp_path / "history", clock=clock)
    (points,) = again.range([KEY], start=NOON, end=NOON + timedelta(hours=1))
    assert list(points.values) == [0.0, 1.0]


def test_it_writes_at_its_interval_and_not_before(tmp_path: Path) -> None:
    clock = VirtualClock(NOON)
    working = worker(tmp_path / "history", clock, Metrics())
    working.take([sample(0)])
    working.round()
    assert "1 wait to be written" in working.status.statement
    assert not list(tmp_path.glob("history/day=*/*.parquet"))

    clock.advance(timedelta(seconds=61))
    working.round()
    assert "0 wait to be written, the last were written at 12:01:01 UTC" in working.status.statement
    assert len(list(tmp_path.glob("history/day=*/*.parquet"))) == 1


def test_what_comes_too_fast_is_left_out_and_counted(tmp_path: Path) -> None:
    metrics = Metrics()
    working = worker(tmp_path / "history", VirtualClock(NOON), metrics)
    working.take([sample(0)] * (QUEUED_SAMPLES - 1))
    assert dropped(metrics, "queue_full") == 0
    working.take([sample(0)] * 3)
    assert dropped(metrics, "queue_full") == 2


def test_a_folder_that_cannot_be_used_is_told_and_tried_again(tmp_path: Path) -> None:
    clock, root = VirtualClock(NOON), tmp_path / "history"
    root.write_text("in the way")
    working = worker(root, clock, Metrics())
    with pytest.raises(UnreachableError):
        working.round()
    assert state_of(working) is ComponentState.UNREACHABLE
    assert str(root) in working.status.statement

    root.unlink()
    working.round()
    assert state_of(working) is ComponentState.UNREACHABLE  # not before its time
    clock.advance(timedelta(seconds=31))
    working.round()
    assert state_of(working) is ComponentState.UP


def test_a_sample_that_is_too_old_is_counted(tmp_path: Path) -> None:
    metrics = Metrics()
    working = worker(tmp_path / "history", VirtualClock(NOON), metrics)
    working.take([sample(-40 * 86400)])
    working.round()

    assert dropped(metrics, "out_of_range") == 1
