"""The history on S3: with exactly the rights of the generated policy, each one missing, and S3 away for a while."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.integration.aws.buckets import RIGHTS, Bucket
from tests.unit.app.test_history_worker import KEY, sample, worker
from tests.unit.storage.history.test_parquet_history import DAY, HOUR, NOON, flushed, values

from recoverops.api.telemetry import Metrics
from recoverops.model import ComponentState, UnreachableError
from recoverops.storage.history import HistorySettings
from recoverops.storage.history.store import ParquetHistory, open_history
from recoverops.testing.aws import Aws, Key
from recoverops.workflows import VirtualClock

MINUTE = timedelta(minutes=1)


@pytest.fixture
def bucket(aws: Aws) -> Bucket:
    return Bucket(aws, prefix="history")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON)


def opened(bucket: Bucket, root: Path, clock: VirtualClock, key: Key | None = None) -> ParquetHistory:
    settings = HistorySettings(place=bucket.url, keep=DAY)
    return open_history(settings, root, clock=clock, objects=bucket.store(key))


def levels(bucket: Bucket) -> list[str]:
    return [one.rpartition("/")[2].split("-")[0] for one in bucket.files() if one.startswith("day=")]


def test_put_restarted_elsewhere_put_together_and_removed(bucket: Bucket, tmp_path: Path, clock: VirtualClock) -> None:
    first = opened(bucket, tmp_path / "one", clock)
    for number in range(3):
        flushed(first, clock, float(number))
        clock.advance(MINUTE)
    assert levels(bucket) == ["piece"] * 3
    first.close()
    second = opened(bucket, tmp_path / "two", clock)
    assert values(second) == [0.0, 1.0, 2.0]
    clock.advance(2 * HOUR)
    second.prune()
    assert (levels(bucket), second.standing().away) == (["hour"], "")
    assert values(opened(bucket, tmp_path / "three", clock)) == [0.0, 1.0, 2.0]
    clock.advance(3 * DAY)
    second.prune()
    assert levels(bucket) == []


@pytest.mark.parametrize("right", RIGHTS)
def test_a_missing_right_is_named_and_no_sample_is_lost(
    right: str, bucket: Bucket, tmp_path: Path, clock: VirtualClock
) -> None:
    whole = opened(bucket, tmp_path / "one", clock)
    for number in range(2):
        flushed(whole, clock, float(number))
        clock.advance(MINUTE)
    whole.close()
    lacking = opened(bucket, tmp_path / "two", clock, bucket.key(without=right))
    flushed(lacking, clock, 2.0)
    told = lacking.standing().away
    clock.advance(2 * HOUR)
    try:
        lacking.prune()
    except UnreachableError as error:
        told += str(error)
    assert f"the permission {right} is missing on arn:aws:s3:::{bucket.name}" in told
    lacking.close()
    clock.advance(HOUR)
    assert values(opened(bucket, tmp_path / "two", clock)) == [0.0, 1.0, 2.0]


def test_while_s3_is_away_it_is_told_in_the_status_and_nothing_is_lost(
    bucket: Bucket, tmp_path: Path, clock: VirtualClock
) -> None:
    metrics, store = Metrics(), bucket.store()
    working = worker(tmp_path / "history", clock, metrics)
    working.open_objects = lambda: store
    with bucket.aws.faults.cut_off():
        working.take([sample(0), sample(1)])
        working.round()
        clock.advance(2 * MINUTE)
        working.round()
        assert working.status.state is ComponentState.DEGRADED
        assert "no answer" in working.status.statement
        assert "1 files wait in" in working.status.statement
    assert levels(bucket) == []
    clock.advance(2 * MINUTE)
    working.round()
    assert (working.status.state, levels(bucket)) == (ComponentState.UP, ["piece"])
    working.close()
    (points,) = opened(bucket, tmp_path / "elsewhere", clock).range([KEY], start=NOON, end=NOON + HOUR)
    assert list(points.values) == [0.0, 1.0]
