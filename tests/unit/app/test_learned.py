"""What was learned goes over a restart: it is never a mixture, and what is damaged costs nothing but itself."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from tests.unit.operations.loads import BEGIN

from recoverops.app.learned import BYTES_A_SECOND, SAVE_EVERY_S, Learned
from recoverops.model import PermanentError
from recoverops.storage.state_file import read_state
from recoverops.testing.doubles import ManualClock


class Counter:
    """Learns a number."""

    def __init__(self, value: int = 0, *, padding: int = 0) -> None:
        self.value = value
        self.padding = padding

    def to_bytes(self) -> bytes:
        return str(self.value).encode().ljust(self.padding)

    def from_bytes(self, blob: bytes) -> None:
        if not blob.strip().isdigit():
            raise PermanentError("it is no number")
        self.value = int(blob)


def after(seconds: float, clock: ManualClock) -> None:
    clock.advance(timedelta(seconds=seconds))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(BEGIN)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "learned.bin"


def loaded(path: Path, clock: ManualClock) -> tuple[int, int]:
    one, other = Counter(), Counter()
    Learned({"one": one, "other": other}, path, clock).load()
    return one.value, other.value


def test_what_was_learned_is_saved_every_few_seconds_and_loaded_at_the_next_start(
    path: Path, clock: ManualClock
) -> None:
    one, other = Counter(1), Counter(2)
    learned = Learned({"one": one, "other": other}, path, clock)
    learned.save_sometimes()
    assert not path.exists(), "nothing is due at the start"

    after(SAVE_EVERY_S, clock)
    learned.save_sometimes()
    assert loaded(path, clock) == (1, 2)

    one.value, other.value = 3, 4
    learned.save_sometimes()
    assert loaded(path, clock) == (1, 2), "nothing is due again yet"
    after(SAVE_EVERY_S, clock)
    learned.save_sometimes()
    assert loaded(path, clock) == (3, 4)


def test_much_is_saved_less_often_so_that_the_disk_is_not_worn_out(path: Path, clock: ManualClock) -> None:
    size = int(10 * BYTES_A_SECOND)
    big = Counter(1, padding=size)
    learned = Learned({"one": big}, path, clock)
    learned.save()
    big.value = 2

    after(9, clock)
    learned.save_sometimes()
    assert loaded(path, clock)[0] == 1
    after(2, clock)
    learned.save_sometimes()
    assert loaded(path, clock)[0] == 2


def test_what_has_not_changed_is_not_written_again(path: Path, clock: ManualClock) -> None:
    learned = Learned({"one": Counter(1)}, path, clock)
    learned.save()
    path.unlink()

    learned.save()

    assert not path.exists()


def test_a_part_that_cannot_be_read_is_told_of_and_the_others_are_kept(
    path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    broken = Counter(1)
    broken.to_bytes = lambda: b"no number"  # type: ignore[method-assign]
    Learned({"one": broken, "other": Counter(7)}, path, clock).save()

    assert loaded(path, clock) == (0, 7)
    assert "learned_lost" in caplog.text


@pytest.mark.parametrize("at", [0, 20, 60])
def test_a_damaged_file_is_told_of_and_nothing_of_it_is_used(
    at: int, path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    Learned({"one": Counter(5), "other": Counter(6)}, path, clock).save()
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))

    assert loaded(path, clock) == (0, 0)
    assert "learned_lost" in caplog.text


def test_a_disk_that_takes_nothing_stops_nobody(
    path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    Learned({"one": Counter(5)}, path / "no" / "folder", clock).save()

    assert "learned_not_saved" in caplog.text


_SAVES_FOR_EVER = """
import sys
from pathlib import Path
from recoverops.storage.state_file import packed_state, write_state
number = 0
while True:
    number += 1
    part = str(number).encode() * 20_000
    write_state(Path(sys.argv[1]), packed_state({"one": part, "other": part}))
    print(number, flush=True)
"""


def test_killed_at_any_moment_it_leaves_the_whole_of_one_save(path: Path) -> None:
    for told in (1, 4):
        child = subprocess.Popen([sys.executable, "-c", _SAVES_FOR_EVER, str(path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(told)]
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()

        saved = read_state(path)
        number = len(saved["one"]) // 20_000
        assert saved["one"] == saved["other"]
        assert int(saved["one"][:number]) >= int(lines[-1])
