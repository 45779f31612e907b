"""One engine a data directory, and a directory that nobody else may read."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import signal
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from recoverops.model import ConflictError, MisconfiguredError, OverloadedError, UnreachableError
from recoverops.storage import DirectoryLock, EngineHere, engine_on, why_not_writable
from recoverops.storage.directory_lock import _unusable

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import ManualClock

HOLDER = """
import sys, threading
from pathlib import Path
from recoverops.clock import SystemClock
from recoverops.storage import DirectoryLock

with DirectoryLock(Path(sys.argv[1]), SystemClock()):
    print("held", flush=True)
    threading.Event().wait(60)
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_directory_is_made_for_its_owner_alone(tmp_path: Path, clock: ManualClock) -> None:
    data_dir = tmp_path / "lib" / "recoverops"
    with DirectoryLock(data_dir, clock):
        assert mode(data_dir) == 0o700
        said = (data_dir / "engine.lock").read_text()
        assert said == f"{os.getpid()} since 2026-03-01T12:00:00+00:00\n"
        assert mode(data_dir / "engine.lock") == 0o600


def test_the_lock_tells_whether_an_engine_runs_there_and_is_free_afterwards(tmp_path: Path, clock: ManualClock) -> None:
    data_dir = tmp_path / "data"
    assert engine_on(data_dir) is EngineHere.NONE
    assert not data_dir.exists()
    lock = DirectoryLock(data_dir, clock)
    with lock:
        assert engine_on(data_dir) is EngineHere.RUNNING
    assert engine_on(data_dir) is EngineHere.NONE
    with lock:
        pass
    (data_dir / "engine.lock").unlink()
    (data_dir / "engine.lock").symlink_to("engine.lock")
    assert engine_on(data_dir) is EngineHere.UNKNOWN


def test_an_engine_that_starts_while_somebody_looks_tries_again(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with DirectoryLock(tmp_path / "data", clock):
        pass
    looking = os.open(tmp_path / "data" / "engine.lock", os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr(clock, "sleep", lambda seconds: fcntl.flock(looking, fcntl.LOCK_UN))
    with DirectoryLock(tmp_path / "data", clock):
        pass
    os.close(looking)


def test_the_second_holder_learns_the_pid_and_the_directory_and_the_death_of_the_first_frees_it(
    tmp_path: Path, clock: ManualClock
) -> None:
    data_dir = tmp_path / "data"
    first = subprocess.Popen([sys.executable, "-c", HOLDER, str(data_dir)], stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "held\n"
        with pytest.raises(ConflictError) as refusal:
            DirectoryLock(data_dir, clock).acquire()
        assert f"pid {first.pid} since" in str(refusal.value)
        assert str(data_dir) in str(refusal.value)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait(timeout=30)
        first.stdout.close()  # type: ignore[union-attr]

    with DirectoryLock(data_dir, clock):
        assert (data_dir / "engine.lock").read_text().startswith(f"{os.getpid()} since")


def test_a_released_lock_can_be_taken_again(tmp_path: Path, clock: ManualClock) -> None:
    lock, other = DirectoryLock(tmp_path / "data", clock), DirectoryLock(tmp_path / "data", clock)
    lock.acquire()
    lock.acquire()
    with pytest.raises(ConflictError):
        other.acquire()
    lock.release()
    lock.release()
    other.acquire()
    other.release()


@pytest.mark.parametrize("present", [[], ["recoverops.sqlite"], ["engine.lock", "notes.txt"]])
def test_a_directory_of_ours_that_is_too_open_is_tightened(
    tmp_path: Path, clock: ManualClock, present: list[str]
) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    data_dir.chmod(0o755)
    for name in present:
        (data_dir / name).touch()
    with DirectoryLock(data_dir, clock):
        assert mode(data_dir) == 0o700


def test_a_directory_with_files_of_others_is_left_alone_and_refused(tmp_path: Path, clock: ManualClock) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "somebody's.txt").touch()
    with pytest.raises(MisconfiguredError, match=f"mode 0755 .* chmod 700 {tmp_path}"):
        DirectoryLock(tmp_path, clock).acquire()
    assert mode(tmp_path) == 0o755


def test_a_file_in_the_way_and_a_planted_link_are_refused(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MisconfiguredError, match="cannot be created"):
        DirectoryLock(tmp_path / "file", clock).acquire()

    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "engine.lock").symlink_to(tmp_path / "victim")
    with pytest.raises(MisconfiguredError, match="cannot be opened"):
        DirectoryLock(tmp_path / "data", clock).acquire()
    assert not (tmp_path / "victim").exists()


@pytest.mark.parametrize("name", ["data", "data/below/it"])
def test_a_directory_that_is_not_there_yet_can_be_written_and_is_not_made(tmp_path: Path, name: str) -> None:
    assert why_not_writable(tmp_path / name) is None
    assert list(tmp_path.iterdir()) == []


def test_a_directory_of_an_engine_can_be_written_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "engine.lock").touch()
    before = tmp_path.stat()
    assert why_not_writable(tmp_path) is None
    assert (tmp_path.stat().st_mode, tmp_path.stat().st_mtime_ns) == (before.st_mode, before.st_mtime_ns)


def test_a_directory_below_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert why_not_writable(tmp_path / "file" / "data") == f"{tmp_path / 'file'} is a file; name another data_dir"


def test_a_directory_with_files_of_others_is_told_as_a_start_would(tmp_path: Path) -> None:
    (tmp_path / "theirs").touch()
    tmp_path.chmod(0o755)
    assert "holds files that are not RecoverOps'" in (why_not_writable(tmp_path) or "")


def test_a_directory_without_the_right_to_write_is_told(tmp_path: Path) -> None:
    run = (
        "import os, sys; from pathlib import Path; from recoverops.storage import why_not_writable; "
        "os.geteuid() or os.seteuid(65534); print(why_not_writable(Path(sys.argv[1])))"
    )
    (folder := tmp_path / "read-only").mkdir()
    folder.chmod(0o500)
    done = subprocess.run([sys.executable, "-c", run, str(folder / "data")], capture_output=True, text=True, check=True)
    assert "may not write" in done.stdout
    assert list(folder.iterdir()) == []


def test_a_full_disk_keeps_nobody_from_the_lock(tmp_path: Path, clock: ManualClock) -> None:
    lock = DirectoryLock(tmp_path / "data", clock)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        lock.acquire()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert engine_on(tmp_path / "data") is EngineHere.RUNNING
    lock.release()


@pytest.mark.parametrize(
    ("number", "kind", "way_out"),
    [
        (errno.EROFS, UnreachableError, "remount it writable"),
        (errno.ENOSPC, OverloadedError, "free some space"),
        (errno.EACCES, MisconfiguredError, "must belong to the user"),
    ],
)
def test_what_is_wrong_with_a_disk_is_no_mistake_of_the_configuration(
    number: int, kind: type[Exception], way_out: str
) -> None:
    told = _unusable("/data cannot be used", OSError(number, os.strerror(number)), "it")
    assert type(told) is kind
    assert way_out in str(told)
