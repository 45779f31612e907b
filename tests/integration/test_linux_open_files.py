"""Files that somebody has open are known by the kernel's word, whoever it is and wherever it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from recoverops.plugins.linux import folders
from recoverops.plugins.linux.folders import OpenFiles, look, opened
from recoverops.plugins.linux.leases import Lease, Openness, leased, openness

OPENS = "import os, sys, time; f = os.open(sys.argv[1], getattr(os, sys.argv[2])); print(1, flush=True); time.sleep(60)"
MAPS = (
    "import mmap, os, sys, time; f = os.open(sys.argv[1], os.O_RDWR); m = mmap.mmap(f, 1); os.close(f); "
    "print(1, flush=True); time.sleep(60)"
)


@pytest.fixture(params=["/tmp", "/dev/shm"], ids=["disk", "tmpfs"])
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    with TemporaryDirectory(dir=request.param) as name:
        (Path(name) / "page.cache").write_bytes(b"x" * 100)
        yield Path(name)


@contextmanager
def child(code: str, *arguments: str) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        try:
            yield
        finally:
            process.kill()


def asked(folder: Path) -> Openness:
    with opened(str(folder)) as handle:
        return openness(handle, "page.cache")


def judged(folder: Path) -> Openness:
    with opened(str(folder)) as handle:
        found = look(handle, "page.cache")
        assert found is not None
        return OpenFiles().of(handle, found)


@pytest.mark.parametrize("flags", ["O_RDONLY", "O_WRONLY", "O_RDWR"])
def test_a_file_that_another_process_has_open_is_open_and_closed_when_it_is_gone(folder: Path, flags: str) -> None:
    assert asked(folder) is Openness.CLOSED
    with child(OPENS, str(folder / "page.cache"), flags):
        assert asked(folder) is Openness.OPEN
        assert judged(folder) is Openness.OPEN
    assert asked(folder) is Openness.CLOSED
    assert judged(folder) is Openness.CLOSED


def test_a_file_that_is_only_mapped_is_open_though_no_descriptor_shows_it(folder: Path) -> None:
    with child(MAPS, str(folder / "page.cache")):
        assert judged(folder) is Openness.OPEN


def test_processes_that_cannot_be_looked_into_do_not_matter_where_the_kernel_answers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = os.listdir

    def closed_to_us(path: str) -> list[str]:
        if path == "/proc/1/fd":
            raise PermissionError(13, "Permission denied", path)
        return listed(path)

    monkeypatch.setattr(os, "listdir", closed_to_us)
    assert judged(folder) is Openness.CLOSED
    with child(OPENS, str(folder / "page.cache"), "O_RDONLY"):
        assert judged(folder) is Openness.OPEN
    monkeypatch.setattr(folders, "openness", lambda _folder, _name: Openness.UNCLEAR)
    assert judged(folder) is Openness.UNCLEAR, "no lease, and a process that nobody can look into: nobody can tell"


def test_without_leases_the_processes_are_searched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "openness", lambda _folder, _name: Openness.UNCLEAR)
    monkeypatch.setattr(folders, "_search", _complete(folders._search))
    assert judged(folder) is Openness.CLOSED
    with child(OPENS, str(folder / "page.cache"), "O_RDONLY"):
        assert judged(folder) is Openness.OPEN


def _complete(search: object) -> object:
    assert callable(search)
    return lambda: folders._Seen(search().others, True)


def test_a_descriptor_of_recoverops_itself_does_not_count(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_search", _complete(folders._search))
    with (folder / "page.cache").open("rb"):
        assert judged(folder) is Openness.CLOSED


def test_whoever_wants_to_open_a_leased_file_is_noticed_and_waits(folder: Path) -> None:
    file = os.open(folder / "page.cache", os.O_RDONLY)
    try:
        with leased(file) as lease:
            assert lease.openness is Openness.CLOSED
            before = lease.is_wanted
            with pytest.raises(BlockingIOError):
                os.open(folder / "page.cache", os.O_WRONLY | os.O_NONBLOCK)
            assert (before, lease.is_wanted) == (False, True)
        assert Lease(file).openness is Openness.CLOSED, "given back, and free to be taken again"
    finally:
        os.close(file)
