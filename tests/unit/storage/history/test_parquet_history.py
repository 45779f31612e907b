"""What only the Parquet history has: files, their upkeep, damage, a full disk, and a killed process."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from recoverops.model import OverloadedError, Resource, ResourceKind, UnreachableError
from recoverops.model.columns import Columns
from recoverops.ports import HistoryDrop, SeriesKey
from recoverops.storage.history import HistorySettings
from recoverops.storage.history.folder import Folder
from recoverops.storage.history.names import Level, PartName
from recoverops.storage.history.store import ParquetHistory, open_history
from recoverops.workflows import VirtualClock

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = SeriesKey(resource=Resource(kind=ResourceKind.HOST, name="web1"), metric="host.cpu.utilization")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CHILD = Path(__file__).with_name("history_child.py")


def columns(at: datetime, *values: float) -> Columns:
    """One sample a second, from `at` on."""
    return Columns(
        series=np.zeros(len(values), np.int32),
        at=at.timestamp() + np.arange(len(values), dtype=np.float64),
        values=np.array(values, dtype=np.float64),
    )


def values(history: ParquetHistory) -> list[float]:
    (points,) = history.range([KEY], start=NOON - 60 * DAY, end=NOON + 60 * DAY)
    return [float(value) for value in points.values]


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)).rpartition("-")[0] for path in root.glob("day=*/*.parquet"))


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(NOON)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "history"


@pytest.fixture
def history(root: Path, clock: VirtualClock) -> ParquetHistory:
    return open_history(HistorySettings(), root, clock=clock)


def flushed(history: ParquetHistory, clock: VirtualClock, *numbers: float) -> None:
    history.append([KEY], columns(clock.now(), *numbers))
    history.flush()


def test_a_flush_writes_one_file_for_each_hour_of_the_samples(history: ParquetHistory, root: Path) -> None:
    history.append([KEY], columns(NOON - timedelta(seconds=1), 1.0, 2.0))
    history.flush()

    written = int(NOON.timestamp() * 1e6)
    assert files(root) == [f"day=2026-03-01/piece-11-{written}", f"day=2026-03-01/piece-12-{written}"]
    assert values(history) == [1.0, 2.0]


def test_a_flush_of_nothing_writes_nothing(history: ParquetHistory, root: Path) -> None:
    history.flush()

    assert files(root) == []


def test_pieces_become_one_file_an_hour_and_hours_one_file_a_day(
    history: ParquetHistory, root: Path, clock: VirtualClock
) -> None:
    for number in range(6):
        flushed(history, clock, float(number))
        clock.advance(timedelta(minutes=20))
    history.prune()
    levels = [name.split("/")[1].split("-")[0] for name in files(root)]
    assert levels == ["hour", "piece", "piece", "piece"]  # 13:00 is not over for long enough

    clock.advance(DAY)
    history.prune()
    assert [name.split("/")[1].split("-")[0] for name in files(root)] == ["day"]
    assert values(history) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_points_that_a_crash_left_in_the_old_and_the_new_file_are_read_once(
    history: ParquetHistory, root: Path, clock: VirtualClock
) -> None:
    flushed(history, clock, 1.0)
    clock.advance(timedelta(minutes=1))
    flushed(history, clock, 2.0)
    before = {path: path.read_bytes() for path in root.glob("day=*/*.parquet")}
    clock.advance(2 * HOUR)
    history.prune()
    for path, content in before.items():  # as if it had died before it removed them
        path.write_bytes(content)

    again = open_history(HistorySettings(), root, clock=clock)
    assert values(again) == [1.0, 2.0]
    again.prune()
    assert values(again) == [1.0, 2.0]
    assert len(files(root)) == 1


def test_the_oldest_files_go_when_they_take_too_much_room(root: Path, clock: VirtualClock) -> None:
    history = open_history(HistorySettings(max_bytes=16 * 1024 * 1024), root, clock=clock)
    rng = np.random.default_rng(1)
    for _ in range(5):
        noise = rng.random(400_000)
        at = clock.now().timestamp() - np.arange(400_000, dtype=np.float64) * 0.005
        history.append([KEY], Columns(series=np.zeros(400_000, np.int32), at=at, values=noise))
        history.flush()
        clock.advance(DAY)
    taken = sum(path.stat().st_size for path in root.glob("day=*/*.parquet"))
    assert taken > 16 * 1024 * 1024

    history.prune()

    assert sum(path.stat().st_size for path in root.glob("day=*/*.parquet")) <= 16 * 1024 * 1024
    left = [name.rpartition("-")[0] for name in files(root)]
    assert left[0] == "day=2026-03-01/piece-12"  # what was before it was the oldest
    assert left[-1].startswith("day=2026-03-05")


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flip(content: bytes) -> bytes:
    middle = len(content) // 3
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("damage", [_cut, _flip, lambda _: b"", lambda _: b"PAR1" * 100])
def test_a_damaged_file_is_set_aside_and_told_of_and_the_others_are_read(
    damage: Callable[[bytes], bytes], history: ParquetHistory, root: Path, clock: VirtualClock
) -> None:
    flushed(history, clock, 1.0)
    (damaged,) = root.glob("day=*/*.parquet")
    clock.advance(timedelta(minutes=1))
    flushed(history, clock, 2.0)
    damaged.write_bytes(damage(damaged.read_bytes()))

    again = open_history(HistorySettings(), root, clock=clock)

    assert values(again) == [2.0]
    assert again.standing().damaged == (f"{damaged}.damaged",)
    assert not damaged.exists()
    assert open_history(HistorySettings(), root, clock=clock).standing().damaged == (f"{damaged}.damaged",)


def test_a_file_of_ours_that_is_no_parquet_is_set_aside_too(
    history: ParquetHistory, root: Path, clock: VirtualClock
) -> None:
    def fill(target: str) -> None:
        Path(target).write_bytes(b"whole, and wrong")

    part = Folder(root).put(date(2026, 3, 1), 11, Level.PIECE, written_us=10**15, fill=fill)
    flushed(history, clock, 2.0)

    assert values(history) == [2.0]
    assert history.standing().damaged == (str(root / part.folder / (part.file + ".damaged")),)


def test_a_damaged_file_does_not_stop_the_upkeep(history: ParquetHistory, root: Path, clock: VirtualClock) -> None:
    flushed(history, clock, 1.0)
    (damaged,) = root.glob("day=*/*.parquet")
    for number in (2.0, 3.0):
        clock.advance(timedelta(minutes=1))
        flushed(history, clock, number)
    damaged.write_bytes(b"")
    again = open_history(HistorySettings(), root, clock=clock)
    clock.advance(2 * HOUR)

    again.prune()

    assert values(again) == [2.0, 3.0]
    assert len(files(root)) == 1
    assert len(again.standing().damaged) == 1


class FullFolder(Folder):
    """The disk is full until it is told otherwise."""

    is_full = True

    def put(self, day: date, hour: int, level: Level, *, written_us: int, fill: Callable[[str], None]) -> PartName:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().put(day, hour, level, written_us=written_us, fill=fill)


def test_a_full_disk_is_told_with_its_path_and_the_way_out_and_nothing_is_lost_until_the_buffer_is_full(
    root: Path, clock: VirtualClock
) -> None:
    folder = FullFolder(root)
    folder.open()
    history = ParquetHistory(HistorySettings(buffer_rows=1000), folder, clock=clock)
    assert history.append([KEY], columns(NOON, *range(600))) == {}

    with pytest.raises(OverloadedError, match="No space left on device") as raised:
        history.flush()
    assert str(root) in str(raised.value)
    assert "history.max_bytes" in str(raised.value)
    assert history.append([KEY], columns(NOON + timedelta(seconds=600), *range(600, 1000), 1.0, 1.0)) == {
        HistoryDrop.OUT_OF_RANGE: 401  # ten minutes ahead of the clock is the most
    }
    clock.advance(timedelta(minutes=20))
    assert history.append([KEY], columns(NOON + timedelta(seconds=601), *range(601, 1003))) == {
        HistoryDrop.BUFFER_FULL: 3
    }
    assert history.standing().problem == str(raised.value)

    folder.is_full = False
    history.flush()
    assert values(history) == [float(number) for number in range(1000)]
    assert history.standing().problem == ""


def test_a_folder_that_cannot_be_made_is_told_with_its_path(tmp_path: Path, clock: VirtualClock) -> None:
    (tmp_path / "history").write_text("a file stands there")

    with pytest.raises(UnreachableError, match=r"history cannot be used.*history\.enabled: false"):
        open_history(HistorySettings(), tmp_path / "history", clock=clock)


def test_the_number_of_a_later_flush_is_greater_even_when_the_clock_was_set_back(
    history: ParquetHistory, root: Path, clock: VirtualClock
) -> None:
    flushed(history, clock, 1.0)
    earlier = open_history(HistorySettings(), root, clock=VirtualClock(NOON - timedelta(minutes=5)))
    earlier.append([KEY], columns(NOON, 2.0))
    earlier.flush()

    assert values(earlier) == [2.0]


def test_what_a_killed_process_had_flushed_is_there_and_no_half_file_is_ever_read(root: Path) -> None:
    """Killed at many moments: between flushes, inside one, inside upkeep."""
    for after in (0, 2, 5):
        with subprocess.Popen(
            [sys.executable, str(CHILD), str(root / str(after))], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            told = [child.stdout.readline() for _ in range(3 + 2 * after)]
            child.kill()
            told += child.stdout.readlines()
        durable = int([line for line in told if line.endswith("\n")][-1])

        again = open_history(HistorySettings(), root / str(after), clock=VirtualClock(NOON + DAY))
        found = values(again)

        assert len(found) >= durable
        assert found == [float(number) for number in range(len(found))]
        assert len(found) - durable in {0, 500}
        assert again.standing().damaged == ()
        assert not list((root / str(after)).glob("day=*/*.writing"))


def test_the_commands_that_need_no_history_import_neither_numpy_nor_duckdb_for_it() -> None:
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, recoverops.storage.history, recoverops.ports.history;"
            "print([one for one in ('numpy', 'duckdb') if one in sys.modules])",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "[]"
